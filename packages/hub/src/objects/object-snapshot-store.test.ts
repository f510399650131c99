import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, parseEpoch, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DocumentStore } from '@meshbook/relay/store/document-store.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import fc from 'fast-check'
import * as Y from 'yjs'
import { temporaryFolder } from '../testing/test-hub.ts'
import { FileObjectStore } from './file-object-store.ts'
import { ObjectSnapshotStore } from './object-snapshot-store.ts'
import type { ObjectStore } from './object-store.ts'
import { holdSnapshots } from './snapshot-holds.ts'
import { isReference, writeReference } from './snapshot-reference.ts'

const key = { org: newId('org', 1, systemRandom), document: newId('document', 1, systemRandom) }
const first = parseEpoch(1)
const small = { ...limits, snapshotObjectBytes: 10 }
const large = (n: number) => new Uint8Array(100).fill(n)

/** Dies at the n-th step: what is asked for then, and all after it, does not happen, or happens and is not told. */
class Killer {
  left = Number.POSITIVE_INFINITY
  lateOnes = false
  wrap<T extends object>(port: T, steps: readonly string[]): T {
    return new Proxy(port, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) =>
          this.#step(steps.includes(String(name)), () => value.apply(target, args) as unknown)
      },
    })
  }
  async #step(counts: boolean, act: () => unknown): Promise<unknown> {
    if (!counts) {
      if (this.left < 0) throw new Error('killed')
      return act()
    }
    if (this.left-- > 0) return act()
    if (this.left === -1 && this.lateOnes) await act()
    throw new Error('killed')
  }
}

async function setUp(t: TestContext) {
  const rows = new MemoryDocumentStore()
  const folder = await temporaryFolder(t)
  const objects = await FileObjectStore.open(folder)
  const clock = { at: 1_000_000_000 }
  const open = (over: { rows?: DocumentStore; objects?: ObjectStore } = {}) =>
    new ObjectSnapshotStore(over.rows ?? rows, over.objects ?? objects, {
      now: () => clock.at,
      random: systemRandom,
      limits: small,
    })
  const names = async () => (await objects.list('', { most: 1_000 })).objects.map(({ name }) => name)
  return { rows, objects, folder, clock, open, names }
}

test('OB10 a large snapshot is an object, its row a reference, and what it replaced is deleted', async t => {
  const { rows, open, names } = await setUp(t)
  const store = open()
  await store.append(key, first, [large(1), large(2), large(3)])
  await store.compact(key, first, { position: 2, data: large(9) })
  assert.ok(isReference((await rows.open(key)).snapshot!.data))
  assert.equal((await names()).length, 1)
  const [old] = await names()
  await store.compact(key, first, { position: 3, data: large(8) })
  assert.equal((await names()).length, 1)
  assert.notEqual((await names())[0], old)
  assert.deepEqual((await open().open(key)).snapshot, { position: 3, data: large(8), facts: undefined })
  await store.compact(key, first, { position: 2, data: large(7) })
  assert.equal((await names()).length, 1)
  await store.replace(key, { epoch: { least: 1 }, updates: [] })
  assert.deepEqual(await names(), [])
})

test('OB10 a crash between any two steps loses nothing acknowledged, and leaves at most what is collected later', async t => {
  for (const lateOnes of [false, true])
    for (let at = 0; at < 9; at++) {
      const { rows, objects, open, clock, names } = await setUp(t)
      const killer = new Killer()
      killer.lateOnes = lateOnes
      const doomed = open({
        rows: killer.wrap(rows, ['append', 'compact', 'replace']),
        objects: killer.wrap(objects, ['put', 'delete']),
      })
      const acknowledged: number[] = []
      killer.left = at
      try {
        for (let n = 1; n <= 3; n++) {
          await doomed.append(key, first, [large(n)])
          acknowledged.push(n)
          await doomed.compact(key, first, { position: n, data: large(100 + n) })
        }
      } catch (error) {
        assert.match(String(error), /killed/)
      }
      const store = open()
      const { snapshot, tail, position } = await store.open(key)
      assert.ok(position >= acknowledged.length, `${at}`)
      if (snapshot) assert.deepEqual(snapshot.data, large(100 + snapshot.position))
      assert.deepEqual(
        tail.map(update => update[0]),
        Array.from({ length: tail.length }, (_, i) => position - tail.length + 1 + i),
      )
      clock.at += small.snapshotGraceMs + 1
      await store.collectOrphans()
      assert.ok((await names()).length <= 1)
      assert.deepEqual(await store.open(key), { epoch: 1, position, snapshot, tail })
    }
})

test('OB10 OB13 whatever compactions, readers and collections do at the same time, every document opens as it was acknowledged', async t => {
  const step = fc.oneof(
    fc.constant('append'),
    fc.constant('compact'),
    fc.constant('collect'),
    fc.constant('read'),
    fc.constant('wait'),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.scheduler(), async (steps, scheduler) => {
      const { rows, objects, clock, open } = await setUp(t)
      const slow = <T extends object>(port: T): T =>
        new Proxy(port, {
          get: (target, name) => {
            const value = Reflect.get(target, name) as unknown
            if (typeof value !== 'function') return value
            return async (...args: unknown[]) => {
              await scheduler.schedule(Promise.resolve(), String(name))
              return (await value.apply(target, args)) as unknown
            }
          },
        })
      const stores = [
        open({ rows: slow(rows), objects: slow(objects) }),
        open({ rows: slow(rows), objects: slow(objects) }),
      ]
      let written = 0
      const errors: unknown[] = []
      const work = steps.map(async (name, at) => {
        const store = stores[at % 2]!
        if (name === 'append') {
          await rows.append(key, first, [large(++written)])
        } else if (name === 'compact' && written > 0) {
          const position = written
          await store.compact(key, first, { position, data: large(100 + position) })
        } else if (name === 'collect') await store.collectOrphans()
        else if (name === 'read') await store.open(key)
        else clock.at += 60_000
      })
      const settled = Promise.allSettled(work)
      await scheduler.waitFor(settled)
      for (const result of await settled) if (result.status === 'rejected') errors.push(result.reason)
      assert.deepEqual(errors, [])
      const { position, snapshot, tail } = await open().open(key)
      assert.equal(position, written)
      assert.equal((snapshot?.position ?? 0) + tail.length, written)
      if (snapshot) assert.deepEqual(snapshot.data, large(100 + snapshot.position))
    }),
    { numRuns: 60 },
  )
})

test('OB11 no update that a client can send is taken for a reference', () => {
  const reference = writeReference({ name: 'x', bytes: 1, sha256: 'a'.repeat(64) })
  assert.throws(() => Y.decodeUpdate(reference))
  const doc = new Y.Doc()
  doc.getText('content').insert(0, Buffer.from(reference).toString('latin1'))
  assert.ok(!isReference(Y.encodeStateAsUpdate(doc)))
})

test('OB11 a snapshot that looks like a reference comes back as it was', async t => {
  const { open } = await setUp(t)
  const trick = writeReference({ name: 'other/document/1-1-1-x', bytes: 1, sha256: 'a'.repeat(64) })
  await open().append(key, first, [large(1)])
  await open().compact(key, first, { position: 1, data: trick })
  assert.deepEqual((await open().open(key)).snapshot!.data, trick)
})

test('OB12 a document whose object is missing or altered does not open, and is not taken for an empty one', async t => {
  const { folder, open, names } = await setUp(t)
  await open().append(key, first, [large(1)])
  await open().compact(key, first, { position: 1, data: large(5) })
  const path = join(folder, (await names())[0]!)
  const fails = (error: unknown) => error instanceof MeshError && error.code === 'STORAGE_FAILED'
  for (const bytes of [large(6), large(5).subarray(1), new Uint8Array(101)]) {
    await writeFile(path, bytes)
    await assert.rejects(open().open(key), fails)
  }
  await rm(path)
  await assert.rejects(open().open(key), fails)
})

test('OB13 a compaction that takes too long does not write its row, and its object is collected', async t => {
  const { objects, clock, open, names, rows } = await setUp(t)
  const slow: ObjectStore = Object.create(objects, {
    put: {
      value: async (...args: Parameters<ObjectStore['put']>) => {
        await objects.put(...args)
        clock.at += small.snapshotGraceMs
      },
    },
    list: { value: objects.list.bind(objects) },
  })
  await open().append(key, first, [large(1)])
  await assert.rejects(open({ objects: slow }).compact(key, first, { position: 1, data: large(5) }), /too long/)
  assert.equal((await rows.open(key)).snapshot, undefined)
  assert.equal(await open().collectOrphans(), 0)
  clock.at += 2
  assert.equal(await open().collectOrphans(), 1)
  assert.deepEqual(await names(), [])
})

test('OB14 a hold keeps what was made before its time until it ends, also from the collection of orphans', async t => {
  const { objects, open, clock, names } = await setUp(t)
  const store = open()
  const snapshots = async () => (await names()).filter(name => !name.startsWith('holds/'))
  await store.append(key, first, [large(1), large(2), large(3), large(4)])
  await store.compact(key, first, { position: 1, data: large(1) })
  const [old] = await snapshots()
  const release = await holdSnapshots(objects, { before: clock.at + 1, until: clock.at + 1_000 }, systemRandom)
  const graceMs = small.snapshotGraceMs + 1
  await holdSnapshots(objects, { before: clock.at + 1, until: clock.at + 3 * graceMs }, systemRandom)
  clock.at += graceMs
  await store.compact(key, first, { position: 2, data: large(2) })
  await store.compact(key, first, { position: 3, data: large(3) })
  assert.deepEqual(
    [(await snapshots()).length, (await snapshots()).includes(old!)],
    [2, true],
    'only the old one is held',
  )
  assert.equal(await store.collectOrphans(), 0)
  assert.equal((await names()).filter(name => name.startsWith('holds/')).length, 1, 'a hold that has ended is removed')
  await release()
  clock.at += 2 * graceMs
  assert.equal(await store.collectOrphans(), 1)
  assert.equal((await names()).length, 1)
  assert.deepEqual((await store.open(key)).snapshot!.data, large(3))
})
