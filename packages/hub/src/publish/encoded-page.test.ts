import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { encodingFor } from '@meshbook/relay/serve/encoding.ts'
import { encodedPage } from './encoded-page.ts'

test('PB18 what a reader takes decides how a page is sent', () => {
  const cases: [string | null, string | undefined][] = [
    [null, undefined],
    ['', undefined],
    ['identity', undefined],
    ['gzip', 'gzip'],
    ['gzip, deflate, br, zstd', 'br'],
    ['GZIP;q=0.5 , br;q=0', 'gzip'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['br;q=0, *', 'gzip'],
    ['br;q=no', undefined],
  ]
  for (const [accepts, wanted] of cases) assert.equal(encodingFor(accepts), wanted, String(accepts))
})

test('PB18 both forms are the page', async () => {
  const html = Buffer.from('<p>Grüße</p>'.repeat(1_000))
  const { br, gzip } = await encodedPage(html)
  assert.deepEqual(brotliDecompressSync(br), html)
  assert.deepEqual(gunzipSync(gzip), html)
  assert.ok(br.byteLength < 1_000 && gzip.byteLength < 1_000)
})
