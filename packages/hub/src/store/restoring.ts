/** Procedures over what the hub may restore sessions with: its own keys, and copies of owners' data keys, all sealed (CP40). */
import type { OrgId, UserId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

/** The first that were made stay; null where there are none and none are offered. */
export async function computeKeys(tx: Tx, a: { made: string | null; now: number }): Promise<string | null> {
  const known = await tx.get<{ sealed: string }>("SELECT sealed FROM compute_keys WHERE org_id = ''", [])
  if (known || a.made === null) return known?.sealed ?? null
  await tx.run("INSERT INTO compute_keys (org_id, sealed, created_at) VALUES ('', ?, ?)", [a.made, a.now])
  return a.made
}

export interface RestoringState {
  /** Of the owner's data key; 0: nobody has made one. */
  newest: number
  /** To be replaced: who had the newest was shut out. */
  rotate: boolean
  /** Those that the hub has, oldest first. */
  copies: { version: number; sealed: string }[]
  since: number | null
}

export async function restoringOf(tx: Tx, a: { org: OrgId; user: UserId }): Promise<RestoringState> {
  const newest = await tx.get<{ version: number; rotate: number }>(
    'SELECT version, rotate FROM owner_keys WHERE org_id = ? AND user_id = ? ORDER BY version DESC LIMIT 1',
    [a.org, a.user],
  )
  const copies = await tx.all<{ version: number; sealed: string; at: number }>(
    'SELECT version, sealed, created_at AS at FROM restoring_keys WHERE org_id = ? AND user_id = ? ORDER BY version',
    [a.org, a.user],
  )
  return {
    newest: Number(newest?.version ?? 0),
    rotate: Number(newest?.rotate ?? 0) === 1,
    copies: copies.map(({ version, sealed }) => ({ version: Number(version), sealed })),
    since: copies.length > 0 ? Math.min(...copies.map(({ at }) => Number(at))) : null,
  }
}

/** Hashes of the keys, by version: a copy of another key is none. */
export async function ownerKeyIds(
  tx: Tx,
  a: { org: OrgId; user: UserId },
): Promise<{ version: number; keyId: string }[]> {
  const rows = await tx.all<{ version: number; keyId: string }>(
    'SELECT version, key_id AS "keyId" FROM owner_keys WHERE org_id = ? AND user_id = ? ORDER BY version',
    [a.org, a.user],
  )
  return rows.map(({ version, keyId }) => ({ version: Number(version), keyId }))
}

export async function putRestoring(
  tx: Tx,
  a: { org: OrgId; user: UserId; copies: { version: number; sealed: string }[]; now: number },
): Promise<true> {
  for (const { version, sealed } of a.copies)
    await tx.run(
      'INSERT INTO restoring_keys (org_id, user_id, version, sealed, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (org_id, user_id, version) DO UPDATE SET sealed = excluded.sealed',
      [a.org, a.user, version, sealed, a.now],
    )
  return true
}

/** False where there were none. */
export async function dropRestoring(tx: Tx, a: { org: OrgId; user: UserId }): Promise<boolean> {
  const { changes } = await tx.run('DELETE FROM restoring_keys WHERE org_id = ? AND user_id = ?', [a.org, a.user])
  return changes > 0
}
