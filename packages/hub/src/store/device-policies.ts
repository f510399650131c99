/** What the owner of a device has set for it. */
import type { PolicyChange } from '@meshbook/core/device-policy.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, UserId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

/** Sets the fields that are named; false when there is no such device. Only its owner says what it is used for. */
export async function changePolicy(
  tx: Tx,
  a: { org: OrgId; user: UserId; id: DeviceId; change: PolicyChange },
): Promise<boolean> {
  const row = await tx.get<{ user: UserId; policy: string }>(
    'SELECT user_id AS user, policy AS policy FROM devices WHERE org_id = ? AND device_id = ? AND revoked_at IS NULL',
    [a.org, a.id],
  )
  if (!row) return false
  if (row.user !== a.user) throw new MeshError('FORBIDDEN', { detail: 'the device belongs to somebody else' })
  const policy = { ...(JSON.parse(row.policy) as PolicyChange), ...a.change }
  await tx.run('UPDATE devices SET policy = ? WHERE org_id = ? AND device_id = ?', [
    JSON.stringify(policy),
    a.org,
    a.id,
  ])
  return true
}
