/**
 * A page as it is sent: whole, or compressed where the reader asks for it. Pages are the same for everybody and hold
 * nothing of the request, so that their length tells nothing.
 */
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Encoding } from '@meshbook/relay/serve/encoding.ts'

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
