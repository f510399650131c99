/** Procedures over runs whose device has gone: what is known of them, and how they ended there after all (RU20–RU23). */
import type { Run } from '@meshbook/core/api.ts'
import type { DeviceId, Fence, HeadId, OrgId, RunId, Seq } from '@meshbook/core/ids.ts'
import type { RunRequest } from '@meshbook/core/messages.ts'
import type { SessionPolicy } from '@meshbook/core/moves-api.ts'
import type { SavedState } from '@meshbook/core/route/input.ts'
import { hasEnded, isTerminal, type RunEvent, stepRun } from '@meshbook/core/run.ts'
import type { Rung } from '@meshbook/core/snapshot.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { fenceOf } from './heads.ts'
import { whyHeldByMove } from './moves.ts'
import { endRun } from './run-log.ts'
import { type Leased, takeSession } from './run-queue.ts'
import { activeStatuses, leaseFor, type RunRow, runRow, saveState, selectRuns, showRun } from './run-rows.ts'
import { statesDuring } from './saved-states.ts'
import { sessionPolicy } from './session-policy.ts'
import { tellLost } from './tell-runs.ts'

const lost = `FROM runs r LEFT JOIN heads h ON h.org_id = r.org_id AND h.head_id = r.head_id LEFT JOIN devices v ON v.device_id = r.device_id
  WHERE r.kind = 'cell' AND r.status IN ${activeStatuses} AND COALESCE(r.imported_end, 0) = 0 AND (h.head_id IS NULL OR h.ended_at IS NOT NULL OR h.expires_at <= ?) AND (v.device_id IS NULL OR v.last_seen_at <= ?)`

/** Runs of holders that may rely on nothing any more and have not been heard of since `silentSince`. */
export async function lostRuns(
  tx: Tx,
  a: { now: number; silentSince: number },
): Promise<{ org: OrgId; id: RunId; device: DeviceId }[]> {
  return tx.all(`SELECT r.org_id AS org, r.run_id AS id, r.device_id AS device ${lost} ORDER BY r.arrival LIMIT 100`, [
    a.now,
    a.silentSince,
  ])
}

export interface LossPlan {
  run: RunRow
  onLoss: NonNullable<RunRequest['onLoss']>
  /** States that were saved in its middle. */
  saved: SavedState[]
  projectOwner: string
}

/** What is to become of a run whose device is lost (RU70, RU21): by its own words, or by what holds for its session. */
export async function lossPlan(tx: Tx, a: { org: OrgId; id: RunId }): Promise<LossPlan | null> {
  const run = await runRow(tx, a.org, a.id)
  if (!run) return null
  const policy: SessionPolicy = await sessionPolicy(tx, { org: a.org, session: run.session })
  const onLoss = run.demands.onLoss ?? policy.onLoss ?? 'interrupt'
  const { head, session } = run
  const saved = onLoss === 'resume' && head !== null ? await statesDuring(tx, { session, head, run: run.id }) : []
  const project = await tx.get<{ owner: string }>('SELECT owner FROM projects WHERE org_id = ? AND project_id = ?', [
    a.org,
    run.project,
  ])
  return { run, onLoss, saved, projectOwner: project?.owner ?? '' }
}

/**
 * The run goes on on another device from its middle, under a new fence and with its log as it is; null where it cannot
 * any more: its device is back, or the session went on without it.
 */
export async function resumeLostRun(
  tx: Tx,
  a: {
    org: OrgId
    id: RunId
    device: DeviceId
    newHead: HeadId
    reasons: string[]
    restore: Rung[]
    now: number
    silentSince: number
    expiresAt: number
  },
): Promise<Leased | null> {
  const isLost = await tx.get<object>(`SELECT r.run_id ${lost} AND r.org_id = ? AND r.run_id = ?`, [
    a.now,
    a.silentSince,
    a.org,
    a.id,
  ])
  const row = isLost ? await runRow(tx, a.org, a.id) : undefined
  if (row?.state.status !== 'running' || row.cancelReason !== null || row.device === a.device) return null
  if ((await fenceOf(tx, a.org, row.session)) !== row.state.fence) return null
  if ((await whyHeldByMove(tx, a.org, row.session)) !== undefined) return null
  const isChosen = row.chosenDevice !== null || row.demands.runsOn !== undefined
  const { head, fence, moved } = await takeSession(tx, { ...a, session: row.session, isChosen })
  const state = stepRun(row.state, { type: 'leased', fence })
  if ('refused' in state) return null
  const resumed: RunRow = { ...row, state, head, device: a.device, reasons: a.reasons, resumeSeq: row.state.seq }
  await saveState(tx, resumed)
  const run = (await showRun(tx, { org: a.org, id: a.id }))!
  return { lease: await leaseFor(tx, resumed, head, fence, a.expiresAt), run, device: a.device, moved }
}

/** Looks again in the transaction that ends it: the device may have come back. */
export async function interruptLostRun(
  tx: Tx,
  a: { org: OrgId; id: RunId; now: number; silentSince: number },
): Promise<Run | null> {
  const row = await tx.get<{ name: string | null; seenAt: number | null }>(
    `SELECT v.name AS name, v.last_seen_at AS "seenAt" ${lost} AND r.org_id = ? AND r.run_id = ?`,
    [a.now, a.silentSince, a.org, a.id],
  )
  const run = row && (await showRun(tx, a))
  if (!row || !run) return null
  const reason = whatIsKnown(run, row.name ?? 'its device', row.seenAt)
  const ended = await endRun(tx, { org: a.org, id: a.id, as: 'interrupted', reason, now: a.now })
  if (ended?.device) await tellLost(tx, { ...a, device: ended.device, seenAt: row.seenAt ?? 0 })
  return ended
}

function whatIsKnown({ seq, startedAt }: Run, device: string, seenAt: number | null): string {
  const since = seenAt === null ? '' : ` since ${new Date(seenAt).toISOString()}`
  const silent = `${device} has not been heard of${since}.`
  if (startedAt === null) return `${silent} It was given the run; whether the run began there is not known.`
  return `${silent} The run had begun; the last that came of it is event ${seq}. It may have gone on.`
}

/** How a run ended on its device after the hub had ended it; false when it is not the device's to say, or was said before. */
export async function noteAfterwards(
  tx: Tx,
  a: { device: DeviceId; id: RunId; fence: Fence; seq: Seq; event: RunEvent },
): Promise<{ org: OrgId; run: Run } | null> {
  const row = await heldRun(tx, a)
  if (!row || !hasEnded(row.state.status) || !isTerminal(a.event)) return null
  const { type: status, at: endedAt } = a.event
  const durationMs = 'durationMs' in a.event ? a.event.durationMs : 0
  const { changes } = await tx.run(
    "UPDATE runs SET afterwards = ? WHERE org_id = ? AND run_id = ? AND status = 'interrupted' AND afterwards IS NULL",
    [JSON.stringify({ status, seq: a.seq, endedAt, durationMs }), row.org, a.id],
  )
  const run = changes > 0 ? await showRun(tx, { org: row.org, id: a.id }) : null
  return run && { org: row.org, run }
}

/** The run may be of another org than its device (ME22). */
async function heldRun(tx: Tx, a: { device: DeviceId; id: RunId; fence: Fence }): Promise<RunRow | undefined> {
  const rows = await selectRuns(tx, 'r.device_id = ? AND r.run_id = ?', [a.device, a.id])
  return rows.find(({ state }) => 'fence' in state && state.fence === a.fence)
}
