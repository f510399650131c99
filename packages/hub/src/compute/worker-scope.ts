/** What a worker may ask about over HTTP: things of its own project (CP32). For everybody else it decides nothing. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Place, PlaceKind } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import type { Parts } from '../parts.ts'

/** Throws NOT_FOUND. Assets are asked for by their hashes, which stand in documents alone. */
export async function checkWorkerScope(
  { store, fleet }: Pick<Parts, 'store' | 'fleet'>,
  { credential }: Principal,
  the: PlaceKind,
  place: Place,
): Promise<void> {
  if (credential.kind !== 'device' || the === 'asset' || fleet.info(credential.id)?.kind !== 'worker') return
  const worker = await store.query('workerOfDevice', { device: credential.id })
  if (!worker || place.project !== worker.project) throw new MeshError('NOT_FOUND')
}
