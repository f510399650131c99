/** Assets of documents: their name is what is in them, so what was fetched once is right for ever. */
import { assetCacheName } from '../asset-cache-name.ts'

export const isAsset = (path: string): boolean => /^\/api\/v1\/assets\/sha256-[0-9a-f]{64}$/.test(path)

export async function asset(request: Request): Promise<Response> {
  const cache = await caches.open(assetCacheName)
  const { pathname } = new URL(request.url)
  const kept = await cache.match(pathname)
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.status === 200) await cache.put(pathname, answer.clone())
  return answer
}
