/** Shutting a device out (RV1…): once the transaction is durable nothing can come back in; then what is open is closed. */
import type { DeviceId, OrgId } from '@meshbook/core/ids.ts'
import type { AuditSource } from '../auth/audit.ts'
import type { Principal } from '../auth/principal.ts'
import type { Parts } from '../parts.ts'
import type { RevokedDevice } from '../store/identity.ts'
import { tellOwnerKeys } from './owner-keys.ts'

export type RevokingParts = Pick<
  Parts,
  'store' | 'audit' | 'fleet' | 'doors' | 'runs' | 'now' | 'sessionsChanged' | 'log' | 'others'
>
type Source = AuditSource & { who: Principal }

/** False when there is no such device. */
export async function revoke(parts: RevokingParts, source: Source, id: DeviceId): Promise<boolean> {
  const { audit, now } = parts
  const owner = source.who.org
  const note = audit.note('device-revoked', source, { target: id })
  const ended = await audit.call('revokeDevice', { owner, id, now: now() }, note)
  if (!ended) return false
  closeRevoked(parts, owner, id, ended)
  const tokens = ended.tokens.map(token => ({ kind: 'token', id: token }))
  await parts.others?.haveClosed(owner, [{ kind: 'device', id }, ...tokens])
  return true
}

/** The device itself gave the reason, by what it showed over a channel; `tell` ends that one, before all others. */
export async function shutOut(
  parts: RevokingParts,
  source: Source,
  { id, reason, tell }: { id: DeviceId; reason: string; tell: () => void },
): Promise<boolean> {
  const { audit, now } = parts
  const owner = source.who.org
  const note = audit.note('device-shut-out', source, { target: id, detail: { reason } })
  const ended = await audit.call('revokeDevice', { owner, id, reason, now: now() }, note)
  tell()
  if (ended) closeRevoked(parts, owner, id, ended, reason)
  return ended !== null
}

/** What the transaction ended in the store ends in memory and on the wire. */
export function closeRevoked(
  parts: RevokingParts,
  owner: OrgId,
  id: DeviceId,
  ended: RevokedDevice,
  reason?: string,
): void {
  const { fleet, doors, runs, sessionsChanged } = parts
  const user = fleet.userOf(id)
  fleet.remove(owner, id, reason)
  doors.revoke({ kind: 'device', id })
  for (const token of ended.tokens) doors.revoke({ kind: 'token', id: token })
  for (const { org, runs: gone } of ended.orgs) runs.ended(org, gone)
  for (const org of new Set([owner, ...ended.orgs.map(each => each.org)])) sessionsChanged(org)
  if (user) tellOwnerKeys(parts, { org: owner, user })
}
