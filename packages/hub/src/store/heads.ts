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
import { heardOfLeftHeads, leaveHead } from './left-heads.ts'
import { isProspective, noteProspectiveKernel } from './move-rows.ts'
import { endRun } from './run-log.ts'
import { activeStatuses, leaseFor, type RunRow, runRow, selectRuns } from './run-rows.ts'
import { withStates } from './session-states.ts'

export interface HeadRow {
  head: HeadId
  session: SessionId
  device: DeviceId
  fence: Fence
  expiresAt: number
}

const headColumns =
  'h.head_id AS head, h.session_id AS session, h.device_id AS device, h.fence AS fence, h.expires_at AS "expiresAt"'

/** The orgs that a device works for: its own, and those of shared projects whose sessions or runs it holds. */
export async function orgsServedBy(tx: Tx, a: { device: DeviceId }): Promise<OrgId[]> {
  const rows = await tx.all<{ org: OrgId }>(
    `SELECT org_id AS org FROM devices WHERE device_id = ?
    UNION SELECT org_id FROM heads WHERE device_id = ? AND ended_at IS NULL
    UNION SELECT org_id FROM runs WHERE device_id = ? AND status IN ${activeStatuses}`,
    [a.device, a.device, a.device],
  )
  return rows.map(({ org }) => org)
}

export interface HeldByOrg {
  org: OrgId
  heads: HeldHead[]
  runs: { run: RunId; fence: Fence; seq: number }[]
}

/** What a device says it holds, by the org that each is of; what is nobody's counts as of its own. */
export async function splitHeld(
  tx: Tx,
  a: { device: DeviceId; own: OrgId; heads: HeldHead[]; runs: HeldByOrg['runs'] },
): Promise<HeldByOrg[]> {
  const found = (await orgsServedBy(tx, a)).map(org => ({ org, heads: [], runs: [] }) as HeldByOrg)
  const own = found.find(({ org }) => org === a.own) ?? { org: a.own, heads: [], runs: [] }
  const others = found.filter(({ org }) => org !== a.own)
  for (const head of a.heads)
    ((await ownerOf(others, org => findSession(tx, { org, id: head.session }))) ?? own).heads.push(head)
  for (const run of a.runs) {
    const holds = async (org: OrgId) => (await runRow(tx, org, run.run))?.device === a.device
    ;((await ownerOf(others, holds)) ?? own).runs.push(run)
  }
  return [own, ...others]
}

async function ownerOf(
  groups: readonly HeldByOrg[],
  has: (org: OrgId) => Promise<unknown>,
): Promise<HeldByOrg | undefined> {
  for (const group of groups) if (await has(group.org)) return group
  return undefined
}

/** The sessions and runs that a device holds in an org that is not its own. */
export async function heldInOrg(
  tx: Tx,
  a: { device: DeviceId; org: OrgId },
): Promise<{ session: SessionId; run: RunId | undefined }[]> {
  const runs = await tx.all<{ session: SessionId; run: RunId }>(
    `SELECT session_id AS session, run_id AS run FROM runs WHERE device_id = ? AND org_id = ? AND status IN ${activeStatuses}`,
    [a.device, a.org],
  )
  const heads = await liveHeads(tx, a.org, 'device_id', a.device)
  return [...runs, ...heads.map(({ session }) => ({ session, run: undefined }))]
}

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

/**
 * The device's live head of the session, or a new one under the next fence, which voids every other. `base` is as of when
 * the state is that goes on, if any: what another device has beyond it is kept (MV30).
 */
export async function takeHead(
  tx: Tx,
  a: {
    org: OrgId
    session: SessionId
    device: DeviceId
    newHead: HeadId
    base: number
    now: number
    expiresAt: number
  },
): Promise<{ head: HeadId; fence: Fence; moved: boolean; before: DeviceId | null }> {
  const live = await liveHeads(tx, a.org, 'session_id', a.session)
  const own = live.find(({ device }) => device === a.device)
  if (own) {
    await tx.run('UPDATE heads SET expires_at = ? WHERE org_id = ? AND head_id = ?', [a.expiresAt, a.org, own.head])
    return { head: own.head, fence: own.fence, moved: false, before: null }
  }
  for (const { head } of live) {
    await endHead(tx, a.org, head, 'the session moved to another device', a.now)
    await leaveHead(tx, { ...a, head, next: a.newHead })
  }
  const next = parseFence((await fenceOf(tx, a.org, a.session)) + 1)
  if (live.length === 0) await leaveLost(tx, { ...a, fence: next - 1 })
  await tx.run('UPDATE sessions SET fence = ? WHERE org_id = ? AND session_id = ?', [next, a.org, a.session])
  await tx.run(
    'INSERT INTO heads (org_id, head_id, session_id, device_id, fence, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.newHead, a.session, a.device, next, a.expiresAt, a.now],
  )
  return { head: a.newHead, fence: next, moved: true, before: live[0]?.device ?? null }
}

/** The session goes on from its saved states, or without them: those that did not go on are kept (MV31). */
async function leaveLost(
  tx: Tx,
  a: { org: OrgId; session: SessionId; fence: number; newHead: HeadId; base: number; now: number },
): Promise<void> {
  const lost = await tx.get<{ head: HeadId }>(
    'SELECT head_id AS head FROM heads WHERE org_id = ? AND session_id = ? AND fence = ? AND lost = 1 AND left_state IS NULL',
    [a.org, a.session, a.fence],
  )
  if (lost) await leaveHead(tx, { ...a, head: lost.head, next: a.newHead, state: 'over' })
}

export async function fenceOf(tx: Tx, org: OrgId, session: SessionId): Promise<number> {
  const row = await tx.get<{ fence: number }>('SELECT fence FROM sessions WHERE org_id = ? AND session_id = ?', [
    org,
    session,
  ])
  return row?.fence ?? 0
}

export async function endHead(tx: Tx, org: OrgId, head: HeadId, reason: string, now: number): Promise<void> {
  await tx.run('UPDATE heads SET ended_at = ?, end_reason = ? WHERE org_id = ? AND head_id = ? AND ended_at IS NULL', [
    now,
    reason,
    org,
    head,
  ])
}

/** The device has lost it: the session may go on from what was saved of it. */
export async function loseHead(tx: Tx, org: OrgId, head: HeadId, reason: string, now: number): Promise<void> {
  await endHead(tx, org, head, reason, now)
  await tx.run('UPDATE heads SET lost = 1 WHERE org_id = ? AND head_id = ?', [org, head])
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
    if (changes === 0 && !(await isProspective(tx, { device: a.device, head }))) lost.push(head)
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
  if (changes === 0) await noteProspectiveKernel(tx, a)
  return changes > 0
}

export async function runtimeDown(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; head: HeadId; fence: Fence; reason: string; rests: boolean; now: number },
): Promise<boolean> {
  const update =
    'UPDATE heads SET ended_at = ?, end_reason = ?, lost = ? WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL'
  const { changes } = await tx.run(update, [
    a.now,
    a.reason,
    // One that rests goes on from what was saved of it, as one that was lost does.
    a.rests ? 1 : 0,
    a.org,
    a.head,
    a.device,
    a.fence,
  ])
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
  await heardOfLeftHeads(tx, { ...a, named: new Set(a.heads.map(({ head }) => head)) })
  const active = await selectRuns(tx, `r.org_id = ? AND r.device_id = ? AND r.status IN ${activeStatuses}`, [
    a.org,
    a.device,
  ])
  const named = new Set(a.runs.map(({ run }) => run))
  const result: Reconciled = { runs: [], lost, resend: [], cancel: [], ended: [], headsEnded: 0 }
  for (const row of active) {
    if (named.has(row.id)) continue
    if (isUnbegun(row) && row.head !== null && row.importedEnd === null)
      result.resend.push(await leaseFor(tx, row, row.head, row.state.fence, a.expiresAt))
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
  for (const held of a.runs) await answerForHeld(tx, a.org, a.device, held, result)
  result.headsEnded = await endUnnamedHeads(tx, a, new Set(result.resend.map(({ head }) => head)))
  return result
}

async function answerForHeld(
  tx: Tx,
  org: OrgId,
  device: DeviceId,
  { run: id, fence }: Reconciled['runs'][number],
  result: Reconciled,
): Promise<void> {
  const row = await runRow(tx, org, id)
  if (!row || !('fence' in row.state)) return
  // It goes on elsewhere, from its middle: what this device does of it counts no more (RU72).
  if (row.device !== device && fence < row.state.fence)
    result.cancel.push({ run: id, reason: 'the run goes on on another device' })
  if (row.device !== device) return
  const { status, seq } = row.state
  // The last event of an ended log may be the hub's own: the device sends its own of that number, and learns it (RU22).
  result.runs.push({ run: id, fence: row.state.fence, seq: hasEnded(status) ? Math.max(0, seq - 1) : seq })
  if (hasEnded(status) && (status !== 'interrupted' || (await isRepeated(tx, org, id))))
    result.cancel.push({ run: id, reason: `the run has ${status}` })
}

/** Its device need not know of it: nothing of it is in the log under its fence. */
function isUnbegun<R extends Pick<RunRow, 'state' | 'resumeSeq'>>(
  row: R,
): row is R & { state: Extract<RunRow['state'], { fence: Fence }> } {
  return row.state.status === 'leased' || (row.resumeSeq !== null && 'fence' in row.state)
}

async function isRepeated(tx: Tx, org: OrgId, id: RunId): Promise<boolean> {
  return (await tx.get('SELECT run_id FROM runs WHERE org_id = ? AND again_of = ? LIMIT 1', [org, id])) !== undefined
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
      await loseHead(tx, a.org, head, 'the device came back without it', a.now)
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
    await loseHead(tx, a.org, head, a.reason, a.now)
  const active = await selectRuns(tx, `r.org_id = ? AND r.device_id = ? AND r.status IN ${activeStatuses}`, [
    a.org,
    a.device,
  ])
  const ended: (Run | null)[] = []
  for (const { id } of active)
    ended.push(await endRun(tx, { org: a.org, id, as: 'interrupted', reason: a.reason, now: a.now }))
  return ended.filter(run => run !== null)
}

export interface Restarted {
  /** Where the session was live, if it was. */
  device: DeviceId | null
  head: HeadId | null
  cancelled: Run[]
}

/** Ends the live head, and on request the runs that wait for the session: both or neither (RU11). */
export async function restartSession(
  tx: Tx,
  a: { org: OrgId; session: SessionId; queued: 'keep' | 'cancel'; reason: string; now: number },
): Promise<Restarted> {
  const [live] = await liveHeads(tx, a.org, 'session_id', a.session)
  if (live) await endHead(tx, a.org, live.head, a.reason, a.now)
  const result: Restarted = { device: live?.device ?? null, head: live?.head ?? null, cancelled: [] }
  if (a.queued === 'keep') return result
  const waiting = await selectRuns(tx, "r.org_id = ? AND r.session_id = ? AND r.status = 'queued' ORDER BY r.arrival", [
    a.org,
    a.session,
  ])
  for (const { id } of waiting) {
    const run = await endRun(tx, { org: a.org, id, as: 'cancelled', reason: a.reason, now: a.now })
    if (run) result.cancelled.push(run)
  }
  return result
}

export interface SessionRow extends SessionInfo {
  head: HeadId | null
  leaseExpiresAt: number | null
}

/** As everybody may see it. */
export function shownSession({ head: _, leaseExpiresAt: __, ...session }: SessionRow): SessionInfo {
  return session
}

const sessionSelect = `SELECT s.session_id AS id, s.project_id AS project, s.language AS language, s.name AS name, h.device_id AS device, h.fence AS fence, h.kernel AS kernel, h.created_at AS since, h.head_id AS head, h.expires_at AS "leaseExpiresAt"
  FROM sessions s LEFT JOIN heads h ON h.org_id = s.org_id AND h.session_id = s.session_id AND h.ended_at IS NULL`

export async function listSessions(tx: Tx, a: { org: OrgId; project?: ProjectId | undefined }): Promise<SessionRow[]> {
  const where = a.project === undefined ? '' : ' AND s.project_id = ?'
  const rows = await tx.all<SessionRow>(
    `${sessionSelect} WHERE s.org_id = ?${where} ORDER BY s.created_at DESC, s.session_id LIMIT 1000`,
    a.project === undefined ? [a.org] : [a.org, a.project],
  )
  return withStates(tx, a, rows)
}

export async function findSession(tx: Tx, a: { org: OrgId; id: SessionId }): Promise<SessionRow | null> {
  return (await tx.get<SessionRow>(`${sessionSelect} WHERE s.org_id = ? AND s.session_id = ?`, [a.org, a.id])) ?? null
}
