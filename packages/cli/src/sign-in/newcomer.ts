/** This machine as a new device: its keys, its name, and a new key in the place of one that was shut out. */
import { platform } from 'node:os'
import { systemRandom } from '@meshbook/core/ids.ts'
import type { Newcomer } from '@meshbook/core/pairing-api.ts'
import { DeviceKey } from '@meshbook/device/device-key.ts'
import type { DataFolder } from '../data-folder.ts'
import { keychainUse } from '../keychain-use.ts'
import { machineName, privateFolder } from '../this-machine.ts'

export async function keyOf(folder: DataFolder): Promise<DeviceKey> {
  await privateFolder(folder.root)
  await privateFolder(folder.device)
  return DeviceKey.load(folder.device, Date.now, systemRandom, keychainUse())
}

export async function renewedKey(folder: DataFolder): Promise<DeviceKey> {
  const key = await keyOf(folder)
  return key.revoked === undefined ? key : DeviceKey.renew(folder.device, key, keychainUse())
}

export function newcomer(key: DeviceKey, name: string | undefined): Newcomer {
  return { ...key.keys(), name: (name ?? machineName()).slice(0, 100), kind: isServer() ? 'server' : 'desktop' }
}

function isServer(): boolean {
  return (
    platform() === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY && !process.env.XDG_CURRENT_DESKTOP
  )
}
