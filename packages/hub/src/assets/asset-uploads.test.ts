import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, parseAssetId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type AssetParts, openAssetParts } from '../testing/asset-parts.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import type { Piece } from './asset-uploads.ts'

const idOf = (bytes: Uint8Array) => parseAssetId(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)
const content = Buffer.alloc(100_000, 'some bytes of no meaning ')
const id = idOf(content)
const never = new AbortController().signal
const fails = (code: string) => (error: unknown) => error instanceof MeshError && error.code === code

async function* chunks(bytes: Uint8Array, size = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const put = (test: TestHub, body: Uint8Array, headers: Record<string, string> = {}, asset: string = id) =>
  fetch(`${test.hub.url}/api/v1/assets/${asset}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${test.token}`, ...headers },
    body: body as Uint8Array<ArrayBuffer>,
  })
const offsetOf = async (test: TestHub, asset: string = id) => {
  const head = await test.api('HEAD', `/assets/${asset}`)
  return [head.status, Number(head.headers.get('upload-offset'))]
}
const readBack = async (test: TestHub) => Buffer.from(await (await test.api('GET', `/assets/${id}`)).arrayBuffer())

test('AS2 pieces by Content-Range: each tells the offset, a repeated one is passed over, one beyond it is refused', async t => {
  const test = await startTestHub(t)
  const send = (from: number, to: number) =>
    put(test, content.subarray(from, to), { 'content-range': `bytes ${from}-${to - 1}/${content.length}` })
  assert.deepEqual(await offsetOf(test), [404, 0])
  const first = await send(0, 40_000)
  assert.deepEqual([first.status, first.headers.get('upload-offset')], [202, '40000'])
  assert.deepEqual(await offsetOf(test), [404, 40_000])
  assert.equal((await send(20_000, 60_000)).headers.get('upload-offset'), '60000')
  const beyond = await send(70_000, 80_000)
  assert.deepEqual([beyond.status, beyond.headers.get('upload-offset')], [409, '60000'])
  assert.equal((await send(60_000, content.length)).status, 201)
  assert.deepEqual(await offsetOf(test), [200, content.length])
  assert.ok((await readBack(test)).equals(content))
  assert.equal((await send(0, 40_000)).status, 204)
})

test('AS2 AS3 pieces by Upload-Offset, over a restart of the hub', async t => {
  const test = await startTestHub(t)
  const length = { 'upload-length': String(content.length) }
  assert.equal((await put(test, content.subarray(0, 30_000), { 'upload-offset': '0', ...length })).status, 202)
  await test.restart()
  assert.deepEqual(await offsetOf(test), [404, 30_000])
  const rest = { 'upload-offset': '30000', 'upload-complete': '?1' }
  assert.equal((await put(test, content.subarray(30_000), rest)).status, 201)
  assert.ok((await readBack(test)).equals(content))
})

test('AS3 what arrived before the connection was cut is not sent again', async t => {
  const test = await startTestHub(t)
  const headers = { authorization: `Bearer ${test.token}`, 'content-length': String(content.length) }
  const sent = request(`${test.hub.url}/api/v1/assets/${id}`, { method: 'PUT', headers })
  sent.on('error', () => undefined)
  sent.write(content.subarray(0, 50_000))
  await new Promise(resolve => setTimeout(resolve, 200))
  sent.destroy()
  let offset = 0
  for (let tries = 0; tries < 100 && offset === 0; tries++) offset = (await offsetOf(test))[1]!
  assert.equal(offset, 50_000)
  const range = { 'content-range': `bytes 50000-${content.length - 1}/${content.length}` }
  assert.equal((await put(test, content.subarray(50_000), range)).status, 201)
})

test('AS1 S21 another org gets 404 for an asset and has to send its bytes', async t => {
  const { uploads, owner, store } = await openAssetParts(t)
  const whole: Piece = { from: undefined, total: content.length, last: true }
  assert.deepEqual(await uploads.receive(owner, id, whole, chunks(content), never), { stored: true })
  const other = newId('org', 2, systemRandom)
  assert.equal(await store.query('findAsset', { org: other, id }), null)
  assert.equal(await uploads.offset({ ...owner, org: other }, id), 0)
})

test('AS4 wrong bytes, too few, too many, an altered first piece, and hostile headers and ids leave nothing', async t => {
  const test = await startTestHub(t)
  const altered = Buffer.from(content)
  altered[7]! ^= 1
  assert.equal((await put(test, altered)).status, 400)
  const size = content.length
  assert.equal((await put(test, altered.subarray(0, 10), { 'content-range': `bytes 0-9/${size}` })).status, 202)
  const rest = { 'content-range': `bytes 10-${size - 1}/${size}` }
  assert.equal((await put(test, content.subarray(10), rest)).status, 400)
  assert.deepEqual(await offsetOf(test), [404, 0])
  const tooMany = { 'upload-offset': '0', 'upload-length': '10' }
  assert.equal((await put(test, content, tooMany)).status, 400)
  for (const headers of [
    { 'content-range': 'bytes 0-9/5' },
    { 'content-range': 'bytes 9-0/100' },
    { 'content-range': 'bytes 0-9/100000' },
    { 'content-range': 'bytes */100' },
    { 'upload-offset': '-1' },
    { 'upload-offset': '1e3' },
    { 'upload-complete': 'yes' },
  ])
    assert.equal((await put(test, content.subarray(0, 20), headers)).status, 400, JSON.stringify(headers))
  for (const trick of [
    'sha256-..%2f..%2fhub.db',
    `sha256-${'A'.repeat(64)}`,
    `sha256-${'0'.repeat(63)}%00`,
    `${id}%2f..`,
  ]) {
    assert.ok([400, 404].includes((await put(test, content, {}, trick)).status), trick)
  }
  const head = { 'content-range': 'bytes 0-9/99999999999' }
  assert.equal((await put(test, content.subarray(0, 10), head)).status, 413)
  assert.deepEqual(await readdir(join(test.folder, 'uploads')), [])
  assert.deepEqual(await readdir(join(test.folder, 'assets')), ['incoming'])
})

test('AS5 an upload of unknown length above the cap is stopped and leaves nothing (S12)', async t => {
  const { uploads, owner, folder } = await openAssetParts(t, { limits: { assetBytes: 5_000 } })
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(100)
  }
  const piece = { from: undefined, total: undefined, last: true }
  await assert.rejects(uploads.receive(owner, id, piece, endless(), never), fails('TOO_LARGE'))
  assert.deepEqual(await readdir(join(folder, 'uploads')), [])
})

const begin = ({ uploads, owner }: AssetParts, name: string, total: number, bytes = 1) => {
  const asset = idOf(Buffer.from(name))
  return uploads.receive(owner, asset, { from: 0, total, last: false }, chunks(Buffer.alloc(bytes)), never)
}

test('AS5 uploads under way and the bytes of an org are capped, and idle uploads are dropped', async t => {
  const caps = { assetUploadsPerUser: 2, assetBytesPerOrg: 1_000 }
  const parts = await openAssetParts(t, { limits: caps })
  await begin(parts, 'a', 300)
  await begin(parts, 'b', 300)
  await assert.rejects(begin(parts, 'c', 10), fails('TOO_MANY'))
  await begin(parts, 'a', 300, 2)
  parts.clock.at += limits.assetUploadIdleMs + 1
  await begin(parts, 'b', 300, 3)
  assert.equal(await parts.uploads.expire(), 1)
  assert.equal((await readdir(join(parts.folder, 'uploads'))).length, 1)
  await assert.rejects(begin(parts, 'd', 701), fails('QUOTA_USED'))
  await begin(parts, 'd', 700)
})

test('AS3 a newer request goes on with an upload whose older one hangs', async t => {
  const { uploads, owner } = await openAssetParts(t)
  async function* hanging(): AsyncGenerator<Uint8Array> {
    yield content.subarray(0, 10_000)
    await new Promise(() => undefined)
  }
  const total = content.length
  const older = uploads.receive(owner, id, { from: 0, total, last: false }, hanging(), never)
  older.catch(() => undefined)
  await new Promise(resolve => setTimeout(resolve, 50))
  const newer = await uploads.receive(owner, id, { from: 0, total, last: false }, chunks(content), never)
  assert.deepEqual(newer, { stored: true })
  await assert.rejects(older, fails('CONFLICT'))
})

test('AS3 OB1 a crash at any step of finishing is made good at the next start', async t => {
  for (const [step, after] of [
    ['adopt', false],
    ['adopt', true],
  ] as const) {
    let killed = false
    const parts = await openAssetParts(t, {
      objects: files =>
        Object.create(files, {
          head: { value: files.head.bind(files) },
          get: { value: files.get.bind(files) },
          [step]: {
            value: async (...args: Parameters<typeof files.adopt>) => {
              if (after || killed) await files.adopt(...args)
              if (!killed) throw new Error('killed')
            },
          },
        }),
    })
    const piece = { from: 0, total: content.length, last: true }
    await assert.rejects(parts.uploads.receive(parts.owner, id, piece, chunks(content), never), /killed/)
    killed = true
    await parts.uploads.close()
    await parts.store.close()
    const next = await openAssetParts(t, { folder: parts.folder })
    const stored = await next.store.query('findAsset', { org: next.owner.org, id })
    if (after) assert.equal(stored?.bytes, content.length)
    else {
      assert.equal(await next.uploads.offset(next.owner, id), content.length)
      assert.deepEqual(
        await next.uploads.receive(
          next.owner,
          id,
          { ...piece, from: content.length },
          chunks(content.subarray(0, 0)),
          never,
        ),
        { stored: true },
      )
    }
    const row = (await next.store.query('findAsset', { org: next.owner.org, id }))!
    assert.ok((await readFile(join(next.folder, 'assets', row.object))).equals(content))
    await next.store.close()
  }
})

test('AS1 two users who upload one asset at a time both succeed, and the surplus bytes go', async t => {
  const { uploads, owner, store, collector, folder } = await openAssetParts(t)
  const other = { ...owner, user: newId('user', 3, systemRandom) }
  const piece = { from: undefined, total: content.length, last: true }
  const both = await Promise.all([owner, other].map(who => uploads.receive(who, id, piece, chunks(content), never)))
  assert.deepEqual(both, [{ stored: true }, { stored: true }])
  await collector.collect()
  const row = (await store.query('findAsset', { org: owner.org, id }))!
  const files = (await readdir(join(folder, 'assets', owner.org), { recursive: true })).filter(name =>
    name.includes('.'),
  )
  assert.deepEqual(
    files.map(name => `${owner.org}/${name}`),
    [row.object],
  )
})
