import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import fc from 'fast-check'
import { pageBytes } from './criu-images.ts'
import { decodeImage } from './decode-image.ts'
import { type Encoded, encodeImage } from './encode-image.ts'
import type { ImagePlan } from './image-plan.ts'
import { decodePart, encodePart } from './page-parts.ts'
import type { Answers } from './part-calls.ts'
import { MalformedImage } from './wire-message.ts'

/** As many pages as a process has: what each begins with, by its number. */
type Memory = Map<number, number>

class Parts implements Answers {
  readonly all = new Map<string, Uint8Array>()
  bytes = 0
  put = (bytes: Uint8Array): Promise<string> => {
    this.bytes += bytes.length
    const name = this.all.size.toString(16).padStart(64, '0')
    this.all.set(name, Uint8Array.from(bytes))
    return Promise.resolve(name)
  }
  has = (part: string) => Promise.resolve(this.all.has(part))
  get = (part: string) => Promise.resolve(this.all.get(part)!)
  progress = () => undefined
}

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
const field = (number: number, value: number) => [...varint(number * 8), ...varint(value)]

function image(messages: number[][]): Buffer {
  const parts = messages.map(message => {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(message.length)
    return Buffer.concat([head, Buffer.from(message)])
  })
  const magic = Buffer.alloc(8)
  magic.writeUInt32LE(0x54564319)
  return Buffer.concat([magic, ...parts])
}

function writeImages(folder: string, processes: readonly { pid: number; memory: Memory }[]): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'inventory.img'), image([field(1, 2)]))
  writeFileSync(join(folder, 'files.img'), image([]))
  writeFileSync(join(folder, 'pstree.img'), image(processes.map(({ pid }) => [...field(1, pid), ...field(5, pid)])))
  for (const [index, { pid, memory }] of processes.entries()) {
    const numbers = [...memory.keys()].sort((a, b) => a - b)
    const entries = numbers.map(page => [...field(1, page * pageBytes), ...field(4, 4), ...field(5, 1)])
    writeFileSync(join(folder, `pagemap-${pid}.img`), image([field(1, index + 1), ...entries]))
    writeFileSync(join(folder, `pages-${index + 1}.img`), Buffer.concat(numbers.map(page => pageOf(memory.get(page)!))))
  }
}

function pageOf(value: number): Buffer {
  const page = Buffer.alloc(pageBytes, value % 7)
  page.writeUInt32LE(value)
  return page
}

function place(t: TestContext): { images: string; work: string; opened: string; store: string } {
  const folder = mkdtempSync(join(tmpdir(), 'image-codec-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { images: join(folder, 'images'), work: folder, opened: join(folder, 'opened'), store: join(folder, 'store') }
}

function encode(at: ReturnType<typeof place>, rootPid: number, parts: Parts): Promise<Encoded> {
  const order = { images: at.images, store: at.store, closureCache: join(at.work, 'cache.json'), rootPid }
  return encodeImage({ ...order, closure: [], open: [], fifos: [] }, parts)
}

function planOf(encoded: Encoded, rootPid: number): ImagePlan {
  return {
    format: 'meshbook-image-1',
    ...encoded.plan,
    watches: null,
    ownNamespace: false,
    rootPid,
    mostPid: 100_000,
    kernel: { name: 'k', address: '127.0.0.1', port: 1, token: '', scratch: '' },
    projectPaths: ['/p'],
    folders: [],
  }
}

async function decoded(at: ReturnType<typeof place>, plan: unknown, parts: Answers): Promise<void> {
  rmSync(at.opened, { recursive: true, force: true })
  mkdirSync(at.opened)
  await decodeImage({ plan, folder: at.opened, closureStore: join(at.work, 'closure'), mostBytes: 1e9 }, parts)
}

function assertSame(at: ReturnType<typeof place>): void {
  const names = readdirSync(at.images).sort()
  assert.deepEqual(readdirSync(join(at.opened, 'images')).sort(), names)
  for (const name of names)
    assert.ok(readFileSync(join(at.images, name)).equals(readFileSync(join(at.opened, 'images', name))), name)
}

const memory = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 2500 }), fc.integer({ min: 0, max: 1e9 })), {
  selector: ([page]) => page,
  minLength: 1,
  maxLength: 60,
})

test('SN15: whatever changes from one capture to the next, each comes back bit by bit', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(memory, { minLength: 1, maxLength: 5 }), fc.boolean(), async (captures, child) => {
      const at = place(t)
      const parts = new Parts()
      for (const [index, pages] of captures.entries()) {
        // A copy has another number each time; a child comes and goes.
        const root = { pid: 1000 + index, memory: new Map(pages) }
        const other = { pid: 77, memory: new Map(pages.map(([page, value]) => [page + 3, value + index] as const)) }
        writeImages(at.images, child && index % 3 !== 1 ? [root, other] : [root])
        const encoded = await encode(at, root.pid, parts)
        await decoded(at, planOf(encoded, root.pid), parts)
        assertSame(at)
      }
      rmSync(at.work, { recursive: true, force: true })
    }),
    { numRuns: 25 },
  )
})

const big = (from = 0): Memory => new Map(Array.from({ length: 3000 }, (_, i) => [i + 1, i * 7919 + from]))

test('SN15: a small change is a small part, and a part that is gone makes the next capture whole', async t => {
  const at = place(t)
  const parts = new Parts()
  const pages = big()
  writeImages(at.images, [{ pid: 5, memory: pages }])
  assert.equal((await encode(at, 5, parts)).whole, true)
  parts.bytes = 0
  pages.set(1500, 1)
  writeImages(at.images, [{ pid: 6, memory: pages }])
  const second = await encode(at, 6, parts)
  assert.equal(second.whole, false)
  assert.ok(parts.bytes < 1000, `${parts.bytes} bytes`)
  const [gone] = second.plan.chain.deltas[0]!.parts
  parts.all.delete(gone!)
  assert.equal((await encode(at, 6, parts)).whole, true)
})

test('SN15: after 20 differences the next capture is whole', async t => {
  const at = place(t)
  const parts = new Parts()
  const pages = big()
  const whole: boolean[] = []
  for (let capture = 0; capture < 22; capture++) {
    pages.set(10, capture)
    writeImages(at.images, [{ pid: 5, memory: pages }])
    whole.push((await encode(at, 5, parts)).whole)
  }
  assert.deepEqual(
    whole.map((is, index) => (is ? index : -1)).filter(index => index >= 0),
    [0, 21],
  )
})

test('SN16: without its index, or with pages of another moment, the store is not used', async t => {
  const at = place(t)
  const parts = new Parts()
  writeImages(at.images, [{ pid: 5, memory: big() }])
  await encode(at, 5, parts)
  const index = join(at.store, 'index.json')
  const text = readFileSync(index, 'utf8')
  rmSync(index)
  assert.equal((await encode(at, 5, parts)).whole, true)
  writeFileSync(index, text.replace(/"boot":"[^"]*"/, '"boot":"another"'))
  assert.equal((await encode(at, 5, parts)).whole, true)
  writeFileSync(index, text.slice(0, 100))
  assert.equal((await encode(at, 5, parts)).whole, true)
})

async function refused(at: ReturnType<typeof place>, plan: unknown, parts: Answers): Promise<void> {
  await assert.rejects(decoded(at, plan, parts), (error: unknown) => {
    assert.ok(error instanceof MeshError, String(error))
    assert.equal(error.code, 'SNAPSHOT_REFUSED')
    return true
  })
}

test('SN21: parts that are damaged, cut short or swapped are refused', async t => {
  const at = place(t)
  const parts = new Parts()
  writeImages(at.images, [{ pid: 5, memory: big() }])
  const first = await encode(at, 5, parts)
  writeImages(at.images, [{ pid: 5, memory: big(3) }])
  const encoded = await encode(at, 5, parts)
  const plan = planOf(encoded, 5)
  await decoded(at, plan, parts)
  const names = encoded.parts
  for (const [index, name] of names.entries()) {
    const whole = parts.all.get(name)!
    parts.all.set(name, whole.subarray(0, whole.length - 1))
    await refused(at, plan, parts)
    const flipped = Uint8Array.from(whole)
    flipped[0]! ^= 1
    parts.all.set(name, flipped)
    await refused(at, plan, parts)
    parts.all.set(name, parts.all.get(names[(index + 1) % names.length]!)!)
    await refused(at, plan, parts)
    parts.all.set(name, whole)
  }
  assert.ok(first.whole)
})

test('SN21: a plan that names files elsewhere, or leaves something out, is refused', async t => {
  const at = place(t)
  const parts = new Parts()
  writeImages(at.images, [{ pid: 5, memory: big() }])
  const plan = planOf(await encode(at, 5, parts), 5)
  const { chain, pages } = plan
  const large = await parts.put(Buffer.alloc(0))
  for (const bad of [
    { ...plan, pages: [] },
    { ...plan, pages: [{ ...pages[0]!, file: '../x.img' }] },
    { ...plan, pages: [...pages, { key: 'p9', file: 'pagemap-9.img' }] },
    { ...plan, large: [{ name: '../../x', bytes: 0, parts: [large] }] },
    { ...plan, large: [{ name: 'pstree.img', bytes: 0, parts: [large] }] },
    { ...plan, rootPid: 6 },
    { ...plan, mostPid: 4 },
    { ...plan, folders: ['/a/../../etc'] },
    { ...plan, projectPaths: ['relative'] },
    { ...plan, chain: { ...chain, keys: ['p1'] } },
    { ...plan, chain: { ...chain, others: [] } },
    { ...plan, chain: { ...chain, deltas: [{ parts: chain.base, bytes: 0 }] } },
    { ...plan, format: 'other' },
    {},
  ])
    await refused(at, bad, parts)
})

test('SN21: a part of pages that does not say what it holds is malformed, whatever it is', () => {
  const here = { capture: 2, index: 1 }
  const part = encodePart([{ process: 1, kind: 0, start: 5, count: 1 }], pageOf(3), here)
  assert.equal(decodePart(part, here)[0]!.start, 5)
  fc.assert(
    fc.property(fc.nat(part.length - 1), length => {
      assert.throws(() => decodePart(part.subarray(0, length), here), MalformedImage)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      assert.throws(() => decodePart(Buffer.from(bytes), here), MalformedImage)
    }),
  )
})
