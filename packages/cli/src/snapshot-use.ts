/** Whether and how sessions of this machine are saved: `MESHBOOK_SNAPSHOT` (SN95). */
import { MeshError } from '@meshbook/core/errors.ts'
import { snapshotUseSchema, snapshotUses } from '@meshbook/core/snapshot.ts'
import type { DeviceOptions } from '@meshbook/device/device.ts'
import * as v from 'valibot'

export function snapshotUse(env: NodeJS.ProcessEnv = process.env): NonNullable<DeviceOptions['snapshots']> {
  const setting = env.MESHBOOK_SNAPSHOT || 'auto'
  const use = v.safeParse(snapshotUseSchema, setting)
  if (use.success) return { use: use.output }
  const wanted = `${snapshotUses.slice(0, -1).join(', ')} or ${snapshotUses.at(-1)}`
  throw new MeshError('BAD_CONFIG', { detail: `MESHBOOK_SNAPSHOT: expected ${wanted}, got ${setting.slice(0, 40)}` })
}
