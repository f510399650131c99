/**
 * Procedures over deliveries: one notice on one way. Taking one is a lease: its time is put off, and what comes of it
 * counts only for the same attempt, so that hubs on one database send none twice knowingly, and one that was killed is
 * followed by another (NT12).
 */
import type { OrgId, UserId, WayId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { WayFailure } from '@meshbook/core/notify-api.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { beginCode } from './mail-codes.ts'
import { mayBeTold } from './may-be-told.ts'
import { insertNotice, type NoticeRow, selectNotices, tellOutcome, type Words } from './notices.ts'
import type { Asker } from './places.ts'
import { dropWay, isCredentialGood, targetColumns, type WayTarget } from './ways.ts'

export interface DeliveryKey {
  org: OrgId
  notice: string
  way: WayId
}

/** On every way of its user, or on those that it is for. False when it was ended meanwhile. */
export async function tellNotice(tx: Tx, notice: NoticeRow, now: number): Promise<boolean> {
  const { changes } = await tx.run(
    "UPDATE notices SET state = 'told', told_at = ? WHERE org_id = ? AND notice_id = ? AND state = ?",
    [now, notice.org, notice.id, notice.state],
  )
  if (changes === 0) return false
  const ways = await tx.all<{ id: WayId }>(
    'SELECT way_id AS id FROM ways WHERE org_id = ? AND user_id = ? AND code_notice IS NULL',
    [notice.org, notice.user],
  )
  for (const { id } of ways)
    if (notice.onlyWays === null || notice.onlyWays.includes(id)) await insertDelivery(tx, notice, id, now)
  return true
}

async function insertDelivery(
  tx: Tx,
  notice: Pick<NoticeRow, 'org' | 'user' | 'id'>,
  way: WayId,
  now: number,
): Promise<void> {
  await tx.run(
    "INSERT INTO deliveries (org_id, user_id, notice_id, way_id, state, attempts, due_at) VALUES (?, ?, ?, ?, 'due', 0, ?) ON CONFLICT (org_id, notice_id, way_id) DO NOTHING",
    [notice.org, notice.user, notice.id, way, now],
  )
}

/** The oldest ones of each user, so that one with many does not keep others waiting. */
export async function dueDeliveries(
  tx: Tx,
  a: { now: number; perUser: number; rows: number },
): Promise<(DeliveryKey & { user: UserId })[]> {
  return tx.all(
    `SELECT org AS org, "user" AS "user", notice AS notice, way AS way FROM (
      SELECT org_id AS org, user_id AS "user", notice_id AS notice, way_id AS way, due_at AS due, ROW_NUMBER() OVER (PARTITION BY org_id, user_id ORDER BY due_at, notice_id, way_id) AS place
      FROM deliveries WHERE state = 'due' AND due_at <= ?) d WHERE place <= ? ORDER BY due, notice, way LIMIT ?`,
    [a.now, a.perUser, a.rows],
  )
}

/** What is to be sent, by whoever took it. */
export interface ClaimedDelivery {
  attempt: number
  /** Until when it is worth sending. */
  until: number
  target: WayTarget
  notice: Pick<NoticeRow, 'id' | 'kind' | 'tag' | 'title' | 'text' | 'url' | 'madeAt'>
}

interface Row {
  state: string
  attempts: number
  dueAt: number
}

export async function claimDelivery(
  tx: Tx,
  a: DeliveryKey & { receiptHash: string; now: number; leaseUntil: number },
): Promise<ClaimedDelivery | null> {
  const row = await tx.get<Row>(
    'SELECT state AS state, attempts AS attempts, due_at AS "dueAt" FROM deliveries WHERE org_id = ? AND notice_id = ? AND way_id = ?',
    [a.org, a.notice, a.way],
  )
  if (row?.state !== 'due' || row.dueAt > a.now) return null
  const found = await sendable(tx, a)
  if (!found) return null
  await tx.run(
    'UPDATE deliveries SET attempts = ?, due_at = ?, receipt_hash = ? WHERE org_id = ? AND notice_id = ? AND way_id = ?',
    [row.attempts + 1, a.leaseUntil, a.receiptHash, a.org, a.notice, a.way],
  )
  return { attempt: row.attempts + 1, ...found }
}

type StoredTarget = Omit<WayTarget, 'inside'> & {
  inside: number
  credential: string
  codeNotice: string | null
  codeUntil: number | null
}

/** Ends what must not or need not be sent any more. */
async function sendable(tx: Tx, a: DeliveryKey & { now: number }): Promise<Omit<ClaimedDelivery, 'attempt'> | null> {
  const [notice] = await selectNotices(tx, 'org_id = ? AND notice_id = ?', [a.org, a.notice])
  const stored = await tx.get<StoredTarget>(
    `SELECT ${targetColumns}, w.credential AS credential, w.code_notice AS "codeNotice", w.code_until AS "codeUntil" FROM ways w WHERE w.org_id = ? AND w.way_id = ?`,
    [a.org, a.way],
  )
  if (!notice || !stored) return null
  const { credential, codeNotice, codeUntil, ...target } = stored
  if (target.kind === 'push' && !(await isCredentialGood(tx, { credential, now: a.now }))) {
    await dropWay(tx, { org: a.org, id: a.way })
    return null
  }
  // To an address that awaits a code goes its newest code, and nothing else (NT31).
  const isCode = codeNotice === notice.id
  const isConfirmed = codeNotice === null && notice.kind !== 'code'
  const until = isCode ? (codeUntil ?? 0) : notice.madeAt + limits.noticeMs
  const mayGo = isCode || isConfirmed
  if (notice.state !== 'told' || !mayGo || !(await mayBeTold(tx, notice))) await endDelivery(tx, a, 'dropped')
  else if (until <= a.now) await fail(tx, a, { code: 'expired', detail: '', now: a.now })
  else return { until, target: { ...target, inside: target.inside !== 0 }, notice }
  return null
}

async function endDelivery(tx: Tx, a: DeliveryKey, state: 'dropped' | 'failed'): Promise<void> {
  await tx.run('UPDATE deliveries SET state = ? WHERE org_id = ? AND notice_id = ? AND way_id = ?', [
    state,
    a.org,
    a.notice,
    a.way,
  ])
}

export type DeliveryOutcome =
  | { as: 'accepted' }
  /** The service does not know the subscription any more. */
  | { as: 'gone' }
  | { as: 'failed'; code: WayFailure; detail: string }
  | { as: 'again'; at: number; code: WayFailure; detail: string }

/** Nothing for an attempt that another one has followed. */
export async function settleDelivery(
  tx: Tx,
  a: DeliveryKey & { attempt: number; outcome: DeliveryOutcome; now: number },
): Promise<void> {
  const row = await tx.get<Row>(
    'SELECT state AS state, attempts AS attempts, due_at AS "dueAt" FROM deliveries WHERE org_id = ? AND notice_id = ? AND way_id = ?',
    [a.org, a.notice, a.way],
  )
  if (row?.attempts !== a.attempt || !['due', 'dropped'].includes(row.state)) return
  const { outcome, now } = a
  if (outcome.as === 'gone') await dropWay(tx, { org: a.org, id: a.way })
  else if (outcome.as === 'accepted') await accepted(tx, a, row)
  else if (outcome.as === 'failed' || row.state === 'dropped') await fail(tx, a, { ...outcome, now })
  else await putOff(tx, a, outcome)
}

async function accepted(tx: Tx, a: DeliveryKey & { now: number }, { state }: Row): Promise<void> {
  await tx.run(
    "UPDATE deliveries SET state = 'accepted', accepted_at = ?, failure = NULL WHERE org_id = ? AND notice_id = ? AND way_id = ?",
    [a.now, a.org, a.notice, a.way],
  )
  await tx.run(
    'UPDATE ways SET accepted_at = ?, failed_at = NULL, failure = NULL, failure_detail = NULL WHERE org_id = ? AND way_id = ?',
    [a.now, a.org, a.way],
  )
  const [notice] = state === 'dropped' ? await selectNotices(tx, 'org_id = ? AND notice_id = ?', [a.org, a.notice]) : []
  if (notice?.state === 'over') await tellOutcome(tx, notice, [a.way], a.now)
}

async function putOff(
  tx: Tx,
  a: DeliveryKey & { now: number },
  { at, code, detail }: Extract<DeliveryOutcome, { as: 'again' }>,
): Promise<void> {
  const [notice] = await selectNotices(tx, 'org_id = ? AND notice_id = ?', [a.org, a.notice])
  // A test says at once how it went; anything else has its time.
  const isOver = !notice || notice.kind === 'test' || at >= notice.madeAt + limits.noticeMs
  if (isOver) return fail(tx, a, { code, detail, now: a.now })
  await tx.run('UPDATE deliveries SET due_at = ? WHERE org_id = ? AND notice_id = ? AND way_id = ?', [
    at,
    a.org,
    a.notice,
    a.way,
  ])
  await noteFailure(tx, a, { code, detail, now: a.now })
}

interface Failure {
  code: WayFailure
  detail: string
  now: number
}

async function fail(tx: Tx, a: DeliveryKey, failure: Failure): Promise<void> {
  await tx.run(
    "UPDATE deliveries SET state = 'failed', failed_at = ?, failure = ?, failure_detail = ? WHERE org_id = ? AND notice_id = ? AND way_id = ?",
    [failure.now, failure.code, failure.detail, a.org, a.notice, a.way],
  )
  await noteFailure(tx, a, failure)
}

async function noteFailure(tx: Tx, a: DeliveryKey, { code, detail, now }: Failure): Promise<void> {
  await tx.run('UPDATE ways SET failed_at = ?, failure = ?, failure_detail = ? WHERE org_id = ? AND way_id = ?', [
    now,
    code,
    detail,
    a.org,
    a.way,
  ])
}

/** A message that goes one way, taken by who makes it. */
export interface OwnMessage extends Words {
  org: OrgId
  user: UserId
  way: WayId
  notice: string
  tag: string
  now: number
  receiptHash: string
  leaseUntil: number
}

/** To see how far it comes (NT21). Null when the user has no such way, or its address is not confirmed. */
export async function makeTest(tx: Tx, a: OwnMessage): Promise<ClaimedDelivery | null> {
  const way = await tx.get(
    'SELECT 1 AS one FROM ways WHERE org_id = ? AND user_id = ? AND way_id = ? AND code_notice IS NULL',
    [a.org, a.user, a.way],
  )
  return way ? makeOwn(tx, a, 'test') : null
}

/** A new code for an address (NT31). Null when it awaits none. */
export async function makeCode(
  tx: Tx,
  a: OwnMessage & { mark: string; until: number },
): Promise<ClaimedDelivery | null> {
  return (await beginCode(tx, a)) ? makeOwn(tx, a, 'code') : null
}

async function makeOwn(tx: Tx, a: OwnMessage, kind: 'test' | 'code'): Promise<ClaimedDelivery | null> {
  const to: Asker = { org: a.org, user: a.user }
  const about = { places: [], subject: { of: 'nothing' } as const, kind, onlyWays: [a.way] }
  await insertNotice(tx, { ...a, ...about, id: a.notice, to }, 'told')
  await insertDelivery(tx, { ...to, id: a.notice }, a.way, a.now)
  return claimDelivery(tx, a)
}

/** Whose receipt it is, if it has not come yet. */
export async function findReceipt(tx: Tx, a: { hash: string }): Promise<DeliveryKey | null> {
  const row = await tx.get<DeliveryKey>(
    'SELECT org_id AS org, notice_id AS notice, way_id AS way FROM deliveries WHERE receipt_hash = ? AND confirmed_at IS NULL',
    [a.hash],
  )
  return row ?? null
}

/** The phone has shown it. That it was accepted is known by it too, whatever became of the answer (NT20). */
export async function confirmDelivery(tx: Tx, a: DeliveryKey & { now: number }): Promise<void> {
  const { changes } = await tx.run(
    'UPDATE deliveries SET confirmed_at = ? WHERE org_id = ? AND notice_id = ? AND way_id = ? AND confirmed_at IS NULL',
    [a.now, a.org, a.notice, a.way],
  )
  if (changes === 0) return
  await tx.run(
    "UPDATE deliveries SET state = 'accepted', accepted_at = ? WHERE org_id = ? AND notice_id = ? AND way_id = ? AND state = 'due'",
    [a.now, a.org, a.notice, a.way],
  )
  await tx.run('UPDATE ways SET confirmed_at = ? WHERE org_id = ? AND way_id = ?', [a.now, a.org, a.way])
}
