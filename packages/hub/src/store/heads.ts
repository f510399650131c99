/** Procedures over sessions and their heads. A session's `fence` is that of its newest head; only that one is live (I4). */

import type { Run } from '@meshbook/core/api.ts'
import {
  type DeviceId,
  type Fence,
  type HeadId,
  type OrgId,
  type ProjectId,
  parseFence,
  type RunId,
  type SessionId,
} from '@meshbook/core/ids.ts'
import type { Lease, SessionInfo } from '@meshbook/core/messages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { endRun } from './run-log.ts'
import { activeStatuses, leaseOf, runRow, selectRuns } from './run-rows.ts'

export interface HeadRow {
  head: HeadId
  session: SessionId
  device: DeviceId
  fence: Fence
  expiresAt: number
}

const headColumns =
  'h.head_id AS head, h.session_id AS session, h.device_id AS device, h.fence AS fence, h.expires_at AS "expiresAt"'

export async function liveHeads(
  tx: Tx,
  org: OrgId,
  column: 'session_id' | 'device_id',
  id: string,
): Promise<HeadRow[]> {
  return tx.all(
    `SELECT ${headColumns} FROM heads h WHERE h.org_id = ? AND h.${column} = ? AND h.ended_at IS NULL ORDER BY h.fence DESC`,
    [org, id],
  )
}

/** The device's live head of the session, or a new one under the next fence, which voids every other. */
export async function takeHead(
  tx: Tx,
  a: { org: OrgId; session: SessionId; device: DeviceId; newHead: HeadId; now: number; expiresAt: number },
): Promise<{ head: HeadId; fence: Fence; moved: boolean }> {
  const live = await liveHeads(tx, a.org, 'session_id', a.session)
  const own = live.find(({ device }) => device === a.device)
  if (own) {
    await tx.run('UPDATE heads SET expires_at = ? WHERE org_id = ? AND head_id = ?', [a.expiresAt, a.org, own.head])
    return { head: own.head, fence: own.fence, moved: false }
  }
  for (const { head } of live) await endHead(tx, a.org, head, 'the session moved to another device', a.now)
  const next = parseFence((await fenceOf(tx, a.org, a.session)) + 1)
  await tx.run('UPDATE sessions SET fence = ? WHERE org_id = ? AND session_id = ?', [next, a.org, a.session])
  await tx.run(
    'INSERT INTO heads (org_id, head_id, session_id, device_id, fence, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.newHead, a.session, a.device, next, a.expiresAt, a.now],
  )
  return { head: a.newHead, fence: next, moved: true }
}

async function fenceOf(tx: Tx, org: OrgId, session: SessionId): Promise<number> {
  const row = await tx.get<{ fence: number }>('SELECT fence FROM sessions WHERE org_id = ? AND session_id = ?', [
    org,
    session,
  ])
  return row?.fence ?? 0
}

async function endHead(tx: Tx, org: OrgId, head: HeadId, reason: string, now: number): Promise<void> {
  await tx.run('UPDATE heads SET ended_at = ?, end_reason = ? WHERE org_id = ? AND head_id = ? AND ended_at IS NULL', [
    now,
    reason,
    org,
    head,
  ])
}

export interface HeldHead {
  session: SessionId
  head: HeadId
  fence: Fence
}

/** Extends the leases of the heads that the device says it holds; returns those that it does not hold any more. */
export async function renewHeads(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; heads: HeldHead[]; expiresAt: number },
): Promise<HeadId[]> {
  const renew =
    'UPDATE heads SET expires_at = ? WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL'
  const lost: HeadId[] = []
  for (const { head, fence } of a.heads) {
    const { changes } = await tx.run(renew, [a.expiresAt, a.org, head, a.device, fence])
    if (changes === 0) lost.push(head)
  }
  return lost
}

/** The device says goodbye: it relies on no head any more, though it may come back to them. */
export async function giveBackHeads(tx: Tx, a: { org: OrgId; device: DeviceId; now: number }): Promise<void> {
  await tx.run(
    'UPDATE heads SET expires_at = ? WHERE org_id = ? AND device_id = ? AND ended_at IS NULL AND expires_at > ?',
    [a.now, a.org, a.device, a.now],
  )
}

export async function runtimeUp(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; head: HeadId; fence: Fence; kernel: string },
): Promise<boolean> {
  const { changes } = await tx.run(
    'UPDATE heads SET kernel = ? WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL',
    [a.kernel, a.org, a.head, a.device, a.fence],
  )
  return changes > 0
}

export async function runtimeDown(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; head: HeadId; fence: Fence; reason: string; now: number },
): Promise<boolean> {
  const update =
    'UPDATE heads SET ended_at = ?, end_reason = ? WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL'
  const { changes } = await tx.run(update, [a.now, a.reason, a.org, a.head, a.device, a.fence])
  return changes > 0
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
  /** Heads that it does not have any more: ended now. */
  headsEnded: number
}

/** What a device that comes back still has, against what the hub believes it has. */
export async function reconcileDevice(
  tx: Tx,
  a: {
    org: OrgId
    device: DeviceId
    heads: HeldHead[]
    runs: { run: RunId; fence: Fence; seq: number }[]
    now: number
    expiresAt: number
  },
): Promise<Reconciled> {
  const lost = await renewHeads(tx, a)
  const active = await selectRuns(tx, `r.org_id = ? AND r.device_id = ? AND r.status IN ${activeStatuses}`, [
    a.org,
    a.device,
  ])
  const named = new Set(a.runs.map(({ run }) => run))
  const result: Reconciled = { runs: [], lost, resend: [], cancel: [], ended: [], headsEnded: 0 }
  for (const row of active) {
    if (named.has(row.id)) continue
    if (row.state.status === 'leased' && row.head !== null)
      result.resend.push(leaseOf(row, row.head, row.state.fence, a.expiresAt))
    else
      pushEnded(
        result,
        await endRun(tx, {
          org: a.org,
          id: row.id,
          as: 'interrupted',
          reason: 'the device came back without this run',
          now: a.now,
        }),
      )
  }
  for (const row of active) if (row.cancelReason !== null) result.cancel.push({ run: row.id, reason: row.cancelReason })
  for (const held of a.runs) await answerForHeld(tx, a.org, a.device, held.run, result)
  result.headsEnded = await endUnnamedHeads(tx, a, new Set(result.resend.map(({ head }) => head)))
  return result
}

async function answerForHeld(tx: Tx, org: OrgId, device: DeviceId, id: RunId, result: Reconciled): Promise<void> {
  const row = await runRow(tx, org, id)
  if (row?.device !== device || !('fence' in row.state)) return
  result.runs.push({ run: id, fence: row.state.fence, seq: row.state.seq })
  if (hasEnded(row.state.status)) result.cancel.push({ run: id, reason: `the run has ${row.state.status}` })
}

async function endUnnamedHeads(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; heads: HeldHead[]; now: number; expiresAt: number },
  keep: Set<HeadId>,
): Promise<number> {
  let ended = 0
  const named = new Set(a.heads.map(({ head }) => head))
  for (const { head } of await liveHeads(tx, a.org, 'device_id', a.device)) {
    if (keep.has(head))
      await tx.run('UPDATE heads SET expires_at = ? WHERE org_id = ? AND head_id = ?', [a.expiresAt, a.org, head])
    else if (!named.has(head)) {
      await endHead(tx, a.org, head, 'the device came back without it', a.now)
      ended++
    }
  }
  return ended
}

function pushEnded(result: Reconciled, run: Run | null): void {
  if (run) result.ended.push(run)
}

/** Ends all that a device holds: its heads, and its runs as interrupted. */
export async function endAllOf(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; reason: string; now: number },
): Promise<Run[]> {
  for (const { head } of await liveHeads(tx, a.org, 'device_id', a.device))
    await endHead(tx, a.org, head, a.reason, a.now)
  const active = await selectRuns(tx, `r.org_id = ? AND r.device_id = ? AND r.status IN ${activeStatuses}`, [
    a.org,
    a.device,
  ])
  const ended: (Run | null)[] = []
  for (const { id } of active)
    ended.push(await endRun(tx, { org: a.org, id, as: 'interrupted', reason: a.reason, now: a.now }))
  return ended.filter(run => run !== null)
}

export interface SessionRow extends SessionInfo {
  head: HeadId | null
  leaseExpiresAt: number | null
}

const sessionSelect = `SELECT s.session_id AS id, s.project_id AS project, s.language AS language, s.name AS name, h.device_id AS device, h.fence AS fence, h.kernel AS kernel, h.head_id AS head, h.expires_at AS "leaseExpiresAt"
  FROM sessions s LEFT JOIN heads h ON h.org_id = s.org_id AND h.session_id = s.session_id AND h.ended_at IS NULL`

export async function listSessions(tx: Tx, a: { org: OrgId; project?: ProjectId | undefined }): Promise<SessionRow[]> {
  const where = a.project === undefined ? '' : ' AND s.project_id = ?'
  return tx.all(
    `${sessionSelect} WHERE s.org_id = ?${where} ORDER BY s.created_at DESC, s.session_id LIMIT 1000`,
    a.project === undefined ? [a.org] : [a.org, a.project],
  )
}

export async function findSession(tx: Tx, a: { org: OrgId; id: SessionId }): Promise<SessionRow | null> {
  return (await tx.get<SessionRow>(`${sessionSelect} WHERE s.org_id = ? AND s.session_id = ?`, [a.org, a.id])) ?? null
}
