/** The device alone: what `meshbook up` runs, joined to a hub elsewhere or to none yet. */
import { join } from 'node:path'
import { listOf, projectNameSchema, projectSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId, systemRandom } from '@meshbook/core/ids.ts'
import { scaledTimes } from '@meshbook/core/limits.ts'
import { ownTokenSchema } from '@meshbook/core/pairing-api.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { systemPrograms } from '@meshbook/device/link/sleep-notice.ts'
import type { Loopback } from '@meshbook/device/loopback/loopback.ts'
import { timesDivisorOf } from '@meshbook/hub/config.ts'
import * as v from 'valibot'
import { ApiClient } from './api-client.ts'
import { serveControl } from './control.ts'
import { controlHandlers, type HubAccess } from './control-handlers.ts'
import type { DataFolder } from './data-folder.ts'
import { keychainUse } from './keychain-use.ts'
import { openLog } from './log.ts'
import { serveLoopback } from './loopback-port.ts'
import { OwnToken } from './own-token.ts'
import { HubDoor } from './sign-in/hub-door.ts'
import { remember } from './sign-in/memory.ts'
import { snapshotUse } from './snapshot-use.ts'
import { machineName, privateFolder } from './this-machine.ts'

export interface DaemonOptions {
  folder: DataFolder
  /** Absent: it works alone. */
  hub: string | undefined
  name: string | undefined
  /** Whether other devices of its user may connect with it directly. */
  lan: boolean
  /** An API token that registers this machine; absent where it was paired. */
  token: string | undefined
  /** Of its own web app; absent: the one of before. */
  port: number | undefined
}

export interface Daemon {
  device: Device
  /** Where its own web app is. */
  url: string
  /** Where it was before, if another program has that port now. */
  taken?: number
  close(): Promise<void>
}

export async function startDaemon({ folder, hub, token, lan, ...options }: DaemonOptions): Promise<Daemon> {
  const limits = scaledTimes(timesDivisorOf(process.env))
  await privateFolder(folder.root)
  const ports = { now: Date.now, random: systemRandom, log: openLog(folder.root) }
  const kernels = createKernelSessions({
    folder: join(folder.device, 'sessions'),
    now: ports.now,
    random: ports.random,
    limits,
  })
  const register = async (publicKey: string, name: string, kind: string) => {
    const client = new ApiClient({ hub: hub!, token: token! })
    const { id } = await client.post('/devices', { publicKey, name, kind }, v.object({ id: v.string() }))
    return parseId('device', id)
  }
  const device = await startDevice(
    {
      folder: folder.device,
      name: options.name ?? machineName(),
      kind: 'desktop',
      ...(hub !== undefined && { hub: { url: hub, token: (stale?: string) => own.show(stale) } }),
      limits,
      kernels,
      projectsFolder: folder.projects,
      keychain: keychainUse(),
      snapshots: snapshotUse(),
      ...(lan ? { lan: {} } : {}),
      ...(hub === undefined || token === undefined ? {} : { register }),
    },
    { ...ports, sleep: systemPrograms },
  )
  const own = new OwnToken(() => ownToken(hub!, device))
  const close = async () => {
    await device.close()
    await kernels.close()
  }
  try {
    const { loopback, taken } = await serveLoopback(device, folder, options.port)
    const control = await serveControl(folder.control, controlHandlers(accessTo(hub, own, device, loopback), device))
    if (hub !== undefined) await remember(folder, { hub, device: device.id })
    return {
      device,
      url: loopback.url,
      ...(taken !== undefined && { taken }),
      close: async () => {
        await control.close()
        await close()
      },
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

/** The commands of this machine and its web app act with a token that ends with the device. */
async function ownToken(hub: string, device: Device): Promise<string> {
  const answer = new HubDoor(hub).post('/devices/self/token', {}, ownTokenSchema, device.proof(new URL(hub).host))
  return (await answer).token
}

function accessTo(hub: string | undefined, own: OwnToken, device: Device, loopback: Loopback): HubAccess {
  const { url, token } = loopback
  const common = {
    signInLink: async (to?: string) => loopback.signInLink(to),
    local: async () => ({ url, token }),
  }
  if (hub === undefined)
    return {
      ...common,
      url: null,
      token: () => Promise.reject(new MeshError('UNREACHABLE', { detail: noHub })),
      project: name => device.projects.make(v.parse(projectNameSchema, name)),
    }
  return {
    ...common,
    url: hub,
    token: () => own.show(),
    project: async name => {
      const client = new ApiClient({ hub, token: await own.show() })
      const { items } = await client.get('/projects', listOf(projectSchema))
      return items.find(item => item.name === name) ?? client.post('/projects', { name }, projectSchema)
    },
  }
}

const noHub = 'this machine has no hub yet; join one with `meshbook up --hub URL`'
