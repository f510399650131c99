import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type AssetId, parseAssetId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { DeviceKey } from '../device-key.ts'
import type { AssetUpload } from '../store/asset-uploads.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'
import { HubAssets } from './hub-assets.ts'

const piece = 10_000
const idOf = (bytes: Uint8Array) => parseAssetId(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)

/** The hub's asset routes as a script: keeps what comes, and cuts a connection when told. */
class AssetHub {
  readonly assets = new Map<string, Buffer>()
  readonly parts = new Map<string, Buffer>()
  received = 0
  sent = 0
  cuts = 0
  refuse = new Set<string>()
  isFull = false
  url = ''
  running = 0
  mostRunning = 0

  static async start(t: TestContext): Promise<AssetHub> {
    const hub = new AssetHub()
    const server = createServer((request, answer) => void hub.#serve(request, answer))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close().closeAllConnections())
    hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return hub
  }

  async #serve(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const id = request.url!.split('/').at(-1)!
    const whole = this.assets.get(id)
    const part = this.parts.get(id) ?? Buffer.alloc(0)
    if (this.refuse.has(id)) return void answer.writeHead(413).end()
    if (this.isFull && request.method === 'PUT') {
      request.resume()
      const problem = JSON.stringify({ code: 'QUOTA_USED', detail: 'all assets together may have 5 bytes' })
      return void answer.writeHead(413, { 'content-type': 'application/problem+json' }).end(problem)
    }
    if (request.method === 'PUT') return this.#take(id, part, request, answer)
    if (!whole) return void answer.writeHead(404, { 'upload-offset': part.length }).end()
    if (request.method === 'HEAD') return void answer.writeHead(200).end()
    await this.#give(whole, request, answer)
  }

  async #give(whole: Buffer, { headers }: IncomingMessage, answer: ServerResponse): Promise<void> {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    this.mostRunning = Math.max(this.mostRunning, ++this.running)
    answer.writeHead(from > 0 ? 206 : 200, { 'content-length': whole.length - from })
    const end = this.cuts-- > 0 ? from + 1_000 : whole.length
    this.sent += end - from
    await new Promise(resolve => setTimeout(resolve, 20))
    this.running--
    await new Promise<void>(resolve => answer.write(whole.subarray(from, end), () => resolve()))
    if (end < whole.length) answer.destroy()
    else answer.end()
  }

  async #take(id: string, part: Buffer, request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    this.received += body.length
    const offset = Number(request.headers['upload-offset'])
    if (offset > part.length) return void answer.writeHead(409, { 'upload-offset': part.length }).end()
    const now = Buffer.concat([part.subarray(0, offset), body])
    this.parts.set(id, now)
    if (this.cuts-- > 0) return void answer.destroy()
    if (now.length < Number(request.headers['upload-length']))
      return void answer.writeHead(202, { 'upload-offset': now.length }).end()
    this.assets.set(id, now)
    answer.writeHead(201).end()
  }
}

async function setUp(t: TestContext, hub: AssetHub, folder?: string) {
  const home = folder ?? (await temporaryFolder())
  const key = await DeviceKey.load(home, Date.now, systemRandom)
  const queue = new Map<AssetId, AssetUpload>()
  const told: (string | undefined)[] = []
  const assets = new HubAssets({
    url: hub.url,
    key,
    now: Date.now,
    random: systemRandom,
    limits: { ...limits, objectPartBytes: piece, reconnectMinMs: 5, reconnectMaxMs: 20 },
    folder: join(home, 'assets'),
    downloads: join(home, 'downloads'),
    store: {
      queue: async upload => void queue.set(upload.asset, upload),
      done: async asset => void queue.delete(asset),
      list: async () => [...queue.values()],
    },
    failing: error => told.push(error && `${error.code}: ${error.detail}`),
    log: { warn: () => undefined },
  })
  t.after(() => assets.close())
  const keep = async (bytes: Buffer) => {
    await mkdir(join(home, 'assets'), { recursive: true })
    await writeFile(join(home, 'assets', idOf(bytes)), bytes)
    await assets.queue(idOf(bytes), 'image/png')
    return idOf(bytes)
  }
  return { home, assets, queue, keep, told }
}

test('DV46 an upload goes on over cut connections from where the hub stands, and sends little twice', async t => {
  const hub = await AssetHub.start(t)
  const { assets, queue, keep } = await setUp(t, hub)
  hub.cuts = 3
  const bytes = randomBytes(10 * piece + 7)
  const id = await keep(bytes)
  const empty = await keep(Buffer.alloc(0))
  assets.setOnline(true)
  await until('the queue is worked off', () => queue.size === 0)
  assert.ok(hub.assets.get(id)!.equals(bytes))
  assert.ok(hub.assets.has(empty))
  assert.ok(hub.received <= bytes.length + 3 * piece)
})

test('DV46 what the hub has is not sent, and one that it refuses holds up no other', async t => {
  const hub = await AssetHub.start(t)
  const { assets, queue, keep } = await setUp(t, hub)
  const known = randomBytes(5_000)
  hub.assets.set(idOf(known), known)
  const refused = await keep(randomBytes(10))
  hub.refuse.add(refused)
  await keep(known)
  const other = await keep(randomBytes(20))
  assets.setOnline(true)
  await until('the queue is worked off', () => queue.size === 1)
  assert.ok(hub.assets.has(other))
  assert.equal(hub.received, 20)
})

test('DV73 an upload that the hub refuses is told at once, in its words, and passes when nothing waits', async t => {
  const hub = await AssetHub.start(t)
  const { assets, keep, told } = await setUp(t, hub)
  hub.isFull = true
  await keep(randomBytes(10))
  await keep(randomBytes(20))
  assets.setOnline(true)
  await until('it is told', () => told.length > 0)
  assert.equal(told[0], 'QUOTA_USED: 2 files wait to be uploaded to the hub (all assets together may have 5 bytes)')
  hub.isFull = false
  await until('it passed', () => told.at(-1) === undefined)
})

test('DV73 an upload that only fails is told after three tries, and no more once the link is gone', async t => {
  const hub = await AssetHub.start(t)
  const { assets, keep, told } = await setUp(t, hub)
  hub.cuts = 2
  await keep(Buffer.alloc(0))
  assets.setOnline(true)
  await until('it passed', () => hub.assets.size === 1)
  await until('all is told', () => told.length > 0)
  assert.equal(told.join(), '')
  hub.refuse.add(await keep(randomBytes(10)))
  await until('it is told', () => told.at(-1)?.startsWith('UNREACHABLE: 1 file waits') === true)
  assets.setOnline(false)
  assert.equal(told.at(-1), undefined)
})

test('DV47 a download goes on where it was cut, also after a restart', async t => {
  const hub = await AssetHub.start(t)
  const bytes = randomBytes(5_000)
  hub.assets.set(idOf(bytes), bytes)
  const first = await setUp(t, hub)
  hub.cuts = 1
  await assert.rejects(first.assets.fetch(idOf(bytes)))
  const second = await setUp(t, hub, first.home)
  assert.ok(Buffer.from(await second.assets.fetch(idOf(bytes))).equals(bytes))
  assert.ok(hub.sent <= bytes.length + 1_000)
  assert.deepEqual(await readdir(join(first.home, 'downloads')), [])
})

test('DV47 bytes with another hash are thrown away, and so are leftovers that are wrong or too long', async t => {
  const hub = await AssetHub.start(t)
  const bytes = randomBytes(5_000)
  const id = idOf(bytes)
  const { assets, home } = await setUp(t, hub)
  hub.assets.set(id, randomBytes(5_000))
  await assert.rejects(assets.fetch(id), /not sha256-/)
  hub.assets.set(id, bytes)
  await mkdir(join(home, 'downloads'), { recursive: true })
  await writeFile(join(home, 'downloads', id), 'wrong')
  await assert.rejects(assets.fetch(id), /not sha256-/)
  assert.ok(Buffer.from(await assets.fetch(id)).equals(bytes))
})

test('DV29 many pictures are fetched a few at a time, and one asked for twice comes once', async t => {
  const hub = await AssetHub.start(t)
  const { assets } = await setUp(t, hub)
  const pictures = Array.from({ length: 12 }, () => randomBytes(100))
  for (const picture of pictures) hub.assets.set(idOf(picture), picture)
  await Promise.all([...pictures, ...pictures].map(picture => assets.fetch(idOf(picture))))
  assert.equal(hub.mostRunning, limits.assetDownloadsPerDevice)
  assert.equal(hub.sent, 1_200)
})
