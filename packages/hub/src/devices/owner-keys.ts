/**
 * Carries sealed copies of each user's data key between their devices (OK1…). The hub chooses who is asked, and can open
 * nothing.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, UserId } from '@meshbook/core/ids.ts'
import type { KeyCopy } from '@meshbook/core/messages.ts'
import type { Parts } from '../parts.ts'
import type { DeviceRow } from '../store/identity.ts'

type KeyParts = Pick<Parts, 'store' | 'fleet' | 'log' | 'now'> & { compute?: Pick<Parts['compute'], 'restoring'> }
interface Owner {
  org: OrgId
  user: UserId
}

/** Devices that are named to one that may seal for them; the others have their turn afterwards. */
const mostLacking = 50
/** Devices that are asked at a time: one is enough, the others are for when it goes away. */
const mostAsked = 3

/** Tells a device what is there, and asks others when it lacks something. */
export async function greetWithOwnerKeys(parts: KeyParts, device: DeviceRow): Promise<void> {
  if (device.kind === 'worker') return giveToWorker(parts, device)
  const lacks = await tell(parts, device, device.id)
  if (!lacks) return
  const { org, user } = device
  await parts.store.call('wantOwnerKeys', { org, user })
  const others = parts.fleet.linked(org, user).filter(id => id !== device.id && parts.fleet.info(id)?.kind !== 'worker')
  for (const id of others.slice(0, mostAsked)) await tell(parts, device, id)
}

/** A worker gets what the hub may restore with, sealed to it, and nothing by any other way (CP41, CP43). */
async function giveToWorker({ store, fleet, compute }: KeyParts, { org, user, id }: DeviceRow): Promise<void> {
  const worker = await store.query('workerOfDevice', { device: id })
  const sealKey = await store.query('sealKeyOf', { org, id })
  if (!worker || sealKey === null || !compute) return
  const given = await compute.restoring.copiesFor({ org, user }, id, sealKey)
  if (!given) return
  // First, so that turning restoring off finds everyone who may have them.
  await store.call('gaveKeys', { org, id: worker.id })
  fleet.send(id, { type: 'OWNER_KEYS', ...given, rotate: false, recovery: null, devices: [] })
}

/** Tells every device of the user that is here. */
export function tellOwnerKeys(parts: KeyParts, owner: Owner): void {
  const all = async (): Promise<void> => {
    for (const id of parts.fleet.linked(owner.org, owner.user))
      if (parts.fleet.info(id)?.kind !== 'worker') await tell(parts, owner, id)
  }
  all().catch((error: unknown) => parts.log.error({ err: error }, 'telling of owner keys failed'))
}

/** Whether this device lacks a version. */
async function tell({ store, fleet }: KeyParts, { org, user }: Owner, device: DeviceId): Promise<boolean> {
  const state = await store.query('ownerKeysFor', { org, user, device })
  const everybody = state.version === 0 || state.rotate
  const devices = everybody
    ? state.devices
    : state.devices.filter(({ lacks }) => lacks.length > 0).slice(0, mostLacking)
  const { version, rotate, copies, recovery } = state
  fleet.send(device, { type: 'OWNER_KEYS', version, rotate, copies, recovery, devices })
  return state.devices.some(({ id, lacks }) => id === device && lacks.length > 0)
}

/** Copies that a device made: only in its own name. */
export async function takeOwnerKey(
  parts: KeyParts,
  device: DeviceRow,
  message: { version: number; keyId: string; copies: KeyCopy[] },
): Promise<void> {
  const { org, user, id, publicKey } = device
  if (message.copies.some(copy => copy.by !== id || copy.byKey !== publicKey || copy.version !== message.version))
    throw new MeshError('FORBIDDEN', { detail: 'OWNER_KEY in the name of another device' })
  const changed = await parts.store.call('putOwnerKey', { ...message, org, user, device: id, now: parts.now() })
  if (changed) tellOwnerKeys(parts, { org, user })
  else await tell(parts, device, id)
}
