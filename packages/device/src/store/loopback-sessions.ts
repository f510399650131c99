/** Browsers that are signed in to the device's own web app; of their secrets the hashes alone (LO2). */
import type { OrgId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

interface SessionArgs {
  org: OrgId
  id: string
}

/** Makes a session, and drops those that have expired. */
export async function addLoopbackSession(
  tx: Tx,
  { org, id, hash, now, expiresAt }: SessionArgs & { hash: string; now: number; expiresAt: number },
): Promise<void> {
  await tx.run('DELETE FROM loopback_sessions WHERE org_id = ? AND expires_at <= ?', [org, now])
  await tx.run('INSERT INTO loopback_sessions (org_id, session_id, hash, expires_at) VALUES (?, ?, ?, ?)', [
    org,
    id,
    hash,
    expiresAt,
  ])
}

export async function findLoopbackSession(
  tx: Tx,
  { org, hash, now }: { org: OrgId; hash: string; now: number },
): Promise<string | null> {
  const row = await tx.get<{ id: string }>(
    'SELECT session_id AS id FROM loopback_sessions WHERE org_id = ? AND hash = ? AND expires_at > ?',
    [org, hash, now],
  )
  return row?.id ?? null
}

export async function endLoopbackSession(tx: Tx, { org, id }: SessionArgs): Promise<void> {
  await tx.run('DELETE FROM loopback_sessions WHERE org_id = ? AND session_id = ?', [org, id])
}
