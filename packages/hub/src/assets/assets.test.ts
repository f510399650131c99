import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAssetId, parseAssetId } from '@meshbook/core/ids.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { sniffType } from './sniff-type.ts'

const idOf = (bytes: Uint8Array) => parseAssetId(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)
const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(2_000, 7)])

const put = (test: TestHub, id: string, body: Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${test.hub.url}/api/v1/assets/${id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${test.token}`, ...headers },
    body: body as Uint8Array<ArrayBuffer>,
  })

test('AS1 AS6 a blob is stored under its hash, served immutable and by ranges, and stored again without effect', async t => {
  const test = await startTestHub(t)
  const id = idOf(png)
  assert.equal((await put(test, id, png)).status, 201)
  assert.equal((await put(test, id, png)).status, 204)
  const whole = await test.api('GET', `/assets/${id}`)
  assert.equal(whole.headers.get('content-type'), 'image/png')
  assert.match(whole.headers.get('cache-control')!, /immutable/)
  assert.match(whole.headers.get('content-security-policy')!, /sandbox/)
  assert.equal(whole.headers.get('content-disposition'), null)
  assert.deepEqual(Buffer.from(await whole.arrayBuffer()), png)
  const head = await test.api('HEAD', `/assets/${id}`)
  assert.equal(head.headers.get('content-length'), String(png.length))
  const part = await test.api('GET', `/assets/${id}`, undefined, { range: 'bytes=8-11' })
  assert.deepEqual([part.status, part.headers.get('content-range')], [206, `bytes 8-11/${png.length}`])
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), png.subarray(8, 12))
  const tail = await test.api('GET', `/assets/${id}`, undefined, { range: 'bytes=-5' })
  assert.equal((await tail.arrayBuffer()).byteLength, 5)
  assert.equal((await test.api('GET', `/assets/${id}`, undefined, { range: `bytes=${png.length}-` })).status, 416)
  assert.equal((await test.api('GET', `/assets/${id}`, undefined, { 'if-none-match': `"${id}"` })).status, 304)
})

test('AS4 bytes that are not what their name says are refused and leave nothing behind', async t => {
  const test = await startTestHub(t)
  const id = idOf(Buffer.from('something else'))
  assert.equal((await put(test, id, png)).status, 400)
  assert.equal((await test.api('GET', `/assets/${id}`)).status, 404)
  assert.deepEqual(await readdir(join(test.folder, 'assets')), ['incoming'])
  assert.deepEqual(await readdir(join(test.folder, 'assets', 'incoming')), [])
  assert.deepEqual(await readdir(join(test.folder, 'uploads')), [])
  assert.equal((await put(test, 'sha256-short', png)).status, 400)
})

test('AS7 S9 what a browser could run is a download, whatever it claims to be', async t => {
  const test = await startTestHub(t)
  for (const [text, type] of [
    ['<!doctype html><script>alert(1)</script>', 'application/octet-stream'],
    ['<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', 'image/svg+xml'],
  ] as const) {
    const bytes = Buffer.from(text)
    await put(test, idOf(bytes), bytes, { 'content-type': 'text/html' })
    const answer = await test.api('GET', `/assets/${idOf(bytes)}`)
    assert.equal(answer.headers.get('content-type'), type)
    assert.match(answer.headers.get('content-disposition')!, /^attachment/)
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    assert.match(answer.headers.get('content-security-policy')!, /default-src 'none'.*sandbox/)
    await answer.body?.cancel()
  }
})

test('a device stores and reads blobs with its proof', async t => {
  const test = await startTestHub(t)
  const device = new TestDevice()
  await test.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  const { host } = new URL(test.hub.url)
  const url = `${test.hub.url}/api/v1/assets/${idOf(png)}`
  assert.equal(
    (await rawRequest(url, { method: 'PUT', headers: { authorization: device.proof(host) }, body: png })).status,
    201,
  )
  assert.equal((await rawRequest(url, { headers: { authorization: device.proof(host) } })).status, 200)
})

test('an empty blob is a blob', async t => {
  const test = await startTestHub(t)
  const id = idOf(new Uint8Array())
  assert.ok(isAssetId(id))
  assert.equal((await put(test, id, new Uint8Array())).status, 201)
  assert.equal((await (await test.api('GET', `/assets/${id}`)).arrayBuffer()).byteLength, 0)
})

test('types are told by their first bytes', () => {
  const cases: [Uint8Array | string, string][] = [
    [png, 'image/png'],
    [Buffer.from('ffd8ffe000', 'hex'), 'image/jpeg'],
    ['GIF89a', 'image/gif'],
    ['RIFF\0\0\0\0WEBPVP8', 'image/webp'],
    ['<?xml version="1.0"?>\n<!-- x --><svg>', 'image/svg+xml'],
    ['<html><svg>', 'application/octet-stream'],
    ['', 'application/octet-stream'],
  ]
  for (const [head, type] of cases) assert.equal(sniffType(Buffer.from(head as string)), type)
})

test('AS6 ranges at their edges, If-Range, weak and several tags, and HEAD', async t => {
  const test = await startTestHub(t)
  const id = idOf(png)
  await put(test, id, png)
  const get = (headers: Record<string, string>, method = 'GET') => test.api(method, `/assets/${id}`, undefined, headers)
  const size = png.length
  const cases: [Record<string, string>, number, string | null][] = [
    [{ range: 'bytes=0-0' }, 206, `bytes 0-0/${size}`],
    [{ range: `bytes=0-${size * 2}` }, 206, `bytes 0-${size - 1}/${size}`],
    [{ range: `bytes=${size - 1}-` }, 206, `bytes ${size - 1}-${size - 1}/${size}`],
    [{ range: `bytes=-${size * 2}` }, 206, `bytes 0-${size - 1}/${size}`],
    [{ range: 'bytes=-0' }, 416, `bytes */${size}`],
    [{ range: `bytes=${'9'.repeat(30)}-` }, 416, `bytes */${size}`],
    [{ range: 'bytes=5-2' }, 200, null],
    [{ range: 'bytes=0-1,4-5' }, 200, null],
    [{ range: 'items=0-1' }, 200, null],
    [{ range: 'bytes=0-1', 'if-range': `"${id}"` }, 206, `bytes 0-1/${size}`],
    [{ range: 'bytes=0-1', 'if-range': '"another"' }, 200, null],
    [{ range: 'bytes=0-1', 'if-range': `W/"${id}"` }, 200, null],
    [{ 'if-none-match': `"x", W/"${id}"` }, 304, null],
    [{ 'if-none-match': '*' }, 304, null],
    [{ 'if-none-match': '"x"' }, 200, null],
  ]
  for (const [headers, status, contentRange] of cases) {
    const answer = await get(headers)
    assert.deepEqual(
      [answer.status, answer.headers.get('content-range')],
      [status, contentRange],
      JSON.stringify(headers),
    )
    await answer.arrayBuffer()
  }
  const head = await get({ range: 'bytes=0-1' }, 'HEAD')
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(size)])
})
