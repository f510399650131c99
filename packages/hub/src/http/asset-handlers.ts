/** Blobs: immutable, so a browser may keep them for ever; never a page of the hub, whatever they hold (S9). */
import { Readable } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, parseAssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Parts } from '../parts.ts'
import type { AssetRow } from '../store/assets.ts'
import { param, type UserAsk } from './route.ts'

export async function putAsset({ assets, store, now }: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const id = parseAssetId(param(ask, 'asset'))
  const { org } = ask.who
  if (await store.query('findAsset', { org, id })) {
    await ask.request.body?.cancel()
    return new Response(null, { status: 204 })
  }
  if (Number(ask.request.headers.get('content-length') ?? 0) > limits.assetBytes)
    throw new MeshError('TOO_LARGE', { detail: `an asset may have ${limits.assetBytes} bytes` })
  const facts = await assets.write(id, chunksOf(ask.request))
  await store.call('addAsset', { ...facts, org, id, now: now() })
  return new Response(null, { status: 201 })
}

export async function getAsset({ assets, store }: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const id = parseAssetId(param(ask, 'asset'))
  const row = await store.query('findAsset', { org: ask.who.org, id })
  if (!row) throw new MeshError('NOT_FOUND', { detail: id })
  const headers = headersOf(id, row)
  if (ask.request.headers.get('if-none-match') === headers.etag) return new Response(null, { status: 304, headers })
  const range = rangeOf(ask.request.headers.get('range'), row.bytes)
  if (range === 'unsatisfiable')
    return new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${row.bytes}` } })
  const { start, end } = range ?? { start: 0, end: row.bytes - 1 }
  const answered = {
    ...headers,
    'content-length': String(end - start + 1),
    ...(range ? { 'content-range': `bytes ${start}-${end}/${row.bytes}` } : {}),
  }
  const empty = ask.request.method === 'HEAD' || row.bytes === 0
  const body = empty ? null : (Readable.toWeb(Readable.from(assets.read(id, start, end))) as ReadableStream)
  return new Response(body, { status: range ? 206 : 200, headers: answered })
}

async function* chunksOf({ body }: Request): AsyncGenerator<Uint8Array> {
  if (body) yield* body
}

function headersOf(id: AssetId, { mimeType }: AssetRow): Record<string, string> {
  return {
    'content-type': mimeType,
    etag: `"${id}"`,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    // An SVG may be shown as an image, where it runs nothing; opened by itself it is a sandboxed download.
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    ...(/^image\/(png|jpeg|gif|webp)$/.test(mimeType) ? {} : { 'content-disposition': `attachment; filename="${id}"` }),
  }
}

/** One range, as browsers and resuming downloads ask for; anything else is answered whole. */
function rangeOf(header: string | null, bytes: number): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = header === null ? null : /^bytes=(\d*)-(\d*)$/.exec(header)
  if (!match || (match[1] === '' && match[2] === '')) return undefined
  const [first = '', last = ''] = [match[1], match[2]]
  const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  return start > end || start >= bytes ? 'unsatisfiable' : { start, end }
}
