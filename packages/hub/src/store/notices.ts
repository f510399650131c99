/**
 * Procedures over notices: made in the transaction of what they are about, with an id that follows from it, and ended by
 * what ends it (NT4). Whether and when one is told is planned later (`plan-notices.ts`). What they say is not known here.
 */
import { createHash } from 'node:crypto'
import type { OrgId, ProjectId, WayId } from '@meshbook/core/ids.ts'
import type { MessageKind, NoticeKind } from '@meshbook/core/notify-api.ts'
import type { Filled } from '@meshbook/core/notify-words.ts'
import { inOrg } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { forgetCodes } from './mail-codes.ts'
import { isWanted, notifySettings, toldAfterMs } from './notify-settings.ts'
import type { Asker } from './places.ts'
import { dropWay } from './ways.ts'

/** Where what is told of stands: who may not read there any more is not told (NT3). */
export interface NoticePlace {
  org: OrgId
  project: ProjectId
}

/** What else must hold for it to be told. */
export type Subject = { of: 'run' } | { of: 'gate'; id: string } | { of: 'device'; id: string } | { of: 'nothing' }

export interface Words {
  title: Filled
  text: Filled
  /** Path of the app. */
  url: string
}

export type NoticeState = 'new' | 'kept' | 'told' | 'over' | 'dropped' | 'summed'

export interface NoticeRow extends Words {
  org: OrgId
  user: Asker['user']
  id: string
  kind: MessageKind
  places: NoticePlace[]
  subject: Subject
  tag: string
  madeAt: number
  state: NoticeState
  onlyWays: WayId[] | null
  outcome: Words | null
}

type Stored = Omit<NoticeRow, 'places' | 'subject' | 'onlyWays' | 'outcome'> & {
  places: string
  subject: string
  onlyWays: string | null
  outcome: string | null
}

const columns =
  'org_id AS org, user_id AS "user", notice_id AS id, kind, places, subject, tag, title, text, url, made_at AS "madeAt", state, only_ways AS "onlyWays", outcome'

/** `where` is text of this package, never of a request. */
export async function selectNotices(tx: Tx, where: string, values: (string | number)[]): Promise<NoticeRow[]> {
  const rows = await tx.all<Stored>(`SELECT ${columns} FROM notices WHERE ${where}`, values)
  return rows.map(row => ({
    ...row,
    places: JSON.parse(row.places) as NoticePlace[],
    subject: JSON.parse(row.subject) as Subject,
    onlyWays: row.onlyWays === null ? null : (JSON.parse(row.onlyWays) as WayId[]),
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as Words),
  }))
}

/** The same parts, the same id: on every hub, however often one is killed. */
export function idFrom(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 32)
}

export interface NewNotice extends Words {
  to: Asker
  id: string
  kind: MessageKind
  places: NoticePlace[]
  subject: Subject
  tag: string
  now: number
  dueAt?: number
  onlyWays?: WayId[]
}

/** Undefined for who has no way, so that nothing is made for nobody; else what the user wants. */
export async function wishesOf(tx: Tx, to: Asker): Promise<Awaited<ReturnType<typeof notifySettings>> | undefined> {
  const way = await tx.get(
    'SELECT 1 AS one FROM ways WHERE org_id = ? AND user_id = ? AND code_notice IS NULL LIMIT 1',
    [to.org, to.user],
  )
  return way ? notifySettings(tx, to) : undefined
}

/** Whether it was made, now or before. `tookMs` of what is told only if it took long. */
export async function makeNotice(
  tx: Tx,
  a: NewNotice & { kind: NoticeKind; tookMs?: number | undefined },
): Promise<boolean> {
  return inOrg(tx, a.to.org, tx => makeWanted(tx, a))
}

async function makeWanted(tx: Tx, a: Parameters<typeof makeNotice>[1]): Promise<boolean> {
  const settings = await wishesOf(tx, a.to)
  const project = a.places[0]?.project ?? null
  if (!settings || !isWanted(settings, a.kind, project)) return false
  if (a.tookMs !== undefined && a.tookMs < toldAfterMs(settings, project)) return false
  await insertNotice(tx, a)
  return true
}

export async function insertNotice(tx: Tx, a: NewNotice, state: NoticeState = 'new'): Promise<void> {
  await tx.run(
    `INSERT INTO notices (org_id, user_id, notice_id, kind, places, subject, tag, title, text, url, made_at, due_at, state, told_at, only_ways)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, notice_id) DO NOTHING`,
    [
      a.to.org,
      a.to.user,
      a.id,
      a.kind,
      JSON.stringify(a.places),
      JSON.stringify(a.subject),
      a.tag,
      a.title,
      a.text,
      a.url,
      a.now,
      a.dueAt ?? a.now,
      state,
      state === 'told' ? a.now : null,
      a.onlyWays ? JSON.stringify(a.onlyWays) : null,
    ],
  )
}

/**
 * What was told under the tag is over: what has not been sent is not sent, and what has been is replaced by how it went.
 * Whoever it was told to may be of another org, so everything here is right whatever another hub plans meanwhile.
 */
export async function endNotices(tx: Tx, a: { tag: string; words: Words; now: number }): Promise<void> {
  const waiting = "tag = ? AND kind IN ('input', 'gate', 'wanted') AND state IN ('new', 'kept', 'told')"
  for (const notice of await selectNotices(tx, waiting, [a.tag])) {
    const at = [notice.org, notice.id]
    await tx.run("UPDATE notices SET state = 'over', outcome = ? WHERE org_id = ? AND notice_id = ?", [
      JSON.stringify(a.words),
      ...at,
    ])
    // One that is on its way right now is followed by its outcome once it has arrived.
    await tx.run("UPDATE deliveries SET state = 'dropped' WHERE org_id = ? AND notice_id = ? AND state = 'due'", at)
    const shown = await tx.all<{ way: WayId }>(
      "SELECT way_id AS way FROM deliveries WHERE org_id = ? AND notice_id = ? AND state = 'accepted' ORDER BY way_id",
      at,
    )
    if (shown.length > 0)
      await tellOutcome(
        tx,
        { ...notice, outcome: a.words },
        shown.map(({ way }) => way),
        a.now,
      )
  }
}

/** Tells how it went where it was shown. */
export async function tellOutcome(tx: Tx, notice: NoticeRow, ways: WayId[], now: number): Promise<void> {
  const { org, user, id, places, tag, outcome } = notice
  if (outcome === null) return
  const about = { places, tag, subject: { of: 'nothing' } as const, kind: 'over' as const }
  await insertNotice(tx, {
    ...about,
    ...outcome,
    to: { org, user },
    id: idFrom('over', id, ...ways),
    now,
    onlyWays: ways,
  })
}

/** Users for whom something is to be planned. */
export async function dueNotices(tx: Tx, a: { now: number; rows: number }): Promise<Asker[]> {
  return tx.all(
    `SELECT org_id AS org, user_id AS "user" FROM notices WHERE state IN ('new', 'kept') AND due_at <= ? GROUP BY org_id, user_id ORDER BY MIN(due_at) LIMIT ?`,
    [a.now, a.rows],
  )
}

/** Old ones are forgotten, with addresses that nobody confirmed (NT31); false when none is left. */
export async function sweepNotices(tx: Tx, a: { before: number; rows: number }): Promise<boolean> {
  const rows = await tx.all<{ org: OrgId; id: string }>(
    'SELECT org_id AS org, notice_id AS id FROM notices WHERE made_at < ? ORDER BY made_at LIMIT ?',
    [a.before, a.rows],
  )
  for (const { org, id } of rows) {
    await tx.run('DELETE FROM deliveries WHERE org_id = ? AND notice_id = ?', [org, id])
    await tx.run('DELETE FROM notices WHERE org_id = ? AND notice_id = ?', [org, id])
  }
  for (const way of await forgetCodes(tx, a)) await dropWay(tx, way)
  return rows.length === a.rows
}
