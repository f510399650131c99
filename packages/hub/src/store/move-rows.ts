/** How a move is read from its row, and what everybody may see of it. */
import type {
  DeviceId,
  Fence,
  HeadId,
  MoveId,
  OrgId,
  ProjectId,
  SessionId,
  SnapshotId,
  UserId,
} from '@meshbook/core/ids.ts'
import type { Ladder } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import type { SnapshotKind } from '@meshbook/core/snapshot.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface MoveRow {
  org: OrgId
  id: MoveId
  project: ProjectId
  session: SessionId
  kind: Move['kind']
  state: Move['state']
  /** The session that it makes, and what notebooks call it. */
  makes: SessionId | null
  makesName: string | null
  from: DeviceId | null
  to: DeviceId | null
  /** Somebody said where to. */
  chosen: boolean
  /** The live head at its source, as it was when it began. */
  head: HeadId | null
  headFence: Fence | null
  /** What of it is to be saved; null where what is there already goes on. */
  kinds: SnapshotKind[] | null
  /** Under which name that is kept. */
  name: string | null
  /** What goes on. */
  snapshot: SnapshotId | null
  /** What was there before, kept. */
  kept: SnapshotId | null
  restore: Ladder | null
  /** The head that is being made at the target, under a fence that holds once it is committed. */
  newHead: HeadId | null
  newFence: Fence | null
  kernel: string | null
  code: string | null
  detail: string | null
  askedBy: string
  askedOrg: OrgId | null
  askedUser: UserId | null
  askedAt: number
  toldAt: number | null
  endedAt: number | null
  overTold: boolean
  language: string
  sessionName: string
}

type Stored = Omit<MoveRow, 'chosen' | 'kinds' | 'restore' | 'overTold'> & {
  chosen: number
  kinds: string | null
  restore: string | null
  overTold: number
}

const columns = `m.org_id AS org, m.move_id AS id, m.project_id AS project, m.session_id AS session, m.kind AS kind, m.state AS state, m.makes AS makes, m.makes_name AS "makesName", m.from_device AS "from", m.to_device AS "to", m.chosen AS chosen,
  m.head_id AS head, m.head_fence AS "headFence", m.kinds AS kinds, m.name AS name, m.snapshot_id AS snapshot, m.kept_id AS kept, m.restore AS restore, m.new_head AS "newHead", m.new_fence AS "newFence", m.kernel AS kernel, m.code AS code, m.detail AS detail,
  m.asked_by AS "askedBy", m.asked_org AS "askedOrg", m.asked_user AS "askedUser", m.asked_at AS "askedAt", m.told_at AS "toldAt", m.ended_at AS "endedAt", m.over_told AS "overTold", s.language AS language, s.name AS "sessionName"`
const tables = 'moves m JOIN sessions s ON s.org_id = m.org_id AND s.session_id = m.session_id'

/** `where` is text of this package, never of a request. */
export async function selectMoves(
  tx: Tx,
  where: string,
  values: (string | number)[],
  rows = 1_000,
): Promise<MoveRow[]> {
  const found = await tx.all<Stored>(
    `SELECT ${columns} FROM ${tables} WHERE ${where} ORDER BY m.asked_at DESC, m.move_id DESC LIMIT ?`,
    [...values, rows],
  )
  return found.map(row => ({
    ...row,
    chosen: row.chosen === 1,
    overTold: row.overTold === 1,
    kinds: row.kinds === null ? null : (JSON.parse(row.kinds) as SnapshotKind[]),
    restore: row.restore === null ? null : (JSON.parse(row.restore) as Ladder),
  }))
}

export const liveStates = "('waiting', 'saving', 'restoring')"

export async function moveRow(tx: Tx, org: OrgId, id: MoveId): Promise<MoveRow | undefined> {
  return (await selectMoves(tx, 'm.org_id = ? AND m.move_id = ?', [org, id], 1))[0]
}

/** Newest first. */
export async function liveMoves(tx: Tx, org: OrgId, session: SessionId): Promise<MoveRow[]> {
  return selectMoves(tx, `m.org_id = ? AND m.session_id = ? AND m.state IN ${liveStates}`, [org, session])
}

/** Writes what may change of it. */
export async function saveMove(tx: Tx, row: MoveRow): Promise<void> {
  await tx.run(
    `UPDATE moves SET state = ?, makes_name = ?, from_device = ?, to_device = ?, head_id = ?, head_fence = ?, kinds = ?, snapshot_id = ?, kept_id = ?, restore = ?, new_head = ?, new_fence = ?, kernel = ?, code = ?, detail = ?, told_at = ?, ended_at = ?, over_told = ? WHERE org_id = ? AND move_id = ?`,
    [
      row.state,
      row.makesName,
      row.from,
      row.to,
      row.head,
      row.headFence,
      row.kinds && JSON.stringify(row.kinds),
      row.snapshot,
      row.kept,
      row.restore && JSON.stringify(row.restore),
      row.newHead,
      row.newFence,
      row.kernel,
      row.code,
      row.detail,
      row.toldAt,
      row.endedAt,
      Number(row.overTold),
      row.org,
      row.id,
    ],
  )
}

export function shownMove(row: MoveRow): Move {
  const { id, kind, session, makes, from, to, state, snapshot, code, detail, askedBy, askedAt, endedAt } = row
  return { id, kind, session, makes, from, to, state, snapshot, code, detail, askedBy, askedAt, endedAt }
}

/** The head is one that a move makes at this device: nobody has lost it. */
export async function isProspective(tx: Tx, a: { device: DeviceId; head: HeadId }): Promise<boolean> {
  const found = await tx.get("SELECT move_id FROM moves WHERE new_head = ? AND to_device = ? AND state = 'restoring'", [
    a.head,
    a.device,
  ])
  return found !== undefined
}

/** The kernel of such a head has come up; its row is not there yet. */
export async function noteProspectiveKernel(
  tx: Tx,
  a: { device: DeviceId; head: HeadId; kernel: string },
): Promise<void> {
  await tx.run("UPDATE moves SET kernel = ? WHERE new_head = ? AND to_device = ? AND state = 'restoring'", [
    a.kernel,
    a.head,
    a.device,
  ])
}
