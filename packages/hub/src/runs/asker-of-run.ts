/** In whose name a task or a workflow acts, with the rights of this moment (TK53, WQ41). */
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Principal } from '../auth/principal.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Requester } from './runs.ts'

export type AskerOfRun = Requester & { who: Principal; asker: NonNullable<Requester['asker']> }

/** Undefined where that user is gone, or the token or device is revoked that it was asked for with. */
export async function askerOfRun(
  store: Pick<HubStore, 'query'>,
  org: OrgId,
  run: RunId,
): Promise<AskerOfRun | undefined> {
  const found = await store.query('askerOfTask', { org, id: run })
  if (!found) return undefined
  const { user, name, scopes } = found
  const [, kind, id] = /^(token|device|session):(.+)$/.exec(found.credential ?? '') ?? []
  const credential = { kind: kind ?? 'session', id: id ?? run } as Principal['credential']
  const who: Principal = { org: found.org, user, name, can: new Set(scopes), credential }
  return { name, asker: { org: found.org, user }, source: { who }, who }
}
