/**
 * Procedures over records of saved sessions. `org_id` is the org of the device that made one, whose parts it names; the
 * session may be of another org, whose project that device works for.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, ProjectId, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import type {
  AsOf,
  Inside,
  LostItem,
  PartId,
  SnapshotFit,
  SnapshotInfo,
  SnapshotRecord,
  StoredRecord,
} from '@meshbook/core/snapshot.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { countUses, doubtParts, findParts, missingParts } from './snapshot-parts.ts'

export interface SnapshotCaps {
  bytes: number
  keptPerSession: number
  namedPerSession: number
  /** What a device has asked for since then stays. */
  usedSince: number
}

/** `missing`: nothing was stored. */
export type StoredSnapshot =
  | { missing: PartId[] }
  | { created: boolean; info: SnapshotInfo; sessionOrg: OrgId; dropped: SnapshotId[] }

interface Row {
  org: OrgId
  id: SnapshotId
  session: SessionId
  head: SnapshotRecord['head']
  fence: SnapshotRecord['fence']
  device: SnapshotRecord['device']
  kind: SnapshotRecord['kind']
  name: string | null
  asOf: string
  fit: string
  inside: string
  lost: string
  bytes: number
  addedBytes: number
  pauseMs: number
  keyVersion: number
  manifest: PartId
  storedAt: number
  refused: string | null
  deviceName: string | null
  sessionOrg: OrgId | null
}

const columns = `r.org_id AS org, r.snapshot_id AS id, r.session_id AS session, r.head_id AS head, r.fence AS fence, r.device_id AS device, r.kind AS kind, r.name AS name, r.as_of AS "asOf", r.fit AS fit, r.inside AS inside, r.lost AS lost, r.bytes AS bytes, r.added_bytes AS "addedBytes", r.pause_ms AS "pauseMs", r.key_version AS "keyVersion", r.manifest AS manifest, r.stored_at AS "storedAt", r.refused AS refused, v.name AS "deviceName", s.org_id AS "sessionOrg"`
const tables =
  'snapshots r LEFT JOIN devices v ON v.device_id = r.device_id LEFT JOIN sessions s ON s.session_id = r.session_id'
const mostListed = 1_000

/** The record with all its parts, which are there: none of them goes while it names them (HS11). */
export async function storeSnapshot(
  tx: Tx,
  a: { org: OrgId; record: SnapshotRecord; caps: SnapshotCaps; now: number },
): Promise<StoredSnapshot> {
  const { org, record, caps } = a
  const known = await rowOf(tx, record.id)
  if (known) return sameAgain(known, a)
  const sessionOrg = await orgOfHead(tx, record)
  const missing = await missingParts(tx, { org, parts: record.parts })
  if (missing.length > 0) return { missing }
  const bytes = (await findParts(tx, { org, parts: record.parts })).reduce((sum, part) => sum + part.bytes, 0)
  if (bytes > caps.bytes) throw new MeshError('TOO_LARGE', { detail: `a saved session may have ${caps.bytes} bytes` })
  if (record.name !== null) await checkNamed(tx, record.session, caps.namedPerSession)
  await insert(tx, org, { ...record, bytes }, a.now)
  await countUses(tx, { org, parts: record.parts, by: 1 })
  const dropped = await trimSession(tx, { org, session: record.session, caps })
  const row = (await rowOf(tx, record.id))!
  return { created: true, info: infoOf(row), sessionOrg, dropped }
}

function sameAgain(row: Row, { org, record }: { org: OrgId; record: SnapshotRecord }): StoredSnapshot {
  // The manifest binds all that matters.
  if (row.org !== org || row.manifest !== record.manifest || row.device !== record.device)
    throw new MeshError('CONFLICT', { detail: 'another saved session has this id' })
  return { created: false, info: infoOf(row), sessionOrg: row.sessionOrg ?? org, dropped: [] }
}

/** The hub gave that head of that session to that device under that fence, at some time (HS10). */
async function orgOfHead(tx: Tx, { session, head, fence, device }: SnapshotRecord): Promise<OrgId> {
  const found = await tx.get<{ org: OrgId }>(
    'SELECT s.org_id AS org FROM heads h JOIN sessions s ON s.org_id = h.org_id AND s.session_id = h.session_id WHERE h.head_id = ? AND h.session_id = ? AND h.fence = ? AND h.device_id = ?',
    [head, session, fence, device],
  )
  if (!found) throw new MeshError('FORBIDDEN', { detail: 'this device never had that session under that fence' })
  return found.org
}

async function checkNamed(tx: Tx, session: SessionId, most: number): Promise<void> {
  const { count } = (await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM snapshots WHERE session_id = ? AND name IS NOT NULL',
    [session],
  ))!
  if (count >= most) throw new MeshError('TOO_MANY', { detail: `${most} named saved states of one session` })
}

async function insert(tx: Tx, org: OrgId, record: SnapshotRecord, now: number): Promise<void> {
  await tx.run(
    `INSERT INTO snapshots (org_id, snapshot_id, session_id, head_id, fence, device_id, kind, name, as_of, as_of_at, as_of_run, fit, inside, lost, bytes, added_bytes, pause_ms, key_version, manifest, stored_at, parts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      org,
      record.id,
      record.session,
      record.head,
      record.fence,
      record.device,
      record.kind,
      record.name,
      JSON.stringify(record.asOf),
      record.asOf.at,
      record.asOf.run,
      JSON.stringify(record.fit),
      JSON.stringify(record.inside),
      JSON.stringify(record.lost),
      record.bytes,
      record.addedBytes,
      record.pauseMs,
      record.keyVersion,
      record.manifest,
      now,
      JSON.stringify(record.parts),
    ],
  )
}

/** Records of sessions that the caller was found to be allowed to see, newest first. */
export async function listSnapshots(
  tx: Tx,
  a: { org: OrgId; session?: SessionId | undefined; project?: ProjectId | undefined },
): Promise<SnapshotInfo[]> {
  const only = a.session ? ' AND s.session_id = ?' : a.project ? ' AND s.project_id = ?' : ''
  const values = [a.org, a.session ?? a.project].filter(value => value !== undefined)
  const rows = await tx.all<Row>(
    `SELECT ${columns} FROM ${tables} WHERE s.org_id = ?${only} ORDER BY r.stored_at DESC, r.snapshot_id DESC LIMIT ${mostListed}`,
    values,
  )
  return rows.map(infoOf)
}

export interface FoundSnapshot {
  org: OrgId
  sessionOrg: OrgId
  info: SnapshotInfo
}

export async function findSnapshot(tx: Tx, a: { id: SnapshotId }): Promise<FoundSnapshot | null> {
  const row = await rowOf(tx, a.id)
  return row && { org: row.org, sessionOrg: row.sessionOrg ?? row.org, info: infoOf(row) }
}

/** With its parts, for a device of their org; it stays for a while (HS20). */
export async function useSnapshot(
  tx: Tx,
  a: { org: OrgId; id: SnapshotId; now: number },
): Promise<StoredRecord | null> {
  await tx.run('UPDATE snapshots SET used_at = ? WHERE org_id = ? AND snapshot_id = ?', [a.now, a.org, a.id])
  const row = await rowOf(tx, a.id)
  if (row?.org !== a.org) return null
  const { refused: _, deviceName: __, ...shown } = infoOf(row)
  return { ...shown, keyVersion: row.keyVersion, manifest: row.manifest, parts: await partsOf(tx, a.id) }
}

/** Null when it is gone. */
export async function nameSnapshot(
  tx: Tx,
  a: { org: OrgId; id: SnapshotId; name: string | null; most: number },
): Promise<FoundSnapshot | null> {
  const row = await rowOf(tx, a.id)
  if (row?.org !== a.org) return null
  if (a.name !== null && row.name === null) await checkNamed(tx, row.session, a.most)
  await tx.run('UPDATE snapshots SET name = ? WHERE org_id = ? AND snapshot_id = ?', [a.name, a.org, a.id])
  return findSnapshot(tx, a)
}

/** The org of its session; null when it is gone already. */
export async function deleteSnapshot(tx: Tx, a: { org: OrgId; id: SnapshotId }): Promise<{ sessionOrg: OrgId } | null> {
  const row = await rowOf(tx, a.id)
  if (row?.org !== a.org) return null
  await drop(tx, a.org, a.id)
  return { sessionOrg: row.sessionOrg ?? row.org }
}

/** It is not offered any more; a damaged one is not believed in its parts either (HS24). Null when it is gone. */
export async function refuseSnapshot(
  tx: Tx,
  a: { org: OrgId; id: SnapshotId; why: string; damaged: boolean },
): Promise<{ sessionOrg: OrgId } | null> {
  const row = await rowOf(tx, a.id)
  if (row?.org !== a.org) return null
  await tx.run('UPDATE snapshots SET refused = ? WHERE org_id = ? AND snapshot_id = ?', [a.why, a.org, a.id])
  if (a.damaged) await doubtParts(tx, { snapshot: a.id })
  return { sessionOrg: row.sessionOrg ?? row.org }
}

export interface SweptSnapshots {
  dropped: SnapshotId[]
  /** Of which sessions. */
  orgs: OrgId[]
}

/** What had to stay for a while and need not any more, and records of sessions that are gone (HS20, HS22). */
export async function sweepSnapshots(tx: Tx, a: { org: OrgId; caps: SnapshotCaps }): Promise<SweptSnapshots> {
  const gone = await tx.all<{ id: SnapshotId }>(
    `SELECT r.snapshot_id AS id FROM ${tables} WHERE r.org_id = ? AND s.session_id IS NULL`,
    [a.org],
  )
  for (const { id } of gone) await drop(tx, a.org, id)
  const swept: SweptSnapshots = { dropped: gone.map(({ id }) => id), orgs: [] }
  const sessions = await tx.all<{ session: SessionId; org: OrgId }>(
    `SELECT DISTINCT r.session_id AS session, s.org_id AS org FROM ${tables} WHERE r.org_id = ? ORDER BY r.session_id`,
    [a.org],
  )
  for (const { session, org } of sessions) {
    const dropped = await trimSession(tx, { org: a.org, session, caps: a.caps })
    swept.dropped.push(...dropped)
    if (dropped.length > 0 && !swept.orgs.includes(org)) swept.orgs.push(org)
  }
  return swept
}

interface Kept {
  id: SnapshotId
  kind: string
  asOf: string
  refused: string | null
  usedAt: number
}

/**
 * Beyond the newest few of each kind (HS20). What was saved in the middle of a run, and what was refused, counts for
 * itself: neither may push out what a session can go on from.
 */
async function trimSession(tx: Tx, a: { org: OrgId; session: SessionId; caps: SnapshotCaps }): Promise<SnapshotId[]> {
  const rows = await tx.all<Kept>(
    'SELECT snapshot_id AS id, kind, as_of AS "asOf", refused, used_at AS "usedAt" FROM snapshots WHERE org_id = ? AND session_id = ? AND name IS NULL ORDER BY stored_at DESC, snapshot_id DESC',
    [a.org, a.session],
  )
  const groups = Map.groupBy(rows, row =>
    [row.kind, row.refused !== null, (JSON.parse(row.asOf) as AsOf).during !== undefined].join(' '),
  )
  const dropped: SnapshotId[] = []
  for (const group of groups.values())
    for (const { id, usedAt } of group.slice(a.caps.keptPerSession)) {
      if (usedAt > a.caps.usedSince || (await isWanted(tx, id))) continue
      await drop(tx, a.org, id)
      dropped.push(id)
    }
  return dropped
}

/** A live head began with it, or is to; or a move that is under way is about it. */
async function isWanted(tx: Tx, id: SnapshotId): Promise<boolean> {
  const named = `%"${id}"%`
  const found = await tx.get(
    `SELECT 1 AS found FROM heads WHERE ended_at IS NULL AND (restored LIKE ? OR restore LIKE ?)
    UNION ALL SELECT 1 FROM moves WHERE ended_at IS NULL AND (snapshot_id = ? OR kept_id = ? OR restore LIKE ?) LIMIT 1`,
    [named, named, id, id, named],
  )
  return found !== undefined
}

async function drop(tx: Tx, org: OrgId, id: SnapshotId): Promise<void> {
  const parts = await partsOf(tx, id)
  const { changes } = await tx.run('DELETE FROM snapshots WHERE org_id = ? AND snapshot_id = ?', [org, id])
  if (changes > 0) await countUses(tx, { org, parts, by: -1 })
}

async function partsOf(tx: Tx, id: SnapshotId): Promise<PartId[]> {
  const row = await tx.get<{ parts: string }>('SELECT parts FROM snapshots WHERE snapshot_id = ?', [id])
  return row ? (JSON.parse(row.parts) as PartId[]) : []
}

async function rowOf(tx: Tx, id: SnapshotId): Promise<Row | null> {
  return (await tx.get<Row>(`SELECT ${columns} FROM ${tables} WHERE r.snapshot_id = ?`, [id])) ?? null
}

function infoOf({ org: _, sessionOrg: __, keyVersion: ___, manifest: ____, refused, ...row }: Row): SnapshotInfo {
  return {
    ...row,
    asOf: JSON.parse(row.asOf) as AsOf,
    fit: JSON.parse(row.fit) as SnapshotFit,
    inside: JSON.parse(row.inside) as Inside,
    lost: JSON.parse(row.lost) as LostItem[],
    ...(refused !== null && { refused }),
  }
}
