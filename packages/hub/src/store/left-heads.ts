/**
 * Heads that their session went on without: a device was lost, passed over, or went on alone. What such a device still has
 * beyond the state that went on is kept under a name, and nothing of it is discarded silently (MV30–MV34).
 */
import {
  type DeviceId,
  type Fence,
  type HeadId,
  type MoveId,
  type OrgId,
  parseId,
  type SessionId,
  type SnapshotId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { inOrg } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { originOf, type RecordRow, selectRecords } from './saved-states.ts'

/** `there`: its device may still have its kernel. `over`: it has not, and what was saved of it is kept. */
export type LeftState = 'there' | 'over'

/**
 * The session goes on without this head; `base` is as of when the state is that went on, 0 for none. The question what its
 * device still has of it goes by the name of the head that took its place.
 */
export async function leaveHead(
  tx: Tx,
  a: { org: OrgId; head: HeadId; next: HeadId; base: number; state?: LeftState; now: number },
): Promise<void> {
  const ask = parseId('move', `mov_${a.next.slice('head_'.length)}`)
  await tx.run(
    'UPDATE heads SET left_state = ?, left_base = ?, left_ask = ?, left_look_at = ? WHERE org_id = ? AND head_id = ?',
    [a.state ?? 'there', a.base, ask, a.now, a.org, a.head],
  )
  // What is here already and did not go on must not make room for what follows before its device is back.
  for (const row of await rowsWhere(tx, 'h.org_id = ? AND h.head_id = ?', [a.org, a.head])) await keepNewest(tx, row)
}

export interface LeftHead {
  org: OrgId
  session: SessionId
  head: HeadId
  fence: Fence
  device: DeviceId
  ask: MoveId
}

interface LeftRow extends LeftHead {
  base: number
  deviceName: string | null
}

const columns = `h.org_id AS org, h.session_id AS session, h.head_id AS head, h.fence AS fence, h.device_id AS device, h.left_ask AS ask, h.left_base AS base, v.name AS "deviceName"`
const tables = 'heads h LEFT JOIN devices v ON v.device_id = h.device_id'

/** Those whose devices are to be asked what they still have, by now. */
export async function leftHeads(tx: Tx, a: { lookedBefore: number }): Promise<LeftHead[]> {
  return tx.all(
    `SELECT h.org_id AS org, h.session_id AS session, h.head_id AS head, h.fence AS fence, h.device_id AS device, h.left_ask AS ask
    FROM ${tables} WHERE h.left_state = 'there' AND h.left_look_at <= ? AND v.restores IS NOT NULL AND v.revoked_at IS NULL ORDER BY h.left_look_at LIMIT 100`,
    [a.lookedBefore],
  )
}

/** It was asked, and is asked again only after a while; false when it is over by now. */
export async function askedLeftHead(tx: Tx, a: { org: OrgId; head: HeadId; lookAt: number }): Promise<boolean> {
  const { changes } = await tx.run(
    "UPDATE heads SET left_look_at = ? WHERE org_id = ? AND head_id = ? AND left_state = 'there'",
    [a.lookAt, a.org, a.head],
  )
  return changes > 0
}

/** What a device that is back says of the heads that it passed on: the named ones it still has, the others are over. */
export async function heardOfLeftHeads(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; named: ReadonlySet<HeadId>; now: number },
): Promise<void> {
  for (const row of await rowsWhere(tx, "h.org_id = ? AND h.device_id = ? AND h.left_state = 'there'", [
    a.org,
    a.device,
  ]))
    if (a.named.has(row.head)) await askedLeftHead(tx, { org: a.org, head: row.head, lookAt: a.now })
    else await settle(tx, row)
}

/** By the question that its device was asked, or by the head itself. */
export async function settleLeftHead(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; head: HeadId },
): Promise<{ session: SessionId; named: SnapshotId | null } | null> {
  const [row] = await rowsWhere(tx, "h.org_id = ? AND h.device_id = ? AND h.head_id = ? AND h.left_state = 'there'", [
    a.org,
    a.device,
    a.head,
  ])
  return row ? { session: row.session, named: await settle(tx, row) } : null
}

/** Nobody has it any more: the newest of what was saved of it beyond what went on is kept under a name. */
async function settle(tx: Tx, row: LeftRow): Promise<SnapshotId | null> {
  await tx.run("UPDATE heads SET left_state = 'over' WHERE org_id = ? AND head_id = ?", [row.org, row.head])
  return keepNewest(tx, row)
}

/** Where nothing at all went on, what it had begun with is the newest, if it saved nothing itself. */
async function keepNewest(tx: Tx, { head, session, base, deviceName }: LeftRow): Promise<SnapshotId | null> {
  const where = 's.session_id = ? AND s.head_id = ? AND s.as_of_at > ? AND s.refused IS NULL'
  const [own] = await selectRecords(tx, where, [session, head, base], 1)
  const newest = own ?? (base === 0 ? await originOf(tx, head) : undefined)
  return newest ? keepRecord(tx, newest, deviceName) : null
}

/** Null where it is kept already. */
export async function keepRecord(tx: Tx, record: RecordRow, deviceName: string | null): Promise<SnapshotId | null> {
  if (record.name !== null) return null
  const name = keptName('kept from', deviceName, record.asOf.at)
  const update = 'UPDATE snapshots SET name = ? WHERE org_id = ? AND snapshot_id = ? AND name IS NULL'
  await inOrg(tx, record.org, tx => tx.run(update, [name, record.org, record.id]))
  return record.id
}

/** `kept from MacBook, 14:05`, by the clock of the hub's machine. */
export function keptName(what: string, device: string | null, at: number): string {
  const date = new Date(at)
  const two = (number: number): string => String(number).padStart(2, '0')
  const when = `${two(date.getHours())}:${two(date.getMinutes())}`
  return `${what} ${(device ?? 'a device').slice(0, limits.nameChars - 60)}, ${when}`
}

/** A device that was away brings what it had saved of a head that is over: that is kept too (MV33). */
export async function keepLateRecords(tx: Tx, a: { storedAfter: number }): Promise<{ org: OrgId }[]> {
  const rows = await tx.all<LeftRow>(
    `SELECT DISTINCT ${columns} FROM ${tables} JOIN snapshots s ON s.session_id = h.session_id AND s.head_id = h.head_id
    WHERE h.left_state = 'over' AND s.name IS NULL AND s.refused IS NULL AND s.as_of_at > h.left_base AND s.stored_at > ? LIMIT 100`,
    [a.storedAfter],
  )
  const kept: { org: OrgId }[] = []
  for (const row of rows) if ((await keepNewest(tx, row)) !== null) kept.push({ org: row.org })
  return kept
}

/** Which head a device was asked about. */
export async function leftHeadOfAsk(tx: Tx, a: { ask: MoveId; device: DeviceId }): Promise<LeftHead | null> {
  const [row] = await rowsWhere(tx, 'h.left_ask = ? AND h.device_id = ?', [a.ask, a.device])
  return row ?? null
}

async function rowsWhere(tx: Tx, where: string, values: (string | number)[]): Promise<LeftRow[]> {
  return tx.all<LeftRow>(`SELECT ${columns} FROM ${tables} WHERE ${where} ORDER BY h.head_id`, values)
}
