/** Refresh tokens of devices (TK1…): hashes of the one that is good and of the one before. */
import { proofWindowMs } from '@meshbook/core/device-auth.ts'
import type { DeviceId, OrgId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export const reuseReason = 'its key was used from two places; pair it again'

export type TokenTurn =
  | { turn: 'next' }
  /** The connection is older than the one that had its turn last: nothing can be said about its token. */
  | { turn: 'late' }
  /** What was shown is used up: the device is to be shut out. */
  | { turn: 'reused' }

interface Known {
  now: string | null
  before: string | null
  provedAt: number
}

/**
 * One turn of a device's token. What was shown is checked and the next is stored in one transaction; one that is used up
 * changes nothing here, so that it is used up still, whenever it is shown again. `provedAt` is the time that the device
 * signed when it opened this connection.
 */
export async function turnToken(
  tx: Tx,
  a: { org: OrgId; id: DeviceId; shown: string | null; next: string; provedAt: number; now: number },
): Promise<TokenTurn> {
  const known = await tx.get<Known>(
    'SELECT token_hash AS now, token_before AS before, token_proved_at AS "provedAt" FROM devices WHERE org_id = ? AND device_id = ? AND revoked_at IS NULL',
    [a.org, a.id],
  )
  if (!known || isLater(Number(known.provedAt), a)) return { turn: 'late' }
  const before = nextBefore(known, a.shown)
  if (before === undefined) return { turn: 'reused' }
  await tx.run(
    'UPDATE devices SET token_hash = ?, token_before = ?, token_proved_at = ? WHERE org_id = ? AND device_id = ?',
    [a.next, before, a.provedAt, a.org, a.id],
  )
  return { turn: 'next' }
}

/**
 * Whether the turn before was of a newer connection. One that lies in what is the future now says nothing: clocks of
 * hub and device were wrong together and have been set right, and would else keep the device out until then.
 */
function isLater(before: number, { provedAt, now }: { provedAt: number; now: number }): boolean {
  return before > provedAt && before <= now + proofWindowMs
}

/** What counts as the token before from now on; undefined when the one that was shown is used up. */
function nextBefore({ now, before }: Known, shown: string | null): string | null | undefined {
  // Before the first one, and after a restore: whatever is shown is the first.
  if (now === null) return shown
  if (shown === now) return now
  // The welcome that brought `now` was lost: nobody has ever shown it.
  return shown === before ? before : undefined
}
