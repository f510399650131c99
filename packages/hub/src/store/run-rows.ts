/** How a run is read from its row, and written back after a step of its state machine. */
import type { Run } from '@meshbook/core/api.ts'
import type {
  DeviceId,
  DocumentId,
  Fence,
  HeadId,
  OrgId,
  ProjectId,
  RunId,
  Seq,
  SessionId,
  UserId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { CellRef, Failover, Lease, RunRequest } from '@meshbook/core/messages.ts'
import type { SessionPolicy } from '@meshbook/core/moves-api.ts'
import type { RunError, RunState } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { HeadRestore } from './saved-states.ts'

/** What the procedures need of a run beside what the API shows. */
export interface RunRow {
  org: OrgId
  id: RunId
  arrival: number
  project: ProjectId
  document: DocumentId
  session: SessionId
  sessionName: string
  language: string
  code: string
  codeHash: string
  cell: CellRef | null
  requestedBy: string
  askedOrg: OrgId | null
  askedBy: UserId | null
  requestedAt: number
  expiresAt: number
  chosenDevice: DeviceId | null
  state: RunState
  logBytes: number
  head: HeadId | null
  device: DeviceId | null
  reasons: string[]
  cancelReason: string | null
  demands: RunDemands
  /** Set aside until it is confirmed. */
  asks: Run['asks']
  /** When the user asked for it, if that was before it was requested here. */
  askedAt: number | null
  confirmedAt: number | null
  /** Of a run that its device gave itself: 0 while it goes on there, then the number of its last event (RU60). */
  importedEnd: number | null
  /** Somebody said that it waits for the device that has its session no longer. */
  elsewhere: boolean
  /** It goes on elsewhere from its middle, and so far nobody has told of it: how far its log went then. */
  resumeSeq: Seq | null
}

/** What a run asks of the device, and where the one who asks is. */
export interface RunDemands {
  runsOn?: string | undefined
  requires?: readonly string[] | undefined
  /** Name of a kernelspec. */
  kernel?: string | undefined
  /** How long it may take. */
  timeoutMs?: number | undefined
  failover?: Failover | undefined
  onLoss?: RunRequest['onLoss'] | undefined
  /** Names of networks. */
  networks?: readonly string[] | undefined
}

type Stored = Omit<RunRow, 'cell' | 'state' | 'reasons' | 'demands' | 'elsewhere'> & {
  elsewhere: number
  cell: string | null
  state: string
  reasons: string
  demands: string
}

const rowColumns = `r.org_id AS org, r.run_id AS id, r.arrival AS arrival, r.project_id AS project, r.document_id AS document, r.session_id AS session, s.name AS "sessionName",
  r.language AS language, r.code AS code, r.code_hash AS "codeHash", r.cell AS cell, r.requested_by AS "requestedBy", r.asked_org AS "askedOrg", r.asked_by AS "askedBy", r.requested_at AS "requestedAt", r.expires_at AS "expiresAt",
  r.chosen_device AS "chosenDevice", r.state AS state, r.log_bytes AS "logBytes", r.head_id AS head, r.device_id AS device, r.reasons AS reasons, r.cancel_reason AS "cancelReason", r.demands AS demands,
  r.asks AS asks, r.asked_at AS "askedAt", r.confirmed_at AS "confirmedAt", r.imported_end AS "importedEnd", r.elsewhere AS elsewhere, r.resume_seq AS "resumeSeq"`
const rowTables = 'runs r JOIN sessions s ON s.org_id = r.org_id AND s.session_id = r.session_id'

/** `where` is text of this package, never of a request; values go as parameters. */
export async function selectRuns(tx: Tx, where: string, values: (string | number | null)[]): Promise<RunRow[]> {
  const rows = await tx.all<Stored>(`SELECT ${rowColumns} FROM ${rowTables} WHERE ${where}`, values)
  return rows.map(row => ({
    ...row,
    cell: row.cell === null ? null : (JSON.parse(row.cell) as CellRef),
    state: JSON.parse(row.state) as RunState,
    reasons: JSON.parse(row.reasons) as string[],
    demands: JSON.parse(row.demands) as RunDemands,
    elsewhere: row.elsewhere === 1,
  }))
}

export async function runRow(tx: Tx, org: OrgId, id: RunId): Promise<RunRow | undefined> {
  return (await selectRuns(tx, 'r.org_id = ? AND r.run_id = ?', [org, id]))[0]
}

export const activeStatuses = "('leased', 'running', 'waiting-for-input', 'waiting-for-gate')"

/** Writes the state and the columns that only repeat it, so that lists need not read JSON. */
export async function saveState(tx: Tx, row: RunRow): Promise<void> {
  const { state } = row
  const fence = 'fence' in state ? state.fence : null
  const startedAt = 'startedAt' in state ? state.startedAt : null
  const [endedAt, durationMs, error] =
    'endedAt' in state ? [state.endedAt, state.durationMs, state.error ?? null] : [null, null, null]
  await tx.run(
    'UPDATE runs SET resume_seq = ?, status = ?, state = ?, seq = ?, log_bytes = ?, fence = ?, head_id = ?, device_id = ?, started_at = COALESCE(started_at, ?), ended_at = ?, duration_ms = ?, reasons = ?, error = ? WHERE org_id = ? AND run_id = ?',
    [
      row.resumeSeq,
      state.status,
      JSON.stringify(state),
      state.seq,
      row.logBytes,
      fence,
      row.head,
      row.device,
      startedAt,
      endedAt,
      durationMs,
      JSON.stringify(row.reasons),
      error === null ? null : JSON.stringify(error),
      row.org,
      row.id,
    ],
  )
}

/** The lease, with what its head begins with as long as its device has not said that it is there. */
export async function leaseFor(tx: Tx, row: RunRow, head: HeadId, fence: Fence, expiresAt: number): Promise<Lease> {
  const lease = leaseOf(row, head, fence, expiresAt)
  const policy = await tx.get<{ restore: string | null; restored: string | null; policy: string }>(
    'SELECT h.restore AS restore, h.restored AS restored, s.policy AS policy FROM heads h JOIN sessions s ON s.org_id = h.org_id AND s.session_id = h.session_id WHERE h.org_id = ? AND h.head_id = ?',
    [row.org, head],
  )
  const restore = policy?.restore && policy.restored === null ? (JSON.parse(policy.restore) as HeadRestore) : undefined
  const onLoss = row.demands.onLoss ?? (JSON.parse(policy?.policy ?? '{}') as SessionPolicy).onLoss
  return {
    ...lease,
    ...(onLoss !== undefined && { onLoss }),
    ...(restore && { restore: restore.ladder, behind: restore.behind }),
    ...(row.resumeSeq !== null && { resume: { seq: row.resumeSeq } }),
  }
}

function leaseOf(row: RunRow, head: HeadId, fence: Fence, expiresAt: number): Lease {
  const { id: run, project, document, session, sessionName, language, code, requestedBy, requestedAt } = row
  return {
    run,
    project,
    document,
    session,
    sessionName,
    head,
    fence,
    language,
    ...(row.demands.kernel !== undefined && { kernel: row.demands.kernel }),
    ...(row.demands.timeoutMs !== undefined && { timeoutMs: row.demands.timeoutMs }),
    code,
    ...(row.cell ? { cell: row.cell } : {}),
    requestedBy,
    requestedAt,
    expiresAt,
  }
}

type Shown = Omit<Run, 'cell' | 'reasons' | 'error' | 'afterwards' | 'result'> & {
  arrival: number
  cell: string | null
  reasons: string
  error: string | null
  afterwards: string | null
  result: string | null
}

const shownColumns = `r.arrival AS arrival, r.run_id AS id, r.kind AS kind, r.status AS status, r.project_id AS project, r.document_id AS document, d.path AS path, r.session_id AS session, r.language AS language,
  r.code AS code, r.code_hash AS "codeHash", r.cell AS cell, r.requested_by AS "requestedBy", r.requested_at AS "requestedAt", r.started_at AS "startedAt", r.ended_at AS "endedAt", r.duration_ms AS "durationMs",
  r.device_id AS device, v.name AS "deviceName", r.fence AS fence, r.seq AS seq, r.reasons AS reasons, r.error AS error,
  r.asks AS asks, r.again_of AS "againOf", r.afterwards AS afterwards, r.log_expired_at AS "logExpiredAt", r.result AS result,
  CASE WHEN r.status = 'queued' THEN (SELECT COUNT(*) FROM runs q WHERE q.org_id = r.org_id AND q.session_id = r.session_id AND q.asks IS NULL AND q.status IN ('queued', 'leased', 'running', 'waiting-for-input', 'waiting-for-gate') AND q.arrival < r.arrival) ELSE NULL END AS position`
const shownTables =
  'runs r LEFT JOIN documents d ON d.org_id = r.org_id AND d.document_id = r.document_id LEFT JOIN devices v ON v.device_id = r.device_id'

function shownRun(row: Shown): Run {
  const { arrival: _, cell, reasons, error, afterwards, result, ...rest } = row
  return {
    ...rest,
    ...(cell === null ? {} : { cell: JSON.parse(cell) as CellRef }),
    reasons: JSON.parse(reasons) as string[],
    error: error === null ? null : (JSON.parse(error) as RunError),
    afterwards: afterwards === null ? null : (JSON.parse(afterwards) as Run['afterwards']),
    result: result === null ? null : (JSON.parse(result) as Run['result']),
  }
}

export async function showRun(tx: Tx, a: { org: OrgId; id: RunId }): Promise<Run | null> {
  const row = await tx.get<Shown>(`SELECT ${shownColumns} FROM ${shownTables} WHERE r.org_id = ? AND r.run_id = ?`, [
    a.org,
    a.id,
  ])
  return row ? shownRun(row) : null
}

/** Of one org, by their ids. */
export async function showRuns(tx: Tx, a: { org: OrgId; ids: readonly RunId[] }): Promise<Map<RunId, Run>> {
  if (a.ids.length === 0) return new Map()
  const places = a.ids.map(() => '?').join(', ')
  const sql = `SELECT ${shownColumns} FROM ${shownTables} WHERE r.org_id = ? AND r.run_id IN (${places})`
  const rows = await tx.all<Shown>(sql, [a.org, ...a.ids])
  return new Map(rows.map(row => [row.id, shownRun(row)]))
}

export interface RunFilter {
  project?: string | undefined
  document?: string | undefined
  session?: string | undefined
  device?: string | undefined
  status?: string | undefined
}

export interface RunPage {
  items: Run[]
  next: string | null
}

/**
 * The runs of the asker's org and those of shared projects, newest first. `before` is `<time> <id>` of the run that ends
 * the page before: numbers of arrival are those of one org.
 */
export async function listVisibleRuns(
  tx: Tx,
  a: {
    asker: { org: OrgId; user: string }
    filter: Pick<RunFilter, 'device' | 'status'>
    before: string | null
    rows: number
  },
): Promise<RunPage> {
  const { device, status } = a.filter
  const [at, id] = a.before?.split(' ') ?? []
  const given: [string, (string | number)[]][] = [
    ['(r.org_id = ? OR m.project_id IS NOT NULL)', [a.asker.org]],
    ...(device === undefined ? [] : [['r.device_id = ?', [device]] as [string, string[]]]),
    ...(status === undefined ? [] : [['r.status = ?', [status]] as [string, string[]]]),
  ]
  if (at !== undefined && id !== undefined)
    given.push(['(r.requested_at < ? OR (r.requested_at = ? AND r.run_id < ?))', [Number(at), Number(at), id]])
  const shared = `LEFT JOIN (SELECT DISTINCT org_id, project_id FROM members WHERE member_org = ? AND user_id = ?) m
    ON m.org_id = r.org_id AND m.project_id = r.project_id`
  const found = await tx.all<Shown>(
    `SELECT ${shownColumns} FROM ${shownTables} ${shared} WHERE ${given.map(([text]) => text).join(' AND ')}
    ORDER BY r.requested_at DESC, r.run_id DESC LIMIT ?`,
    [a.asker.org, a.asker.user, ...given.flatMap(([, values]) => values), a.rows + 1],
  )
  const items = found.slice(0, a.rows).map(withoutCode)
  const last = items.at(-1)
  return { items, next: last && found.length > a.rows ? `${last.requestedAt} ${last.id}` : null }
}

function withoutCode(row: Shown): Run {
  const { code: _, ...run } = shownRun(row)
  return run
}

/** Newest first; `before` is the arrival number that ends the page before. */
export async function listRuns(
  tx: Tx,
  a: { org: OrgId; filter: RunFilter; before: number | null; rows: number },
): Promise<{ items: Run[]; next: number | null }> {
  const columns = {
    project: 'r.project_id',
    document: 'r.document_id',
    session: 'r.session_id',
    device: 'r.device_id',
    status: 'r.status',
  }
  const given = (Object.keys(columns) as (keyof RunFilter)[]).filter(name => a.filter[name] !== undefined)
  const where = [
    'r.org_id = ?',
    ...given.map(name => `${columns[name]} = ?`),
    ...(a.before === null ? [] : ['r.arrival < ?']),
  ].join(' AND ')
  const values = [a.org, ...given.map(name => a.filter[name]!), ...(a.before === null ? [] : [a.before])]
  const rows = Math.min(a.rows, limits.pageRows)
  const found = await tx.all<Shown>(
    `SELECT ${shownColumns} FROM ${shownTables} WHERE ${where} ORDER BY r.arrival DESC LIMIT ?`,
    [...values, rows + 1],
  )
  const page = found.slice(0, rows)
  return {
    items: page.map(withoutCode),
    next: found.length > rows ? page.at(-1)!.arrival : null,
  }
}
