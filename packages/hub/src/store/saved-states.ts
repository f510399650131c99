/**
 * What may be used of the saved states of a session, read from its records: those of its live head, then the one that this
 * head began with, and what was saved before that. A state of another branch (of a head that was passed over, or from
 * before a cold start) is never among them.
 */
import type { DeviceId, Fence, HeadId, OrgId, RunId, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Ladder } from '@meshbook/core/messages.ts'
import type { SavedState } from '@meshbook/core/route/input.ts'
import type { AsOf, LostItem, Rung, SnapshotFit, SnapshotKind } from '@meshbook/core/snapshot.ts'
import { acrossOrgs } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface RecordRow {
  org: OrgId
  id: SnapshotId
  session: SessionId
  head: HeadId
  fence: Fence
  device: DeviceId
  kind: SnapshotKind
  name: string | null
  asOf: AsOf
  fit: SnapshotFit
  lost: LostItem[]
  bytes: number
  /** Name of the user whose device made it, who alone can open it. */
  owner: string | null
}

type Stored = Omit<RecordRow, 'asOf' | 'fit' | 'lost'> & { asOf: string; fit: string; lost: string }

/** What a head begins with: written with its first lease, until its device says what came of it. */
export interface HeadRestore {
  ladder: Ladder
  behind: number
  /** Where the session was live before. */
  from: DeviceId | null
}

const columns = `s.org_id AS org, s.snapshot_id AS id, s.session_id AS session, s.head_id AS head, s.fence AS fence, s.device_id AS device, s.kind AS kind, s.name AS name, s.as_of AS "asOf", s.fit AS fit, s.lost AS lost, s.bytes AS bytes, u.name AS owner`
const tables =
  'snapshots s LEFT JOIN devices v ON v.device_id = s.device_id LEFT JOIN users u ON u.org_id = v.org_id AND u.user_id = v.user_id'

/** `where` is text of this package, never of a request. A session's id is that of one org; its records may be of several. */
export async function selectRecords(
  tx: Tx,
  where: string,
  values: (string | number)[],
  rows: number,
): Promise<RecordRow[]> {
  const sql = `SELECT ${columns} FROM ${tables} WHERE ${where} ORDER BY s.as_of_at DESC, s.stored_at DESC, s.snapshot_id LIMIT ?`
  const found = await acrossOrgs(tx, tx => tx.all<Stored>(sql, [...values, rows]))
  return found.map(row => ({
    ...row,
    asOf: JSON.parse(row.asOf) as AsOf,
    fit: JSON.parse(row.fit) as SnapshotFit,
    lost: JSON.parse(row.lost) as LostItem[],
  }))
}

/** One that a device found damaged or foreign is not usable. */
export async function usableRecord(tx: Tx, id: SnapshotId): Promise<RecordRow | undefined> {
  return (await selectRecords(tx, 's.snapshot_id = ? AND s.refused IS NULL', [id], 1))[0]
}

/** A head began with what another had saved, which began with what a third had: no further than this. */
const mostGenerations = 20

/** The newest of each generation first. What was saved in the middle of a run is for that run alone. */
export async function savedStates(tx: Tx, a: { session: SessionId; head: HeadId }): Promise<SavedState[]> {
  const found: RecordRow[] = []
  let head: HeadId | undefined = a.head
  let before = Number.MAX_SAFE_INTEGER
  for (let generation = 0; head !== undefined && generation < mostGenerations; generation++) {
    for (const record of await wholeRecords(tx, a.session, head, before)) found.push(record)
    if (found.length >= limits.snapshotRungsPerLease) break
    const origin: RecordRow | undefined = await originOf(tx, head)
    if (origin && origin.session !== a.session) found.push(origin)
    head = origin && origin.session === a.session ? origin.head : undefined
    before = origin?.asOf.at ?? 0
  }
  return found.slice(0, limits.snapshotRungsPerLease).map(stateOf)
}

async function wholeRecords(tx: Tx, session: SessionId, head: HeadId, before: number): Promise<RecordRow[]> {
  const where = 's.session_id = ? AND s.head_id = ? AND s.as_of_at <= ? AND s.refused IS NULL'
  const rows = await selectRecords(tx, where, [session, head, before], 2 * limits.snapshotRungsPerLease)
  return rows.filter(({ asOf }) => asOf.during === undefined)
}

/** The record that a head began with, or is to begin with. */
export async function originOf(tx: Tx, head: HeadId): Promise<RecordRow | undefined> {
  const row = await tx.get<{ restore: string | null; restored: string | null }>(
    'SELECT restore, restored FROM heads WHERE head_id = ?',
    [head],
  )
  const known = row?.restored ? [(JSON.parse(row.restored) as { snapshot: SnapshotId }).snapshot] : undefined
  const rungs =
    known ?? (row?.restore ? (JSON.parse(row.restore) as HeadRestore).ladder.map(rung => rung.snapshot) : [])
  for (const id of rungs) {
    const record = await usableRecord(tx, id)
    if (record) return record
  }
  return undefined
}

/** Those that were saved in the middle of this run, the newest first. */
export async function statesDuring(tx: Tx, a: { session: SessionId; head: HeadId; run: RunId }): Promise<SavedState[]> {
  const where = 's.session_id = ? AND s.head_id = ? AND s.refused IS NULL'
  const rows = await selectRecords(tx, where, [a.session, a.head], 50)
  return rows.filter(({ asOf }) => asOf.during?.run === a.run).map(stateOf)
}

export function stateOf({ id: snapshot, kind, asOf, fit, owner }: RecordRow): SavedState {
  return { rung: { snapshot, kind, asOf }, fit, ...(owner !== null && { owner }) }
}

/** Ended runs of the session that came after the state; one that never began has its end as its only event. */
export async function runsBehind(
  tx: Tx,
  a: { org: OrgId; session: SessionId; asOf: Pick<Rung['asOf'], 'at' | 'run'> },
): Promise<number> {
  const last = a.asOf.run
    ? await tx.get<{ arrival: number }>('SELECT arrival FROM runs WHERE org_id = ? AND run_id = ?', [a.org, a.asOf.run])
    : undefined
  const [after, value] = last ? ['arrival > ?', last.arrival] : ['ended_at > ?', a.asOf.at]
  const row = await tx.get<{ count: number }>(
    `SELECT COUNT(*) AS count FROM runs WHERE org_id = ? AND session_id = ? AND ended_at IS NOT NULL AND seq > 1 AND ${after}`,
    [a.org, a.session, value],
  )
  return row?.count ?? 0
}
