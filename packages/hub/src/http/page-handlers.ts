/**
 * What readers of published pages get. No credential is looked at and none is given; whatever is not published gets the
 * same answer, whether it is there or not (PB11); nothing here can do anything in a browser (PB3, S10).
 */
import { type AssetId, isAssetId } from '@meshbook/core/ids.ts'
import { encodingFor } from '@meshbook/relay/serve/encoding.ts'
import type { Parts } from '../parts.ts'
import { nothingHere } from '../publish/nothing-here.ts'
import { addressOf } from '../publish/page-address.ts'
import { titleOf } from '../publish/published-pages.ts'
import { pagePolicy } from '../publish/render/page.ts'
import { programPage } from '../publish/render/program-page.ts'
import type { PublishedRow } from '../store/publications.ts'
import { assetResponse } from './asset-response.ts'
import { matchesTag } from './ranges.ts'
import { type Ask, param } from './route.ts'

/** Browsers and proxies keep a page, and ask each time whether it still stands: what is taken back is gone (PB12). */
const kept = 'public, max-age=0, must-revalidate'

/**
 * Without scripts and in an origin of its own, also where pages share the app's; a link may be opened in a new tab, which
 * is then an ordinary one. Images of the page's own are asked for by that other origin, so they may be had from any.
 */
const apart = 'sandbox allow-popups allow-popups-to-escape-sandbox'

export async function readPublished(parts: Parts, ask: Ask<undefined>): Promise<Response> {
  const { publishUrl } = parts.config
  if (publishUrl !== null && ask.visit.origin !== publishUrl) return elsewhere(publishUrl, ask)
  const at = { owner: param(ask, 'owner').slice(1), project: param(ask, 'project'), path: param(ask, 'path') }
  const named = plainly(at)
  if (!named) return nothing()
  const asset = /^_assets\/(.+)$/.exec(named.path)?.[1]
  if (isAssetId(asset)) return readAsset(parts, ask, named, asset)
  const row = await parts.pages.find(named)
  if (!row) return nothing()
  if (row.path !== named.path && row.path !== `${named.path}.md`) return moved(row)
  const output = ask.query.get('output')
  return output === null ? pageResponse(parts, ask, row) : programResponse(parts, ask, row, output)
}

/** What of a project is published (PB19). */
export async function readPublishedList(parts: Parts, ask: Ask<undefined>): Promise<Response> {
  const { publishUrl } = parts.config
  if (publishUrl !== null && ask.visit.origin !== publishUrl) return elsewhere(publishUrl, ask)
  const named = plainly({ owner: param(ask, 'owner').slice(1), project: param(ask, 'project') })
  const index = named && (await parts.pages.index(named))
  if (!index) return nothing()
  return new Response(index.html, {
    headers: { ...pageHeaders(index.styleHash), ...(index.indexed ? {} : notIndexed) },
  })
}

/** An output whose script is what it shows, apart from everything (PB20). */
async function programResponse(
  { pages }: Parts,
  { request }: Ask<undefined>,
  row: PublishedRow,
  output: string,
): Promise<Response> {
  const html = (await pages.page(row)).programs.get(output)
  if (html === undefined) return nothing()
  const page = programPage({ title: titleOf(row.path), back: addressOf(row), html })
  const headers = { ...headersWith(`${page.policy}; frame-ancestors 'none'`), ...notIndexed }
  return new Response(request.method === 'HEAD' ? null : page.html, { headers })
}

/** Pages that have an origin of their own are not shown under the app's, whether they are there or not. */
function elsewhere(origin: string, { request }: Ask<undefined>): Response {
  const { pathname, search } = new URL(request.url)
  return new Response(null, {
    status: 302,
    headers: { location: `${origin}${pathname}${search}`, 'cache-control': kept },
  })
}

/** Names as the store has them, or undefined where no document can have such a name. */
function plainly<T extends Record<string, string>>(at: T): T | undefined {
  const entries = Object.entries(at).map(([key, text]) => [key, text.normalize('NFC')] as const)
  const isOdd = entries.some(([, text]) => text === '' || text.length > 2_000 || /[\u0000-\u001f\u007f]/.test(text))
  return isOdd ? undefined : (Object.fromEntries(entries) as T)
}

async function pageResponse({ pages }: Parts, { request }: Ask<undefined>, row: PublishedRow): Promise<Response> {
  const page = await pages.page(row)
  const changed = new Date(page.changedAt).toUTCString()
  const encoding = encodingFor(request.headers.get('accept-encoding'))
  const etag = `"${page.etag}${encoding ? `-${encoding}` : ''}"`
  const headers = {
    ...pageHeaders(page.styleHash),
    etag,
    vary: 'accept-encoding',
    'last-modified': changed,
    ...(row.indexed ? {} : notIndexed),
  }
  if (isKnown(request.headers, etag, page.changedAt)) return new Response(null, { status: 304, headers })
  const bytes = encoding ? page.encoded[encoding] : page.html
  const about = {
    'content-length': String(bytes.byteLength),
    ...(encoding && { 'content-encoding': encoding }),
  }
  const body = request.method === 'HEAD' ? null : new Uint8Array(bytes)
  return new Response(body, { headers: { ...headers, ...about } })
}

const notIndexed = { 'x-robots-tag': 'noindex, nofollow' }

function pageHeaders(styleHash: string): Record<string, string> {
  return headersWith(`${apart}; ${pagePolicy(styleHash)}; frame-ancestors 'none'`)
}

function headersWith(policy: string): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'cache-control': kept,
    'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  }
}

/** By the tag where there is one; dates have whole seconds, in which a page may change twice. */
function isKnown(headers: Headers, etag: string, changedAt: number): boolean {
  const tags = headers.get('if-none-match')
  if (tags !== null) return matchesTag(tags, etag)
  const since = Date.parse(headers.get('if-modified-since') ?? '')
  return Number.isFinite(since) && Math.floor(changedAt / 1000) * 1000 <= since
}

/** To where the document is by now (PB13). */
function moved(row: PublishedRow): Response {
  const headers = { location: addressOf(row), 'cache-control': kept, ...notIndexed }
  return new Response(null, { status: 301, headers })
}

/** Only what a published page shows (PB4). */
async function readAsset(
  parts: Parts,
  { request, query }: Ask<undefined>,
  { owner, project }: { owner: string; project: string },
  asset: AssetId,
): Promise<Response> {
  const row = await parts.pages.showing({ owner, project, first: query.get('of') ?? '' }, asset)
  const found = row && (await parts.store.query('findAsset', { org: row.org, id: asset }))
  if (!found) return nothing()
  return assetResponse(parts.objects, request, asset, found, {
    'cache-control': kept,
    'cross-origin-resource-policy': 'cross-origin',
    ...notIndexed,
  })
}

export function nothing(): Response {
  const page = nothingHere()
  return new Response(page.html, { status: 404, headers: { ...pageHeaders(page.styleHash), ...notIndexed } })
}
