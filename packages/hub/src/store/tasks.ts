/** Procedures over tasks: taken in, given to a worker under a fence, logged, heard, delivered (tasks/SPEC.md). */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import {
  type AssetId,
  type DocumentId,
  type Fence,
  type OrgId,
  type ProjectId,
  parseFence,
  parseSeq,
  type RunId,
  type Seq,
  type SessionId,
  type UserId,
  type WorkerId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { gatesOf, hasEnded, type RunError, type RunEvent, type RunStatus, stepRun } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { noTaskState, stepTask, type TaskState } from '@meshbook/core/task-state.ts'
import type { Budget, Task, TaskMessage, ToolRule } from '@meshbook/core/tasks-api.ts'
import { acrossOrgs } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { dropReferences } from './asset-references.ts'
import { type LoggedEvent, logEvent, logged, type Refused } from './run-log.ts'
import { insertOwnRun } from './run-queue.ts'
import { runRow, saveState } from './run-rows.ts'

/** What a task is asked to be, and never changes. */
export interface TaskWords {
  repo: string
  prompt: string
  base: string | null
  branch: string
  agent: string
  model: string
  budget: Budget
  tools: Record<string, ToolRule>
  pullRequest: boolean
  from: { task: RunId; turn: number } | null
}

export interface TaskRow extends TaskWords {
  org: OrgId
  id: RunId
  project: ProjectId
  status: RunStatus
  fence: Fence | null
  seq: number
  /** Why it waits, or why it failed. */
  reasons: string[]
  requestedBy: string
  askedOrg: OrgId | null
  askedBy: UserId | null
  requestedAt: number
  /** The name of the user whose task it is; null where that user is gone. */
  asker: string | null
  startedAt: number | null
  endedAt: number | null
  state: TaskState
  hub: string | null
  worker: WorkerId | null
  workerSince: number | null
  /** Where its work begins, once that is known. */
  baseCommit: string | null
  replaced: number
  /** Why the run is to end, where somebody asked for that of the run itself. */
  cancelReason: string | null
  /** What somebody wants of it, until the agent has it. */
  wish: TaskWish | null
  /** Of a person to the question that the agent waits with, until it has it. */
  answer: { id: string; text: string } | null
  position: number | null
}

export interface TaskWish {
  action: 'interrupt' | 'pause' | 'continue' | 'stop'
  by: string
  at: number
  number: number
}

interface Stored
  extends Omit<
    TaskRow,
    'budget' | 'tools' | 'pullRequest' | 'from' | 'state' | 'wish' | 'answer' | 'reasons' | 'replaced'
  > {
  budget: string
  tools: string
  pullRequest: number
  fromTask: RunId | null
  fromTurn: number
  state: string
  wish: string | null
  answer: string | null
  reasons: string
  error: string | null
  replaced: number
}

const columns = `r.org_id AS org, r.run_id AS id, r.project_id AS project, r.status AS status, r.fence AS fence, r.seq AS seq, r.reasons AS reasons, r.error AS error, r.requested_by AS "requestedBy", r.asked_org AS "askedOrg", r.asked_by AS "askedBy",
  r.requested_at AS "requestedAt", r.started_at AS "startedAt", r.ended_at AS "endedAt", r.code AS prompt, t.repo AS repo, t.base AS base, t.branch AS branch, t.agent AS agent, t.model AS model, t.budget AS budget, t.tools AS tools,
  t.pull_request AS "pullRequest", t.from_task AS "fromTask", t.from_turn AS "fromTurn", t.state AS state, t.hub AS hub, t.worker_id AS worker, t.worker_since AS "workerSince", t.base_commit AS "baseCommit", t.replaced AS replaced, t.wish AS wish, t.answer AS answer, r.cancel_reason AS "cancelReason",
  (SELECT u.name FROM users u WHERE u.org_id = r.asked_org AND u.user_id = r.asked_by) AS asker,
  CASE WHEN r.status = 'queued' THEN (SELECT COUNT(*) FROM runs q WHERE q.kind = 'task' AND q.status = 'queued' AND q.org_id = r.org_id AND q.arrival < r.arrival) ELSE NULL END AS position`
const tables = 'tasks t JOIN runs r ON r.org_id = t.org_id AND r.run_id = t.run_id'

function taskOf({ fromTask, fromTurn, error, ...row }: Stored): TaskRow {
  return {
    ...row,
    budget: JSON.parse(row.budget) as Budget,
    tools: JSON.parse(row.tools) as Record<string, ToolRule>,
    pullRequest: Number(row.pullRequest) === 1,
    from: fromTask === null ? null : { task: fromTask, turn: fromTurn },
    state: JSON.parse(row.state) as TaskState,
    wish: row.wish === null ? null : (JSON.parse(row.wish) as TaskWish),
    answer: row.answer === null ? null : (JSON.parse(row.answer) as TaskRow['answer']),
    reasons: error === null ? (JSON.parse(row.reasons) as string[]) : [(JSON.parse(error) as RunError).message],
    replaced: Number(row.replaced),
  }
}

export async function findTask(tx: Tx, a: { org: OrgId; id: RunId }): Promise<TaskRow | null> {
  const row = await tx.get<Stored>(`SELECT ${columns} FROM ${tables} WHERE t.org_id = ? AND t.run_id = ?`, [
    a.org,
    a.id,
  ])
  return row ? taskOf(row) : null
}

async function mustFind(tx: Tx, a: { org: OrgId; id: RunId }): Promise<TaskRow> {
  const task = await findTask(tx, a)
  if (!task) throw new MeshError('NOT_FOUND', { detail: `task ${a.id}` })
  return task
}

export interface NewTaskRow extends TaskWords {
  org: OrgId
  id: RunId
  project: ProjectId
  /** Of the words, to tell a repeated request from another one (TK1). */
  hash: string
  newSession: SessionId
  requestedBy: string
  asker: { org: OrgId; user: UserId } | null
  /** `credentialKey` of what it was asked for with. */
  credential: string | null
  now: number
}

export async function createTask(tx: Tx, a: NewTaskRow): Promise<{ task: TaskRow; created: boolean }> {
  const known = await runRow(tx, a.org, a.id)
  if (known) {
    if (known.codeHash !== a.hash) throw new MeshError('RUN_EXISTS', { detail: `run ${a.id}` })
    return { task: await mustFind(tx, a), created: false }
  }
  const { count } = (await tx.get<{ count: number }>(
    "SELECT COUNT(*) AS count FROM runs WHERE org_id = ? AND kind = 'task' AND status = 'queued'",
    [a.org],
  ))!
  if (Number(count) >= limits.tasksQueuedPerOrg) throw new MeshError('TOO_MANY', { detail: `${count} tasks wait` })
  const project = await tx.get<{ tree: DocumentId }>(
    'SELECT tree_id AS tree FROM projects WHERE org_id = ? AND project_id = ?',
    [a.org, a.project],
  )
  if (!project) throw new MeshError('NOT_FOUND', { detail: `project ${a.project}` })
  await insertOwnRun(tx, {
    kind: 'task',
    ...{ org: a.org, id: a.id, document: project.tree, project: a.project, newSession: a.newSession, now: a.now },
    ...{ code: a.prompt, codeHash: a.hash, requestedBy: a.requestedBy, asker: a.asker, from: a.credential },
  })
  await tx.run(
    'INSERT INTO tasks (org_id, run_id, repo, base, branch, agent, model, budget, tools, pull_request, from_task, from_turn, state, replaced) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)',
    [
      a.org,
      a.id,
      a.repo,
      a.base,
      a.branch,
      a.agent,
      a.model,
      JSON.stringify(a.budget),
      JSON.stringify(a.tools),
      a.pullRequest ? 1 : 0,
      a.from?.task ?? null,
      a.from?.turn ?? 0,
      JSON.stringify(noTaskState),
    ],
  )
  return { task: await mustFind(tx, a), created: true }
}

/** Newest first; `before` is the arrival that ends the page before. Of projects that the asker may see. */
export async function listTasks(
  tx: Tx,
  a: {
    asker: { org: OrgId; user: UserId }
    project?: string | undefined
    open?: boolean | undefined
    /** Words that the prompt or the repository have, all of them. */
    find?: readonly string[] | undefined
    state?: Task['state'] | undefined
    before: string | null
    rows: number
  },
): Promise<{ items: TaskRow[]; next: string | null }> {
  const words = (a.find ?? []).map(word => `%${word.replaceAll(/[!%_]/g, '!$&')}%`)
  const where = [
    '(r.org_id = ? OR EXISTS (SELECT 1 FROM members m WHERE m.org_id = r.org_id AND m.project_id = r.project_id AND m.member_org = ? AND m.user_id = ?))',
    ...(a.project === undefined ? [] : ['r.project_id = ?']),
    ...(a.open ? ['r.ended_at IS NULL'] : []),
    ...(a.state === undefined ? [] : [stateIs(a.state)]),
    // As written too: not every store knows what is lower case of every letter.
    ...words.map(
      () => "(LOWER(r.code) LIKE ? ESCAPE '!' OR r.code LIKE ? ESCAPE '!' OR LOWER(t.repo) LIKE ? ESCAPE '!')",
    ),
    ...(a.before === null ? [] : ['r.run_id < ?']),
  ]
  const values = [
    a.asker.org,
    a.asker.org,
    a.asker.user,
    ...(a.project === undefined ? [] : [a.project]),
    ...words.flatMap(word => [word.toLowerCase(), word, word.toLowerCase()]),
    ...(a.before === null ? [] : [a.before]),
  ]
  const rows = Math.min(a.rows, limits.pageRows)
  const found = await tx.all<Stored>(
    `SELECT ${columns} FROM ${tables} WHERE ${where.join(' AND ')} ORDER BY r.run_id DESC LIMIT ?`,
    [...values, rows + 1],
  )
  const items = found.slice(0, rows).map(taskOf)
  return { items, next: found.length > rows ? items.at(-1)!.id : null }
}

const isPaused = `t.state LIKE '%"paused":true%'`
/** As `tasks.ts` says it of a row. */
function stateIs(state: Task['state']): string {
  switch (state) {
    case 'starting':
      return "r.status = 'leased'"
    case 'waiting':
      return "r.status IN ('waiting-for-gate', 'waiting-for-input')"
    case 'paused':
      return `r.status = 'running' AND ${isPaused}`
    case 'working':
      return `r.status = 'running' AND NOT (${isPaused})`
    default:
      return `r.status = '${state}'`
  }
}

/**
 * With its log, its messages and its decisions; what it cost stays in the ledger (TK46). A task that goes on is not
 * deleted, nor one that another one which goes on began from. Null where there is none.
 */
export async function deleteTask(tx: Tx, a: { org: OrgId; id: RunId }): Promise<TaskRow | null> {
  const task = await findTask(tx, a)
  if (!task) return null
  if (!hasEnded(task.status) || task.hub !== null)
    throw new MeshError('CONFLICT', { detail: 'the task has not ended; stop it first' })
  const fork = await tx.get<{ id: RunId }>(
    `WITH RECURSIVE forks (id) AS (SELECT run_id FROM tasks WHERE org_id = ? AND from_task = ? UNION SELECT t.run_id FROM tasks t JOIN forks f ON t.from_task = f.id WHERE t.org_id = ?)
    SELECT r.run_id AS id FROM forks f JOIN runs r ON r.org_id = ? AND r.run_id = f.id WHERE r.ended_at IS NULL LIMIT 1`,
    [a.org, a.id, a.org, a.org],
  )
  if (fork) throw new MeshError('CONFLICT', { detail: `task ${fork.id} goes on from it and has not ended` })
  for (const table of ['run_events', 'gates', 'task_messages', 'task_cells', 'tasks', 'runs'])
    await tx.run(`DELETE FROM ${table} WHERE org_id = ? AND run_id = ?`, [a.org, a.id])
  await dropReferences(tx, { org: a.org, holder: `run:${a.id}` })
  return task
}

/** Those that wait for a worker, the first first: new ones, and ones whose worker was lost (TK2, TK12). */
export async function tasksToTake(tx: Tx, a: { rows: number }): Promise<TaskRow[]> {
  const rows = await tx.all<Stored>(
    `SELECT ${columns} FROM ${tables} WHERE r.ended_at IS NULL AND t.worker_id IS NULL AND t.hub IS NULL ORDER BY r.requested_at, r.arrival LIMIT ?`,
    [a.rows],
  )
  return rows.map(taskOf)
}

/** All that this hub has: with a worker, or under delivery. */
export async function tasksOfHub(tx: Tx, a: { hub: string }): Promise<TaskRow[]> {
  const rows = await tx.all<Stored>(`SELECT ${columns} FROM ${tables} WHERE t.hub = ? ORDER BY r.arrival`, [a.hub])
  return rows.map(taskOf)
}

/** Which of these there are. `isOver`: it has ended, and no hub has anything left to do with it. */
export async function tasksThere(
  tx: Tx,
  a: { ids: readonly RunId[] },
): Promise<{ org: OrgId; id: RunId; isOver: boolean }[]> {
  if (a.ids.length === 0) return []
  const rows = await tx.all<{ org: OrgId; id: RunId; over: number }>(
    `SELECT r.org_id AS org, r.run_id AS id, CASE WHEN r.ended_at IS NOT NULL AND t.hub IS NULL THEN 1 ELSE 0 END AS over FROM ${tables} WHERE t.run_id IN (${a.ids.map(() => '?').join(', ')})`,
    [...a.ids],
  )
  return rows.map(({ org, id, over }) => ({ org, id, isOver: Number(over) === 1 }))
}

/** Gives it to a worker of this hub under the next fence; null where it is taken, has ended, or the hub is full (TK10). */
export async function takeTask(
  tx: Tx,
  a: { org: OrgId; id: RunId; hub: string; worker: WorkerId; tokenHash: string; most: number; now: number },
): Promise<TaskRow | null> {
  const task = await findTask(tx, a)
  if (!task || task.hub !== null || hasEnded(task.status)) return null
  const sql = 'SELECT COUNT(*) AS count FROM tasks WHERE hub = ? AND worker_id IS NOT NULL'
  const { count } = (await acrossOrgs(tx, tx => tx.get<{ count: number }>(sql, [a.hub])))!
  if (Number(count) >= a.most) return null
  await nextFence(tx, a)
  await tx.run(
    'UPDATE tasks SET hub = ?, worker_id = ?, worker_hash = ?, worker_since = ? WHERE org_id = ? AND run_id = ?',
    [a.hub, a.worker, a.tokenHash, a.now, a.org, a.id],
  )
  return mustFind(tx, a)
}

/** Whoever held it before is refused from here on. */
async function nextFence(tx: Tx, a: { org: OrgId; id: RunId }): Promise<Fence> {
  const row = (await runRow(tx, a.org, a.id))!
  const fence = parseFence('fence' in row.state ? row.state.fence + 1 : 1)
  const state = stepRun(row.state, { type: 'leased', fence })
  if ('refused' in state) throw new MeshError('INTERNAL', { detail: `the fence of task ${a.id}: ${state.refused}` })
  await saveState(tx, { ...row, state, reasons: [] })
  return fence
}

/** The task of a worker that shows its token, on the socket that is its own. */
export async function taskOfWorker(tx: Tx, a: { worker: WorkerId; tokenHash: string }): Promise<TaskRow | null> {
  const row = await tx.get<Stored>(`SELECT ${columns} FROM ${tables} WHERE t.worker_id = ? AND t.worker_hash = ?`, [
    a.worker,
    a.tokenHash,
  ])
  return row ? taskOf(row) : null
}

export interface TaskAppended {
  /** How far the log goes now. */
  seq: number
  refused?: ErrorCode
  appended: number
  gates: boolean
  ended: boolean
  state: TaskState
}

/** From `first` on, under the fence of whoever holds it; duplicates are skipped, the first refusal ends it (TK11). */
export async function appendTask(
  tx: Tx,
  a: { org: OrgId; id: RunId; fence: Fence; first: Seq; events: LoggedEvent[]; now: number },
): Promise<TaskAppended> {
  const row = await runRow(tx, a.org, a.id)
  const task = await mustFind(tx, a)
  if (!row) throw new MeshError('NOT_FOUND', { detail: `run ${a.id}` })
  const gates = gatesOf(row.state).length > 0 || a.events.some(({ event }) => event.type.startsWith('gate-'))
  let state = task.state
  let appended = 0
  let refused: Refused | undefined
  for (const [index, event] of a.events.entries()) {
    const outcome = await logEvent(tx, row, a.fence, parseSeq(a.first + index), event, a.now)
    if (outcome === 'duplicate') continue
    if (outcome !== 'appended') {
      refused = outcome
      break
    }
    appended++
    if (event.event.type === 'task') {
      state = stepTask(state, event.event.event)
      await noteHeard(tx, a, event.event.event, a.now)
      await noteFollowed(tx, a, event.event.event)
    }
  }
  const ended = hasEnded(row.state.status)
  if (appended > 0) {
    await saveState(tx, row)
    await tx.run('UPDATE tasks SET state = ? WHERE org_id = ? AND run_id = ?', [JSON.stringify(state), a.org, a.id])
  }
  return { seq: row.state.seq, ...(refused && { refused }), appended, gates, ended, state }
}

/** A wish that the log shows as followed is not told again to a worker that connects anew (TK21). */
const followedBy: Partial<Record<TaskEvent['type'], readonly TaskWish['action'][]>> = {
  paused: ['pause', 'interrupt'],
  unpaused: ['continue'],
}

async function noteFollowed(tx: Tx, { org, id }: { org: OrgId; id: RunId }, event: TaskEvent): Promise<void> {
  const actions = followedBy[event.type]
  if (!actions) return
  const wish = (await mustFind(tx, { org, id })).wish
  if (wish && actions.includes(wish.action))
    await tx.run('UPDATE tasks SET wish = NULL WHERE org_id = ? AND run_id = ?', [org, id])
}

async function noteHeard(tx: Tx, { org, id }: { org: OrgId; id: RunId }, event: TaskEvent, now: number): Promise<void> {
  if (event.type === 'heard')
    await tx.run(
      'UPDATE task_messages SET heard_at = ? WHERE org_id = ? AND run_id = ? AND message_id = ? AND heard_at IS NULL',
      [now, org, id, event.id],
    )
}

/**
 * Its worker is no more: it waits for the next one, or, after too many, is for this hub to end. Null where the worker is
 * not its any more (TK12).
 */
export async function loseTaskWorker(
  tx: Tx,
  a: { org: OrgId; id: RunId; worker: WorkerId; reason: string; now: number },
): Promise<TaskRow | null> {
  const task = await findTask(tx, a)
  if (!task || task.worker !== a.worker) return null
  const over = hasEnded(task.status) || task.state.finished !== null
  await tx.run(
    `UPDATE tasks SET worker_id = NULL, worker_hash = NULL, worker_since = NULL, hub = ?, replaced = replaced + 1 WHERE org_id = ? AND run_id = ?`,
    [over ? task.hub : null, a.org, a.id],
  )
  if (over || task.status === 'leased') return findTask(tx, a)
  // The hub writes it under a fence of its own, so that the lost worker can add nothing behind it.
  const fence = await nextFence(tx, a)
  const event: RunEvent = { type: 'task', at: a.now, event: { type: 'worker-replaced', reason: a.reason } }
  await appendTask(tx, { ...a, fence, first: parseSeq(task.seq + 1), events: [logged(event)] })
  return findTask(tx, a)
}

/** The agent is at its end, or cannot go on: from here on the hub itself holds the task (TK30). Null where it has ended. */
export async function holdTask(
  tx: Tx,
  a: { org: OrgId; id: RunId; hub: string },
): Promise<{ task: TaskRow; fence: Fence } | null> {
  const task = await findTask(tx, a)
  if (!task || hasEnded(task.status) || (task.hub !== null && task.hub !== a.hub)) return null
  const fence = await nextFence(tx, a)
  await tx.run('UPDATE tasks SET hub = ? WHERE org_id = ? AND run_id = ?', [a.hub, a.org, a.id])
  return { task: await mustFind(tx, a), fence }
}

/** Nothing of it is anywhere any more. */
export async function releaseTask(tx: Tx, a: { org: OrgId; id: RunId }): Promise<void> {
  await tx.run(
    'UPDATE tasks SET hub = NULL, worker_id = NULL, worker_hash = NULL, worker_since = NULL, wish = NULL WHERE org_id = ? AND run_id = ?',
    [a.org, a.id],
  )
}

/** Idempotent by the id of the message (TK20). */
export async function sayToTask(
  tx: Tx,
  a: { org: OrgId; id: RunId; message: string; text: string; by: string; now: number },
): Promise<TaskMessage> {
  const known = (await messagesOf(tx, a)).find(({ id }) => id === a.message)
  if (known) {
    if (known.text !== a.text) throw new MeshError('CONFLICT', { detail: `message ${a.message} was another one` })
    return known
  }
  const task = await mustFind(tx, a)
  if (hasEnded(task.status) || task.state.finished) throw new MeshError('RUN_ENDED', { detail: `task ${a.id}` })
  const { count } = (await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM task_messages WHERE org_id = ? AND run_id = ?',
    [a.org, a.id],
  ))!
  if (Number(count) >= limits.taskMessagesPerTask) throw new MeshError('TOO_MANY', { detail: 'messages to this task' })
  await tx.run(
    'INSERT INTO task_messages (org_id, run_id, message_id, number, said_by, said_at, text) VALUES (?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.id, a.message, Number(count) + 1, a.by, a.now, a.text],
  )
  return { id: a.message, text: a.text, by: a.by, at: a.now, heardAt: null }
}

export async function messagesOf(tx: Tx, a: { org: OrgId; id: RunId }): Promise<TaskMessage[]> {
  return tx.all<TaskMessage>(
    'SELECT message_id AS id, text AS text, said_by AS by, said_at AS at, heard_at AS "heardAt" FROM task_messages WHERE org_id = ? AND run_id = ? ORDER BY number',
    [a.org, a.id],
  )
}

/** The last wish counts (TK21). */
export async function wishOfTask(
  tx: Tx,
  a: { org: OrgId; id: RunId; action: TaskWish['action']; by: string; now: number },
): Promise<TaskRow> {
  const task = await mustFind(tx, a)
  if (hasEnded(task.status)) throw new MeshError('RUN_ENDED', { detail: `task ${a.id}` })
  const wish: TaskWish = {
    action: a.action,
    by: a.by,
    at: a.now,
    number: Math.max(a.now, (task.wish?.number ?? 0) + 1),
  }
  await tx.run('UPDATE tasks SET wish = ? WHERE org_id = ? AND run_id = ?', [JSON.stringify(wish), a.org, a.id])
  return mustFind(tx, a)
}

export async function noteTaskReasons(tx: Tx, a: { org: OrgId; id: RunId; reasons: string[] }): Promise<void> {
  await tx.run('UPDATE runs SET reasons = ? WHERE org_id = ? AND run_id = ? AND ended_at IS NULL', [
    JSON.stringify(a.reasons),
    a.org,
    a.id,
  ])
}

/** From which commit it begins: the first that is said counts for all its workers. */
export async function noteTaskBase(tx: Tx, a: { org: OrgId; id: RunId; base: string }): Promise<void> {
  await tx.run('UPDATE tasks SET base_commit = ? WHERE org_id = ? AND run_id = ? AND base_commit IS NULL', [
    a.base,
    a.org,
    a.id,
  ])
}

/** The last checkpoint of the first turns of a task; null where there was none. */
export async function checkpointAt(tx: Tx, a: { org: OrgId; id: RunId; turn: number }): Promise<string | null> {
  const rows = await tx.all<{ text: string }>(
    'SELECT event AS text FROM run_events WHERE org_id = ? AND run_id = ? AND event LIKE \'%"checkpoint"%\' ORDER BY seq',
    [a.org, a.id],
  )
  let commit: string | null = null
  for (const { text } of rows) {
    const event = JSON.parse(text) as RunEvent
    if (event.type === 'task' && event.event.type === 'checkpoint' && event.event.turn <= a.turn)
      commit = event.event.commit
  }
  return commit
}

/** Forks of forks. */
const mostForks = 20

/** Named by its log, or by that of a task that it goes on from. */
export async function isAssetOfTask(tx: Tx, a: { org: OrgId; id: RunId; asset: AssetId }): Promise<boolean> {
  let id: RunId | null = a.id
  for (let forks = 0; id !== null && forks <= mostForks; forks++) {
    const named = await tx.get(
      'SELECT 1 AS one FROM asset_references WHERE org_id = ? AND holder = ? AND asset_id = ?',
      [a.org, `run:${id}`, a.asset],
    )
    if (named) return true
    const task: TaskRow | null = await findTask(tx, { org: a.org, id })
    id = task?.from?.task ?? null
  }
  return false
}

/** The first answer to a question counts; one to no question is refused. */
export async function answerTask(
  tx: Tx,
  a: { org: OrgId; id: RunId; input: string | undefined; text: string },
): Promise<TaskRow> {
  const row = await runRow(tx, a.org, a.id)
  const task = await mustFind(tx, a)
  if (hasEnded(task.status)) throw new MeshError('RUN_ENDED', { detail: `task ${a.id}` })
  const asked = row && 'inputId' in row.state ? row.state.inputId : null
  if (asked === null || (a.input !== undefined && a.input !== asked) || task.answer?.id === asked)
    throw new MeshError('CONFLICT', { detail: 'the agent does not wait for this answer' })
  await tx.run('UPDATE tasks SET answer = ? WHERE org_id = ? AND run_id = ?', [
    JSON.stringify({ id: asked, text: a.text }),
    a.org,
    a.id,
  ])
  return mustFind(tx, a)
}
