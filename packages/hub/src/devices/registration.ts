/** A device's key becomes one of the user's devices. */
import { createHash, createPublicKey } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, deviceIdOf } from '@meshbook/core/ids.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import type { AuditSource } from '../auth/audit.ts'
import type { Parts } from '../parts.ts'
import type { UserRow } from '../store/identity.ts'

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
  const id = deviceIdOf(createHash('sha256').update(rawKey(device.publicKey)).digest())
  const detail = { name: device.name, kind: device.kind }
  const note = audit.note('device-added', source, { org: user.org, target: id, detail })
  await audit.call('addDevice', { ...device, org: user.org, user: user.user, id, now: now() }, note)
  const row = await store.query('findDevice', { id })
  if (!row) throw new MeshError('INTERNAL', { detail: `device ${id} is not there after it was stored` })
  fleet.add(row)
  return id
}

function rawKey(publicKey: string): Uint8Array {
  try {
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
    return Buffer.from(publicKey, 'base64url')
  } catch (cause) {
    throw new MeshError('BAD_REQUEST', { detail: 'publicKey: not an Ed25519 key', cause })
  }
}
