/** Whether a notice may still be told to its user: they can read what it is about now, not only when it was made (NT3). */
import { type Right, rightsOf } from '@meshbook/core/roles.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { NoticeRow } from './notices.ts'
import { rolesIn } from './places.ts'

export async function mayBeTold(
  tx: Tx,
  notice: Pick<NoticeRow, 'org' | 'user' | 'places' | 'subject'>,
): Promise<boolean> {
  const { org, user, places, subject } = notice
  const needed: Right = subject.of === 'gate' ? 'run' : 'read'
  for (const place of places) if (!rightsOf(await rolesIn(tx, place, { org, user })).has(needed)) return false
  if (subject.of === 'gate') return mayDecide(tx, notice, subject.id)
  if (subject.of !== 'device') return true
  const device =
    'SELECT 1 AS one FROM devices WHERE org_id = ? AND user_id = ? AND device_id = ? AND revoked_at IS NULL'
  return (await tx.get(device, [org, user, subject.id])) !== undefined
}

async function mayDecide(
  tx: Tx,
  { org, user, places }: Pick<NoticeRow, 'org' | 'user' | 'places'>,
  gate: string,
): Promise<boolean> {
  const row = await tx.get<{ deciders: string | null; name: string }>(
    `SELECT g.deciders AS deciders, u.name AS name FROM gates g JOIN users u ON u.org_id = ? AND u.user_id = ?
    WHERE g.org_id = ? AND g.gate_id = ?`,
    [org, user, places[0]?.org ?? '', gate],
  )
  if (!row) return false
  return row.deciders === null || (JSON.parse(row.deciders) as string[]).includes(row.name)
}
