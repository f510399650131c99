/** Assets of documents: their name is what is in them, so what was fetched once is right for ever. */
import { isNoRoom } from '../../sync/no-room.ts'
import { assetCacheName } from '../asset-cache-name.ts'

export const assetPath = '/api/v1/assets/'
export const isAsset = (path: string): boolean =>
  path.startsWith(assetPath) && /^sha256-[0-9a-f]{64}$/.test(path.slice(assetPath.length))

/** What cannot be kept is shown all the same. Whoever fetches in order to keep it makes room itself. */
export async function asset(request: Request, onNoRoom: (asset: string) => unknown): Promise<Response> {
  const cache = await caches.open(assetCacheName)
  const { pathname } = new URL(request.url)
  const kept = await cache.match(pathname)
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.status !== 200) return answer
  await cache.put(pathname, answer.clone()).catch(thrown => {
    if (isNoRoom(thrown) && request.destination !== '') onNoRoom(pathname.slice(pathname.lastIndexOf('/') + 1))
  })
  return answer
}
