/**
 * Procedures over moves: sessions that are saved, copied, or go on elsewhere because somebody said so (MV1…). Each is one
 * step of the state machine, and does nothing where the move is past it, so that it may be asked for again.
 */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import {
  type DeviceId,
  type Fence,
  type HeadId,
  type MoveId,
  type OrgId,
  parseFence,
  type SessionId,
  type SnapshotId,
  type UserId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Ladder } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import type { SavedState } from '@meshbook/core/route/input.ts'
import type { AsOf, LostItem, SnapshotKind } from '@meshbook/core/snapshot.ts'
import { inOrg } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { endHead, fenceOf, type HeadRow, liveHeads } from './heads.ts'
import { leaveHead } from './left-heads.ts'
import { liveMoves, liveStates, type MoveRow, moveRow, saveMove, selectMoves, shownMove } from './move-rows.ts'
import { activeStatuses } from './run-rows.ts'
import { type RecordRow, runsBehind, savedStates, selectRecords, stateOf, usableRecord } from './saved-states.ts'

export interface NewMove {
  org: OrgId
  id: MoveId
  session: SessionId
  kind: Move['kind']
  /** Id of the session that it makes. */
  makes: SessionId | null
  makesName: string | null
  to: DeviceId | null
  /** For `save` and for what is there before a restore. */
  name: string | null
  /** To restore; null: what the session holds now. */
  snapshot: SnapshotId | null
  askedBy: string
  asker: { org: OrgId; user: UserId } | null
  now: number
}

/** Null for a move home that nobody asked for, where something else goes on. */
export async function beginMove(tx: Tx, a: NewMove): Promise<Move | null> {
  const session = await tx.get<{ project: string; language: string; name: string }>(
    'SELECT project_id AS project, language AS language, name AS name FROM sessions WHERE org_id = ? AND session_id = ?',
    [a.org, a.session],
  )
  if (!session) throw new MeshError('NOT_FOUND', { detail: `session ${a.session}` })
  const others = await liveMoves(tx, a.org, a.session)
  if (others.length >= limits.movesPerSession && a.kind === 'home') return null
  for (const other of others.slice(limits.movesPerSession - 1)) await giveWay(tx, other, a.now)
  await checkRoom(tx, a.org)
  const [head] = await liveHeads(tx, a.org, 'session_id', a.session)
  if (a.kind === 'home' && !head) return null
  const makesName = a.makes === null ? null : await nameFor(tx, a, session)
  await tx.run(
    `INSERT INTO moves (org_id, move_id, project_id, session_id, kind, state, makes, makes_name, from_device, to_device, chosen, head_id, head_fence, name, snapshot_id, asked_by, asked_org, asked_user, asked_at)
    VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      a.org,
      a.id,
      session.project,
      a.session,
      a.kind,
      a.makes,
      makesName,
      head?.device ?? null,
      a.to,
      Number(a.to !== null),
      head?.head ?? null,
      head?.fence ?? null,
      a.name,
      a.snapshot,
      a.askedBy,
      a.asker?.org ?? null,
      a.asker?.user ?? null,
      a.now,
    ],
  )
  return shownMove((await moveRow(tx, a.org, a.id))!)
}

/** A session goes home by itself, so whoever wants something else of it goes first. */
async function giveWay(tx: Tx, other: MoveRow, now: number): Promise<void> {
  if (other.kind !== 'home') throw new MeshError('MOVE_UNDER_WAY', { detail: `move ${other.id}` })
  await saveMove(tx, { ...other, state: 'cancelled', endedAt: now, detail: 'something else was asked of the session' })
}

async function checkRoom(tx: Tx, org: OrgId): Promise<void> {
  const { count } = (await tx.get<{ count: number }>(
    `SELECT COUNT(*) AS count FROM moves WHERE org_id = ? AND state IN ${liveStates}`,
    [org],
  ))!
  if (count >= limits.movesPerOrg) throw new MeshError('TOO_MANY', { detail: `${count} moves are under way` })
}

async function nameFor(tx: Tx, a: NewMove, session: { project: string; language: string; name: string }) {
  const isTaken = async (name: string): Promise<boolean> =>
    (await tx.get('SELECT session_id FROM sessions WHERE org_id = ? AND project_id = ? AND language = ? AND name = ?', [
      a.org,
      session.project,
      session.language,
      name,
    ])) !== undefined ||
    (await tx.get(
      `SELECT move_id FROM moves WHERE org_id = ? AND project_id = ? AND makes_name = ? AND state IN ${liveStates}`,
      [a.org, session.project, name],
    )) !== undefined
  if (a.makesName !== null) {
    if (await isTaken(a.makesName)) throw new MeshError('CONFLICT', { detail: `a session is named ${a.makesName}` })
    return a.makesName
  }
  for (let number = 1; ; number++) {
    const mark = number === 1 ? ' copy' : ` copy ${number}`
    const name = session.name.slice(0, limits.nameChars - mark.length) + mark
    if (!(await isTaken(name))) return name
  }
}

export interface MoveFacts extends MoveRow {
  /** A run of its session goes on, or waits. */
  busy: boolean
  waits: boolean
  /** The live head of its session is still the one that it began with. */
  sameHead: boolean
  /** What may go on of the session without being saved first. */
  saved: SavedState[]
  projectOwner: string
}

/** All that are under way, with what decides about their next step. */
export async function movesUnderWay(tx: Tx): Promise<MoveFacts[]> {
  const found: MoveFacts[] = []
  for (const move of await selectMoves(tx, `m.state IN ${liveStates}`, [])) found.push(await factsOf(tx, move))
  return found
}

async function factsOf(tx: Tx, move: MoveRow): Promise<MoveFacts> {
  const { org, session, snapshot } = move
  const counts = await tx.get<{ busy: number; waits: number }>(
    `SELECT SUM(CASE WHEN status IN ${activeStatuses} AND COALESCE(imported_end, 0) = 0 THEN 1 ELSE 0 END) AS busy, SUM(CASE WHEN status = 'queued' AND asks IS NULL THEN 1 ELSE 0 END) AS waits FROM runs WHERE org_id = ? AND session_id = ? AND status IN ('queued', 'leased', 'running', 'waiting-for-input', 'waiting-for-gate')`,
    [org, session],
  )
  const [live] = await liveHeads(tx, org, 'session_id', session)
  const owner = await tx.get<{ owner: string }>('SELECT owner FROM projects WHERE org_id = ? AND project_id = ?', [
    org,
    move.project,
  ])
  return {
    ...move,
    busy: Number(counts?.busy ?? 0) > 0,
    waits: Number(counts?.waits ?? 0) > 0,
    sameHead: (live?.head ?? null) === move.head,
    saved: snapshot ? await oneState(tx, snapshot) : await statesOfSession(tx, org, session, live),
    projectOwner: owner?.owner ?? '',
  }
}

async function oneState(tx: Tx, id: SnapshotId): Promise<SavedState[]> {
  const record = await usableRecord(tx, id)
  return record ? [stateOf(record)] : []
}

async function statesOfSession(
  tx: Tx,
  org: OrgId,
  session: SessionId,
  live: HeadRow | undefined,
): Promise<SavedState[]> {
  const newest = live ?? (await newestHead(tx, org, session))
  return newest ? savedStates(tx, { session, head: newest.head }) : []
}

export async function newestHead(
  tx: Tx,
  org: OrgId,
  session: SessionId,
): Promise<{ head: HeadId; device: DeviceId; fence: Fence; lost: number } | undefined> {
  return tx.get(
    'SELECT head_id AS head, device_id AS device, fence AS fence, lost AS lost FROM heads WHERE org_id = ? AND session_id = ? ORDER BY fence DESC LIMIT 1',
    [org, session],
  )
}

/** What waits for the session's move, in words; undefined where runs go on. */
export async function whyHeldByMove(tx: Tx, org: OrgId, session: SessionId): Promise<string | undefined> {
  const [move] = await liveMoves(tx, org, session)
  if (!move) return undefined
  if (move.kind === 'home') return move.state === 'waiting' ? undefined : 'The session is going home.'
  if (move.makes !== null || move.kind === 'save')
    return move.state === 'restoring' || move.snapshot !== null ? undefined : 'The session is being saved.'
  return move.kind === 'restore' ? 'A saved state is being restored.' : 'The session is being moved.'
}

interface Step {
  org: OrgId
  id: MoveId
  now: number
}

/** Its session is idle: it may be saved now, as the target can use it. */
export async function startSaving(
  tx: Tx,
  a: Step & { to: DeviceId | null; kinds: SnapshotKind[] },
): Promise<MoveRow | null> {
  const move = await idleMove(tx, a, 'waiting')
  if (!move || move.head === null) return null
  const next: MoveRow = { ...move, state: 'saving', to: a.to ?? move.to, kinds: a.kinds, toldAt: a.now }
  await saveMove(tx, next)
  return next
}

/** The move at that state, if its session is idle and live where it was. */
async function idleMove(tx: Tx, a: Step, state: Move['state']): Promise<MoveRow | undefined> {
  const move = await moveRow(tx, a.org, a.id)
  if (move?.state !== state) return undefined
  const facts = await factsOf(tx, move)
  return facts.sameHead && !facts.busy && !(move.kind === 'home' && facts.waits) ? move : undefined
}

/** The source has saved it: of `save` that was all; of a restore it was what was there before. */
export async function savedForMove(
  tx: Tx,
  a: Step & { device: DeviceId; snapshot: SnapshotId },
): Promise<MoveRow | null> {
  const move = await moveRow(tx, a.org, a.id)
  if (move?.state !== 'saving' || move.from !== a.device) return null
  const record = await usableRecord(tx, a.snapshot)
  if (record?.session !== move.session || record.head !== move.head)
    return end(tx, move, 'failed', 'SNAPSHOT_FAILED', 'the saved state is not at the hub', a.now)
  if (move.name !== null) await nameRecord(tx, record, move.name)
  const next = await afterSaving(tx, move, record, a.now)
  await saveMove(tx, next)
  return next
}

async function afterSaving(tx: Tx, move: MoveRow, record: RecordRow, now: number): Promise<MoveRow> {
  if (move.kind === 'save') return { ...move, state: 'done', snapshot: record.id, endedAt: now, overTold: true }
  if (move.kind === 'restore') return { ...move, state: 'restoring', kept: record.id, newHead: null }
  const where = 's.session_id = ? AND s.head_id = ? AND s.as_of_at >= ? AND s.refused IS NULL'
  const rows = await selectRecords(tx, where, [record.session, record.head, record.asOf.at], 10)
  const same = rows.filter(({ id, asOf }) => id !== record.id && asOf.run === record.asOf.run && !asOf.during)
  const restore: Ladder = [record, ...same].map(row => stateOf(row).rung).slice(0, limits.snapshotRungsPerLease)
  return { ...move, state: 'restoring', snapshot: record.id, restore, newHead: null }
}

async function nameRecord(tx: Tx, { org, id, name }: RecordRow, wanted: string): Promise<void> {
  const update = 'UPDATE snapshots SET name = ? WHERE org_id = ? AND snapshot_id = ? AND name IS NULL'
  if (name === null) await inOrg(tx, org, tx => tx.run(update, [wanted, org, id]))
}

/**
 * A head is made at the target, under the fence that comes next. It is nobody's until the move is committed: whoever takes
 * the session meanwhile takes this fence, and the move fails.
 */
export async function startRestoring(
  tx: Tx,
  a: Step & { to: DeviceId; newHead: HeadId; restore: Ladder },
): Promise<MoveRow | null> {
  const known = await moveRow(tx, a.org, a.id)
  const state = known?.state === 'restoring' ? 'restoring' : 'waiting'
  const move = known?.makes ? known : await idleMove(tx, a, state)
  if (move?.state !== state || move.newHead !== null) return null
  const fence = move.makes ? 1 : (await fenceOf(tx, a.org, move.session)) + 1
  const next: MoveRow = {
    ...move,
    state: 'restoring',
    to: a.to,
    snapshot: move.snapshot ?? a.restore[0]?.snapshot ?? null,
    restore: move.restore ?? a.restore,
    newHead: a.newHead,
    newFence: parseFence(fence),
    toldAt: a.now,
  }
  await saveMove(tx, next)
  return next
}

export interface Committed {
  move: MoveRow
  /** False when it could not be: the target is to give up. */
  moved: boolean
}

/** The target has a kernel: in this one step the old head ends and the new one is the session's (I4). */
export async function commitMove(
  tx: Tx,
  a: Step & {
    device: DeviceId
    snapshot: SnapshotId | null
    lost: LostItem[]
    expiresAt: number
  },
): Promise<Committed | null> {
  const move = await moveRow(tx, a.org, a.id)
  if (move?.state !== 'restoring' || move.to !== a.device || move.newHead === null || move.newFence === null)
    return null
  const why = await whyNotCommitted(tx, move)
  if (why !== undefined) return { move: await end(tx, move, 'failed', 'CONFLICT', why, a.now), moved: false }
  const used = move.restore?.find(({ snapshot }) => snapshot === a.snapshot) ?? move.restore?.[0]
  const asOf = used?.asOf ?? { at: a.now, run: null }
  const behind = await runsBehind(tx, { org: a.org, session: move.session, asOf })
  if (move.makes) await makeSession(tx, move, a.now)
  else await passOn(tx, move, { ...a, asOf })
  const restored = JSON.stringify({
    snapshot: used?.snapshot,
    asOf,
    behind: move.makes || move.kind === 'restore' ? 0 : behind,
    lost: a.lost,
    from: move.from,
    at: a.now,
  })
  await tx.run(
    'INSERT INTO heads (org_id, head_id, session_id, device_id, fence, expires_at, created_at, kernel, restored) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [
      a.org,
      move.newHead,
      move.makes ?? move.session,
      a.device,
      move.newFence,
      a.expiresAt,
      a.now,
      move.kernel,
      used ? restored : null,
    ],
  )
  const done: MoveRow = { ...move, state: 'done', endedAt: a.now }
  await saveMove(tx, done)
  return { move: done, moved: true }
}

async function whyNotCommitted(tx: Tx, move: MoveRow): Promise<string | undefined> {
  if (move.makes) return undefined
  const facts = await factsOf(tx, move)
  if (!facts.sameHead) return 'the session was restarted or went on elsewhere meanwhile'
  if (facts.busy) return 'a run of the session has begun meanwhile'
  if ((await fenceOf(tx, move.org, move.session)) + 1 !== move.newFence)
    return 'the session went on elsewhere meanwhile'
  const own = move.kinds !== null && move.kept === null ? move.restore?.[0] : undefined
  if (own && (await runsBehind(tx, { org: move.org, session: move.session, asOf: own.asOf })) > 0)
    return 'a run of the session has begun since it was saved'
  return undefined
}

async function makeSession(tx: Tx, { org, makes, project, language, makesName }: MoveRow, now: number): Promise<void> {
  await tx.run(
    'INSERT INTO sessions (org_id, session_id, project_id, language, name, fence, created_at) VALUES (?, ?, ?, ?, ?, 1, ?)',
    [org, makes, project, language, makesName, now],
  )
}

/** Where the source could not be asked to save what it has, that is kept when it is back (MV30). */
async function passOn(tx: Tx, move: MoveRow, a: { asOf: AsOf; now: number }): Promise<void> {
  const { org, session, head } = move
  if (head !== null) {
    await endHead(tx, org, head, 'the session was moved', a.now)
    const base = move.kind === 'restore' ? 0 : a.asOf.at
    if (move.kinds === null) await leaveHead(tx, { org, head, next: move.newHead!, base, now: a.now })
  }
  // Wherever somebody moved it is where it belongs.
  await tx.run('UPDATE sessions SET fence = ?, home = NULL WHERE org_id = ? AND session_id = ?', [
    move.newFence,
    org,
    session,
  ])
}

/** Codes that tell that trying again would end in the same way: the session stays where it is. */
const hopeless = new Set<string>(['RESTORE_FAILED', 'SNAPSHOT_REFUSED', 'SNAPSHOT_UNFIT', 'SNAPSHOTS_OFF'])

/** The source stays as it is. */
export async function failMove(
  tx: Tx,
  a: Step & { code: ErrorCode; detail: string; device?: DeviceId },
): Promise<MoveRow | null> {
  const move = await moveRow(tx, a.org, a.id)
  if (!move || !['waiting', 'saving', 'restoring'].includes(move.state)) return null
  if (a.device !== undefined && a.device !== (move.state === 'saving' ? move.from : move.to)) return null
  return end(tx, move, 'failed', a.code, a.detail, a.now)
}

/** As long as nothing has moved. */
export async function cancelMove(tx: Tx, a: Step & { reason: string }): Promise<MoveRow> {
  const move = await moveRow(tx, a.org, a.id)
  if (!move) throw new MeshError('NOT_FOUND', { detail: `move ${a.id}` })
  if (move.state === 'cancelled') return move
  if (move.endedAt !== null) throw new MeshError('CONFLICT', { detail: `the move has ended: it is ${move.state}` })
  // Who sends it back where it is does not want it to go home either.
  if (move.kind === 'home') await forgetHome(tx, move)
  return end(tx, move, 'cancelled', null, a.reason, a.now)
}

async function end(
  tx: Tx,
  move: MoveRow,
  state: 'failed' | 'cancelled',
  code: ErrorCode | null,
  detail: string,
  now: number,
): Promise<MoveRow> {
  if (move.kind === 'home' && code !== null && hopeless.has(code)) await forgetHome(tx, move)
  const text = detail.slice(0, limits.problemTextChars)
  const ended: MoveRow = { ...move, state, code, detail: text, endedAt: now, overTold: move.newHead === null }
  await saveMove(tx, ended)
  return ended
}

async function forgetHome(tx: Tx, { org, session }: MoveRow): Promise<void> {
  await tx.run('UPDATE sessions SET home = NULL WHERE org_id = ? AND session_id = ?', [org, session])
}

/** Moves that are over, and whose devices may not know it yet. */
export async function untoldMoves(tx: Tx): Promise<MoveRow[]> {
  return selectMoves(tx, "m.state IN ('done', 'failed', 'cancelled') AND m.over_told = 0", [], 100)
}

export async function toldMove(
  tx: Tx,
  a: { org: OrgId; id: MoveId; told: 'over' | 'again'; now: number },
): Promise<void> {
  const [column, value] = a.told === 'over' ? ['over_told', 1] : ['told_at', a.now]
  await tx.run(`UPDATE moves SET ${column} = ? WHERE org_id = ? AND move_id = ?`, [value, a.org, a.id])
}

/** The move that a device speaks of. */
export async function findAsk(tx: Tx, a: { ask: MoveId }): Promise<MoveRow | null> {
  return (await selectMoves(tx, 'm.move_id = ?', [a.ask], 1))[0] ?? null
}

export async function findMove(tx: Tx, a: { org: OrgId; id: MoveId }): Promise<Move | null> {
  const row = await moveRow(tx, a.org, a.id)
  return row ? shownMove(row) : null
}

/** Newest first. */
export async function listMoves(
  tx: Tx,
  a: { org: OrgId; project?: string | undefined; session?: string | undefined; rows: number },
): Promise<Move[]> {
  const given = [
    ['m.org_id = ?', a.org],
    ...(a.project === undefined ? [] : [['m.project_id = ?', a.project]]),
    ...(a.session === undefined ? [] : [['m.session_id = ?', a.session]]),
  ] as [string, string][]
  const where = given.map(([text]) => text).join(' AND ')
  const rows = await selectMoves(
    tx,
    where,
    given.map(([, value]) => value),
    a.rows,
  )
  return rows.map(shownMove)
}

export async function sweepMoves(tx: Tx, a: { endedBefore: number }): Promise<void> {
  await tx.run('DELETE FROM moves WHERE ended_at IS NOT NULL AND ended_at <= ? AND over_told = 1', [a.endedBefore])
}

export interface Homeless {
  org: OrgId
  session: SessionId
  home: DeviceId
  at: DeviceId
}

/**
 * Sessions that went on elsewhere when their device was lost, are idle, and whose device has nothing of its own any more
 * that is still to be kept. One whose way home failed is left alone for a while.
 */
export async function homelessSessions(tx: Tx, a: { failedAfter: number }): Promise<Homeless[]> {
  return tx.all(
    `SELECT s.org_id AS org, s.session_id AS session, s.home AS home, h.device_id AS at
    FROM sessions s JOIN heads h ON h.org_id = s.org_id AND h.session_id = s.session_id AND h.ended_at IS NULL
    JOIN devices v ON v.device_id = s.home AND v.restores IS NOT NULL
    WHERE s.home IS NOT NULL AND h.device_id <> s.home AND (h.restore IS NULL OR h.restored IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.org_id = s.org_id AND r.session_id = s.session_id AND r.status IN ('queued', 'leased', 'running', 'waiting-for-input', 'waiting-for-gate') AND r.asks IS NULL)
    AND NOT EXISTS (SELECT 1 FROM moves m WHERE m.org_id = s.org_id AND m.session_id = s.session_id AND (m.state IN ${liveStates} OR (m.kind = 'home' AND m.state = 'failed' AND m.ended_at > ?)))
    AND NOT EXISTS (SELECT 1 FROM heads l WHERE l.org_id = s.org_id AND l.session_id = s.session_id AND l.device_id = s.home AND l.left_state = 'there')
    ORDER BY s.session_id LIMIT 100`,
    [a.failedAfter],
  )
}
