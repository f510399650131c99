/** Procedures over passkeys: public keys, what they are called, and how often they were used. */
import type { PasskeyInfo } from '@meshbook/core/account-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, PasskeyId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { countOf, makeAccount, type NewAccount } from './accounts.ts'
import { type NewBrowserSession, openBrowserSession, type SignedIn } from './browser-sessions.ts'
import type { UserRow } from './identity.ts'
import { type Accepted, keepingAWayIn } from './ways-in.ts'

type Owner = { org: OrgId; user: UserId }

export interface NewPasskey {
  id: PasskeyId
  credential: string
  publicKey: string
  counter: number
  transports: string[]
  domain: string
  synced: boolean
  name: string
}

export async function addPasskey(tx: Tx, a: Owner & { passkey: NewPasskey; now: number }): Promise<void> {
  const count = await countOf(tx, 'passkeys', a)
  if (count >= limits.passkeysPerUser)
    throw new MeshError('TOO_MANY', { detail: `${limits.passkeysPerUser} passkeys of one user` })
  const known = await tx.get('SELECT passkey_id FROM passkeys WHERE credential_id = ?', [a.passkey.credential])
  if (known) throw new MeshError('PASSKEY_REFUSED')
  const { passkey } = a
  await tx.run(
    'INSERT INTO passkeys (org_id, user_id, passkey_id, credential_id, public_key, counter, transports, domain, synced, name, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [
      a.org,
      a.user,
      passkey.id,
      passkey.credential,
      passkey.publicKey,
      passkey.counter,
      JSON.stringify(passkey.transports),
      passkey.domain,
      passkey.synced ? 1 : 0,
      passkey.name,
      a.now,
    ],
  )
}

/** An account by invitation, whose first way in is this passkey. */
export async function signUpWithPasskey(
  tx: Tx,
  a: { account: NewAccount; invitation: string; passkey: NewPasskey; session: NewBrowserSession },
): Promise<SignedIn> {
  const user = await makeAccount(tx, a.account, a.invitation)
  await addPasskey(tx, { ...user, passkey: a.passkey, now: a.session.now })
  return openBrowserSession(tx, user, a.session)
}

export interface PasskeyRow extends UserRow {
  id: PasskeyId
  publicKey: string
  counter: number
  domain: string
}

export async function findPasskey(tx: Tx, a: { credential: string }): Promise<PasskeyRow | null> {
  const row = await tx.get<PasskeyRow>(
    'SELECT u.org_id AS org, u.user_id AS user, u.name AS name, p.passkey_id AS id, p.public_key AS "publicKey", p.counter AS counter, p.domain AS domain FROM passkeys p JOIN users u ON u.org_id = p.org_id AND u.user_id = p.user_id WHERE p.credential_id = ?',
    [a.credential],
  )
  return row ?? null
}

/** Null when it was removed meanwhile, or its counter does not grow: then there is a copy (AU22). Some never count. */
export async function signInWithPasskey(
  tx: Tx,
  a: UserRow & { id: PasskeyId; counter: number; session: NewBrowserSession },
): Promise<SignedIn | null> {
  const { changes } = await tx.run(
    'UPDATE passkeys SET counter = ?, last_used_at = ? WHERE org_id = ? AND passkey_id = ? AND (counter < ? OR (counter = 0 AND ? = 0))',
    [a.counter, a.session.now, a.org, a.id, a.counter, a.counter],
  )
  return changes === 1 ? openBrowserSession(tx, { org: a.org, user: a.user, name: a.name }, a.session) : null
}

export async function listPasskeys(
  tx: Tx,
  a: Owner,
): Promise<(PasskeyInfo & { credential: string; transports: string[] })[]> {
  const rows = await tx.all<Omit<PasskeyInfo, 'synced'> & { synced: number; credential: string; transports: string }>(
    'SELECT passkey_id AS id, name, domain, synced, created_at AS "createdAt", last_used_at AS "lastUsedAt", credential_id AS credential, transports FROM passkeys WHERE org_id = ? AND user_id = ? ORDER BY created_at, passkey_id',
    [a.org, a.user],
  )
  return rows.map(row => ({
    ...row,
    synced: row.synced === 1,
    transports: JSON.parse(row.transports) as string[],
  }))
}

export async function renamePasskey(tx: Tx, a: Owner & { id: PasskeyId; name: string }): Promise<boolean> {
  const { changes } = await tx.run('UPDATE passkeys SET name = ? WHERE org_id = ? AND user_id = ? AND passkey_id = ?', [
    a.name,
    a.org,
    a.user,
    a.id,
  ])
  return changes > 0
}

export async function removePasskey(tx: Tx, a: Owner & { id: PasskeyId; accepted: Accepted }): Promise<boolean> {
  return keepingAWayIn(tx, a, () =>
    tx.run('DELETE FROM passkeys WHERE org_id = ? AND user_id = ? AND passkey_id = ?', [a.org, a.user, a.id]),
  )
}
