/** Procedures over browser sessions: made at each sign-in, listed, ended. */
import type { BrowserSessionInfo } from '@meshbook/core/account-api.ts'
import type { OrgId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { UserRow } from './identity.ts'
import { dropWaysOf } from './ways.ts'

type Owner = { org: OrgId; user: UserId }

/** A browser session to be made. `previous` is the hash of the one that this browser had, which ends (AU30). */
export interface NewBrowserSession {
  id: string
  hash: string
  browser: string
  previous: string | null
  now: number
  expiresAt: number
}

export interface SignedIn {
  user: UserRow
  /** Sessions that ended by it: the one this browser had, and the oldest where there are too many. What was opened with them is to be closed. */
  ended: string[]
}

export async function openBrowserSession(tx: Tx, user: UserRow, a: NewBrowserSession): Promise<SignedIn> {
  const before = await tx.get<{ org: OrgId; id: string }>(
    'SELECT org_id AS org, browser_session_id AS id FROM browser_sessions WHERE hash = ?',
    [a.previous ?? ''],
  )
  if (before) await endBrowserSession(tx, before)
  await tx.run('DELETE FROM browser_sessions WHERE org_id = ? AND expires_at <= ?', [user.org, a.now])
  const oldest = await tx.all<{ id: string }>(
    'SELECT browser_session_id AS id FROM browser_sessions WHERE org_id = ? AND user_id = ? ORDER BY created_at DESC, browser_session_id LIMIT 1000 OFFSET ?',
    [user.org, user.user, limits.browserSessionsPerUser - 1],
  )
  for (const { id } of oldest) await endBrowserSession(tx, { org: user.org, id })
  await tx.run(
    'INSERT INTO browser_sessions (org_id, user_id, browser_session_id, hash, browser, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    [user.org, user.user, a.id, a.hash, a.browser, a.now, a.expiresAt],
  )
  return { user, ended: [...(before ? [before] : []), ...oldest].map(({ id }) => id) }
}

export async function endBrowserSession(tx: Tx, a: { org: OrgId; id: string }): Promise<void> {
  await tx.run('DELETE FROM browser_sessions WHERE org_id = ? AND browser_session_id = ?', [a.org, a.id])
  await tx.run('DELETE FROM tickets WHERE org_id = ? AND issuer = ?', [a.org, `session:${a.id}`])
  await dropWaysOf(tx, { credential: `session:${a.id}` })
}

export async function listBrowserSessions(
  tx: Tx,
  a: Owner & { now: number },
): Promise<Omit<BrowserSessionInfo, 'current'>[]> {
  return tx.all(
    'SELECT browser_session_id AS id, browser, created_at AS "createdAt", expires_at AS "expiresAt" FROM browser_sessions WHERE org_id = ? AND user_id = ? AND expires_at > ? ORDER BY created_at DESC, browser_session_id',
    [a.org, a.user, a.now],
  )
}

/** Ends one session, or all but one; returns the ids of those that ended, null when there were none (AU31). */
export async function endBrowserSessions(
  tx: Tx,
  a: Owner & { only: string | null; except: string | null },
): Promise<string[] | null> {
  const rows = await tx.all<{ id: string }>(
    'SELECT browser_session_id AS id FROM browser_sessions WHERE org_id = ? AND user_id = ? ORDER BY browser_session_id',
    [a.org, a.user],
  )
  const ids = rows.map(({ id }) => id).filter(id => (a.only === null || id === a.only) && id !== a.except)
  for (const id of ids) await endBrowserSession(tx, { org: a.org, id })
  return ids.length > 0 ? ids : null
}
