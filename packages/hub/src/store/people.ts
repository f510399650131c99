/** Procedures over users: each has a personal org of the same name. How somebody proves to be a user is not known here. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, UserId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { UserRow } from './identity.ts'

/** A new user with their personal org. */
export async function addUser(tx: Tx, a: { org: OrgId; user: UserId; name: string; now: number }): Promise<UserRow> {
  if (await findUser(tx, { name: a.name }))
    throw new MeshError('CONFLICT', { detail: `there is a user called ${a.name}` })
  await tx.run('INSERT INTO orgs (org_id, name, created_at) VALUES (?, ?, ?)', [a.org, a.name, a.now])
  await tx.run('INSERT INTO users (org_id, user_id, name, created_at) VALUES (?, ?, ?, ?)', [
    a.org,
    a.user,
    a.name,
    a.now,
  ])
  return { org: a.org, user: a.user, name: a.name }
}

export async function findUser(tx: Tx, a: { name: string }): Promise<UserRow | null> {
  const found = await tx.get<UserRow>('SELECT org_id AS org, user_id AS "user", name FROM users WHERE name = ?', [
    a.name,
  ])
  return found ?? null
}
