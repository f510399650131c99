/** Procedures over the ways to a user: browsers' push subscriptions, ntfy topics, webhooks, mail addresses; and the hub's key for push (NT10, NT15, NT16, NT20, NT23). What awaits a code is in `mail-codes.ts`. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, UserId, WayId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { WayFailure, WayKind } from '@meshbook/core/notify-api.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { refuseManyCodes } from './mail-codes.ts'
import type { Asker } from './places.ts'

/** Where a way leads; all of it is secret. */
export interface WayTarget {
  id: WayId
  kind: WayKind
  /** Endpoint of a subscription, address of an ntfy server or of a webhook, mail address; what is sealed leaves the origin here, of a mail address nothing. */
  url: string
  /** It may lead into the hub's own network: the owner of the hub made it. */
  inside: boolean
  p256dh: string | null
  auth: string | null
  topic: string | null
  /** Of a webhook what signs, of ntfy the token. */
  secret: string | null
  /** `url`, `topic` and `secret`, sealed; null for push, and for what was stored before it was sealed. */
  sealed: string | null
}

export interface NewWayRow extends WayTarget {
  org: OrgId
  user: UserId
  name: string
  /** Null: the host is shown. */
  shown: string | null
  /** Stands for a mail address, which has to be confirmed before anything is sent there; null for the other kinds. */
  mark: string | null
  credential: string
  /** Endpoint of the subscription that the browser had before. */
  replaces: string | null
  now: number
}

export interface FailureRow {
  failedAt: number | null
  failure: WayFailure | null
  failureDetail: string | null
}

export interface WayRow extends FailureRow {
  id: WayId
  kind: WayKind
  name: string
  url: string
  shown: string | null
  codeUntil: number | null
  credential: string
  createdAt: number
  acceptedAt: number | null
  confirmedAt: number | null
}

export const targetColumns =
  'w.way_id AS id, w.kind AS kind, w.url AS url, w.inside AS inside, w.p256dh AS p256dh, w.auth AS auth, w.topic AS topic, w.secret AS secret, w.sealed AS sealed'
const columns =
  'w.way_id AS id, w.kind AS kind, w.name AS name, w.url AS url, w.shown AS shown, w.code_until AS "codeUntil", w.credential AS credential, w.created_at AS "createdAt", w.accepted_at AS "acceptedAt", w.confirmed_at AS "confirmedAt", w.failed_at AS "failedAt", w.failure AS failure, w.failure_detail AS "failureDetail"'

/** The key that is there, or `made`: every hub of the database has the same (NT10). */
export async function pushKeys(
  tx: Tx,
  a: { made: { publicKey: string; privateKey: string }; now: number },
): Promise<{ publicKey: string; privateKey: string }> {
  await tx.run(
    "INSERT INTO push_keys (org_id, public_key, private_key, created_at) VALUES ('', ?, ?, ?) ON CONFLICT (org_id) DO NOTHING",
    [a.made.publicKey, a.made.privateKey, a.now],
  )
  return (await tx.get<{ publicKey: string; privateKey: string }>(
    'SELECT public_key AS "publicKey", private_key AS "privateKey" FROM push_keys WHERE org_id = \'\'',
  ))!
}

/** Whoever was here first owns the hub (NT14). */
export async function isFirstUser(tx: Tx, a: Asker): Promise<boolean> {
  const first = await tx.get<{ org: OrgId; user: UserId }>(
    'SELECT org_id AS org, user_id AS "user" FROM users ORDER BY created_at, user_id LIMIT 1',
  )
  return first?.org === a.org && first.user === a.user
}

/** The same subscription again is the same way. One that a browser has instead of another takes its place (NT15). */
export async function addWay(tx: Tx, a: NewWayRow): Promise<{ way: WayRow; created: boolean }> {
  if (a.kind === 'push') {
    const known = await tx.get<{ id: WayId; org: OrgId; user: UserId }>(
      `SELECT way_id AS id, org_id AS org, user_id AS "user" FROM ways WHERE url = ? AND auth = ? AND kind = 'push'`,
      [a.url, a.auth],
    )
    const isOwn = known?.org === a.org && known.user === a.user
    // Who knows both secrets of a subscription is its browser, whoever was signed in there before.
    if (known && !isOwn) await dropWay(tx, known)
    await dropReplaced(tx, a, isOwn ? known.id : null)
    if (isOwn) return { way: await again(tx, a, known.id), created: false }
  }
  const { count } = (await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM ways WHERE org_id = ? AND user_id = ?',
    [a.org, a.user],
  ))!
  if (count >= limits.waysPerUser) throw new MeshError('TOO_MANY', { detail: `${limits.waysPerUser} ways of one user` })
  if (a.mark !== null) await refuseManyCodes(tx, { ...a, mark: a.mark })
  await tx.run(
    'INSERT INTO ways (org_id, user_id, way_id, kind, name, url, inside, p256dh, auth, topic, secret, sealed, shown, code_notice, code_until, credential, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [
      a.org,
      a.user,
      a.id,
      a.kind,
      a.name,
      a.url,
      a.inside ? 1 : 0,
      a.p256dh,
      a.auth,
      a.topic,
      a.secret,
      a.sealed,
      a.shown,
      ...(a.mark === null ? [null, null] : ['', 0]),
      a.credential,
      a.now,
    ],
  )
  return { way: (await findWay(tx, a))!, created: true }
}

/** A browser has one subscription: an older one of the same browser session is gone. */
async function dropReplaced(tx: Tx, a: NewWayRow, kept: WayId | null): Promise<void> {
  const session = a.credential.startsWith('session:') ? a.credential : ''
  const rows = await tx.all<{ id: WayId }>(
    "SELECT way_id AS id FROM ways WHERE org_id = ? AND user_id = ? AND kind = 'push' AND (url = ? OR url = ? OR credential = ?)",
    [a.org, a.user, a.url, a.replaces ?? '', session],
  )
  for (const { id } of rows) if (id !== kept) await dropWay(tx, { org: a.org, id })
}

async function again(tx: Tx, a: NewWayRow, id: WayId): Promise<WayRow> {
  await tx.run('UPDATE ways SET p256dh = ?, credential = ? WHERE org_id = ? AND way_id = ?', [
    a.p256dh,
    a.credential,
    a.org,
    id,
  ])
  return (await findWay(tx, { org: a.org, user: a.user, id }))!
}

async function findWay(tx: Tx, a: { org: OrgId; user: UserId; id: WayId }): Promise<WayRow | null> {
  const row = await tx.get<WayRow>(
    `SELECT ${columns} FROM ways w WHERE w.org_id = ? AND w.user_id = ? AND w.way_id = ?`,
    [a.org, a.user, a.id],
  )
  return row ?? null
}

/** How far the last test of a way came (NT21). */
export interface TestRow extends FailureRow {
  id: string
  madeAt: number
  acceptedAt: number | null
  confirmedAt: number | null
}

export async function listWays(tx: Tx, a: Asker): Promise<(WayRow & { test: TestRow | null })[]> {
  const rows = await tx.all<WayRow>(
    `SELECT ${columns} FROM ways w WHERE w.org_id = ? AND w.user_id = ? ORDER BY w.created_at, w.way_id`,
    [a.org, a.user],
  )
  const found: (WayRow & { test: TestRow | null })[] = []
  for (const row of rows) found.push({ ...row, test: await lastTest(tx, a.org, row.id) })
  return found
}

async function lastTest(tx: Tx, org: OrgId, way: WayId): Promise<TestRow | null> {
  const row = await tx.get<TestRow>(
    `SELECT n.notice_id AS id, n.made_at AS "madeAt", d.accepted_at AS "acceptedAt", d.confirmed_at AS "confirmedAt", d.failed_at AS "failedAt", d.failure AS failure, d.failure_detail AS "failureDetail"
    FROM deliveries d JOIN notices n ON n.org_id = d.org_id AND n.notice_id = d.notice_id
    WHERE d.org_id = ? AND d.way_id = ? AND n.kind = 'test' ORDER BY n.made_at DESC, n.notice_id DESC LIMIT 1`,
    [org, way],
  )
  return row ?? null
}

/** False when the user has no such way. */
export async function removeWay(tx: Tx, a: { org: OrgId; user: UserId; id: WayId }): Promise<boolean> {
  if (!(await findWay(tx, a))) return false
  await dropWay(tx, a)
  return true
}

/** With what waits for it (NT12). */
export async function dropWay(tx: Tx, a: { org: OrgId; id: WayId }): Promise<void> {
  await tx.run('DELETE FROM deliveries WHERE org_id = ? AND way_id = ?', [a.org, a.id])
  await tx.run('DELETE FROM ways WHERE org_id = ? AND way_id = ?', [a.org, a.id])
}

/** Where a way of a user leads, as it is stored. */
export async function wayTarget(tx: Tx, a: Asker & { id: WayId }): Promise<WayTarget | null> {
  const row = await tx.get<Omit<WayTarget, 'inside'> & { inside: number }>(
    `SELECT ${targetColumns} FROM ways w WHERE w.org_id = ? AND w.user_id = ? AND w.way_id = ?`,
    [a.org, a.user, a.id],
  )
  return row ? { ...row, inside: row.inside !== 0 } : null
}

/** What is not sealed yet (NT16). */
export async function plainWays(
  tx: Tx,
): Promise<{ id: WayId; url: string; topic: string | null; secret: string | null }[]> {
  return tx.all(
    "SELECT way_id AS id, url AS url, topic AS topic, secret AS secret FROM ways WHERE kind <> 'push' AND sealed IS NULL ORDER BY way_id",
  )
}

export async function sealPlainWays(tx: Tx, a: { ways: { id: WayId; url: string; sealed: string }[] }): Promise<void> {
  for (const { id, url, sealed } of a.ways)
    await tx.run(
      "UPDATE ways SET url = ?, topic = NULL, secret = NULL, sealed = ? WHERE way_id = ? AND kind <> 'push' AND sealed IS NULL",
      [url, sealed, id],
    )
}

/** A browser that is signed out, or whose device or token is revoked, is told nothing more (NT23). What a user named elsewhere stays. */
export async function dropWaysOf(tx: Tx, a: { credential: string }): Promise<void> {
  const rows = await tx.all<{ org: OrgId; id: WayId }>(
    "SELECT org_id AS org, way_id AS id FROM ways WHERE credential = ? AND kind = 'push'",
    [a.credential],
  )
  for (const row of rows) await dropWay(tx, row)
}

/** Sessions end by their time too. */
export async function isCredentialGood(tx: Tx, a: { credential: string; now: number }): Promise<boolean> {
  const [kind, id = ''] = a.credential.split(':')
  if (kind === 'session')
    return (
      (await tx.get('SELECT 1 AS one FROM browser_sessions WHERE browser_session_id = ? AND expires_at > ?', [
        id,
        a.now,
      ])) !== undefined
    )
  return (await tx.get('SELECT 1 AS one FROM tokens WHERE token_id = ?', [id])) !== undefined
}
