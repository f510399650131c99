/**
 * Procedures over people and how they sign in: accounts, identities, invitations, browser sessions, attempts. One
 * transaction each; what a provider said has been checked before. Passkeys are in `passkeys.ts`.
 */
import type { BrowserSessionInfo, InvitationInfo, ProviderName } from '@meshbook/core/account-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { IdentityId, InvitationId, OrgId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { UserRow } from './identity.ts'

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

/** Ends one session, or all but one; returns the ids of those that ended (AU31). */
export async function endBrowserSessions(
  tx: Tx,
  a: Owner & { only: string | null; except: string | null },
): Promise<string[]> {
  const rows = await tx.all<{ id: string }>(
    'SELECT browser_session_id AS id FROM browser_sessions WHERE org_id = ? AND user_id = ? ORDER BY browser_session_id',
    [a.org, a.user],
  )
  const ids = rows.map(({ id }) => id).filter(id => (a.only === null || id === a.only) && id !== a.except)
  for (const id of ids) await endBrowserSession(tx, { org: a.org, id })
  return ids
}

/** What a provider has proven about a person. The e-mail address is a verified one, or null (AU2). */
export interface ProvenIdentity {
  provider: ProviderName
  issuer: string
  subject: string
  label: string
  email: string | null
}

/** Ids and a wished name for an account, should one be made. */
export interface NewAccount {
  org: OrgId
  user: UserId
  name: string
  now: number
}

/** Signs in whom the identity belongs to, or makes an account where that is allowed (AU1, AU3, AU4). */
export async function signInWithIdentity(
  tx: Tx,
  a: {
    proven: ProvenIdentity
    identity: IdentityId
    account: NewAccount
    refusal: 'SIGN_UP_CLOSED' | 'EMAIL_NOT_VERIFIED' | null
    invitation: string | null
    session: NewBrowserSession
  },
): Promise<SignedIn> {
  const known = await ownerOf(tx, a.proven)
  if (known) {
    await renewIdentity(tx, known, a.proven, a.session.now)
    return openBrowserSession(tx, known, a.session)
  }
  if (a.invitation === null && a.refusal !== null) throw new MeshError(a.refusal)
  const user = await makeAccount(tx, a.account, a.invitation)
  await insertIdentity(tx, user, a.identity, a.proven, a.session.now)
  return openBrowserSession(tx, user, a.session)
}

/** An account with its personal org and a free name; an invitation is used up by it. */
export async function makeAccount(tx: Tx, a: NewAccount, invitation: string | null): Promise<UserRow> {
  const row = await tx.get<{ count: number }>('SELECT COUNT(*) AS count FROM users')
  if ((row?.count ?? 0) >= limits.usersPerHub)
    throw new MeshError('TOO_MANY', { detail: `${limits.usersPerHub} accounts of one hub` })
  const name = await freeName(tx, a)
  if (invitation !== null) await useInvitation(tx, { hash: invitation, name, now: a.now })
  await tx.run('INSERT INTO orgs (org_id, name, created_at) VALUES (?, ?, ?)', [a.org, name, a.now])
  await tx.run('INSERT INTO users (org_id, user_id, name, created_at) VALUES (?, ?, ?, ?)', [
    a.org,
    a.user,
    name,
    a.now,
  ])
  return { org: a.org, user: a.user, name }
}

const nameTries = 20

async function freeName(tx: Tx, a: NewAccount): Promise<string> {
  for (let n = 1; n <= nameTries; n++) {
    const name = n === 1 ? a.name : `${a.name}-${n}`
    const taken = await tx.get('SELECT name FROM orgs WHERE name = ? UNION SELECT name FROM users WHERE name = ?', [
      name,
      name,
    ])
    if (!taken) return name
  }
  return `${a.name}-${a.user.slice(-10)}`
}

async function useInvitation(tx: Tx, a: { hash: string; name: string; now: number }): Promise<void> {
  const { changes } = await tx.run(
    'UPDATE invitations SET used_by = ? WHERE hash = ? AND used_by IS NULL AND expires_at > ?',
    [a.name, a.hash, a.now],
  )
  if (changes !== 1) throw new MeshError('INVITATION_VOID')
}

const userColumns = 'u.org_id AS org, u.user_id AS user, u.name AS name'

async function ownerOf(tx: Tx, proven: ProvenIdentity): Promise<UserRow | undefined> {
  return tx.get<UserRow>(
    `SELECT ${userColumns} FROM identities i JOIN users u ON u.org_id = i.org_id AND u.user_id = i.user_id WHERE i.provider = ? AND i.issuer = ? AND i.subject = ?`,
    [proven.provider, proven.issuer, proven.subject],
  )
}

async function renewIdentity(tx: Tx, owner: UserRow, proven: ProvenIdentity, now: number): Promise<void> {
  await tx.run(
    'UPDATE identities SET label = ?, email = ?, last_used_at = ? WHERE org_id = ? AND provider = ? AND issuer = ? AND subject = ?',
    [proven.label, proven.email, now, owner.org, proven.provider, proven.issuer, proven.subject],
  )
}

async function insertIdentity(
  tx: Tx,
  owner: Owner,
  id: IdentityId,
  proven: ProvenIdentity,
  now: number,
): Promise<void> {
  await tx.run(
    'INSERT INTO identities (org_id, user_id, identity_id, provider, issuer, subject, label, email, created_at, last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [owner.org, owner.user, id, proven.provider, proven.issuer, proven.subject, proven.label, proven.email, now, now],
  )
}

/** Adds an identity to who began it, if the browser session that they began it in is still there (AU5). */
export async function linkIdentity(
  tx: Tx,
  a: { owner: Owner; browserSession: string; proven: ProvenIdentity; id: IdentityId; now: number },
): Promise<void> {
  const { org, user } = a.owner
  const live = await tx.get(
    'SELECT browser_session_id FROM browser_sessions WHERE org_id = ? AND user_id = ? AND browser_session_id = ? AND expires_at > ?',
    [org, user, a.browserSession, a.now],
  )
  if (!live) throw new MeshError('UNAUTHENTICATED', { detail: 'the browser session has ended' })
  const known = await ownerOf(tx, a.proven)
  if (known && known.user !== user) throw new MeshError('IDENTITY_TAKEN')
  if (known) return renewIdentity(tx, known, a.proven, a.now)
  const count = await countOf(tx, 'identities', a.owner)
  if (count >= limits.identitiesPerUser)
    throw new MeshError('TOO_MANY', { detail: `${limits.identitiesPerUser} identities of one user` })
  await insertIdentity(tx, a.owner, a.id, a.proven, a.now)
}

export interface IdentityRow {
  id: string
  provider: ProviderName
  issuer: string
  label: string
  email: string | null
  createdAt: number
  lastUsedAt: number
}

export async function listIdentities(tx: Tx, a: Owner): Promise<IdentityRow[]> {
  return tx.all(
    'SELECT identity_id AS id, provider, issuer, label, email, created_at AS "createdAt", last_used_at AS "lastUsedAt" FROM identities WHERE org_id = ? AND user_id = ? ORDER BY created_at, identity_id',
    [a.org, a.user],
  )
}

/** What this hub accepts today: an identity of another issuer, or a passkey for another domain, signs nobody in. */
export interface Accepted {
  issuers: { provider: ProviderName; issuer: string }[]
  domains: string[]
}

/** Null when there is no such identity of this user. */
export async function unlinkIdentity(tx: Tx, a: Owner & { id: string; accepted: Accepted }): Promise<boolean> {
  return keepingAWayIn(tx, a, () =>
    tx.run('DELETE FROM identities WHERE org_id = ? AND user_id = ? AND identity_id = ?', [a.org, a.user, a.id]),
  )
}

/** Does it unless nobody could sign in to the account afterwards (AU6); then nothing is done. */
export async function keepingAWayIn(
  tx: Tx,
  a: Owner & { accepted: Accepted },
  remove: () => Promise<{ changes: number }>,
): Promise<boolean> {
  const before = await waysIn(tx, a)
  const { changes } = await remove()
  if (before > 0 && (await waysIn(tx, a)) === 0) throw new MeshError('LAST_WAY_IN')
  return changes > 0
}

async function waysIn(tx: Tx, a: Owner & { accepted: Accepted }): Promise<number> {
  const first = await tx.get<{ user: UserId }>('SELECT user_id AS user FROM users ORDER BY created_at LIMIT 1')
  const identities = await tx.all<{ provider: ProviderName; issuer: string }>(
    'SELECT provider, issuer FROM identities WHERE org_id = ? AND user_id = ?',
    [a.org, a.user],
  )
  const passkeys = await tx.all<{ domain: string }>('SELECT domain FROM passkeys WHERE org_id = ? AND user_id = ?', [
    a.org,
    a.user,
  ])
  const { issuers, domains } = a.accepted
  const accepted = (row: { provider: ProviderName; issuer: string }): boolean =>
    issuers.some(({ provider, issuer }) => provider === row.provider && issuer === row.issuer)
  return (
    (first?.user === a.user ? 1 : 0) +
    identities.filter(accepted).length +
    passkeys.filter(({ domain }) => domains.includes(domain)).length
  )
}

export async function countOf(tx: Tx, table: 'identities' | 'passkeys', a: Owner): Promise<number> {
  const row = await tx.get<{ count: number }>(
    `SELECT COUNT(*) AS count FROM ${table} WHERE org_id = ? AND user_id = ?`,
    [a.org, a.user],
  )
  return row?.count ?? 0
}

export async function addInvitation(
  tx: Tx,
  a: Owner & { id: InvitationId; hash: string; note: string; grants: string; now: number; expiresAt: number },
): Promise<void> {
  await tx.run('DELETE FROM invitations WHERE org_id = ? AND used_by IS NULL AND expires_at <= ?', [a.org, a.now])
  const row = await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM invitations WHERE org_id = ? AND user_id = ? AND used_by IS NULL',
    [a.org, a.user],
  )
  if ((row?.count ?? 0) >= limits.invitationsPerUser)
    throw new MeshError('TOO_MANY', { detail: `${limits.invitationsPerUser} open invitations of one user` })
  await tx.run(
    'INSERT INTO invitations (org_id, user_id, invitation_id, hash, note, grants, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.user, a.id, a.hash, a.note, a.grants, a.now, a.expiresAt],
  )
}

export async function listInvitations(tx: Tx, a: Owner & { rows: number }): Promise<InvitationInfo[]> {
  return tx.all(
    'SELECT invitation_id AS id, note, created_at AS "createdAt", expires_at AS "expiresAt", used_by AS "usedBy" FROM invitations WHERE org_id = ? AND user_id = ? ORDER BY created_at DESC, invitation_id LIMIT ?',
    [a.org, a.user, a.rows],
  )
}

/** One that was used stays, as a record of who came by it. */
export async function withdrawInvitation(tx: Tx, a: Owner & { id: InvitationId }): Promise<boolean> {
  const { changes } = await tx.run(
    'DELETE FROM invitations WHERE org_id = ? AND user_id = ? AND invitation_id = ? AND used_by IS NULL',
    [a.org, a.user, a.id],
  )
  return changes > 0
}

export async function isInvited(tx: Tx, a: { hash: string; now: number }): Promise<boolean> {
  const row = await tx.get(
    'SELECT invitation_id FROM invitations WHERE hash = ? AND used_by IS NULL AND expires_at > ?',
    [a.hash, a.now],
  )
  return row !== undefined
}

/** An attempt belongs to no org until somebody has signed in; this is what stands in its place. */
export type Nobody = ''

export async function beginAttempt(
  tx: Tx,
  a: { org: Nobody; hash: string; purpose: string; data: string; now: number; expiresAt: number },
): Promise<void> {
  await tx.run('DELETE FROM sign_in_attempts WHERE org_id = ? AND expires_at <= ?', [a.org, a.now])
  const row = await tx.get<{ count: number }>('SELECT COUNT(*) AS count FROM sign_in_attempts WHERE org_id = ?', [
    a.org,
  ])
  if ((row?.count ?? 0) >= limits.signInAttemptsPerHub)
    throw new MeshError('SLOW_DOWN', { detail: 'too many sign-ins are under way on this hub' })
  await tx.run('INSERT INTO sign_in_attempts (org_id, hash, purpose, data, expires_at) VALUES (?, ?, ?, ?, ?)', [
    a.org,
    a.hash,
    a.purpose,
    a.data,
    a.expiresAt,
  ])
}

/** The data of an attempt, once (AU10, AU21). */
export async function takeAttempt(
  tx: Tx,
  a: { org: Nobody; hash: string; purpose: string; now: number },
): Promise<string | null> {
  const row = await tx.get<{ data: string; expiresAt: number }>(
    'SELECT data, expires_at AS "expiresAt" FROM sign_in_attempts WHERE org_id = ? AND hash = ? AND purpose = ?',
    [a.org, a.hash, a.purpose],
  )
  if (!row) return null
  await tx.run('DELETE FROM sign_in_attempts WHERE org_id = ? AND hash = ?', [a.org, a.hash])
  return row.expiresAt > a.now ? row.data : null
}
