/** Health, readiness and metrics. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Parts } from '../parts.ts'

export const health = (): object => ({ ok: true })

export function ready({ store }: Parts): object {
  const { ok, detail } = store.health()
  if (!ok) throw new MeshError('STORAGE_FAILED', { detail })
  return { ok }
}

export async function metrics({ metrics, fleet }: Parts): Promise<Response> {
  metrics.devices.set(fleet.connected())
  return new Response(await metrics.registry.metrics(), { headers: { 'content-type': metrics.registry.contentType } })
}
