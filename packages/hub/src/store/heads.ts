/** Procedures over sessions and their heads. A session's `fence` is that of its newest head; only that one is live (I4). */
import type { ErrorCode } from '@meshbook/core/errors.ts'
import { parseFence, type DeviceId, type Fence, type HeadId, type OrgId, type ProjectId, type RunId, type SessionId } from '@meshbook/core/ids.ts'
import type { Run } from '@meshbook/core/api.ts'
import type { Lease, SessionInfo } from '@meshbook/core/messages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { endRun } from './run-log.ts'
import { activeStatuses, leaseOf, runRow, selectRuns } from './run-rows.ts'
import type { Tx } from './tx.ts'

export interface HeadRow {
  head: HeadId
  session: SessionId
  device: DeviceId
  fence: Fence
  expiresAt: number
}

const headColumns = 'h.head_id AS head, h.session_id AS session, h.device_id AS device, h.fence AS fence, h.expires_at AS "expiresAt"'

export function liveHeads(tx: Tx, org: OrgId, column: 'session_id' | 'device_id', id: string): HeadRow[] {
  return tx.all(`SELECT ${headColumns} FROM heads h WHERE h.org_id = ? AND h.${column} = ? AND h.ended_at IS NULL ORDER BY h.fence DESC`, [org, id])
}

/** The device's live head of the session, or a new one under the next fence, which voids every other. */
export function takeHead(tx: Tx, a: { org: OrgId; session: SessionId; device: DeviceId; newHead: HeadId; now: number; expiresAt: number }): { head: HeadId; fence: Fence; moved: boolean } {
  const live = liveHeads(tx, a.org, 'session_id', a.session)
  const own = live.find(({ device }) => device === a.device)
  if (own) {
    tx.run('UPDATE heads SET expires_at = ? WHERE org_id = ? AND head_id = ?', [a.expiresAt, a.org, own.head])
    return { head: own.head, fence: own.fence, moved: false }
  }
  for (const { head } of live) endHead(tx, a.org, head, 'the session moved to another device', a.now)
  const { fence } = tx.get<{ fence: number }>('SELECT fence FROM sessions WHERE org_id = ? AND session_id = ?', [a.org, a.session])!
  const next = parseFence(fence + 1)
  tx.run('UPDATE sessions SET fence = ? WHERE org_id = ? AND session_id = ?', [next, a.org, a.session])
  tx.run('INSERT INTO heads (org_id, head_id, session_id, device_id, fence, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)', [a.org, a.newHead, a.session, a.device, next, a.expiresAt, a.now])
  return { head: a.newHead, fence: next, moved: true }
}

function endHead(tx: Tx, org: OrgId, head: HeadId, reason: string, now: number): void {
  tx.run('UPDATE heads SET ended_at = ?, end_reason = ? WHERE org_id = ? AND head_id = ? AND ended_at IS NULL', [now, reason, org, head])
}

export interface HeldHead {
  session: SessionId
  head: HeadId
  fence: Fence
}

/** Extends the leases of the heads that the device says it holds; returns those that it does not hold any more. */
export function renewHeads(tx: Tx, a: { org: OrgId; device: DeviceId; heads: HeldHead[]; expiresAt: number }): HeadId[] {
  const renew = 'UPDATE heads SET expires_at = ? WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL'
  return a.heads.filter(({ head, fence }) => tx.run(renew, [a.expiresAt, a.org, head, a.device, fence]) === 0).map(({ head }) => head)
}

/** The device says goodbye: it relies on no head any more, though it may come back to them. */
export function giveBackHeads(tx: Tx, a: { org: OrgId; device: DeviceId; now: number }): void {
  tx.run('UPDATE heads SET expires_at = ? WHERE org_id = ? AND device_id = ? AND ended_at IS NULL AND expires_at > ?', [a.now, a.org, a.device, a.now])
}

export function runtimeUp(tx: Tx, a: { org: OrgId; device: DeviceId; head: HeadId; fence: Fence; kernel: string }): boolean {
  return tx.run('UPDATE heads SET kernel = ? WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL', [a.kernel, a.org, a.head, a.device, a.fence]) > 0
}

export function runtimeDown(tx: Tx, a: { org: OrgId; device: DeviceId; head: HeadId; fence: Fence; reason: string; now: number }): boolean {
  const update = 'UPDATE heads SET ended_at = ?, end_reason = ? WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL'
  return tx.run(update, [a.now, a.reason, a.org, a.head, a.device, a.fence]) > 0
}

export interface Reconciled {
  /** How far the log of each run that the device named goes. */
  runs: { run: RunId; fence: Fence; seq: number }[]
  lost: HeadId[]
  /** Leases the device seems never to have got. */
  resend: Lease[]
  /** Runs it should stop. */
  cancel: { run: RunId; reason: string }[]
  /** Runs it does not have any more: interrupted now. */
  ended: Run[]
}

/** What a device that comes back still has, against what the hub believes it has. */
export function reconcileDevice(tx: Tx, a: { org: OrgId; device: DeviceId; heads: HeldHead[]; runs: { run: RunId; fence: Fence; seq: number }[]; now: number; expiresAt: number }): Reconciled {
  const lost = renewHeads(tx, a)
  const active = selectRuns(tx, `r.org_id = ? AND r.device_id = ? AND r.status IN ${activeStatuses}`, [a.org, a.device])
  const named = new Set(a.runs.map(({ run }) => run))
  const result: Reconciled = { runs: [], lost, resend: [], cancel: [], ended: [] }
  for (const row of active) {
    if (named.has(row.id)) continue
    if (row.state.status === 'leased' && row.head !== null) result.resend.push(leaseOf(row, row.head, row.state.fence, a.expiresAt))
    else pushEnded(result, endRun(tx, { org: a.org, id: row.id, as: 'interrupted', reason: 'the device came back without this run', now: a.now }))
  }
  for (const row of active) if (row.cancelReason !== null) result.cancel.push({ run: row.id, reason: row.cancelReason })
  for (const held of a.runs) answerForHeld(tx, a.org, a.device, held.run, result)
  endUnnamedHeads(tx, a, new Set(result.resend.map(({ head }) => head)))
  return result
}

function answerForHeld(tx: Tx, org: OrgId, device: DeviceId, id: RunId, result: Reconciled): void {
  const row = runRow(tx, org, id)
  if (row?.device !== device || !('fence' in row.state)) return
  result.runs.push({ run: id, fence: row.state.fence, seq: row.state.seq })
  if (hasEnded(row.state.status)) result.cancel.push({ run: id, reason: `the run has ${row.state.status}` })
}

function endUnnamedHeads(tx: Tx, a: { org: OrgId; device: DeviceId; heads: HeldHead[]; now: number; expiresAt: number }, keep: Set<HeadId>): void {
  const named = new Set(a.heads.map(({ head }) => head))
  for (const { head } of liveHeads(tx, a.org, 'device_id', a.device)) {
    if (keep.has(head)) tx.run('UPDATE heads SET expires_at = ? WHERE org_id = ? AND head_id = ?', [a.expiresAt, a.org, head])
    else if (!named.has(head)) endHead(tx, a.org, head, 'the device came back without it', a.now)
  }
}

function pushEnded(result: Reconciled, run: Run | null): void {
  if (run) result.ended.push(run)
}

/** Ends all that a device holds: its heads, and its runs as interrupted. */
export function endAllOf(tx: Tx, a: { org: OrgId; device: DeviceId; reason: string; code?: ErrorCode; now: number }): Run[] {
  for (const { head } of liveHeads(tx, a.org, 'device_id', a.device)) endHead(tx, a.org, head, a.reason, a.now)
  const active = selectRuns(tx, `r.org_id = ? AND r.device_id = ? AND r.status IN ${activeStatuses}`, [a.org, a.device])
  return active.map(({ id }) => endRun(tx, { org: a.org, id, as: 'interrupted', reason: a.reason, now: a.now })).filter(run => run !== null)
}

export interface SessionRow extends SessionInfo {
  head: HeadId | null
  leaseExpiresAt: number | null
}

const sessionSelect = `SELECT s.session_id AS id, s.project_id AS project, s.language AS language, s.name AS name, h.device_id AS device, h.fence AS fence, h.kernel AS kernel, h.head_id AS head, h.expires_at AS "leaseExpiresAt"
  FROM sessions s LEFT JOIN heads h ON h.org_id = s.org_id AND h.session_id = s.session_id AND h.ended_at IS NULL`

export function listSessions(tx: Tx, a: { org: OrgId; project?: ProjectId | undefined }): SessionRow[] {
  const where = a.project === undefined ? '' : ' AND s.project_id = ?'
  return tx.all(`${sessionSelect} WHERE s.org_id = ?${where} ORDER BY s.created_at DESC, s.session_id LIMIT 1000`, a.project === undefined ? [a.org] : [a.org, a.project])
}

export function findSession(tx: Tx, a: { org: OrgId; id: SessionId }): SessionRow | null {
  return tx.get<SessionRow>(`${sessionSelect} WHERE s.org_id = ? AND s.session_id = ?`, [a.org, a.id]) ?? null
}
