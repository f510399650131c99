/** Procedures over users, sign-ins, tokens, tickets and devices. They run in the writer, one transaction each. */
import type { Run, Scope } from '@meshbook/core/api.ts'
import type { PolicyChange } from '@meshbook/core/device-policy.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, DocumentId, OrgId, ProjectId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, Runtime } from '@meshbook/core/messages.ts'
import type { RestoreAbility } from '@meshbook/core/snapshot.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { type NewBrowserSession, openBrowserSession, type SignedIn } from './browser-sessions.ts'
import { endAllOf, orgsServedBy } from './heads.ts'
import { lockOut } from './owner-keys.ts'
import { dropWaysOf } from './ways.ts'

export interface UserRow {
  org: OrgId
  user: UserId
  name: string
}

const userColumns = 'u.org_id AS org, u.user_id AS user, u.name AS name'

/** The first user with their personal org, and at the very first start a token for automation. */
export async function firstUser(
  tx: Tx,
  a: { org: OrgId; user: UserId; name: string; now: number; token: { id: string; hash: string } | null },
): Promise<UserRow> {
  const known = await tx.get<UserRow>(`SELECT ${userColumns} FROM users u ORDER BY u.created_at LIMIT 1`, [])
  if (known) return known
  await tx.run('INSERT INTO orgs (org_id, name, created_at) VALUES (?, ?, ?)', [a.org, a.name, a.now])
  await tx.run('INSERT INTO users (org_id, user_id, name, created_at) VALUES (?, ?, ?, ?)', [
    a.org,
    a.user,
    a.name,
    a.now,
  ])
  if (a.token)
    await insertToken(tx, {
      org: a.org,
      user: a.user,
      id: a.token.id,
      hash: a.token.hash,
      name: 'bootstrap',
      scopes: ['read', 'write', 'run'],
      now: a.now,
    })
  return { org: a.org, user: a.user, name: a.name }
}

export async function addLink(
  tx: Tx,
  a: { org: OrgId; user: UserId; hash: string; expiresAt: number; now: number },
): Promise<void> {
  await tx.run('DELETE FROM sign_in_links WHERE org_id = ? AND expires_at <= ?', [a.org, a.now])
  await tx.run('INSERT INTO sign_in_links (org_id, user_id, hash, expires_at) VALUES (?, ?, ?, ?)', [
    a.org,
    a.user,
    a.hash,
    a.expiresAt,
  ])
}

/** Uses up the link and signs a browser in, in one transaction: a link is good for exactly one sign-in. */
export async function useLink(tx: Tx, a: { linkHash: string; session: NewBrowserSession }): Promise<SignedIn | null> {
  const row = await tx.get<UserRow & { expiresAt: number }>(
    `SELECT ${userColumns}, l.expires_at AS "expiresAt" FROM sign_in_links l JOIN users u ON u.org_id = l.org_id AND u.user_id = l.user_id WHERE l.hash = ?`,
    [a.linkHash],
  )
  if (!row || row.expiresAt <= a.session.now) return null
  await tx.run('DELETE FROM sign_in_links WHERE org_id = ? AND hash = ?', [row.org, a.linkHash])
  return openBrowserSession(tx, { org: row.org, user: row.user, name: row.name }, a.session)
}

export interface Found extends UserRow {
  id: string
  scopes: Scope[]
}

export async function findBrowserSession(tx: Tx, a: { hash: string; now: number }): Promise<Found | null> {
  const row = await tx.get<UserRow & { id: string }>(
    `SELECT ${userColumns}, s.browser_session_id AS id FROM browser_sessions s JOIN users u ON u.org_id = s.org_id AND u.user_id = s.user_id WHERE s.hash = ? AND s.expires_at > ?`,
    [a.hash, a.now],
  )
  return row ? { ...row, scopes: ['read', 'write', 'run'] } : null
}

export interface NewToken {
  org: OrgId
  user: UserId
  id: string
  hash: string
  name: string
  scopes: Scope[]
  now: number
  /** The token is for this device's own commands, and ends with it. */
  device?: DeviceId
}

export async function addToken(tx: Tx, a: NewToken): Promise<void> {
  const count = await countOf(tx, 'tokens', a)
  if (count >= limits.tokensPerUser)
    throw new MeshError('TOO_MANY', { detail: `${limits.tokensPerUser} tokens of one user` })
  await insertToken(tx, a)
}

/** A token for one purpose: those that had this name before are void, and what was opened with them is to be closed. */
export async function replaceToken(tx: Tx, a: NewToken): Promise<string[]> {
  const [where, value] =
    a.device === undefined ? ['name = ? AND device_id IS NULL', a.name] : ['device_id = ?', a.device]
  const before = await tx.all<{ id: string }>(
    `SELECT token_id AS id FROM tokens WHERE org_id = ? AND user_id = ? AND ${where}`,
    [a.org, a.user, value],
  )
  for (const { id } of before) await deleteToken(tx, { org: a.org, user: a.user, id })
  await insertToken(tx, a)
  return before.map(({ id }) => id)
}

async function insertToken(tx: Tx, a: NewToken): Promise<void> {
  await tx.run(
    'INSERT INTO tokens (org_id, user_id, token_id, hash, name, scopes, created_at, device_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.user, a.id, a.hash, a.name, JSON.stringify(a.scopes), a.now, a.device ?? null],
  )
}

async function countOf(
  tx: Tx,
  table: 'tokens' | 'tickets' | 'devices',
  a: { org: OrgId; user: UserId },
): Promise<number> {
  const row = await tx.get<{ count: number }>(
    `SELECT COUNT(*) AS count FROM ${table} WHERE org_id = ? AND user_id = ?${table === 'devices' ? ' AND revoked_at IS NULL' : ''}`,
    [a.org, a.user],
  )
  return row?.count ?? 0
}

export async function findToken(tx: Tx, a: { hash: string }): Promise<Found | null> {
  const row = await tx.get<UserRow & { id: string; scopes: string }>(
    `SELECT ${userColumns}, t.token_id AS id, t.scopes AS scopes FROM tokens t JOIN users u ON u.org_id = t.org_id AND u.user_id = t.user_id WHERE t.hash = ?`,
    [a.hash],
  )
  return row ? { ...row, scopes: JSON.parse(row.scopes) as Scope[] } : null
}

export async function listTokens(
  tx: Tx,
  a: { org: OrgId; user: UserId },
): Promise<{ id: string; name: string; scopes: Scope[]; createdAt: number }[]> {
  const rows = await tx.all<{ id: string; name: string; scopes: string; createdAt: number }>(
    'SELECT token_id AS id, name, scopes, created_at AS "createdAt" FROM tokens WHERE org_id = ? AND user_id = ? ORDER BY created_at, token_id',
    [a.org, a.user],
  )
  return rows.map(row => ({ ...row, scopes: JSON.parse(row.scopes) as Scope[] }))
}

export async function deleteToken(tx: Tx, a: { org: OrgId; user: UserId; id: string }): Promise<boolean> {
  await tx.run('DELETE FROM tickets WHERE org_id = ? AND issuer = ?', [a.org, `token:${a.id}`])
  await dropWaysOf(tx, { credential: `token:${a.id}` })
  const { changes } = await tx.run('DELETE FROM tokens WHERE org_id = ? AND user_id = ? AND token_id = ?', [
    a.org,
    a.user,
    a.id,
  ])
  return changes > 0
}

export interface NewTicket {
  org: OrgId
  user: UserId
  id: string
  hash: string
  issuer: string
  project: ProjectId
  document: DocumentId | null
  scope: Scope
  now: number
  firstUseBefore: number
  expiresAt: number
}

export async function addTicket(tx: Tx, a: NewTicket): Promise<void> {
  await tx.run(
    'DELETE FROM tickets WHERE org_id = ? AND (expires_at <= ? OR (bound_to IS NULL AND first_use_before <= ?))',
    [a.org, a.now, a.now],
  )
  const count = await countOf(tx, 'tickets', a)
  if (count >= limits.ticketsPerUser)
    throw new MeshError('TOO_MANY', { detail: `${limits.ticketsPerUser} tickets of one user` })
  await tx.run(
    'INSERT INTO tickets (org_id, user_id, ticket_id, hash, issuer, project_id, document_id, scope, first_use_before, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.user, a.id, a.hash, a.issuer, a.project, a.document, a.scope, a.firstUseBefore, a.expiresAt],
  )
}

export interface TicketRow extends UserRow {
  id: string
  issuer: string
  project: ProjectId
  document: DocumentId | null
  scope: Scope
}

/** The first use binds the ticket to that client; afterwards only the same client is admitted again. */
export async function useTicket(tx: Tx, a: { hash: string; client: string; now: number }): Promise<TicketRow | null> {
  const row = await tx.get<TicketRow & { firstUseBefore: number; expiresAt: number; boundTo: string | null }>(
    `SELECT ${userColumns}, t.ticket_id AS id, t.issuer AS issuer, t.project_id AS project, t.document_id AS document, t.scope AS scope, t.first_use_before AS "firstUseBefore", t.expires_at AS "expiresAt", t.bound_to AS "boundTo"
    FROM tickets t JOIN users u ON u.org_id = t.org_id AND u.user_id = t.user_id WHERE t.hash = ?`,
    [a.hash],
  )
  if (!row || row.expiresAt <= a.now) return null
  if (row.boundTo === null ? row.firstUseBefore <= a.now : row.boundTo !== a.client) return null
  if (row.boundTo === null)
    await tx.run('UPDATE tickets SET bound_to = ? WHERE org_id = ? AND ticket_id = ?', [a.client, row.org, row.id])
  return {
    org: row.org,
    user: row.user,
    name: row.name,
    id: row.id,
    issuer: row.issuer,
    project: row.project,
    document: row.document,
    scope: row.scope,
  }
}

export interface DeviceRow {
  org: OrgId
  user: UserId
  userName: string
  id: DeviceId
  publicKey: string
  name: string
  kind: DeviceInfo['kind']
  os: string
  /** Empty until it told. */
  software?: string
  runtimes: Runtime[]
  /** Projects that it had attached when it was last here. */
  projects: ProjectId[]
  lastSeenAt: number
  /** What its owner has set; the rest is as its kind has it. */
  policy: PolicyChange
  /** What it can restore of saved sessions; null: nothing. */
  restores?: RestoreAbility | null
}

const deviceColumns =
  'd.org_id AS org, d.user_id AS user, u.name AS "userName", d.device_id AS id, d.public_key AS "publicKey", d.name AS name, d.kind AS kind, d.os AS os, d.software AS software, d.runtimes AS runtimes, d.projects AS projects, d.last_seen_at AS "lastSeenAt", d.policy AS policy, d.restores AS restores'
const devicesWithUser = 'devices d JOIN users u ON u.org_id = d.org_id AND u.user_id = d.user_id'
type StoredDevice = Omit<DeviceRow, 'runtimes' | 'projects' | 'policy' | 'restores'> & {
  restores: string | null
  runtimes: string
  projects: string
  policy: string
}
const deviceOf = (row: StoredDevice): DeviceRow => ({
  ...row,
  runtimes: JSON.parse(row.runtimes) as Runtime[],
  projects: JSON.parse(row.projects) as ProjectId[],
  policy: JSON.parse(row.policy) as PolicyChange,
  restores: row.restores === null ? null : (JSON.parse(row.restores) as RestoreAbility),
})

/** False when it was there: registering a key again keeps its device. A key that was revoked stays so: whoever has it may be a thief (S8). */
export async function addDevice(
  tx: Tx,
  a: { org: OrgId; user: UserId; id: DeviceId; publicKey: string; name: string; kind: string; now: number },
): Promise<boolean> {
  const known = await tx.get<{ org: OrgId; user: UserId; revokedAt: number | null; why: string | null }>(
    'SELECT org_id AS org, user_id AS "user", revoked_at AS "revokedAt", revoked_why AS why FROM devices WHERE device_id = ?',
    [a.id],
  )
  if (known && (known.org !== a.org || known.user !== a.user))
    throw new MeshError('CONFLICT', { detail: 'this device belongs to somebody else' })
  if (known && known.revokedAt !== null) throw new MeshError('REVOKED', { detail: revokedText(known.why) })
  if (known) return false
  const count = await countOf(tx, 'devices', a)
  if (count >= limits.devicesPerUser)
    throw new MeshError('TOO_MANY', { detail: `${limits.devicesPerUser} devices of one user` })
  await tx.run(
    'INSERT INTO devices (org_id, user_id, device_id, public_key, name, kind, os, runtimes, projects, created_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.user, a.id, a.publicKey, a.name, a.kind, '', '[]', '[]', a.now, a.now],
  )
  return true
}

/** `revoked` says why, if it was shut out. */
export async function findDevice(
  tx: Tx,
  a: { id: DeviceId },
): Promise<(DeviceRow & { revoked: string | null }) | null> {
  const row = await tx.get<StoredDevice & { revokedAt: number | null; revokedWhy: string | null }>(
    `SELECT ${deviceColumns}, d.revoked_at AS "revokedAt", d.revoked_why AS "revokedWhy" FROM ${devicesWithUser} WHERE d.device_id = ?`,
    [a.id],
  )
  if (!row) return null
  const { revokedAt, revokedWhy, ...device } = row
  return { ...deviceOf(device), revoked: revokedAt === null ? null : revokedText(revokedWhy) }
}

function revokedText(why: string | null): string {
  return why ?? 'the device was revoked'
}

export async function listDevices(tx: Tx, a: { org: OrgId | null }): Promise<DeviceRow[]> {
  const where = a.org === null ? '' : ' AND d.org_id = ?'
  const rows = await tx.all<StoredDevice>(
    `SELECT ${deviceColumns} FROM ${devicesWithUser} WHERE d.revoked_at IS NULL${where} ORDER BY d.created_at, d.device_id`,
    a.org === null ? [] : [a.org],
  )
  return rows.map(deviceOf)
}

/** All that ends with a device: runs, in whichever org, and the tokens of its commands, whose sockets are to be closed too. */
export interface RevokedDevice {
  orgs: { org: OrgId; runs: Run[] }[]
  tokens: string[]
}

/** The right to connect and all that the device holds, in whichever org, end in one transaction (S8, RV1); null when there is no such device. */
export async function revokeDevice(
  tx: Tx,
  a: { owner: OrgId; id: DeviceId; reason?: string | undefined; now: number },
): Promise<RevokedDevice | null> {
  const reason = revokedText(a.reason ?? null)
  const { changes } = await tx.run(
    'UPDATE devices SET revoked_at = ?, revoked_why = ?, token_hash = NULL, token_before = NULL WHERE org_id = ? AND device_id = ? AND revoked_at IS NULL',
    [a.now, reason, a.owner, a.id],
  )
  if (changes === 0) return null
  const tokens = await endTokensOf(tx, { org: a.owner, id: a.id })
  await lockOut(tx, { org: a.owner, id: a.id })
  const orgs: RevokedDevice['orgs'] = []
  for (const org of await orgsServedBy(tx, { device: a.id }))
    orgs.push({ org, runs: await endAllOf(tx, { org, device: a.id, reason, now: a.now }) })
  return { orgs, tokens }
}

/** Tokens of its commands, and what was made with them or with its proof. */
async function endTokensOf(tx: Tx, a: { org: OrgId; id: DeviceId }): Promise<string[]> {
  const tokens = await tx.all<{ id: string }>('SELECT token_id AS id FROM tokens WHERE org_id = ? AND device_id = ?', [
    a.org,
    a.id,
  ])
  for (const issuer of [`device:${a.id}`, ...tokens.map(({ id }) => `token:${id}`)]) {
    await tx.run('DELETE FROM tickets WHERE org_id = ? AND issuer = ?', [a.org, issuer])
    await tx.run('DELETE FROM pairings WHERE org_id = ? AND issuer = ?', [a.org, issuer])
    await dropWaysOf(tx, { credential: issuer })
  }
  await tx.run('DELETE FROM tokens WHERE org_id = ? AND device_id = ?', [a.org, a.id])
  return tokens.map(({ id }) => id)
}

export async function describeDevice(
  tx: Tx,
  a: Pick<DeviceRow, 'org' | 'id' | 'os' | 'software' | 'runtimes' | 'projects' | 'restores'> & { now: number },
): Promise<void> {
  await tx.run(
    'UPDATE devices SET os = ?, software = ?, runtimes = ?, projects = ?, restores = COALESCE(?, restores), last_seen_at = ? WHERE org_id = ? AND device_id = ?',
    [
      a.os,
      a.software ?? '',
      JSON.stringify(a.runtimes),
      JSON.stringify(a.projects),
      a.restores ? JSON.stringify(a.restores) : null,
      a.now,
      a.org,
      a.id,
    ],
  )
}

export async function sawDevice(tx: Tx, a: { org: OrgId; id: DeviceId; now: number }): Promise<void> {
  await tx.run('UPDATE devices SET last_seen_at = ? WHERE org_id = ? AND device_id = ?', [a.now, a.org, a.id])
}
