/** Serves the built web app from a folder, and the pages that stand in for it. Knows nothing of users. */
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readFile, realpath } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { Readable } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import type { Visit } from './doorway.ts'
import { encodingFor } from './encoding.ts'
import { appPolicy, withCamera } from './security-headers.ts'

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
}

const pages = new Set(['/', '/signin', '/p', '/runs', '/sessions', '/devices', '/audit', '/account', '/pair'])
const phonePage = /^\/m(?:\/(?:(?:p|gates|runs|tasks)\/.*|inbox|runs|tasks|devices|settings|search|share|pair)?)?$/
const portalPage =
  /^\/portal(?:\/(?:tasks\/[^/]+|tasks|workflows\/[^/]+|workflows|triggers|overview|runs|gates|devices|usage|members|tokens|keys|hooks|audit)?)?$/

/** Paths that the apps themselves route. */
export function isAppPage(path: string): boolean {
  return pages.has(path) || path.startsWith('/p/') || phonePage.test(path) || portalPage.test(path)
}

export async function appPage(webFolder: string | null, path: string, visit: Visit): Promise<Response> {
  if (!visit.secure && !visit.loopback) throw new MeshError('PLAIN_HTTP')
  // The service worker of the phone's app has what is below this folder.
  if (path === '/m' || path === '/portal') return new Response(null, { status: 308, headers: { location: `${path}/` } })
  const html = webFolder && (await readIndex(folderOf(webFolder, path)))
  if (!html) return page(503, notBuiltPage, visit)
  // A frame of an output inherits the policy of the page: only scripts that carry this page's nonce run in it (S9).
  const nonce = randomBytes(16).toString('base64url')
  const answer = page(200, html.replaceAll('MESHBOOK_NONCE', nonce), visit, nonce)
  if (phonePage.test(path)) for (const [name, value] of Object.entries(withCamera)) answer.headers.set(name, value)
  return answer
}

function folderOf(webFolder: string, path: string): string {
  if (phonePage.test(path)) return join(webFolder, 'm')
  return portalPage.test(path) ? join(webFolder, 'portal') : webFolder
}

export interface FileWish {
  path: string
  /** Of the request. */
  accepts: string | null
  visit: Visit
}

/** A file of the build, as the build compressed it where the browser takes that. */
export async function appFile(webFolder: string | null, { path, accepts, visit }: FileWish): Promise<Response> {
  const type = types[extname(path)]
  const file = webFolder && type ? await findFile(webFolder, path) : undefined
  if (!webFolder || !type || !file) throw new MeshError('NOT_FOUND')
  const encoding = encodingFor(accepts)
  const smaller = encoding && (await findFile(webFolder, path + endings[encoding]))
  const sent = smaller ?? file
  const headers = {
    'content-type': type,
    'content-length': String(sent.bytes),
    vary: 'accept-encoding',
    ...(smaller && { 'content-encoding': encoding }),
    'cache-control': named.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': appPolicy(visit),
  }
  return new Response(Readable.toWeb(createReadStream(sent.path)) as ReadableStream, { headers })
}

const endings = { br: '.br', gzip: '.gz' }
/** The hash of what is in a file is in its name. */
const named = /^(?:\/m|\/portal)?\/assets\/.*[-.][A-Za-z0-9_-]{8,}\.\w+$/

function page(status: number, html: string, visit: Visit, nonce?: string): Response {
  return new Response(html, {
    status,
    headers: {
      'content-type': types['.html']!,
      'cache-control': nonce ? 'no-store' : 'no-cache',
      'content-security-policy': appPolicy(visit, nonce),
    },
  })
}

async function readIndex(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, 'index.html'), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** A regular file inside the folder; never through a link and never a name that begins with a dot (S11). */
async function findFile(folder: string, path: string): Promise<{ path: string; bytes: number } | undefined> {
  const inside = normalPath(path.slice(1))
  if (!inside || /(^|\/)\./.test(inside)) return undefined
  try {
    const root = await realpath(folder)
    const found = await realpath(join(root, inside))
    const stat = await lstat(found)
    return found.startsWith(root + sep) && stat.isFile() ? { path: found, bytes: stat.size } : undefined
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

const style =
  '<style>body{font:16px/1.6 system-ui,sans-serif;max-width:38rem;margin:12vh auto;padding:0 1rem;color-scheme:light dark}code{background:#8882;padding:.1em .3em;border-radius:4px}</style>'
const frame = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>${style}<h1>${title}</h1>${body}</html>`

const notBuiltPage = frame(
  'The web app is not built',
  '<p>The hub is running and its API answers, but there is no web app to serve.</p><p>Run <code>npm run build</code> in the folder of Meshbook, then load this page again. <code>npm start</code> does it by itself.</p>',
)
