import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { FileObjectStore } from '@meshbook/hub/objects/file-object-store.ts'
import { collect, digestOf } from '@meshbook/hub/objects/object-store.ts'
import type { S3Ports } from '@meshbook/hub/objects/s3-client.ts'
import type { S3Config } from '@meshbook/hub/objects/s3-config.ts'
import { S3ObjectStore } from '@meshbook/hub/objects/s3-object-store.ts'
import { fetchVia, S3Server } from '../s3-server.ts'
import { objectStoreContract } from './object-store.ts'

objectStoreContract('FileObjectStore', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-objects-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const reopen = () => FileObjectStore.open(folder)
  return { store: await reopen(), reopen, leftovers: () => readdir(join(folder, 'incoming')) }
})

const ports: S3Ports = { now: Date.now, random: systemRandom, limits }

function storeOn(t: TestContext, server: S3Server, config: Partial<S3Config> = {}, more: Partial<S3Ports> = {}) {
  const store = new S3ObjectStore(server.config(config), 'room/', { ...ports, ...more })
  t.after(() => store.close())
  return store
}

for (const pathStyle of [true, false])
  objectStoreContract(`S3ObjectStore with the bucket in the ${pathStyle ? 'path' : 'host name'}`, async t => {
    const server = await S3Server.start(t)
    const make = () =>
      pathStyle
        ? storeOn(t, server)
        : storeOn(t, server, { pathStyle, endpoint: 'http://s3.test' }, { fetch: fetchVia(server.port) })
    return { store: make(), reopen: async () => make(), leftovers: async () => [...server.open] }
  })

const bytes = Buffer.from('what is stored')
async function* source(): AsyncGenerator<Uint8Array> {
  yield bytes
}
const put = (store: S3ObjectStore, name = 'x') => store.put(name, source(), digestOf(bytes))
const refusedWith = (code: string) => (error: unknown) =>
  error instanceof MeshError && error.code === 'STORAGE_FAILED' && error.message.includes(code)

test('OB6 a wrong secret, key or region, an altered body and a stale date are refused and not tried again', async t => {
  const server = await S3Server.start(t)
  const wrong: [string, Partial<S3Config>, Partial<S3Ports>][] = [
    ['SignatureDoesNotMatch', { secretAccessKey: 'another' }, {}],
    ['InvalidAccessKeyId', { accessKeyId: 'ANOTHER' }, {}],
    ['AuthorizationHeaderMalformed', { region: 'us-east-1' }, {}],
    ['RequestTimeTooSkewed', {}, { now: () => Date.now() - 3_600_000 }],
  ]
  for (const [code, config, more] of wrong) {
    const before = server.requests
    await assert.rejects(put(storeOn(t, server, config, more)), refusedWith(code))
    assert.equal(server.requests, before + 1)
  }
  server.alter = true
  await assert.rejects(put(storeOn(t, server)), refusedWith('XAmzContentSHA256Mismatch'))
  server.alter = false
  assert.equal(await storeOn(t, server).head('x'), undefined)
})

test('OB7 no error names a key, a secret or a signature', async t => {
  const server = await S3Server.start(t)
  const secret = 'canary-secret'
  const error: unknown = await put(storeOn(t, server, { secretAccessKey: secret })).catch(thrown => thrown)
  assert.ok(error instanceof MeshError)
  assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`, /canary|Signature=|MESHTESTKEY/)
})

test('OB6 what fails for a while is tried again, a bounded number of times', async t => {
  const server = await S3Server.start(t)
  const store = storeOn(t, server, {}, { limits: { ...limits, requestMs: 300, reconnectMinMs: 5, reconnectMaxMs: 50 } })
  for (const fault of ['cut', 503, 429, 500, 'silent'] as const) {
    let left = 2
    server.fault = () => (left-- > 0 ? fault : undefined)
    await put(store, `after-${fault}`)
    server.fault = () => undefined
    assert.ok((await collect(await store.get(`after-${fault}`), 100)).equals(bytes))
  }
  for (const [fault, code] of [
    ['cut', 'UNREACHABLE'],
    [503, 'SLOW_DOWN'],
    ['silent', 'TIMEOUT'],
  ] as const) {
    server.fault = () => fault
    const before = server.requests
    await assert.rejects(put(store), (error: unknown) => error instanceof MeshError && error.code === code)
    assert.equal(server.requests - before, limits.objectTriesPerCall)
  }
})

async function* large(): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < 5; n++) yield Buffer.alloc(4 * 2 ** 20, n)
}
const largeDigest = async () => digestOf(await collect(large(), 2 ** 30))

test('OB6 an upload in parts that fails is aborted, and one whose last answer is lost has succeeded', async t => {
  const server = await S3Server.start(t)
  const store = storeOn(t, server, {}, { limits: { ...limits, reconnectMinMs: 5, reconnectMaxMs: 50 } })
  const digest = await largeDigest()
  server.fault = (method, path) => (method === 'PUT' && path.includes('partNumber=2') ? 500 : undefined)
  await assert.rejects(store.put('parts', large(), digest))
  assert.deepEqual([...server.open], [])
  assert.equal(await store.head('parts'), undefined)

  server.fault = () => undefined
  let lost = 0
  server.loseAnswer = (method, path) => method === 'POST' && path.includes('uploadId') && lost++ === 0
  await store.put('parts', large(), digest)
  assert.ok(lost >= 1)
  assert.deepEqual(await store.head('parts'), { bytes: digest.bytes })
})
