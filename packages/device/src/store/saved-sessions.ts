/** Records of saved sessions that this device keeps, and how far each session was seen to have come. */
import type { OrgId, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface SavedRow {
  id: SnapshotId
  /** JSON. */
  record: string
  /** All its parts are here. */
  whole: boolean
  atHub: boolean
  usedAt: number
}

export async function keepSaved(tx: Tx, { org, ...row }: SavedRow & { org: OrgId }): Promise<void> {
  await tx.run(
    `INSERT INTO saved_sessions (org_id, snapshot_id, record, whole, at_hub, used_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (org_id, snapshot_id) DO UPDATE SET record = excluded.record, whole = excluded.whole, at_hub = excluded.at_hub, used_at = excluded.used_at`,
    [org, row.id, row.record, row.whole ? 1 : 0, row.atHub ? 1 : 0, row.usedAt],
  )
}

/** What is not named stays as it was. */
export async function markSaved(
  tx: Tx,
  {
    org,
    id,
    whole,
    atHub,
    usedAt,
  }: { org: OrgId; id: SnapshotId } & Partial<Pick<SavedRow, 'whole' | 'atHub' | 'usedAt'>>,
): Promise<void> {
  const flag = (value: boolean | undefined): number | null => (value === undefined ? null : value ? 1 : 0)
  await tx.run(
    'UPDATE saved_sessions SET whole = COALESCE(?, whole), at_hub = COALESCE(?, at_hub), used_at = COALESCE(?, used_at) WHERE org_id = ? AND snapshot_id = ?',
    [flag(whole), flag(atHub), usedAt ?? null, org, id],
  )
}

export async function dropSaved(tx: Tx, { org, id }: { org: OrgId; id: SnapshotId }): Promise<void> {
  await tx.run('DELETE FROM saved_sessions WHERE org_id = ? AND snapshot_id = ?', [org, id])
}

export async function listSaved(tx: Tx, { org }: { org: OrgId }): Promise<SavedRow[]> {
  const rows = await tx.all<{ id: SnapshotId; record: string; whole: number; atHub: number; usedAt: number }>(
    'SELECT snapshot_id AS id, record, whole, at_hub AS "atHub", used_at AS "usedAt" FROM saved_sessions WHERE org_id = ? ORDER BY used_at',
    [org],
  )
  return rows.map(row => ({ ...row, whole: row.whole === 1, atHub: row.atHub === 1 }))
}

export interface SeenRow {
  session: SessionId
  fence: number
  at: number
}

/** Only ever further. */
export async function noteSeen(tx: Tx, { org, session, fence, at }: SeenRow & { org: OrgId }): Promise<void> {
  await tx.run(
    `INSERT INTO seen_sessions (org_id, session_id, fence, at) VALUES (?, ?, ?, ?)
    ON CONFLICT (org_id, session_id) DO UPDATE SET fence = excluded.fence, at = excluded.at
    WHERE excluded.fence > seen_sessions.fence OR (excluded.fence = seen_sessions.fence AND excluded.at > seen_sessions.at)`,
    [org, session, fence, at],
  )
}

export async function seenOf(tx: Tx, { org, session }: { org: OrgId; session: SessionId }): Promise<SeenRow | null> {
  const row = await tx.get<SeenRow>(
    'SELECT session_id AS session, fence, at FROM seen_sessions WHERE org_id = ? AND session_id = ?',
    [org, session],
  )
  return row ?? null
}
