/** What the owner of a device has set for it: its name, and what it is used for. */
import type { PolicyChange } from '@meshbook/core/device-policy.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, UserId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

interface Settings {
  org: OrgId
  user: UserId
  id: DeviceId
  name?: string | undefined
  /** The fields that change. */
  policy?: PolicyChange | undefined
}

/** What is undefined stays as it is; false when there is no such device. Only its owner says what it is used for. */
export async function setDevice(tx: Tx, a: Settings): Promise<boolean> {
  const row = await tx.get<{ user: UserId; policy: string }>(
    'SELECT user_id AS "user", policy AS policy FROM devices WHERE org_id = ? AND device_id = ? AND revoked_at IS NULL',
    [a.org, a.id],
  )
  if (!row) return false
  if (a.policy && row.user !== a.user)
    throw new MeshError('FORBIDDEN', { detail: 'the device belongs to somebody else' })
  await tx.run('UPDATE devices SET name = COALESCE(?, name), policy = ? WHERE org_id = ? AND device_id = ?', [
    a.name ?? null,
    JSON.stringify({ ...(JSON.parse(row.policy) as PolicyChange), ...a.policy }),
    a.org,
    a.id,
  ])
  return true
}
