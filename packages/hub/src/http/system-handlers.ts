/** Health, readiness and metrics. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Parts } from '../parts.ts'

/** Says what it is to a page of anywhere: the shell of the phone looks for a hub from an origin of its own (PH80). */
export function health({ version }: Parts): Response {
  const headers = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' }
  return Response.json({ ok: true, name: 'meshbook', version }, { headers })
}

export function ready({ store }: Parts): object {
  const { ok, detail } = store.health()
  if (!ok) throw new MeshError('STORAGE_FAILED', { detail })
  return { ok }
}

export async function metrics({ metrics, fleet }: Parts): Promise<Response> {
  metrics.devices.set(fleet.connected())
  return new Response(await metrics.registry.metrics(), { headers: { 'content-type': metrics.registry.contentType } })
}
