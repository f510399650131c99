/**
 * What changed, for the other hubs on the same database: one row a subject, with the position of its last change. A row
 * is written in the transaction of the change, so that whoever has read up to a position knows of every change before
 * it (CH1). It carries no content: who hears of a subject looks at the store.
 */
import type { DeviceId, OrgId, ProjectId, RunId, UserId } from '@meshbook/core/ids.ts'
import { inOrg } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export type Subject =
  | `run ${RunId}`
  | `device ${DeviceId}`
  | 'sessions'
  | `orders ${string}`
  | `closed ${string}`
  | `documents ${ProjectId}`
  | `member ${ProjectId} ${UserId}`
  | `owner-keys ${UserId}`

export interface News {
  org: OrgId
  subject: Subject
}

export interface NewsItem extends News {
  position: number
}

/** The one counter of all orgs: its row stays locked until the commit, so positions become visible in their order. */
const counter = `INSERT INTO news (org_id, subject, position) VALUES ('', '', ?) ON CONFLICT (org_id, subject) DO UPDATE SET position = news.position + excluded.position RETURNING position`
const row = '(?, ?, CAST(? AS BIGINT))'
const notedAtOnce = 100

export async function noteNews(tx: Tx, news: readonly News[]): Promise<void> {
  const items = [...new Map(news.map(item => [`${item.org} ${item.subject}`, item])).values()]
  for (const [org, ofOrg] of Map.groupBy(items, item => item.org))
    for (let from = 0; from < ofOrg.length; from += notedAtOnce)
      await inOrg(tx, org, tx => noteSome(tx, ofOrg.slice(from, from + notedAtOnce)))
}

async function noteSome(tx: Tx, some: readonly News[]): Promise<void> {
  const { position } = (await tx.get<{ position: number }>(counter, [some.length]))!
  const first = position - some.length + 1
  await tx.run(
    `INSERT INTO news (org_id, subject, position) VALUES ${some.map(() => row).join(', ')} ON CONFLICT (org_id, subject) DO UPDATE SET position = excluded.position`,
    some.flatMap(({ org, subject }, i) => [org, subject, first + i]),
  )
}

const noted = new WeakSet<object>()

/** Whether a call of the procedure may have news for other hubs. */
export const notesNews = (procedure: object | undefined): boolean => procedure !== undefined && noted.has(procedure)

/** The procedure, which also notes in its transaction what it changed in the org that it was called for. */
export function noting<A extends { org: OrgId }, R>(
  procedure: (tx: Tx, args: A) => Promise<R>,
  subjectsOf: (result: R, args: A) => readonly Subject[],
): (tx: Tx, args: A) => Promise<R> {
  return notingIn(procedure, (result, args) => subjectsOf(result, args).map(subject => ({ org: args.org, subject })))
}

/** As `noting`, where the change may be in several orgs or only the result tells in which. */
export function notingIn<A, R>(
  procedure: (tx: Tx, args: A) => Promise<R>,
  newsOf: (result: R, args: A) => readonly News[],
): (tx: Tx, args: A) => Promise<R> {
  const noter = async (tx: Tx, args: A): Promise<R> => {
    const result = await procedure(tx, args)
    await noteNews(tx, newsOf(result, args))
    return result
  }
  noted.add(noter)
  return noter
}

/** As `noting`, for what PostgreSQL does of several calls together. */
export function notingTogether<A extends { org: OrgId }, R>(
  together: (tx: Tx, calls: readonly A[]) => Promise<R[]>,
  subjectsOf: (result: R, args: A) => readonly Subject[],
): (tx: Tx, calls: readonly A[]) => Promise<R[]> {
  return async (tx, calls) => {
    const results = await together(tx, calls)
    await noteNews(
      tx,
      calls.flatMap((args, i) => subjectsOf(results[i]!, args).map(subject => ({ org: args.org, subject }))),
    )
    return results
  }
}

export async function readNews(tx: Tx, a: { after: number; rows: number }): Promise<NewsItem[]> {
  return tx.all(
    `SELECT org_id AS org, subject AS subject, position AS position FROM news WHERE position > ? AND subject <> '' ORDER BY position LIMIT ?`,
    [a.after, a.rows],
  )
}

export async function newsPosition(tx: Tx): Promise<number> {
  const row = await tx.get<{ position: number }>("SELECT position FROM news WHERE org_id = '' AND subject = ''")
  return row?.position ?? 0
}

/** Where the last news of a subject stands; null when there was none, or it is long ago. */
export async function newsOf(tx: Tx, a: News): Promise<number | null> {
  const row = await tx.get<{ position: number }>('SELECT position FROM news WHERE org_id = ? AND subject = ?', [
    a.org,
    a.subject,
  ])
  return row?.position ?? null
}

/** A hub that was away for longer than so many changes begins with a look at everything. What nobody took in time goes too. */
export async function sweepNews(tx: Tx, a: { kept: number; now: number }): Promise<void> {
  await tx.run('DELETE FROM orders WHERE expires_at <= ?', [a.now])
  await tx.run("DELETE FROM news WHERE position < ? AND subject <> ''", [(await newsPosition(tx)) - a.kept])
}
