/** Procedures over attempts to sign in: begun, and taken once. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

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
