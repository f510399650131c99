/** Procedures over the cells that agents ask for (TK50–TK57): what each may be is decided in one transaction, once. */
import { createHash } from 'node:crypto'
import type { Scope } from '@meshbook/core/api.ts'
import { approvalTitle, cellTool, cellToolRule } from '@meshbook/core/cell-request.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type Fence, type GateId, type OrgId, parseRunId, type RunId, type UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { runRow } from './run-rows.ts'
import { findTask, type TaskRow } from './tasks.ts'

export interface TaskCell {
  org: OrgId
  task: RunId
  /** Of the tool call that it is for. */
  call: string
  /** Under which it runs; there may be no such run yet. */
  run: RunId
  endsAt: number
}

interface Stored extends TaskCell {
  digest: string
}

const columns =
  'c.org_id AS org, c.run_id AS task, c.call_id AS call, c.cell_run AS run, c.ends_at AS "endsAt", c.digest AS digest'

async function cellOf(tx: Tx, a: { org: OrgId; task: RunId; call: string }): Promise<Stored | undefined> {
  return tx.get<Stored>(`SELECT ${columns} FROM task_cells c WHERE c.org_id = ? AND c.run_id = ? AND c.call_id = ?`, [
    a.org,
    a.task,
    a.call,
  ])
}

export async function findTaskCell(tx: Tx, a: { org: OrgId; task: RunId; call: string }): Promise<TaskCell | null> {
  const known = await cellOf(tx, a)
  return known ? plain(known) : null
}

const plain = ({ digest: _, ...cell }: Stored): TaskCell => cell

export interface AskedCell {
  org: OrgId
  task: RunId
  /** Of the worker that asks. */
  fence: Fence
  call: string
  /** SHA-256 of the words of exactly this request. */
  digest: string
}

interface Allowed {
  known: TaskCell | null
  /** What is used up by it; null where nobody has to agree. */
  gate: GateId | null
}

/** Throws where it may not be; the same call with the same words is the same cell (TK50–TK52, TK57). */
async function judge(tx: Tx, a: AskedCell): Promise<Allowed> {
  const task = await findTask(tx, { org: a.org, id: a.task })
  if (!task) throw new MeshError('NOT_FOUND', { detail: `task ${a.task}` })
  const row = await runRow(tx, a.org, a.task)
  if (!row || !('fence' in row.state) || row.state.fence !== a.fence)
    throw new MeshError('STALE_FENCE', { detail: 'another worker has the task' })
  if (isOver(task)) throw new MeshError('RUN_ENDED', { detail: 'the task ends' })
  const known = await cellOf(tx, a)
  if (known && known.digest !== a.digest)
    throw new MeshError('CONFLICT', { detail: 'this call was for another cell before' })
  if (known) return { known: plain(known), gate: null }
  const rule = Object.hasOwn(task.tools, cellTool) ? task.tools[cellTool] : cellToolRule
  if (rule === 'never') throw new MeshError('FORBIDDEN', { detail: `${cellTool} is not allowed in this task` })
  await mustHaveRoom(tx, a)
  return { known: null, gate: rule === 'auto' ? null : await agreementTo(tx, task, a.digest) }
}

/** What it was allowed as before, or null where it may be allowed; nothing is used up. */
export async function judgeTaskCell(tx: Tx, a: AskedCell): Promise<TaskCell | null> {
  return (await judge(tx, a)).known
}

export async function allowTaskCell(tx: Tx, a: AskedCell & { now: number; endsAt: number }): Promise<TaskCell> {
  const { known, gate } = await judge(tx, a)
  if (known) return known
  const run = parseRunId(`cell-${shortHash([a.task, gate === null ? `call ${a.call}` : `gate ${gate}`])}`)
  await tx.run(
    'INSERT INTO task_cells (org_id, run_id, call_id, cell_run, gate_id, digest, asked_at, ends_at, going) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)',
    [a.org, a.task, a.call, run, gate, a.digest, a.now, a.endsAt],
  )
  return { org: a.org, task: a.task, call: a.call, run, endsAt: a.endsAt }
}

const isOver = ({ status, state, wish, cancelReason }: TaskRow): boolean =>
  hasEnded(status) || state.finished !== null || wish?.action === 'stop' || cancelReason !== null

const shortHash = (parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40)

async function mustHaveRoom(tx: Tx, a: { org: OrgId; task: RunId }): Promise<void> {
  const { all, going } = (await tx.get<{ all: number; going: number }>(
    `SELECT COUNT(*) AS "all", COUNT(CASE WHEN c.going = 1 AND r.ended_at IS NULL THEN 1 END) AS going
    FROM task_cells c LEFT JOIN runs r ON r.org_id = c.org_id AND r.run_id = c.cell_run WHERE c.org_id = ? AND c.run_id = ?`,
    [a.org, a.task],
  ))!
  if (Number(going) >= limits.goingCellsPerTask)
    throw new MeshError('TOO_MANY', { detail: `${going} cells of this task go on` })
  if (Number(all) >= limits.cellsPerTask)
    throw new MeshError('TOO_MANY', { detail: `this task has asked for ${all} cells` })
}

interface Agreement {
  gate: GateId
  state: string
  digest: string
  by: string | null
  used: number
}

/** The oldest that is of this tool, about these bytes, by the user who asked for the task, and was not used (TK51). */
async function agreementTo(tx: Tx, task: TaskRow, digest: string): Promise<GateId> {
  const all = await tx.all<Agreement>(
    `SELECT g.gate_id AS gate, g.state AS state, g.digest AS digest, g.decided_by AS by, CASE WHEN c.call_id IS NULL THEN 0 ELSE 1 END AS used
    FROM gates g LEFT JOIN task_cells c ON c.org_id = g.org_id AND c.gate_id = g.gate_id
    WHERE g.org_id = ? AND g.run_id = ? AND g.title = ? ORDER BY g.gate_id`,
    [task.org, task.id, approvalTitle(cellTool)],
  )
  const approved = all.filter(({ state, by }) => state === 'approved' && by !== null && by === task.asker)
  const free = approved.filter(({ used }) => Number(used) === 0)
  const found = free.find(gate => gate.digest === digest)
  if (found) return found.gate
  if (approved.some(gate => gate.digest === digest))
    throw new MeshError('GATE_REPLAYED', {
      detail: 'this agreement was used by another call; each is good for one run',
    })
  if (free.length > 0) throw new MeshError('GATE_ALTERED', { detail: 'what was agreed to is not what would run' })
  const by = all.find(gate => gate.digest === digest && gate.state === 'approved')?.by
  const why = by ? `${by} agreed, but` : 'nobody agreed to exactly this:'
  throw new MeshError('FORBIDDEN', { detail: `${why} it needs ${task.asker ?? 'whoever asked for the task'}` })
}

export interface OpenTaskCell extends TaskCell {
  /** Somebody asked for the end of its run. */
  isCancelled: boolean
}

const withRuns = 'task_cells c LEFT JOIN runs r ON r.org_id = c.org_id AND r.run_id = c.cell_run'

type StoredOpen = Stored & { cancelReason: string | null }

const openOf = ({ cancelReason, ...cell }: StoredOpen): OpenTaskCell => ({
  ...plain(cell),
  isCancelled: cancelReason !== null,
})

/** Those of a task that may go on. */
export async function openTaskCells(tx: Tx, a: { org: OrgId; task: RunId }): Promise<OpenTaskCell[]> {
  const rows = await tx.all<StoredOpen>(
    `SELECT ${columns}, r.cancel_reason AS "cancelReason" FROM ${withRuns}
    WHERE c.org_id = ? AND c.run_id = ? AND c.going = 1 ORDER BY c.asked_at, c.call_id`,
    [a.org, a.task],
  )
  return rows.map(openOf)
}

/** Those whose time is over, of all tasks, that are not known to have ended. */
export async function overdueTaskCells(tx: Tx, a: { now: number }): Promise<OpenTaskCell[]> {
  const rows = await tx.all<StoredOpen>(
    `SELECT ${columns}, r.cancel_reason AS "cancelReason" FROM ${withRuns}
    WHERE c.going = 1 AND c.ends_at <= ? ORDER BY c.ends_at LIMIT 100`,
    [a.now],
  )
  return rows.map(openOf)
}

/** It has ended, and is looked at no more. */
export async function closeTaskCell(tx: Tx, a: { org: OrgId; task: RunId; call: string }): Promise<void> {
  await tx.run('UPDATE task_cells SET going = 0 WHERE org_id = ? AND run_id = ? AND call_id = ?', [
    a.org,
    a.task,
    a.call,
  ])
}

export interface TaskAsker {
  org: OrgId
  user: UserId
  name: string
  /** What the credential that the task was asked for with leaves of the rights. */
  scopes: Scope[]
  /** `credentialKey` of it; null of a hook. */
  credential: string | null
}

const everyScope: Scope[] = ['read', 'write', 'run']

/** In whose name a task acts; null where that user is gone, or the token or device is revoked that it was asked for with (TK53). */
export async function askerOfTask(tx: Tx, a: { org: OrgId; id: RunId }): Promise<TaskAsker | null> {
  const row = await tx.get<Omit<TaskAsker, 'scopes'>>(
    `SELECT u.org_id AS org, u.user_id AS user, u.name AS name, r.asked_from AS credential
    FROM runs r JOIN users u ON u.org_id = r.asked_org AND u.user_id = r.asked_by WHERE r.org_id = ? AND r.run_id = ?`,
    [a.org, a.id],
  )
  if (!row) return null
  const scopes = await scopesOf(tx, row.credential)
  return scopes && { ...row, scopes }
}

async function scopesOf(tx: Tx, credential: string | null): Promise<Scope[] | null> {
  const [, kind, id] = /^(\w+):(.+)$/.exec(credential ?? '') ?? []
  switch (kind ?? 'hook') {
    case 'hook':
    case 'session':
      return everyScope
    case 'token': {
      const token = await tx.get<{ scopes: string }>('SELECT scopes AS scopes FROM tokens WHERE token_id = ?', [id!])
      return token ? (JSON.parse(token.scopes) as Scope[]) : null
    }
    case 'device': {
      const device = await tx.get('SELECT 1 AS found FROM devices WHERE device_id = ? AND revoked_at IS NULL', [id!])
      return device ? everyScope : null
    }
    default:
      return null
  }
}
