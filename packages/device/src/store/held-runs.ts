/** Runs that this device was given a lease for and that are not yet both in the hub's log and in the document. */
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface HeldRun {
  lease: Lease
  /** The hub's log is durable up to here. */
  ackedSeq: number
  /** The hub needs nothing more of it: it has the whole log, or refused the rest. */
  reported: boolean
  /** The document shows its end. */
  projected: boolean
  /** The run's only event, where it ended before a kernel could take it. */
  failure: RunEvent | null
}

interface Row {
  lease: string
  acked_seq: number
  reported: number
  projected: number
  failure: string | null
}

/**
 * Keeps what is known of a run that was leased before: only its lease is renewed. `reported`: somebody else sees to it that
 * the hub gets the log.
 */
export async function holdRun(
  tx: Tx,
  { org, lease, reported = false }: { org: OrgId; lease: Lease; reported?: boolean },
): Promise<HeldRun> {
  await tx.run(
    `INSERT INTO held_runs (org_id, run_id, lease, acked_seq, reported, projected, failure) VALUES (?, ?, ?, 0, ?, 0, NULL)
    ON CONFLICT (run_id) DO UPDATE SET lease = excluded.lease, reported = excluded.reported`,
    [org, lease.run, JSON.stringify(lease), reported ? 1 : 0],
  )
  return heldOf((await tx.get<Row>('SELECT * FROM held_runs WHERE org_id = ? AND run_id = ?', [org, lease.run]))!)
}

export async function saveRunProgress(
  tx: Tx,
  args: { org: OrgId; run: RunId; ackedSeq: number; reported: boolean; projected: boolean; failure: RunEvent | null },
): Promise<void> {
  const { org, run, ackedSeq, reported, projected, failure } = args
  await tx.run(
    'UPDATE held_runs SET acked_seq = ?, reported = ?, projected = ?, failure = ? WHERE org_id = ? AND run_id = ?',
    [ackedSeq, reported ? 1 : 0, projected ? 1 : 0, failure && JSON.stringify(failure), org, run],
  )
}

export async function dropRun(tx: Tx, { org, run }: { org: OrgId; run: RunId }): Promise<void> {
  await tx.run('DELETE FROM held_runs WHERE org_id = ? AND run_id = ?', [org, run])
}

export async function listHeldRuns(tx: Tx, { org }: { org: OrgId }): Promise<HeldRun[]> {
  return (await tx.all<Row>('SELECT * FROM held_runs WHERE org_id = ?', [org])).map(heldOf)
}

function heldOf(row: Row): HeldRun {
  return {
    lease: JSON.parse(row.lease) as Lease,
    ackedSeq: row.acked_seq,
    reported: row.reported === 1,
    projected: row.projected === 1,
    failure: row.failure === null ? null : (JSON.parse(row.failure) as RunEvent),
  }
}
