/**
 * Procedures over people and who they are at providers. One transaction each; what a provider said has been checked
 * before. What else signs people in is in `passkeys.ts`, `invitations.ts`, `browser-sessions.ts`.
 */
import type { ProviderName } from '@meshbook/core/account-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { IdentityId, OrgId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { AuditNote } from './audit.ts'
import { type NewBrowserSession, openBrowserSession, type SignedIn } from './browser-sessions.ts'
import type { UserRow } from './identity.ts'
import { useInvitation } from './invitations.ts'
import { acceptInvitations } from './members.ts'
import { addUser } from './people.ts'
import { type Accepted, keepingAWayIn } from './ways-in.ts'

type Owner = { org: OrgId; user: UserId }

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
    /** One for each project that an invitation to its members may lead to now (ME7). */
    joining: readonly AuditNote[]
  },
): Promise<SignedIn> {
  const user = (await renewedOwner(tx, a.proven, a.session.now)) ?? (await newOwner(tx, a))
  await joinProjects(tx, user, a.proven, a.joining, a.session.now)
  return openBrowserSession(tx, user, a.session)
}

async function renewedOwner(tx: Tx, proven: ProvenIdentity, now: number): Promise<UserRow | undefined> {
  const known = await ownerOf(tx, proven)
  if (known) await renewIdentity(tx, known, proven, now)
  return known
}

async function newOwner(tx: Tx, a: Parameters<typeof signInWithIdentity>[1]): Promise<UserRow> {
  if (a.invitation === null && a.refusal !== null) throw new MeshError(a.refusal)
  const user = await makeAccount(tx, a.account, a.invitation)
  await insertIdentity(tx, user, a.identity, a.proven, a.session.now)
  return user
}

/** An address that a provider has verified is shown to be theirs. */
async function joinProjects(
  tx: Tx,
  member: UserRow,
  { email }: ProvenIdentity,
  notes: readonly AuditNote[],
  now: number,
): Promise<void> {
  if (email !== null) await acceptInvitations(tx, { member, email, notes, now })
}

/** An account with its personal org and a free name; an invitation is used up by it. */
export async function makeAccount(tx: Tx, a: NewAccount, invitation: string | null): Promise<UserRow> {
  const row = await tx.get<{ count: number }>('SELECT COUNT(*) AS count FROM users')
  if ((row?.count ?? 0) >= limits.usersPerHub)
    throw new MeshError('TOO_MANY', { detail: `${limits.usersPerHub} accounts of one hub` })
  const name = await freeName(tx, a)
  if (invitation !== null) await useInvitation(tx, { hash: invitation, name, now: a.now })
  return addUser(tx, { ...a, name })
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
  a: {
    owner: UserRow
    browserSession: string
    proven: ProvenIdentity
    id: IdentityId
    joining: readonly AuditNote[]
    now: number
  },
): Promise<void> {
  const { org, user } = a.owner
  const live = await tx.get(
    'SELECT browser_session_id FROM browser_sessions WHERE org_id = ? AND user_id = ? AND browser_session_id = ? AND expires_at > ?',
    [org, user, a.browserSession, a.now],
  )
  if (!live) throw new MeshError('UNAUTHENTICATED', { detail: 'the browser session has ended' })
  const known = await ownerOf(tx, a.proven)
  if (known && known.user !== user) throw new MeshError('IDENTITY_TAKEN')
  await joinProjects(tx, a.owner, a.proven, a.joining, a.now)
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

/** False when there is no such identity of this user. */
export async function unlinkIdentity(tx: Tx, a: Owner & { id: string; accepted: Accepted }): Promise<boolean> {
  return keepingAWayIn(tx, a, () =>
    tx.run('DELETE FROM identities WHERE org_id = ? AND user_id = ? AND identity_id = ?', [a.org, a.user, a.id]),
  )
}

export async function countOf(tx: Tx, table: 'identities' | 'passkeys', a: Owner): Promise<number> {
  const row = await tx.get<{ count: number }>(
    `SELECT COUNT(*) AS count FROM ${table} WHERE org_id = ? AND user_id = ?`,
    [a.org, a.user],
  )
  return row?.count ?? 0
}
