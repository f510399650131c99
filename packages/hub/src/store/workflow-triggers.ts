/**
 * Procedures over triggers of workflows (WQ60–WQ69): what is kept of them, what is due, and the one that starts runs. What
 * an event means is decided outside; here it is written once, or not at all.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, OrgId, ProjectId, RunId, TriggerId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { rightsOf } from '@meshbook/core/roles.ts'
import type { RunStatus } from '@meshbook/core/run.ts'
import type { Stored, WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { FilesTrigger, TriggerKind } from '@meshbook/core/workflow/workflow-schema.ts'
import { type Changes, eventAt, withChange } from '@meshbook/engine/workflow/triggers/changed-files.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { addOutcome, findHookDelivery } from './hooks.ts'
import { type Asker, rolesIn } from './places.ts'
import { runRow } from './run-rows.ts'
import { createWorkflowRun, keepDefinitions, type NewWorkflowRun } from './workflow-runs.ts'

interface NamedTrigger {
  org: OrgId
  id: TriggerId
}

export interface TriggerRow extends NamedTrigger {
  project: ProjectId
  file: string
  kind: TriggerKind
  name: string
  definition: string
  /** JSON of the files that it leads to. */
  children: string
  /** JSON of the part of the file's `on`. */
  starts: string
  madeOrg: OrgId
  madeUser: UserId
  madeBy: string
  enabled: number
  /** Another one after each change: what was decided before starts nothing. */
  revision: number
  createdAt: number
  pinnedAt: number
  /** All that happened up to here is settled. */
  settledAt: number
  nextAt: number | null
  lastAt: number | null
  lastOutcome: string | null
  lastRun: RunId | null
  lastReason: string | null
}

const columns = `t.org_id AS org, t.trigger_id AS id, t.project_id AS project, t.file AS file, t.kind AS kind, t.name AS name, t.definition AS definition, t.children AS children, t.starts AS starts, t.made_org AS "madeOrg", t.made_user AS "madeUser", t.made_by AS "madeBy", t.enabled AS enabled, t.revision AS revision,
  t.created_at AS "createdAt", t.pinned_at AS "pinnedAt", t.settled_at AS "settledAt", t.next_at AS "nextAt", o.at AS "lastAt", o.outcome AS "lastOutcome", o.task_id AS "lastRun", o.reason AS "lastReason"`
const tables = `workflow_triggers t LEFT JOIN hook_outcomes o ON o.org_id = t.org_id AND o.hook_id = t.trigger_id
  AND o.number = (SELECT MAX(n.number) FROM hook_outcomes n WHERE n.org_id = t.org_id AND n.hook_id = t.trigger_id)`

/** `org`: where it is known. */
export async function findTrigger(tx: Tx, a: { org?: OrgId; id: TriggerId }): Promise<TriggerRow | null> {
  return (await tx.get<TriggerRow>(`SELECT ${columns} FROM ${tables} WHERE t.trigger_id = ?`, [a.id])) ?? null
}

export interface PinnedTrigger extends NamedTrigger {
  project: ProjectId
  file: string
  kind: TriggerKind
  name: string
  definition: string
  texts: [hash: string, text: string][]
  children: string
  starts: string
  maker: Asker
  madeBy: string
  /** Null: as it was; of a new one, on. */
  enabled: boolean | null
  /** Of a schedule: its first time from now on. */
  nextAt: number | null
  now: number
}

/** The same file of the project, with the same kind, is the same trigger (WQ60). */
export async function pinTrigger(tx: Tx, a: PinnedTrigger): Promise<{ trigger: TriggerRow; isNew: boolean }> {
  await keepDefinitions(tx, a)
  const known = await tx.get<{ id: TriggerId; definition: string; children: string; enabled: number }>(
    'SELECT trigger_id AS id, definition AS definition, children AS children, enabled AS enabled FROM workflow_triggers WHERE org_id = ? AND project_id = ? AND file = ? AND kind = ?',
    [a.org, a.project, a.file, a.kind],
  )
  if (!known) return { trigger: await addTrigger(tx, a), isNew: true }
  const enabled = a.enabled ?? known.enabled === 1
  const isSame = known.definition === a.definition && known.children === a.children
  await tx.run(
    'UPDATE workflow_triggers SET name = ?, definition = ?, children = ?, starts = ?, made_org = ?, made_user = ?, made_by = ?, pinned_at = ?, revision = revision + 1 WHERE org_id = ? AND trigger_id = ?',
    [...[a.name, a.definition, a.children, a.starts, a.maker.org, a.maker.user, a.madeBy, a.now], ...[a.org, known.id]],
  )
  if (!isSame || enabled !== (known.enabled === 1)) await settleAll(tx, { ...a, id: known.id, enabled })
  return { trigger: (await findTrigger(tx, { id: known.id }))!, isNew: false }
}

async function addTrigger(tx: Tx, a: PinnedTrigger): Promise<TriggerRow> {
  const project = await tx.get('SELECT 1 AS one FROM projects WHERE org_id = ? AND project_id = ?', [a.org, a.project])
  if (!project) throw new MeshError('NOT_FOUND', { detail: `project ${a.project}` })
  const { count } = (await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM workflow_triggers WHERE org_id = ?',
    [a.org],
  ))!
  if (count >= limits.triggersPerOrg) throw new MeshError('TOO_MANY', { detail: `${count} triggers` })
  const enabled = a.enabled ?? true
  await tx.run(
    `INSERT INTO workflow_triggers (org_id, trigger_id, project_id, file, kind, name, definition, children, starts, made_org, made_user, made_by, enabled, revision, created_at, pinned_at, settled_at, next_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)`,
    [
      ...[a.org, a.id, a.project, a.file, a.kind, a.name, a.definition, a.children, a.starts],
      ...[a.maker.org, a.maker.user, a.madeBy, enabled ? 1 : 0, a.now, a.now, a.now, enabled ? a.nextAt : null],
    ],
  )
  return (await findTrigger(tx, a))!
}

/** What happened before starts nothing any more. */
async function settleAll(
  tx: Tx,
  a: NamedTrigger & { enabled: boolean; nextAt: number | null; now: number },
): Promise<void> {
  await tx.run(
    'UPDATE workflow_triggers SET enabled = ?, settled_at = ?, next_at = ? WHERE org_id = ? AND trigger_id = ?',
    [a.enabled ? 1 : 0, a.now, a.enabled ? a.nextAt : null, a.org, a.id],
  )
  await dropWaiting(tx, a)
}

async function dropWaiting(tx: Tx, a: NamedTrigger): Promise<void> {
  for (const table of ['workflow_ends', 'workflow_changes'])
    await tx.run(`DELETE FROM ${table} WHERE org_id = ? AND trigger_id = ?`, [a.org, a.id])
}

/** Null where there is none; nothing happens to one that is as it should be. */
export async function turnTrigger(
  tx: Tx,
  a: NamedTrigger & { enabled: boolean; nextAt: number | null; now: number },
): Promise<TriggerRow | null> {
  const { changes } = await tx.run(
    'UPDATE workflow_triggers SET revision = revision + 1 WHERE org_id = ? AND trigger_id = ? AND enabled <> ?',
    [a.org, a.id, a.enabled ? 1 : 0],
  )
  if (changes > 0) await settleAll(tx, a)
  const row = await findTrigger(tx, a)
  return row?.org === a.org ? row : null
}

export async function removeTrigger(tx: Tx, a: NamedTrigger): Promise<boolean> {
  const gone = await tx.run('DELETE FROM workflow_triggers WHERE org_id = ? AND trigger_id = ?', [a.org, a.id])
  if (gone.changes === 0) return false
  await dropWaiting(tx, a)
  for (const table of ['hook_deliveries', 'hook_outcomes'])
    await tx.run(`DELETE FROM ${table} WHERE org_id = ? AND hook_id = ?`, [a.org, a.id])
  return true
}

/** Newest first; `before` is the id that ends the page before. Of projects that the asker may see. */
export async function listTriggers(
  tx: Tx,
  a: { asker: Asker; project?: string | undefined; before: string | null; rows: number },
): Promise<{ items: TriggerRow[]; next: string | null }> {
  const { org, user } = a.asker
  const rows = Math.min(a.rows, limits.pageRows)
  const found = await tx.all<TriggerRow>(
    `SELECT ${columns} FROM ${tables} WHERE (t.org_id = ? OR EXISTS (SELECT 1 FROM members m WHERE m.org_id = t.org_id AND m.project_id = t.project_id AND m.member_org = ? AND m.user_id = ?))
    ${a.project === undefined ? '' : 'AND t.project_id = ?'} ${a.before === null ? '' : 'AND t.trigger_id < ?'} ORDER BY t.trigger_id DESC LIMIT ?`,
    [
      ...[org, org, user],
      ...(a.project === undefined ? [] : [a.project]),
      ...(a.before === null ? [] : [a.before]),
      rows + 1,
    ],
  )
  const items = found.slice(0, rows)
  return { items, next: found.length > rows ? items.at(-1)!.id : null }
}

export interface TriggerOutcomeRow {
  at: number
  outcome: string
  run: RunId | null
  reason: string | null
}

export async function triggerOutcomes(tx: Tx, a: NamedTrigger): Promise<TriggerOutcomeRow[]> {
  return tx.all(
    'SELECT at AS at, outcome AS outcome, task_id AS run, reason AS reason FROM hook_outcomes WHERE org_id = ? AND hook_id = ? ORDER BY number DESC',
    [a.org, a.id],
  )
}

/** What changed in a project, by whom: a document by its id, anything else by its path. */
export interface FileChange {
  what: { document: DocumentId } | { path: string }
  /** Null for what came from no device. */
  device: { id: string; name: string } | null
  at: number
}

/** Whether changes of files mean anything in the org. */
export async function watchesFiles(tx: Tx, a: { org: OrgId }): Promise<boolean> {
  const sql = "SELECT 1 AS one FROM workflow_triggers WHERE org_id = ? AND kind = 'files' AND enabled = 1 LIMIT 1"
  return (await tx.get(sql, [a.org])) !== undefined
}

/** Gathered for each trigger that is about it (WF106). How many triggers have something new. */
export async function keepChanges(
  tx: Tx,
  a: { org: OrgId; project: ProjectId | null; changes: FileChange[] },
): Promise<number> {
  const watching = new Map<ProjectId, { id: TriggerId; starts: FilesTrigger }[]>()
  const touched = new Set<TriggerId>()
  for (const { what, device, at } of a.changes) {
    const place = 'path' in what ? { project: a.project, path: what.path } : await pathOf(tx, a.org, what.document)
    if (!place?.project) continue
    const triggers = watching.get(place.project) ?? (await filesTriggers(tx, a.org, place.project))
    watching.set(place.project, triggers)
    for (const { id, starts } of triggers) {
      if (starts.device !== undefined && starts.device !== device?.name && starts.device !== device?.id) continue
      const changed = await addChange(tx, { org: a.org, id, starts, device: device?.name ?? '', path: place.path, at })
      if (changed) touched.add(id)
    }
  }
  return touched.size
}

async function pathOf(
  tx: Tx,
  org: OrgId,
  document: DocumentId,
): Promise<{ project: ProjectId; path: string } | undefined> {
  return tx.get(
    'SELECT project_id AS project, path AS path FROM documents WHERE org_id = ? AND document_id = ? AND path IS NOT NULL',
    [org, document],
  )
}

async function filesTriggers(
  tx: Tx,
  org: OrgId,
  project: ProjectId,
): Promise<{ id: TriggerId; starts: FilesTrigger }[]> {
  const rows = await tx.all<{ id: TriggerId; starts: string }>(
    "SELECT trigger_id AS id, starts AS starts FROM workflow_triggers WHERE org_id = ? AND project_id = ? AND kind = 'files' AND enabled = 1",
    [org, project],
  )
  return rows.map(({ id, starts }) => ({ id, starts: JSON.parse(starts) as FilesTrigger }))
}

async function addChange(
  tx: Tx,
  a: NamedTrigger & { starts: FilesTrigger; device: string; path: string; at: number },
): Promise<boolean> {
  const row = await tx.get<{ changes: string }>(
    'SELECT changes AS changes FROM workflow_changes WHERE org_id = ? AND trigger_id = ? AND device = ?',
    [a.org, a.id, a.device],
  )
  const before = row ? changesIn(row.changes) : null
  const after = withChange(before, a, a.starts)
  if (after === null || after === before) return false
  await tx.run(
    `INSERT INTO workflow_changes (org_id, trigger_id, device, changes, due_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (org_id, trigger_id, device) DO UPDATE SET changes = excluded.changes, due_at = excluded.due_at`,
    [a.org, a.id, a.device, JSON.stringify({ ...after, paths: [...after.paths] }), eventAt(after, a.starts)],
  )
  return true
}

export function changesIn(text: string): Changes {
  const { paths, ...rest } = JSON.parse(text) as Omit<Changes, 'paths'> & { paths: string[] }
  return { ...rest, paths: new Set(paths) }
}

/** Something that a trigger is to decide about. */
export type DueEvent = { trigger: TriggerRow } & (
  | { by: 'schedule' }
  | { by: 'files'; device: string; changes: string }
  | { by: 'run'; run: RunId; endedAt: number }
)

/** Of all orgs, the longest due first (WQ64). */
export async function dueTriggerEvents(tx: Tx, a: { now: number; rows: number }): Promise<DueEvent[]> {
  const times = await tx.all<TriggerRow>(
    `SELECT ${columns} FROM ${tables} WHERE t.next_at <= ? ORDER BY t.next_at, t.trigger_id LIMIT ?`,
    [a.now, a.rows],
  )
  const files = await tx.all<TriggerRow & { device: string; changes: string }>(
    `SELECT ${columns}, c.device AS device, c.changes AS changes FROM ${tables} JOIN workflow_changes c ON c.org_id = t.org_id AND c.trigger_id = t.trigger_id
    WHERE c.due_at <= ? ORDER BY c.due_at, c.trigger_id LIMIT ?`,
    [a.now, a.rows],
  )
  const ends = await tx.all<TriggerRow & { run: RunId; endedAt: number }>(
    `SELECT ${columns}, e.run_id AS run, e.ended_at AS "endedAt" FROM ${tables} JOIN workflow_ends e ON e.org_id = t.org_id AND e.trigger_id = t.trigger_id
    ORDER BY e.ended_at, e.run_id, e.trigger_id LIMIT ?`,
    [a.rows],
  )
  return [
    ...times.map((trigger): DueEvent => ({ by: 'schedule', trigger })),
    ...files.map(({ device, changes, ...trigger }): DueEvent => ({ by: 'files', trigger, device, changes })),
    ...ends.map(({ run, endedAt, ...trigger }): DueEvent => ({ by: 'run', trigger, run, endedAt })),
  ]
}

export interface EndedWorkflow {
  name: string
  status: RunStatus
  endedAt: number
  chain: number
  output: Stored | null
}

/** The end of a run as triggers see it; null where it has none, or is not known any more. */
export async function endedWorkflow(tx: Tx, a: { org: OrgId; id: RunId }): Promise<EndedWorkflow | null> {
  const row = await tx.get<Omit<EndedWorkflow, 'output'>>(
    `SELECT w.name AS name, r.status AS status, r.ended_at AS "endedAt", w.chain AS chain FROM workflow_runs w JOIN runs r ON r.org_id = w.org_id AND r.run_id = w.run_id
    WHERE w.org_id = ? AND w.run_id = ? AND r.ended_at IS NOT NULL`,
    [a.org, a.id],
  )
  if (!row) return null
  const last = await tx.all<{ text: string }>(
    'SELECT event AS text FROM run_events WHERE org_id = ? AND run_id = ? ORDER BY seq DESC LIMIT 3',
    [a.org, a.id],
  )
  for (const { text } of last) {
    const { type, event } = JSON.parse(text) as { type: string; event?: WorkflowEvent }
    if (type === 'workflow' && event?.type === 'ended') return { ...row, output: event.output ?? null }
  }
  return { ...row, output: null }
}

/** What of the trigger is settled with it. */
export type Settles =
  | { by: 'schedule'; settledAt: number; nextAt: number | null }
  | { by: 'webhook'; delivery: string; digest: string; keptSince: number }
  | { by: 'files'; device: string; changes: string }
  | { by: 'run'; run: RunId }

export interface Firing extends NamedTrigger {
  project: ProjectId
  /** Of the row that was decided by. */
  revision: number
  settledAt: number
  runs: (NewWorkflowRun & { chain: number })[]
  settles: Settles
  /** Beside those of the runs. */
  outcomes: TriggerOutcomeRow[]
  now: number
}

export type Fired =
  | { fired: true; started: RunId[]; refused: string | null }
  /** Somebody else was first, or the trigger is another one by now. */
  | { fired: false; run: RunId | null }

/** All in one transaction, or nothing (WQ63). */
export async function fireTrigger(tx: Tx, a: Firing): Promise<Fired> {
  const row = await tx.get<{ madeOrg: OrgId; madeUser: UserId }>(
    'SELECT made_org AS "madeOrg", made_user AS "madeUser" FROM workflow_triggers WHERE org_id = ? AND trigger_id = ? AND revision = ? AND settled_at = ? AND enabled = 1',
    [a.org, a.id, a.revision, a.settledAt],
  )
  if (!row) return { fired: false, run: null }
  const mayRun = rightsOf(await rolesIn(tx, a, { org: row.madeOrg, user: row.madeUser })).has('run')
  const refused = mayRun ? null : 'who made it may not run anything in the project any more'
  // What is sent again may start its run then.
  const isLost = refused !== null || a.runs.length === 0
  const settled = isLost && a.settles.by === 'webhook' ? 'now' : await settle(tx, a)
  if (settled !== 'now') return { fired: false, run: settled.run }
  for (const outcome of a.outcomes) await note(tx, a, outcome)
  const started: RunId[] = []
  for (const run of a.runs) {
    if (refused !== null) {
      await note(tx, a, { at: a.now, outcome: 'refused', run: null, reason: refused })
      continue
    }
    // The run that this event has started already, perhaps by another text of the file.
    if (await runRow(tx, a.org, run.id)) continue
    await createWorkflowRun(tx, { ...run, startedBy: { trigger: a.id, chain: run.chain } })
    await note(tx, a, { at: a.now, outcome: 'started', run: run.id, reason: null })
    started.push(run.id)
  }
  return { fired: true, started, refused: a.runs.length > 0 ? refused : null }
}

const note = (tx: Tx, a: Firing, { at, outcome, run, reason }: TriggerOutcomeRow): Promise<void> =>
  addOutcome(tx, { org: a.org, hook: a.id, at, outcome, task: run, reason: reason?.slice(0, 300) ?? null })

async function settle(tx: Tx, a: Firing): Promise<'now' | { run: RunId | null }> {
  const { settles } = a
  if (settles.by === 'webhook') return settleDelivery(tx, a, settles)
  const { changes } = await settling(tx, a, settles)
  return changes > 0 ? 'now' : { run: null }
}

function settling(tx: Tx, a: Firing, settles: Exclude<Settles, { by: 'webhook' }>): Promise<{ changes: number }> {
  if (settles.by === 'schedule')
    return tx.run('UPDATE workflow_triggers SET settled_at = ?, next_at = ? WHERE org_id = ? AND trigger_id = ?', [
      ...[settles.settledAt, settles.nextAt, a.org, a.id],
    ])
  if (settles.by === 'files')
    return tx.run('DELETE FROM workflow_changes WHERE org_id = ? AND trigger_id = ? AND device = ? AND changes = ?', [
      a.org,
      a.id,
      settles.device,
      settles.changes,
    ])
  return tx.run('DELETE FROM workflow_ends WHERE org_id = ? AND trigger_id = ? AND run_id = ?', [
    ...[a.org, a.id, settles.run],
  ])
}

async function settleDelivery(
  tx: Tx,
  a: Firing,
  { delivery, digest, keptSince }: Extract<Settles, { by: 'webhook' }>,
): Promise<'now' | { run: RunId | null }> {
  const known = await findHookDelivery(tx, { org: a.org, hook: a.id, delivery, digest })
  if (known) return { run: known.task }
  const before = a.runs[0] && (await runRow(tx, a.org, a.runs[0].id))
  if (before) return { run: before.id }
  await tx.run('DELETE FROM hook_deliveries WHERE org_id = ? AND hook_id = ? AND at < ?', [a.org, a.id, keptSince])
  await tx.run(
    'INSERT INTO hook_deliveries (org_id, hook_id, digest, delivery, task_id, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, hook_id, digest) DO NOTHING',
    [a.org, a.id, digest, delivery, a.runs[0]?.id ?? null, a.now],
  )
  return 'now'
}

/** What came to its address and started nothing, without being known again. */
export async function noteTriggerOutcome(tx: Tx, a: NamedTrigger & { outcome: TriggerOutcomeRow }): Promise<boolean> {
  const known = await tx.get('SELECT 1 AS one FROM workflow_triggers WHERE org_id = ? AND trigger_id = ?', [
    a.org,
    a.id,
  ])
  if (!known) return false
  const { at, outcome, run, reason } = a.outcome
  await addOutcome(tx, { org: a.org, hook: a.id, at, outcome, task: run, reason: reason?.slice(0, 300) ?? null })
  return true
}
