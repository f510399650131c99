/** What is done to the rows of a backup before a hub uses them: between the backup and now, others went on. */
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { type AuditNote, noteAudit } from './audit.ts'
import { endRun } from './run-log.ts'

const reason = 'the hub was restored from a backup'

export interface SettledRestore {
  headsEnded: number
  runsEnded: number
  tokens: number
  devices: number
}

/**
 * Fences rise to the clock: a session's fence grows by one for each move, never by one a millisecond, so that the time
 * is above every fence that was given out after the backup, also when one backup is restored several times (I4).
 */
export async function settleRestore(tx: Tx, a: { now: number; note: AuditNote }): Promise<SettledRestore> {
  const runsEnded = await endRunsNotBegun(tx, a.now)
  const heads = await tx.run('UPDATE heads SET ended_at = ?, end_reason = ? WHERE ended_at IS NULL', [a.now, reason])
  const failed = "UPDATE moves SET state = 'failed', detail = ?, ended_at = ?, over_told = 1 WHERE ended_at IS NULL"
  await tx.run(failed, [reason, a.now])
  await tx.run('UPDATE sessions SET fence = CASE WHEN fence < ? THEN ? ELSE fence + 1 END', [a.now, a.now])
  // Refresh tokens went on since; whatever a device shows next is its first again (TK7).
  await tx.run('UPDATE devices SET token_hash = NULL, token_before = NULL, token_proved_at = 0', [])
  // The sessions that they belong to are left out; a browser that is signed in again makes its own anew (NT23).
  await tx.run("DELETE FROM ways WHERE kind = 'push'", [])
  // Those who come back may name it: its time to be collected begins anew.
  await tx.run('UPDATE assets SET unreferenced_at = ? WHERE unreferenced_at IS NOT NULL', [a.now])
  await tx.run('UPDATE tasks SET hub = NULL, worker_id = NULL, worker_hash = NULL, worker_since = NULL')
  await tx.run('UPDATE snapshot_parts SET touched_at = ?', [a.now])
  // Another hub may have started runs since: times up to now are settled, and runs that end by this start none (WQ64, WQ66).
  await tx.run('DELETE FROM workflow_ends')
  await tx.run(
    'UPDATE workflow_triggers SET settled_at = ?, next_at = CASE WHEN next_at IS NULL THEN NULL ELSE CAST(? AS BIGINT) END',
    [a.now, a.now],
  )
  await noteAudit(tx, { org: null, note: a.note })
  return {
    headsEnded: heads.changes,
    runsEnded,
    tokens: await countOf(tx, 'SELECT COUNT(*) AS count FROM tokens'),
    devices: await countOf(tx, 'SELECT COUNT(*) AS count FROM devices WHERE revoked_at IS NULL'),
  }
}

/** They may have been given out and executed since, so they are not given out again (S16). */
async function endRunsNotBegun(tx: Tx, now: number): Promise<number> {
  const waiting = await tx.all<{ org: OrgId; id: RunId }>(
    "SELECT org_id AS org, run_id AS id FROM runs WHERE status IN ('queued', 'leased') OR (kind IN ('task', 'workflow') AND ended_at IS NULL) ORDER BY org_id, arrival",
  )
  for (const { org, id } of waiting) await endRun(tx, { org, id, as: 'interrupted', reason, now })
  return waiting.length
}

async function countOf(tx: Tx, sql: string): Promise<number> {
  return (await tx.get<{ count: number }>(sql))?.count ?? 0
}
