/** Sessions and saved states as people name them. */
import { listOf } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type SessionInfo, sessionInfoSchema } from '@meshbook/core/messages.ts'
import { type SnapshotInfo, snapshotInfoSchema } from '@meshbook/core/snapshot.ts'
import type { ApiClient } from '../api-client.ts'

/** By id; or by name or language, where only one session, or only one that is live, has it. */
export async function findSession(client: ApiClient, wanted: string): Promise<SessionInfo> {
  const { items } = await client.get('/sessions', listOf(sessionInfoSchema))
  const byId = items.find(({ id }) => id === wanted)
  if (byId) return byId
  const named = items.filter(({ name, language }) => [name, language, `${language} ${name}`].includes(wanted))
  const live = named.filter(({ device }) => device !== null)
  return only(named, live, wanted, 'session', ({ id, language, name }) => `${id} (${language} ${name})`)
}

/** By id, or by the name that it was kept under. */
export async function findSnapshot(client: ApiClient, wanted: string): Promise<SnapshotInfo> {
  const { items } = await client.get('/snapshots', listOf(snapshotInfoSchema))
  const byId = items.find(({ id }) => id === wanted)
  if (byId) return byId
  const named = items.filter(({ name }) => name === wanted)
  return only(named, [], wanted, 'saved state', ({ id }) => id)
}

function only<T>(
  all: readonly T[],
  preferred: readonly T[],
  wanted: string,
  what: string,
  show: (one: T) => string,
): T {
  const [first, second] = preferred.length > 0 ? preferred : all
  if (first && !second) return first
  if (!first) throw new MeshError('NOT_FOUND', { detail: `no ${what} ${wanted}` })
  const several = (preferred.length > 0 ? preferred : all).slice(0, 5).map(show)
  throw new MeshError('BAD_REQUEST', {
    detail: `several are called ${wanted}; name one by its id: ${several.join(', ')}`,
  })
}
