/** A device's key becomes one of the user's devices. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId } from '@meshbook/core/ids.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import type { AuditSource } from '../auth/audit.ts'
import type { Parts } from '../parts.ts'
import type { UserRow } from '../store/identity.ts'
import { deviceOf } from './device-keys.ts'

export interface NewDevice {
  /** Raw Ed25519, base64url. */
  publicKey: string
  name: string
  kind: DeviceInfo['kind']
}

export async function registerDevice(
  { store, audit, fleet, now }: Pick<Parts, 'store' | 'audit' | 'fleet' | 'now'>,
  user: Pick<UserRow, 'org' | 'user'>,
  device: NewDevice,
  source: AuditSource,
): Promise<DeviceId> {
  const id = deviceOf(device.publicKey)
  const detail = { name: device.name, kind: device.kind }
  const note = audit.note('device-added', source, { org: user.org, target: id, detail })
  await audit.call('addDevice', { ...device, org: user.org, user: user.user, id, now: now() }, note)
  await showDevice({ store, fleet }, id)
  return id
}

/** A device that is in the store is shown to everybody in its org. */
export async function showDevice({ store, fleet }: Pick<Parts, 'store' | 'fleet'>, id: DeviceId): Promise<void> {
  const row = await store.query('findDevice', { id })
  if (!row) throw new MeshError('INTERNAL', { detail: `device ${id} is not there after it was stored` })
  fleet.add(row)
}
