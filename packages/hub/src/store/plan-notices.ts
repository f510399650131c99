/** Decides for one user which notices are told now, which are kept, and which are told together (NT5, NT6). */
import type { OrgId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { NotifySettings } from '@meshbook/core/notify-api.ts'
import { endOfQuiet } from '@meshbook/core/quiet-hours.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { summaryWords } from '../notify/words.ts'
import { tellNotice } from './deliveries.ts'
import { mayBeTold } from './may-be-told.ts'
import { idFrom, insertNotice, type NoticeRow, type NoticeState, selectNotices } from './notices.ts'
import { notifySettings } from './notify-settings.ts'
import type { Asker } from './places.ts'

const hourMs = 3_600_000
const mostAtOnce = 500

/** What of due notices goes where. */
interface Sorted {
  now: NoticeRow[]
  together: NoticeRow[]
  quiet: NoticeRow[]
  outcomes: NoticeRow[]
}

export async function planNotices(tx: Tx, a: { org: OrgId; user: UserId; now: number }): Promise<void> {
  const settings = await notifySettings(tx, a)
  const quietUntil = settings.quiet ? endOfQuiet(a.now, settings.quiet) : a.now
  const due = await selectNotices(
    tx,
    "org_id = ? AND user_id = ? AND state IN ('new', 'kept') AND due_at <= ? ORDER BY made_at, notice_id LIMIT ?",
    [a.org, a.user, a.now, mostAtOnce],
  )
  const sorted = sort(await readable(tx, due), settings, quietUntil > a.now)
  for (const notice of sorted.quiet) await keep(tx, notice, quietUntil)
  const told = await tellSome(tx, a, sorted.now)
  if (sorted.together.length > 1) await tellTogether(tx, a, sorted.together)
  else for (const notice of sorted.together) await tellNotice(tx, notice, a.now)
  for (const notice of sorted.outcomes)
    if (told.has(notice.tag)) await setState(tx, notice, 'dropped')
    else await tellNotice(tx, notice, a.now)
}

async function readable(tx: Tx, due: readonly NoticeRow[]): Promise<NoticeRow[]> {
  const found: NoticeRow[] = []
  for (const notice of due)
    if (await mayBeTold(tx, notice)) found.push(notice)
    else await setState(tx, notice, 'dropped')
  return found
}

function sort(due: readonly NoticeRow[], settings: NotifySettings, isQuiet: boolean): Sorted {
  const sorted: Sorted = { now: [], together: [], quiet: [], outcomes: [] }
  for (const notice of due) {
    const isUrgent = ['gate', 'input'].includes(notice.kind) && settings.quiet?.urgent !== false
    if (notice.kind === 'over') sorted.outcomes.push(notice)
    else if (isQuiet && !isUrgent) sorted.quiet.push(notice)
    else if (notice.state === 'kept') sorted.together.push(notice)
    else sorted.now.push(notice)
  }
  return sorted
}

async function setState(tx: Tx, { org, id, state }: NoticeRow, next: NoticeState): Promise<boolean> {
  const update = 'UPDATE notices SET state = ? WHERE org_id = ? AND notice_id = ? AND state = ?'
  return (await tx.run(update, [next, org, id, state])).changes > 0
}

async function keep(tx: Tx, { org, id, state }: NoticeRow, until: number): Promise<void> {
  const update = "UPDATE notices SET state = 'kept', due_at = ? WHERE org_id = ? AND notice_id = ? AND state = ?"
  await tx.run(update, [until, org, id, state])
}

/** As many as the hour has room for; the rest is told together a little later. Returns the tags of what was told. */
async function tellSome(tx: Tx, a: Asker & { now: number }, notices: readonly NoticeRow[]): Promise<Set<string>> {
  const told = new Set<string>()
  if (notices.length === 0) return told
  const { count } = (await tx.get<{ count: number }>(
    "SELECT COUNT(*) AS count FROM notices WHERE org_id = ? AND user_id = ? AND told_at > ? AND kind NOT IN ('over', 'summary', 'test', 'code')",
    [a.org, a.user, a.now - hourMs],
  ))!
  for (const [at, notice] of notices.entries())
    if (count + at >= limits.noticesPerHour) await keep(tx, notice, await nextSummary(tx, a))
    else if (await tellNotice(tx, notice, a.now)) told.add(notice.tag)
  return told
}

/** One for all that comes until then. */
async function nextSummary(tx: Tx, a: Asker & { now: number }): Promise<number> {
  const row = await tx.get<{ at: number | null }>(
    "SELECT MIN(due_at) AS at FROM notices WHERE org_id = ? AND user_id = ? AND state = 'kept' AND due_at > ?",
    [a.org, a.user, a.now],
  )
  return Math.min(row?.at ?? Number.POSITIVE_INFINITY, a.now + limits.noticeSummaryMs)
}

async function tellTogether(tx: Tx, a: Asker & { now: number }, notices: readonly NoticeRow[]): Promise<void> {
  const summed: NoticeRow[] = []
  for (const notice of notices) if (await setState(tx, notice, 'summed')) summed.push(notice)
  if (summed.length === 0) return
  const places = new Map(summed.flatMap(notice => notice.places).map(place => [`${place.org} ${place.project}`, place]))
  const id = idFrom('summary', a.org, a.user, ...summed.map(notice => notice.id))
  const about = {
    kind: 'summary' as const,
    places: [...places.values()],
    subject: { of: 'nothing' } as const,
    tag: 'summary',
  }
  await insertNotice(tx, { ...about, ...summaryWords(summed), to: a, id, now: a.now })
  const [summary] = await selectNotices(tx, 'org_id = ? AND notice_id = ?', [a.org, id])
  if (summary) await tellNotice(tx, summary, a.now)
}
