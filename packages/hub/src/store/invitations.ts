/** Procedures over invitations: made, listed, withdrawn, used once (AU4). */
import type { InvitationInfo } from '@meshbook/core/account-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { InvitationId, OrgId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

type Owner = { org: OrgId; user: UserId }

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

/** In the transaction that makes the account. */
export async function useInvitation(tx: Tx, a: { hash: string; name: string; now: number }): Promise<void> {
  const { changes } = await tx.run(
    'UPDATE invitations SET used_by = ? WHERE hash = ? AND used_by IS NULL AND expires_at > ?',
    [a.name, a.hash, a.now],
  )
  if (changes !== 1) throw new MeshError('INVITATION_VOID')
}
