/** The cache of assets that the worker answers from (PH10), as the page fills and clears it. */
import { limits } from '@meshbook/core/limits.ts'

const cacheName = 'meshbook-assets'
const addressOf = (asset: string): string => `/api/v1/assets/${asset}`

/** Absent on a page without HTTPS. */
const cache = async (): Promise<Cache | undefined> => (globalThis.caches ? await caches.open(cacheName) : undefined)

/** The sizes of those that are here. */
export async function sizesOf(assets: readonly string[]): Promise<Record<string, number>> {
  const kept = await cache()
  const sizes: Record<string, number> = {}
  for (const asset of assets) {
    const found = await kept?.match(addressOf(asset))
    if (found) sizes[asset] = Number(found.headers.get('content-length')) || 0
  }
  return sizes
}

/** Fetches what is not here and not too large. What cannot be had now is had another time. */
export async function fetchAssets(assets: readonly string[], signal: AbortSignal): Promise<Record<string, number>> {
  const kept = await cache()
  const sizes = await sizesOf(assets)
  for (const asset of assets) {
    if (!kept || signal.aborted || sizes[asset] !== undefined) continue
    const bytes = await fetchInto(kept, asset, signal).catch(() => undefined)
    if (bytes !== undefined) sizes[asset] = bytes
  }
  return sizes
}

async function fetchInto(kept: Cache, asset: string, signal: AbortSignal): Promise<number | undefined> {
  const address = addressOf(asset)
  const timely = AbortSignal.any([signal, AbortSignal.timeout(limits.requestMs)])
  const head = await fetch(address, { method: 'HEAD', signal: timely })
  const bytes = Number(head.headers.get('content-length'))
  if (!head.ok || !(bytes <= limits.phoneAssetBytes)) return undefined
  const answer = await fetch(address, { signal: timely })
  if (answer.status !== 200) return undefined
  await kept.put(address, answer)
  return bytes
}

export async function dropAssets(assets: readonly string[]): Promise<void> {
  const kept = await cache()
  for (const asset of assets) await kept?.delete(addressOf(asset))
}
