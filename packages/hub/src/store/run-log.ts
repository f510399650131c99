/** Procedures that append to a run's log and read it. Every append passes the state machine in the same transaction (I4, I5). */
import type { Run } from '@meshbook/core/api.ts'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { textOfEvent } from '@meshbook/core/event-text.ts'
import {
  type DeviceId,
  type Fence,
  type OrgId,
  parseFence,
  parseSeq,
  type RunId,
  type Seq,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { gatesOf, hasEnded, type RunEvent, type RunRefusal, type RunStatus, stepRun } from '@meshbook/core/run.ts'
import type { Turn, Tx } from '@meshbook/relay/sql/tx.ts'
import { addReferences, assetsOfEvent } from './asset-references.ts'
import { openGate, receiveGate, voidGates } from './gates.ts'
import { type RunRow, runRow, saveState, showRun } from './run-rows.ts'
import { tellOfEvent } from './tell-runs.ts'
import { settleWorkflow } from './workflow-places.ts'

export interface Appended {
  /** How far the log goes now. */
  seq: number
  /** The run's fence, for the answer. */
  refused?: ErrorCode
  appended: number
  /** Whether what was appended stands in the log as it came. */
  isWhole: boolean
  /** Whether gates of the run may have come, been received or become void by it. */
  gates: boolean
  /** Set when something was appended. */
  run: Run | null
}

/** An event as it is stored: its text, and what the state machine looks at, which output is no part of. */
export interface LoggedEvent {
  event: RunEvent
  text: string
}

export function logged(event: RunEvent): LoggedEvent {
  const isOutput = event.type === 'stdout' || event.type === 'stderr'
  return { event: isOutput ? { ...event, text: '' } : event, text: textOfEvent(event) }
}

/** Appends the events of the run's holder from `first` on; duplicates are skipped, and the first refusal ends it. */
export async function appendEvents(
  tx: Tx,
  a: {
    org: OrgId
    device: DeviceId
    id: RunId
    fence: Fence
    first: Seq
    events: LoggedEvent[]
    now: number
    turn?: Turn
  },
): Promise<Appended> {
  const row = await runRow(tx, a.org, a.id)
  const none = { appended: 0, isWhole: true, gates: false, run: null }
  if (!row) return { ...none, seq: 0, refused: 'NOT_FOUND' }
  if (row.device !== a.device) return { ...none, seq: row.state.seq, refused: 'STALE_FENCE' }
  if (a.events.some(({ event }) => event.type === 'task' || event.type === 'workflow'))
    return { ...none, seq: row.state.seq, refused: 'FORBIDDEN' }
  const gates = gatesOf(row.state).length > 0 || a.events.some(({ event }) => event.type.startsWith('gate-'))
  let appended = 0
  let refused: ErrorCode | undefined
  for (const [index, event] of a.events.entries()) {
    const outcome = await logEvent(tx, row, a.fence, parseSeq(a.first + index), event, a.now)
    if (outcome === 'appended') appended++
    else if (outcome !== 'duplicate') {
      refused = outcome
      break
    }
  }
  if (appended > 0) await saveState(tx, row)
  return {
    seq: row.state.seq,
    ...(refused ? { refused } : {}),
    appended,
    isWhole: row.logBytes < limits.runOutputBytes,
    gates,
    run: appended > 0 ? await showRun(tx, { org: a.org, id: a.id }) : null,
  }
}

const codeOfRefusal = {
  'stale-fence': 'STALE_FENCE',
  gap: 'SEQ_GAP',
  ended: 'RUN_ENDED',
  'not-leased': 'STALE_FENCE',
  'too-many-gates': 'TOO_MANY',
} as const satisfies Record<Exclude<RunRefusal['refused'], 'duplicate'>, ErrorCode>

export type Refused = ErrorCode

/** Steps `row` in place; the caller saves it. */
export async function logEvent(
  tx: Tx,
  row: RunRow,
  fence: Fence,
  seq: Seq,
  { event, text: whole }: LoggedEvent,
  now: number,
): Promise<'appended' | 'duplicate' | Refused> {
  const state = stepRun(row.state, { type: 'event', fence, seq, event })
  if ('refused' in state) {
    // Where the hub itself wrote the end, the holder's event of the same number is another one, and is not in the log.
    const replaced = hasEnded(row.state.status) && seq === row.state.seq && event.type !== row.state.status
    if (state.refused === 'duplicate') return replaced ? 'RUN_ENDED' : 'duplicate'
    return codeOfRefusal[state.refused]
  }
  if (event.type === 'gate-opened' && !(await openGate(tx, { org: row.org, run: row.id, event }))) return 'CONFLICT'
  const text = row.logBytes < limits.runOutputBytes ? whole : JSON.stringify(withoutContent(event))
  await tx.run('INSERT INTO run_events (org_id, run_id, seq, event) VALUES (?, ?, ?, ?)', [row.org, row.id, seq, text])
  const assets = assetsOfEvent(event)
  if (assets.length > 0) await addReferences(tx, { org: row.org, holder: `run:${row.id}`, assets })
  if (event.type === 'gate-decided') await receiveGate(tx, { org: row.org, run: row.id, event })
  if (hasEnded(state.status)) {
    if (gatesOf(row.state).length > 0) await voidGates(tx, { org: row.org, run: row.id })
    await settleWorkflow(tx, { org: row.org, id: row.id, now })
  }
  row.logBytes += text.length
  row.resumeSeq = null
  const before = row.state
  row.state = state
  await tellOfEvent(tx, { org: row.org, id: row.id, seq, before, event, now })
  return 'appended'
}

/** Beyond the cap of a log its events keep their numbers and lose their content (I10). */
function withoutContent(event: RunEvent): RunEvent {
  if (event.type === 'stdout' || event.type === 'stderr') return { ...event, text: '' }
  return event.type === 'display' || event.type === 'result' ? { ...event, parts: [] } : event
}

type Ending = 'cancelled' | 'interrupted' | 'failed'

/** Ends a run in the hub's own name; undefined when it had ended before. */
export async function endRun(
  tx: Tx,
  a: { org: OrgId; id: RunId; as: Ending; reason: string; code?: ErrorCode; now: number },
): Promise<Run | null> {
  const row = await runRow(tx, a.org, a.id)
  if (!row || hasEnded(row.state.status)) return null
  if (row.state.status === 'queued') await leaseToNobody(tx, row)
  const startedAt = 'startedAt' in row.state ? row.state.startedAt : a.now
  const ended = { at: a.now, durationMs: Math.max(0, a.now - startedAt) }
  const error = { name: a.code ?? 'INTERRUPTED', message: a.reason, traceback: [], ...(a.code ? { code: a.code } : {}) }
  const event: RunEvent =
    a.as === 'failed' ? { type: 'failed', ...ended, error } : { type: a.as, ...ended, reason: a.reason }
  const fence = 'fence' in row.state ? row.state.fence : parseFence(1)
  const outcome = await logEvent(tx, row, fence, parseSeq(row.state.seq + 1), logged(event), a.now)
  if (outcome !== 'appended') throw new MeshError('INTERNAL', { detail: `ending run ${a.id}: ${outcome}` })
  await saveState(tx, row)
  return await showRun(tx, { org: a.org, id: a.id })
}

/** A run that nobody held ends under the session's present fence, and no head is touched. */
async function leaseToNobody(tx: Tx, row: RunRow): Promise<void> {
  const { fence } = (await tx.get<{ fence: number }>('SELECT fence FROM sessions WHERE org_id = ? AND session_id = ?', [
    row.org,
    row.session,
  ]))!
  const state = stepRun(row.state, { type: 'leased', fence: parseFence(Math.max(1, fence)) })
  if (!('refused' in state)) row.state = state
}

export type Cancelling = { ended: Run } | { asked: Run; device: DeviceId }

/** What nobody works on ends at once; otherwise the wish is kept until the holder's log shows an end. */
export async function cancelRun(
  tx: Tx,
  a: { org: OrgId; id: RunId; reason: string; gone: DeviceId[]; now: number },
): Promise<Cancelling> {
  const row = await runRow(tx, a.org, a.id)
  if (!row) throw new MeshError('NOT_FOUND', { detail: `run ${a.id}` })
  if (row.state.status === 'cancelled') return { ended: (await showRun(tx, a))! }
  if (hasEnded(row.state.status)) throw new MeshError('RUN_ENDED', { detail: `run ${a.id} has ${row.state.status}` })
  if (row.device === null || a.gone.includes(row.device))
    return { ended: (await endRun(tx, { org: a.org, id: a.id, as: 'cancelled', reason: a.reason, now: a.now }))! }
  await tx.run('UPDATE runs SET cancel_reason = ? WHERE org_id = ? AND run_id = ?', [a.reason, a.org, a.id])
  return { asked: (await showRun(tx, a))!, device: row.device }
}

/** The question that a run waits with, if it does, and who asks it. */
export async function waitingInput(
  tx: Tx,
  a: { org: OrgId; id: RunId },
): Promise<{ status: RunStatus; inputId: string | null; device: DeviceId | null } | null> {
  const row = await runRow(tx, a.org, a.id)
  return row
    ? { status: row.state.status, inputId: 'inputId' in row.state ? row.state.inputId : null, device: row.device }
    : null
}

export interface LogPage {
  events: { seq: Seq; text: string }[]
  /** How far the log goes. */
  seq: number
  /** The page has the end of the run. */
  ended: boolean
}

export async function readEvents(
  tx: Tx,
  a: { org: OrgId; id: RunId; after: number; mostBytes: number },
): Promise<LogPage | null> {
  const row = await tx.get<{ seq: number; status: string; expired: number | null }>(
    'SELECT seq, status, log_expired_at AS expired FROM runs WHERE org_id = ? AND run_id = ?',
    [a.org, a.id],
  )
  if (!row) return null
  if (row.expired !== null) throw new MeshError('LOG_EXPIRED', { detail: `run ${a.id}` })
  const rows = await tx.all<{ seq: Seq; text: string }>(
    'SELECT seq, event AS text FROM run_events WHERE org_id = ? AND run_id = ? AND seq > ? ORDER BY seq LIMIT 500',
    [a.org, a.id, a.after],
  )
  const events: LogPage['events'] = []
  let bytes = 0
  for (const read of rows) {
    bytes += read.text.length
    if (events.length > 0 && bytes > a.mostBytes) break
    events.push(read)
  }
  const last = events.at(-1)?.seq ?? a.after
  return { events, seq: row.seq, ended: hasEnded(row.status as Run['status']) && last >= row.seq }
}
