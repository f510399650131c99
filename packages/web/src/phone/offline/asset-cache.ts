/** The cache of assets that the worker answers from (PH10), as the page fills and clears it. */
import { limits } from '@meshbook/core/limits.ts'
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
    const found = await kept?.match(addressOf(asset))
    sizes[asset] = Number(found?.headers.get('content-length')) || 0
  }
  return sizes
}

/** Fetches what is not here and not too large. False if another try may bring what is missing. */
export async function fetchAssets(assets: readonly string[], signal: AbortSignal): Promise<boolean> {
  const kept = await cache()
  if (!kept) return true
  let isWhole = true
  for (const asset of assets) {
    if (await kept.match(addressOf(asset))) continue
    const timely = AbortSignal.any([signal, AbortSignal.timeout(limits.requestMs)])
    const isDone = await fetchInto(kept, addressOf(asset), timely).catch(() => false)
    isWhole &&= isDone
  }
  return isWhole
}

/** Whether there is nothing more to be had of it: it is here, too large, or the hub has no such asset. */
async function fetchInto(kept: Cache, address: string, signal: AbortSignal): Promise<boolean> {
  const head = await fetch(address, { method: 'HEAD', signal })
  if (!head.ok) return isFinal(head)
  if (!(Number(head.headers.get('content-length')) <= limits.phoneAssetBytes)) return true
  const answer = await fetch(address, { signal })
  if (answer.status !== 200) return isFinal(answer)
  await kept.put(address, answer)
  return true
}

const isFinal = ({ status }: Response): boolean => status === 403 || status === 404 || status === 410

export async function dropAssets(assets: readonly string[]): Promise<void> {
  const kept = await cache()
  for (const asset of assets) await kept?.delete(addressOf(asset))
}
