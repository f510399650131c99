/** The device alone, joined to a hub elsewhere: what `meshbook up` runs once this machine belongs to somebody. */
import { join } from 'node:path'
import { listOf, projectSchema } from '@meshbook/core/api.ts'
import { parseId, systemRandom } from '@meshbook/core/ids.ts'
import { scaledTimes } from '@meshbook/core/limits.ts'
import { ownTokenSchema } from '@meshbook/core/pairing-api.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { systemPrograms } from '@meshbook/device/link/sleep-notice.ts'
import { timesDivisorOf } from '@meshbook/hub/config.ts'
import * as v from 'valibot'
import { ApiClient } from './api-client.ts'
import { serveControl } from './control.ts'
import { controlHandlers, type HubAccess } from './control-handlers.ts'
import type { DataFolder } from './data-folder.ts'
import { keychainUse } from './keychain-use.ts'
import { openLog } from './log.ts'
import { machineName, privateFolder } from './mesh.ts'
import { OwnToken } from './own-token.ts'
import { HubDoor } from './sign-in/hub-door.ts'
import { remember } from './sign-in/memory.ts'
import { webFolder } from './web-folder.ts'

export interface DaemonOptions {
  folder: DataFolder
  hub: string
  name: string | undefined
  /** Whether other devices of its user may connect with it directly. */
  lan: boolean
  /** An API token that registers this machine; absent where it was paired. */
  token: string | undefined
  /** Of its own web app; 0: any that is free. */
  port: number
}

export interface Daemon {
  device: Device
  /** Where its own web app is. */
  url: string
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
    const client = new ApiClient({ hub, token: token! })
    const { id } = await client.post('/devices', { publicKey, name, kind }, v.object({ id: v.string() }))
    return parseId('device', id)
  }
  const device = await startDevice(
    {
      folder: folder.device,
      name: options.name ?? machineName(),
      kind: 'desktop',
      hub: { url: hub, token: stale => access.own.show(stale) },
      limits,
      kernels,
      projectsFolder: folder.projects,
      keychain: keychainUse(),
      ...(lan ? { lan: {} } : {}),
      ...(token === undefined ? {} : { register }),
    },
    { ...ports, sleep: systemPrograms },
  )
  const access: ReturnType<typeof accessTo> = accessTo(hub, device, () => loopback.signInLink())
  const loopback = await device.serveLoopback({ port: options.port, webFolder })
  const control = await serveControl(folder.control, controlHandlers(access, device))
  await remember(folder, hub, device.id, lan)
  return {
    device,
    url: loopback.url,
    async close() {
      await control.close()
      await device.close()
      await kernels.close()
    },
  }
}

/** The commands of this machine and its web app act with a token that ends with the device. */
function accessTo(hub: string, device: Device, signInLink: () => string): HubAccess & { own: OwnToken } {
  const door = new HubDoor(hub)
  const own = new OwnToken(
    async () => (await door.post('/devices/self/token', {}, ownTokenSchema, device.proof(new URL(hub).host))).token,
  )
  return {
    url: hub,
    own,
    token: () => own.show(),
    signInLink: async () => signInLink(),
    project: async name => {
      const client = new ApiClient({ hub, token: await own.show() })
      const { items } = await client.get('/projects', listOf(projectSchema))
      return items.find(item => item.name === name) ?? client.post('/projects', { name }, projectSchema)
    },
  }
}
