/** Refresh tokens of devices (RT1…): hashes of the one that is good and of the one before. */
import type { DeviceId, OrgId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { type RevokedDevice, revokeDevice } from './identity.ts'

export const reuseReason = 'its key was used from two places; pair it again'

export type TokenTurn =
  | { turn: 'next' }
  /** The connection is older than the one that had its turn last: nothing can be said about its token. */
  | { turn: 'late' }
  | { turn: 'reused'; ended: RevokedDevice }

interface Known {
  now: string | null
  before: string | null
  provedAt: number
}

/**
 * One turn of a device's token. What was shown is checked, the next is stored, and who shows one that is used up is shut
 * out, in one transaction. `provedAt` is the time that the device signed when it opened this connection.
 */
export async function turnToken(
  tx: Tx,
  a: { org: OrgId; id: DeviceId; shown: string | null; next: string; provedAt: number; now: number },
): Promise<TokenTurn> {
  const known = await tx.get<Known>(
    'SELECT token_hash AS now, token_before AS before, token_proved_at AS "provedAt" FROM devices WHERE org_id = ? AND device_id = ? AND revoked_at IS NULL',
    [a.org, a.id],
  )
  if (!known || Number(known.provedAt) > a.provedAt) return { turn: 'late' }
  const before = nextBefore(known, a.shown)
  if (before === undefined) {
    const ended = await revokeDevice(tx, { org: a.org, id: a.id, reason: reuseReason, now: a.now })
    return { turn: 'reused', ended: ended! }
  }
  await tx.run(
    'UPDATE devices SET token_hash = ?, token_before = ?, token_proved_at = ? WHERE org_id = ? AND device_id = ?',
    [a.next, before, a.provedAt, a.org, a.id],
  )
  return { turn: 'next' }
}

/** What counts as the token before from now on; undefined when the one that was shown is used up. */
function nextBefore({ now, before }: Known, shown: string | null): string | null | undefined {
  // Before the first one, and after a restore: whatever is shown is the first.
  if (now === null) return shown
  if (shown === now) return now
  // The welcome that brought `now` was lost: nobody has ever shown it.
  return shown === before ? before : undefined
}
