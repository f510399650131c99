/** The cache of assets that the worker answers from (PH10), as the page fills and clears it. */
import { limits } from '@meshbook/core/limits.ts'
import { isNoRoom } from '../../sync/no-room.ts'
import { assetCacheName } from '../asset-cache-name.ts'

const addressOf = (asset: string): string => `/api/v1/assets/${asset}`

/** Absent on a page without HTTPS. */
const cache = async (): Promise<Cache | undefined> =>
  globalThis.caches ? await caches.open(assetCacheName) : undefined

/** How much room each takes; 0 of what is not here. */
export async function sizesOf(assets: readonly string[]): Promise<Record<string, number>> {
  const kept = await cache()
  const sizes: Record<string, number> = {}
  for (const asset of assets) {
    sizes[asset] = kept ? await sizeOf(kept, addressOf(asset)) : 0
  }
  return sizes
}

/** What is held open keeps its room when it is deleted, until the garbage of the page is collected. */
async function sizeOf(kept: Cache, address: string): Promise<number> {
  const found = await kept.match(address)
  await found?.body?.cancel()
  return Number(found?.headers.get('content-length')) || 0
}

/** Drops what may go; false if nothing did. */
export type MakeRoom = () => Promise<boolean>

/** Fetches what is not here and not too large. False if another try may bring what is missing. */
export async function fetchAssets(
  assets: readonly string[],
  signal: AbortSignal,
  makeRoom: MakeRoom,
): Promise<boolean> {
  const kept = await cache()
  if (!kept) return true
  let isWhole = true
  for (const asset of assets) {
    if (await isIn(kept, addressOf(asset))) continue
    const timely = AbortSignal.any([signal, AbortSignal.timeout(limits.requestMs)])
    const isDone = await fetchInto(kept, addressOf(asset), timely, makeRoom).catch(() => false)
    isWhole &&= isDone
  }
  return isWhole
}

/** Whether there is nothing more to be had of it: it is here, too large, or the hub has no such asset. */
async function fetchInto(kept: Cache, address: string, signal: AbortSignal, makeRoom: MakeRoom): Promise<boolean> {
  const head = await fetch(address, { method: 'HEAD', signal })
  if (!head.ok) return isFinal(head)
  if (!(Number(head.headers.get('content-length')) <= limits.phoneAssetBytes)) return true
  const answer = await fetch(address, { signal })
  if (answer.status !== 200) return isFinal(answer)
  // The worker, if there is one, has kept it on the way.
  if (await isIn(kept, address)) await answer.body?.cancel()
  else await putWithRoom(kept, address, answer, makeRoom)
  return true
}

const isIn = async (kept: Cache, address: string): Promise<boolean> => (await kept.keys(address)).length > 0

async function putWithRoom(kept: Cache, address: string, answer: Response, makeRoom: MakeRoom): Promise<void> {
  const again = answer.clone()
  try {
    await kept.put(address, answer)
  } catch (thrown) {
    if (!isNoRoom(thrown) || !(await makeRoom())) throw thrown
    await putWithRoom(kept, address, again, makeRoom)
  }
}

const isFinal = ({ status }: Response): boolean => status === 403 || status === 404 || status === 410

export async function dropAssets(assets: readonly string[]): Promise<void> {
  const kept = await cache()
  for (const asset of assets) await kept?.delete(addressOf(asset))
}
