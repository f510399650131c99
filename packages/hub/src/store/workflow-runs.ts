/** Procedures over runs of workflows: taken in, taken up under a fence and a lease, logged, put aside (WQ1–WQ14). */
import type { Run } from '@meshbook/core/api.ts'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import {
  type DocumentId,
  type Fence,
  type OrgId,
  type ProjectId,
  parseFence,
  parseSeq,
  type RunId,
  type Seq,
  type SessionId,
  type TriggerId,
  type UserId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { gatesOf, hasEnded, type RunEvent, type RunStatus, stepRun } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { type LoggedEvent, logEvent, logged } from './run-log.ts'
import { insertOwnRun } from './run-queue.ts'
import { runRow, saveState, showRun } from './run-rows.ts'

interface NamedRun {
  org: OrgId
  id: RunId
}

export interface WorkflowRunRow extends NamedRun {
  project: ProjectId
  name: string
  /** The hash of its file. */
  definition: string
  status: RunStatus
  seq: number
  requestedBy: string
  requestedAt: number
  startedAt: number | null
  endedAt: number | null
  error: string | null
  /** With commas between; nothing while something goes on. */
  waits: string
  dueAt: number | null
  executor: string | null
  fence: number
  inbox: number
  askedOrg: OrgId | null
  askedBy: UserId | null
  trigger: TriggerId | null
}

const columns = `r.org_id AS org, r.run_id AS id, r.project_id AS project, w.name AS name, w.definition AS definition, r.status AS status, r.seq AS seq, r.requested_by AS "requestedBy", r.requested_at AS "requestedAt", r.started_at AS "startedAt", r.ended_at AS "endedAt", r.error AS error,
  w.waits AS waits, w.due_at AS "dueAt", w.executor AS executor, w.fence AS fence, w.inbox AS inbox, r.asked_org AS "askedOrg", r.asked_by AS "askedBy", w.trigger_id AS "trigger"`
const tables = 'workflow_runs w JOIN runs r ON r.org_id = w.org_id AND r.run_id = w.run_id'

export async function findWorkflowRun(tx: Tx, a: NamedRun): Promise<WorkflowRunRow | null> {
  const sql = `SELECT ${columns} FROM ${tables} WHERE w.org_id = ? AND w.run_id = ?`
  return (await tx.get<WorkflowRunRow>(sql, [a.org, a.id])) ?? null
}

export interface NewWorkflowRun extends NamedRun {
  project: ProjectId
  name: string
  /** Of what was asked for, to tell a repeated request from another one. */
  hash: string
  definition: string
  /** Files by the hash of their text. */
  texts: [hash: string, text: string][]
  /** What its log begins with, once somebody carries it on. */
  opening: RunEvent[]
  newSession: SessionId
  requestedBy: string
  asker: { org: OrgId; user: UserId } | null
  /** `credentialKey` of what it was asked for with. */
  credential: string | null
  /** What starts it, where that is no person; `chain` counts runs that started each other by their ends (WF105). */
  startedBy?: { trigger: TriggerId; chain: number }
  now: number
}

export async function createWorkflowRun(tx: Tx, a: NewWorkflowRun): Promise<{ run: WorkflowRunRow; created: boolean }> {
  const known = await runRow(tx, a.org, a.id)
  if (known) {
    const run = known.codeHash === a.hash ? await findWorkflowRun(tx, a) : null
    if (!run) throw new MeshError('RUN_EXISTS', { detail: `run ${a.id}` })
    return { run, created: false }
  }
  const { count } = (await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM workflow_runs WHERE org_id = ? AND is_open = 1',
    [a.org],
  ))!
  if (count >= limits.workflowRunsPerOrg) throw new MeshError('TOO_MANY', { detail: `${count} runs have not ended` })
  const project = await tx.get<{ tree: DocumentId }>(
    'SELECT tree_id AS tree FROM projects WHERE org_id = ? AND project_id = ?',
    [a.org, a.project],
  )
  if (!project) throw new MeshError('NOT_FOUND', { detail: `project ${a.project}` })
  await insertOwnRun(tx, {
    ...{ kind: 'workflow', org: a.org, id: a.id, document: project.tree, project: a.project, now: a.now },
    ...{ newSession: a.newSession, code: a.name, codeHash: a.hash, requestedBy: a.requestedBy, asker: a.asker },
    from: a.credential,
  })
  await keepDefinitions(tx, a)
  await tx.run(
    `INSERT INTO workflow_runs (org_id, run_id, name, definition, opening, is_open, due_at, executor, fence, inbox, woken, waits, trigger_id, chain)
    VALUES (?, ?, ?, ?, ?, 1, ?, NULL, 0, 0, 0, '', ?, ?)`,
    [
      ...[a.org, a.id, a.name, a.definition, JSON.stringify(a.opening), a.now],
      ...[a.startedBy?.trigger ?? null, a.startedBy?.chain ?? 0],
    ],
  )
  return { run: (await findWorkflowRun(tx, a))!, created: true }
}

export async function keepDefinitions(tx: Tx, a: { org: OrgId; texts: [hash: string, text: string][] }): Promise<void> {
  for (const [hash, text] of a.texts)
    await tx.run(
      'INSERT INTO workflow_definitions (org_id, hash, text) VALUES (?, ?, ?) ON CONFLICT (org_id, hash) DO NOTHING',
      [a.org, hash, text],
    )
}

/** Newest first; `before` is the id that ends the page before. Of projects that the asker may see. */
export async function listWorkflowRuns(
  tx: Tx,
  a: {
    asker: { org: OrgId; user: UserId }
    project?: string | undefined
    trigger?: string | undefined
    open?: boolean | undefined
    status?: RunStatus | undefined
    /** What the name has. */
    find?: string | undefined
    before: string | null
    rows: number
  },
): Promise<{ items: WorkflowRunRow[]; next: string | null }> {
  const { org, user } = a.asker
  const given: [string, string[]][] = [
    [
      '(r.org_id = ? OR EXISTS (SELECT 1 FROM members m WHERE m.org_id = r.org_id AND m.project_id = r.project_id AND m.member_org = ? AND m.user_id = ?))',
      [org, org, user],
    ],
  ]
  if (a.project !== undefined) given.push(['r.project_id = ?', [a.project]])
  if (a.trigger !== undefined) given.push(['w.trigger_id = ?', [a.trigger]])
  if (a.open) given.push(['w.is_open = 1', []])
  if (a.status !== undefined) given.push(['r.status = ?', [a.status]])
  if (a.find !== undefined)
    given.push(["LOWER(w.name) LIKE ? ESCAPE '!'", [`%${a.find.toLowerCase().replaceAll(/[!%_]/g, '!$&')}%`]])
  if (a.before !== null) given.push(['r.run_id < ?', [a.before]])
  const rows = Math.min(a.rows, limits.pageRows)
  const found = await tx.all<WorkflowRunRow>(
    `SELECT ${columns} FROM ${tables} WHERE ${given.map(([text]) => text).join(' AND ')} ORDER BY r.run_id DESC LIMIT ?`,
    [...given.flatMap(([, values]) => values), rows + 1],
  )
  const items = found.slice(0, rows)
  return { items, next: found.length > rows ? items.at(-1)!.id : null }
}

/** Texts by their hashes. */
export async function workflowDefinitions(tx: Tx, a: { org: OrgId; hashes: string[] }): Promise<[string, string][]> {
  const found: [string, string][] = []
  for (const hash of new Set(a.hashes)) {
    const sql = 'SELECT text AS text FROM workflow_definitions WHERE org_id = ? AND hash = ?'
    const row = await tx.get<{ text: string }>(sql, [a.org, hash])
    if (row) found.push([hash, row.text])
  }
  return found
}

/** Of all orgs, the longest due first (WQ13). */
export async function dueWorkflowRuns(tx: Tx, a: { now: number; rows: number }): Promise<NamedRun[]> {
  return tx.all(
    'SELECT org_id AS org, run_id AS id FROM workflow_runs WHERE due_at <= ? ORDER BY due_at, run_id LIMIT ?',
    [a.now, a.rows],
  )
}

export interface TakenWorkflowRun extends NamedRun {
  project: ProjectId
  fence: Fence
  /** How far its log goes. */
  seq: number
  inbox: number
  asker: { org: OrgId; user: UserId } | null
  /** The whole log, where it begins with this. */
  opening: RunEvent[] | null
}

export type Taking = NamedRun & { executor: string; leaseUntil: number; now: number }

/** Under the next fence, and with its log begun; null where it is not due any more (WQ10). */
export async function takeWorkflowRun(tx: Tx, a: Taking): Promise<TakenWorkflowRun | null> {
  const row = await tx.get<{ opening: string; inbox: number }>(
    'SELECT opening AS opening, inbox AS inbox FROM workflow_runs WHERE org_id = ? AND run_id = ? AND is_open = 1 AND due_at <= ?',
    [a.org, a.id, a.now],
  )
  const run = row && (await runRow(tx, a.org, a.id))
  if (!row || !run || hasEnded(run.state.status)) return null
  const fence = parseFence('fence' in run.state ? run.state.fence + 1 : 1)
  const state = stepRun(run.state, { type: 'leased', fence })
  if ('refused' in state) throw new MeshError('INTERNAL', { detail: `the fence of run ${a.id}: ${state.refused}` })
  run.state = state
  const opening = state.seq === 0 ? openingOf(row.opening, a.now) : null
  for (const [i, event] of opening?.entries() ?? [])
    await logEvent(tx, run, fence, parseSeq(i + 1), logged(event), a.now)
  await saveState(tx, run)
  await tx.run(
    "UPDATE workflow_runs SET executor = ?, fence = ?, due_at = ?, woken = 0, waits = '' WHERE org_id = ? AND run_id = ?",
    [a.executor, fence, a.leaseUntil, a.org, a.id],
  )
  const asker = run.askedOrg !== null && run.askedBy !== null ? { org: run.askedOrg, user: run.askedBy } : null
  return { org: a.org, id: a.id, project: run.project, fence, seq: run.state.seq, inbox: row.inbox, asker, opening }
}

export function openingOf(text: string, at: number): RunEvent[] {
  return (JSON.parse(text) as RunEvent[]).map(event => ({ ...event, at }))
}

/** Those that the executor still has in this org, under which fence, and how much was sent to them. */
export async function renewWorkflowRuns(
  tx: Tx,
  a: { org: OrgId; executor: string; leaseUntil: number },
): Promise<{ id: RunId; fence: Fence; inbox: number }[]> {
  return tx.all(
    'UPDATE workflow_runs SET due_at = ? WHERE org_id = ? AND executor = ? RETURNING run_id AS id, fence AS fence, inbox AS inbox',
    [a.leaseUntil, a.org, a.executor],
  )
}

/** Nobody has it in memory any more. What was sent to it since `inbox` makes it due at once (WQ11); false where it is another's. */
export async function restWorkflowRun(
  tx: Tx,
  a: NamedRun & { fence: Fence; inbox: number; dueAt: number | null; waits: string; now: number },
): Promise<boolean> {
  const { changes } = await tx.run(
    `UPDATE workflow_runs SET executor = NULL, waits = ?, due_at = CASE WHEN woken = 1 OR inbox > ? THEN CAST(? AS BIGINT) ELSE CAST(? AS BIGINT) END
    WHERE org_id = ? AND run_id = ? AND fence = ? AND executor IS NOT NULL`,
    [a.waits, a.inbox, a.now, a.dueAt, a.org, a.id, a.fence],
  )
  return changes > 0
}

/** Of executors that are gone, all but the one that is named: due now (WQ12). For who has the database alone. */
export async function freeWorkflowRuns(tx: Tx, a: { but: string; now: number }): Promise<number> {
  const { changes } = await tx.run(
    'UPDATE workflow_runs SET executor = NULL, due_at = ? WHERE executor IS NOT NULL AND executor <> ?',
    [a.now, a.but],
  )
  return changes
}

export interface AppendingWorkflow extends NamedRun {
  fence: Fence
  first: Seq
  events: LoggedEvent[]
  now: number
}

export interface WorkflowAppended {
  /** How far the log goes now. */
  seq: number
  refused?: ErrorCode
  /** Something of it is to be seen at once: it began, asks or ended. */
  run: Run | null
  gates: boolean
}

/** All of them or none, right behind the log as it is (WQ4). */
export async function appendWorkflow(tx: Tx, a: AppendingWorkflow): Promise<WorkflowAppended> {
  const row = await runRow(tx, a.org, a.id)
  if (!row) return { seq: 0, refused: 'NOT_FOUND', run: null, gates: false }
  const refusal = refusalOf(row.state, a)
  if (refusal) return { seq: row.state.seq, refused: refusal, run: null, gates: false }
  const before = gatesOf(row.state).length
  for (const [i, event] of a.events.entries()) {
    const outcome = await logEvent(tx, row, a.fence, parseSeq(a.first + i), event, a.now)
    // Nothing of the group stays: what throws takes back all that the call wrote.
    if (outcome !== 'appended') throw new MeshError(outcome === 'duplicate' ? 'SEQ_GAP' : outcome, { detail: a.id })
    if (event.event.type === 'gate-decided') await expireUndecided(tx, a, event.event.gate)
  }
  await saveState(tx, row)
  const [asks, ended] = [a.events.some(isOfGate), hasEnded(row.state.status)]
  const gates = asks || (ended && before > 0)
  return { seq: row.state.seq, run: asks || ended ? await showRun(tx, { org: a.org, id: a.id }) : null, gates }
}

const isOfGate = ({ event: { type } }: LoggedEvent): boolean => type === 'gate-opened' || type === 'gate-decided'

type State = NonNullable<Awaited<ReturnType<typeof runRow>>>['state']

function refusalOf(state: State, a: AppendingWorkflow): ErrorCode | undefined {
  if (!('fence' in state) || state.fence !== a.fence) return 'STALE_FENCE'
  if (hasEnded(state.status)) return 'RUN_ENDED'
  return a.first === state.seq + 1 ? undefined : 'SEQ_GAP'
}

/** The engine noticed before anybody else that nobody has decided. */
async function expireUndecided(tx: Tx, a: NamedRun & { now: number }, gate: string): Promise<void> {
  await tx.run(
    "UPDATE gates SET state = 'expired', decided_at = ?, received_at = ? WHERE org_id = ? AND gate_id = ? AND run_id = ? AND state = 'open'",
    [a.now, a.now, a.org, gate, a.id],
  )
}

/** A later one replaces it; one of an executor that has lost the run changes nothing (WQ14). */
export async function saveWorkflowCheckpoint(
  tx: Tx,
  a: NamedRun & { fence: Fence; seq: number; version: number; state: string },
): Promise<void> {
  const held = await tx.get(
    'SELECT 1 AS one FROM workflow_runs WHERE org_id = ? AND run_id = ? AND fence = ? AND is_open = 1',
    [a.org, a.id, a.fence],
  )
  if (!held) return
  await tx.run(
    `INSERT INTO workflow_checkpoints (org_id, run_id, seq, version, state) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (org_id, run_id) DO UPDATE SET seq = excluded.seq, version = excluded.version, state = excluded.state`,
    [a.org, a.id, a.seq, a.version, a.state],
  )
}

export async function workflowCheckpoint(
  tx: Tx,
  a: NamedRun & { version: number },
): Promise<{ seq: number; state: string } | null> {
  const sql =
    'SELECT seq AS seq, state AS state FROM workflow_checkpoints WHERE org_id = ? AND run_id = ? AND version = ?'
  return (await tx.get<{ seq: number; state: string }>(sql, [a.org, a.id, a.version])) ?? null
}
