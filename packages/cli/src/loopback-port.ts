/** At which port the device's own web app is: the same at each start, because bookmarks and browsers know it by that (LO9). */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { Device } from '@meshbook/device/device.ts'
import type { Loopback } from '@meshbook/device/loopback/loopback.ts'
import type { DataFolder } from './data-folder.ts'
import { recall, remember } from './sign-in/memory.ts'
import { webFolder } from './web-folder.ts'

/** Below those that systems give to connections; 3005 is the hub's. */
const usual = Array.from({ length: 20 }, (_, at) => 3_006 + at)

export interface ServedLoopback {
  loopback: Loopback
  /** The port of before, which another program has now. */
  taken?: number
}

/** `wanted`: by the user, for this start and the following; 0 is any, this time. */
export async function serveLoopback(
  device: Pick<Device, 'serveLoopback'>,
  folder: DataFolder,
  wanted: number | undefined,
): Promise<ServedLoopback> {
  if (wanted !== undefined) {
    const loopback = await device.serveLoopback({ port: wanted, webFolder })
    if (wanted !== 0) await remember(folder, { port: wanted })
    return { loopback }
  }
  const before = (await recall(folder))?.port
  for (const port of before === undefined ? usual : [before, ...usual]) {
    const loopback = await tryPort(device, port)
    if (!loopback) continue
    if (before === undefined) await remember(folder, { port })
    return before === undefined || port === before ? { loopback } : { loopback, taken: before }
  }
  const loopback = await device.serveLoopback({ port: 0, webFolder })
  return before === undefined ? { loopback } : { loopback, taken: before }
}

async function tryPort(device: Pick<Device, 'serveLoopback'>, port: number): Promise<Loopback | undefined> {
  try {
    return await device.serveLoopback({ port, webFolder })
  } catch (thrown) {
    if (asMeshError(thrown).code === 'PORT_IN_USE') return undefined
    throw thrown
  }
}
