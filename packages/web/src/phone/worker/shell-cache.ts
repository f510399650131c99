/** The app's files of one version in one cache, whole or not at all. A page gets a fresh nonce each time (PH11). */
declare const __SHELL_FILES__: readonly string[]
/** Large, and needed by some notebooks alone. */
declare const __LATER_FILES__: readonly string[]
declare const __SHELL_VERSION__: string

const prefix = 'meshbook-shell-'
const name = prefix + __SHELL_VERSION__
const pageUrl = '/m/'
const files = new Set([...__SHELL_FILES__, ...__LATER_FILES__])

export const isPage = (path: string): boolean => path === '/m' || (path.startsWith('/m/') && !files.has(path))
export const isShellFile = (path: string): boolean => files.has(path)

export async function install(): Promise<void> {
  const cache = await caches.open(name)
  const html = await fetch(pageUrl, { cache: 'no-cache' })
  const text = await html.clone().text()
  // The hub may have been updated between this script and the page: then its own worker is on the way.
  const scripts = [...text.matchAll(/(?:src|href)="(\/m\/assets\/[^"]+)"/g)].map(found => found[1]!)
  if (!html.ok || scripts.length === 0 || !scripts.every(file => files.has(file)))
    throw new Error('the page is of another version')
  await cache.addAll(__SHELL_FILES__.map(file => new Request(file, { cache: 'no-cache' })))
  await cache.put(pageUrl, html)
}

export async function removeOthers(): Promise<void> {
  const names = await caches.keys()
  await Promise.all(
    names.filter(other => other.startsWith(prefix) && other !== name).map(other => caches.delete(other)),
  )
}

export async function page(request: Request): Promise<Response> {
  const kept = await (await caches.open(name)).match(pageUrl)
  return kept ? withFreshNonce(kept) : fetch(request)
}

/** The hub's page and policy of then, with a nonce of now. */
async function withFreshNonce(kept: Response): Promise<Response> {
  const headers = new Headers(kept.headers)
  const policy = headers.get('content-security-policy') ?? ''
  const old = /'nonce-([\w-]+)'/.exec(policy)?.[1]
  if (!old) return kept
  const fresh = [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')
  headers.set('content-security-policy', policy.replaceAll(old, fresh))
  headers.delete('content-length')
  return new Response((await kept.text()).replaceAll(old, fresh), { headers })
}

export async function shellFile(request: Request): Promise<Response> {
  const cache = await caches.open(name)
  const { pathname } = new URL(request.url)
  const kept = await cache.match(pathname)
  if (kept) return kept
  const answer = await fetch(request)
  // What cannot be kept, for want of room above all, is met again.
  if (answer.status === 200) await cache.put(pathname, answer.clone()).catch(() => undefined)
  return answer
}

/** What was not met yet, one after the other; what cannot be had now is met later. */
export async function fetchLater(): Promise<void> {
  const cache = await caches.open(name)
  for (const file of __LATER_FILES__) if (!(await cache.match(file))) await cache.add(file)
}
