/** Procedures over runs that waited too long or for a cell that is another by now: they ask whether they are still wanted (RU30–RU33). */
import type { Run } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { runRow, showRun } from './run-rows.ts'
import { endWanted, tellWanted } from './tell-runs.ts'

interface Named {
  org: OrgId
  id: RunId
}

/** Runs that wait beyond their expiry. */
export async function expiredRuns(tx: Tx, a: { now: number }): Promise<Named[]> {
  return tx.all(
    "SELECT org_id AS org, run_id AS id FROM runs WHERE kind = 'cell' AND status = 'queued' AND asks IS NULL AND expires_at <= ? ORDER BY arrival LIMIT 100",
    [a.now],
  )
}

/** Runs that nobody has answered for. */
export async function unansweredRuns(tx: Tx, a: { askedBefore: number }): Promise<Named[]> {
  return tx.all(
    "SELECT org_id AS org, run_id AS id FROM runs WHERE status = 'queued' AND asks IS NOT NULL AND asks_since <= ? ORDER BY arrival LIMIT 100",
    [a.askedBefore],
  )
}

/** Null when it asks already or does not wait any more. */
export async function setAside(
  tx: Tx,
  a: { org: OrgId; id: RunId; why: NonNullable<Run['asks']>; reason: string; now: number },
): Promise<Run | null> {
  const { changes } = await tx.run(
    "UPDATE runs SET asks = ?, asks_since = ?, reasons = ? WHERE org_id = ? AND run_id = ? AND status = 'queued' AND asks IS NULL",
    [a.why, a.now, JSON.stringify([a.reason]), a.org, a.id],
  )
  if (changes === 0) return null
  await tellWanted(tx, a)
  return showRun(tx, a)
}

/** Back into its place in the queue; a run that does not ask stays as it is. */
export async function confirmRun(
  tx: Tx,
  a: { org: OrgId; id: RunId; codeHash: string; now: number; expiresAt: number },
): Promise<Run> {
  const row = await runRow(tx, a.org, a.id)
  if (!row) throw new MeshError('NOT_FOUND', { detail: `run ${a.id}` })
  if (hasEnded(row.state.status)) throw new MeshError('RUN_ENDED', { detail: `run ${a.id} has ${row.state.status}` })
  if (row.codeHash !== a.codeHash) throw new MeshError('CONFLICT', { detail: 'the run is of other code' })
  if (row.asks !== null) {
    await tx.run(
      "UPDATE runs SET asks = NULL, asks_since = NULL, reasons = '[]', confirmed_at = ?, expires_at = ? WHERE org_id = ? AND run_id = ?",
      [a.now, a.expiresAt, a.org, a.id],
    )
    await endWanted(tx, a)
  }
  return (await showRun(tx, a))!
}
