/** The bytes of an asset as an HTTP answer: whole, a range, or only what would be sent. Who may have it was decided. */
import { Readable } from 'node:stream'
import type { AssetId } from '@meshbook/core/ids.ts'
import { attachmentNamed } from '@meshbook/relay/serve/content-disposition.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { AssetRow } from '../store/assets.ts'
import { matchesTag, rangeOf } from './ranges.ts'

export async function assetResponse(
  objects: ObjectStore,
  { method, headers: asked }: Request,
  id: AssetId,
  row: AssetRow,
  more: Record<string, string>,
  name: string | null = null,
): Promise<Response> {
  const headers = { ...headersOf(id, row, name), ...more }
  if (matchesTag(asked.get('if-none-match'), headers.etag!)) return new Response(null, { status: 304, headers })
  if (method === 'HEAD') return new Response(null, { headers: { ...headers, 'content-length': String(row.bytes) } })
  const range = rangeOf(asked, row.bytes, headers.etag!)
  if (range === 'unsatisfiable')
    return new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${row.bytes}` } })
  const { start, end } = range ?? { start: 0, end: row.bytes - 1 }
  const answered = {
    ...headers,
    'content-length': String(end - start + 1),
    ...(range ? { 'content-range': `bytes ${start}-${end}/${row.bytes}` } : {}),
  }
  const body = row.bytes === 0 ? null : await objects.get(row.object, range)
  return new Response(body && (Readable.toWeb(Readable.from(body)) as ReadableStream), {
    status: range ? 206 : 200,
    headers: answered,
  })
}

function headersOf(id: AssetId, { mimeType }: AssetRow, name: string | null): Record<string, string> {
  const isShown = name === null && /^image\/(png|jpeg|gif|webp)$/.test(mimeType)
  return {
    'content-type': mimeType,
    etag: `"${id}"`,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    // An SVG may be shown as an image, where it runs nothing; opened by itself it is a sandboxed download.
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    ...(isShown ? {} : { 'content-disposition': attachmentNamed(name ?? id) }),
  }
}
