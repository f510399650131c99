/** Shutting a device out (RV1…): once the transaction is durable nothing can come back in; then what is open is closed. */
import type { DeviceId, OrgId } from '@meshbook/core/ids.ts'
import type { Parts } from '../parts.ts'
import type { RevokedDevice } from '../store/identity.ts'
import { tellOwnerKeys } from './owner-keys.ts'

export type RevokingParts = Pick<Parts, 'store' | 'fleet' | 'doors' | 'runs' | 'now' | 'sessionsChanged' | 'log'>

/** False when there is no such device. */
export async function revoke(parts: RevokingParts, org: OrgId, id: DeviceId): Promise<boolean> {
  const ended = await parts.store.call('revokeDevice', { org, id, now: parts.now() })
  if (ended) shutOut(parts, org, id, ended)
  return ended !== null
}

/** What the transaction ended in the store ends in memory and on the wire. `reason` is told to the device. */
export function shutOut(parts: RevokingParts, org: OrgId, id: DeviceId, ended: RevokedDevice, reason?: string): void {
  const { fleet, doors, runs, sessionsChanged } = parts
  const user = fleet.userOf(id)
  fleet.remove(org, id, reason)
  doors.revoke({ kind: 'device', id })
  for (const token of ended.tokens) doors.revoke({ kind: 'token', id: token })
  runs.ended(org, ended.runs)
  sessionsChanged(org)
  if (user) tellOwnerKeys(parts, { org, user })
}
