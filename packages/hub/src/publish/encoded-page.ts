/**
 * A page as it is sent: whole, or compressed where the reader asks for it. Pages are the same for everybody and hold
 * nothing of the request, so that their length tells nothing.
 */
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

export type Encoding = 'br' | 'gzip'
export type EncodedPage = Record<Encoding, Buffer>

/** Half of what the best would take in a tenth of the time. */
const brotliQuality = 5

export async function encodedPage(html: Buffer): Promise<EncodedPage> {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
    [constants.BROTLI_PARAM_SIZE_HINT]: html.byteLength,
  }
  const [br, gz] = await Promise.all([promisify(brotliCompress)(html, { params }), promisify(gzip)(html)])
  return { br, gzip: gz }
}

/** The first of ours that the reader takes; undefined for the page as it is (RFC 9110, 12.5.3). */
export function encodingFor(accepts: string | null): Encoding | undefined {
  const weights = new Map(
    (accepts ?? '').split(',').map(part => {
      const [name = '', ...rest] = part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      const weight = rest.find(one => one.startsWith('q='))?.slice(2)
      return [name, weight === undefined ? 1 : Number(weight)] as const
    }),
  )
  const takes = (name: Encoding): boolean => (weights.get(name) ?? weights.get('*') ?? 0) > 0
  return takes('br') ? 'br' : takes('gzip') ? 'gzip' : undefined
}
