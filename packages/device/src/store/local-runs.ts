/** Runs that this device took while the hub could not be asked, the heads that it gave itself, and what it was told last. */
import type { ErrorCode } from '@meshbook/core/errors.ts'
import type { HeadId, OrgId, ProjectId, RunId, SessionId } from '@meshbook/core/ids.ts'
import type { DeviceInfo, Lease, LocalHead, RunRequest, SessionInfo } from '@meshbook/core/messages.ts'
import type { RunEvent, RunState } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { holdRun } from './held-runs.ts'

/** Which session a kernel of this device is, where that is not what the kernel itself was started as (DV123, DV124). */
export interface HeadLabel extends Omit<LocalHead, 'live'> {
  kernel: SessionId
  project: ProjectId
  /** Of the session: the language whose kernel runs it. */
  runtime: string
  /** What the session is called in the notebooks that use it. */
  wanted: string
  /** The hub has it as this device's head. */
  given: boolean
}

export interface LocalRun {
  request: RunRequest & { id: RunId; codeHash: string; expiresAt: number; askedAt: number; session: string }
  project: ProjectId
  /** Of the document, when it was asked for. */
  path: string | null
  by: string
  againOf: RunId | null
  /**
   * Waiting: nobody has it. Asked: the hub may have it. Held: it was given to this device by itself. Imported: the hub has
   * it. Refused: the hub does not take it. Over: it ended before anybody had it.
   */
  stage: 'waiting' | 'asked' | 'held' | 'imported' | 'refused' | 'over'
  lease: Lease | null
  head: HeadLabel | null
  state: RunState
  /** Of its log so far; absent in what an older device stored. */
  bytes?: number
  reasons: string[]
  asks: 'expired' | null
  refused: { code: ErrorCode; reason: string } | null
  /** Its only event, where no kernel had it. */
  only: RunEvent | null
}

interface Row {
  record: string
}

/** In the order in which they were taken. Saving a known one keeps its place. */
export async function saveLocalRun(tx: Tx, { org, run }: { org: OrgId; run: LocalRun }): Promise<void> {
  await tx.run(
    `INSERT INTO local_runs (org_id, run_id, number, record) VALUES (?, ?, (SELECT COALESCE(MAX(number), 0) + 1 FROM local_runs), ?)
    ON CONFLICT (run_id) DO UPDATE SET record = excluded.record`,
    [org, run.request.id, JSON.stringify(run)],
  )
}

/** The run is this device's: its place, its head and what the monitor needs to execute it, in one. */
export async function leaseLocalRun(
  tx: Tx,
  { org, run, head, lease }: { org: OrgId; run: LocalRun; head: HeadLabel; lease: Lease },
): Promise<void> {
  await saveLocalRun(tx, { org, run })
  await saveHeadLabel(tx, { org, label: head })
  await holdRun(tx, { org, lease, reported: true })
}

export async function dropLocalRun(tx: Tx, { org, run }: { org: OrgId; run: RunId }): Promise<void> {
  await tx.run('DELETE FROM local_runs WHERE org_id = ? AND run_id = ?', [org, run])
}

export async function listLocalRuns(tx: Tx, { org }: { org: OrgId }): Promise<LocalRun[]> {
  const rows = await tx.all<Row>('SELECT record FROM local_runs WHERE org_id = ? ORDER BY number', [org])
  return rows.map(({ record }) => JSON.parse(record) as LocalRun)
}

export async function saveHeadLabel(tx: Tx, { org, label }: { org: OrgId; label: HeadLabel }): Promise<void> {
  await tx.run(
    'INSERT INTO head_labels (org_id, kernel_id, record) VALUES (?, ?, ?) ON CONFLICT (kernel_id) DO UPDATE SET record = excluded.record',
    [org, label.kernel, JSON.stringify(label)],
  )
}

export async function dropHeadLabel(
  tx: Tx,
  { org, kernel, head }: { org: OrgId; kernel: SessionId; head: HeadId },
): Promise<void> {
  const row = await tx.get<Row>('SELECT record FROM head_labels WHERE org_id = ? AND kernel_id = ?', [org, kernel])
  if (row && (JSON.parse(row.record) as HeadLabel).head === head)
    await tx.run('DELETE FROM head_labels WHERE org_id = ? AND kernel_id = ?', [org, kernel])
}

export async function listHeadLabels(tx: Tx, { org }: { org: OrgId }): Promise<HeadLabel[]> {
  const rows = await tx.all<Row>('SELECT record FROM head_labels WHERE org_id = ?', [org])
  return rows.map(({ record }) => JSON.parse(record) as HeadLabel)
}

/** The devices and sessions of the account as the hub told them last, for the device's own router. */
export interface LastHeard {
  devices: DeviceInfo[]
  sessions: SessionInfo[]
}

export async function saveLastHeard(tx: Tx, { org, heard }: { org: OrgId; heard: LastHeard }): Promise<void> {
  await tx.run(
    'INSERT INTO last_heard (org_id, record) VALUES (?, ?) ON CONFLICT (org_id) DO UPDATE SET record = excluded.record',
    [org, JSON.stringify(heard)],
  )
}

export async function lastHeard(tx: Tx, { org }: { org: OrgId }): Promise<LastHeard> {
  const row = await tx.get<Row>('SELECT record FROM last_heard WHERE org_id = ?', [org])
  return row ? (JSON.parse(row.record) as LastHeard) : { devices: [], sessions: [] }
}
