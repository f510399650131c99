/** A run through the hub as a REST client sees it: `POST /runs`, then the event stream. */
import type { ApiClient } from '@meshbook/cli/api-client.ts'
import { runSchema } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { BenchMesh } from './mesh.ts'
import type { Timed } from './timed.ts'

export interface RemoteOrder {
  client: ApiClient
  on: string
  session: string
  code: string
}

export async function remoteRun({ document }: BenchMesh, { client, on, session, code }: RemoteOrder): Promise<Timed> {
  const id = newId('run', Date.now(), systemRandom)
  const started = performance.now()
  const timed: Timed = { firstMs: Number.NaN, endMs: Number.NaN, characters: 0 }
  await client.post('/runs', { id, document, language: 'python', session, code, on }, runSchema)
  for await (const { event } of client.events(id, 0, new AbortController().signal)) {
    if (event.type === 'failed' || event.type === 'interrupted') throw new Error(JSON.stringify(event))
    if (event.type !== 'stdout') continue
    if (timed.characters === 0) timed.firstMs = performance.now() - started
    timed.characters += event.text.length
  }
  timed.endMs = performance.now() - started
  return timed
}
