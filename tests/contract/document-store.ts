/** What every DocumentStore must do. `reopen` gives a new store on the same data, as after a restart. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, parseEpoch, systemRandom } from '@meshbook/core/ids.ts'
import type { DocumentLog } from '@meshbook/relay/document-log.ts'
import type { DocumentKey, DocumentStore } from '@meshbook/relay/store/document-store.ts'

export interface StoreUnderTest {
  store: DocumentStore
  reopen(): Promise<DocumentStore>
}

const newKey = (): DocumentKey => ({ org: newId('org', 1, systemRandom), document: newId('document', 1, systemRandom) })
const bytes = (...values: number[]) => new Uint8Array(values)
const first = parseEpoch(1)
const plain = (updates: Uint8Array[]) => updates.map(update => [...update])

export function documentStoreContract(name: string, make: (t: TestContext) => Promise<StoreUnderTest>): void {
  describe(`a ${name}`, () => {
    test('says of a document never written to that it has epoch 1 and nothing in it', async t => {
      const { store } = await make(t)
      assert.deepEqual(await store.open(newKey()), { epoch: 1, position: 0, snapshot: undefined, tail: [] })
    })

    test('keeps updates in order, counts positions from 1 and has them after a reopening (I1)', async t => {
      const { store, reopen } = await make(t)
      const key = newKey()
      assert.equal(await store.append(key, first, [bytes(1), bytes(2, 2)]), 2)
      assert.equal(await store.append(key, first, [bytes(3, 3, 3)]), 3)
      for (const opened of [await store.open(key), await (await reopen()).open(key)]) {
        assert.equal(opened.position, 3)
        assert.deepEqual(plain(opened.tail), [[1], [2, 2], [3, 3, 3]])
      }
    })

    test('keeps documents apart, also those with one id in two orgs (S21)', async t => {
      const { store } = await make(t)
      const key = newKey()
      const other = { ...key, org: newKey().org }
      await Promise.all([store.append(key, first, [bytes(1)]), store.append(other, first, [bytes(2)])])
      assert.deepEqual(plain((await store.open(key)).tail), [[1]])
      assert.deepEqual(plain((await store.open(other)).tail), [[2]])
    })

    test('gives concurrent appends to one document successive positions', async t => {
      const { store } = await make(t)
      const key = newKey()
      const positions = await Promise.all(Array.from({ length: 50 }, (_, i) => store.append(key, first, [bytes(i)])))
      assert.deepEqual(
        positions,
        Array.from({ length: 50 }, (_, i) => i + 1),
      )
    })

    test('compacts exactly what the snapshot stands for and keeps later updates (RL51)', async t => {
      const { store, reopen } = await make(t)
      const key = newKey()
      await store.append(key, first, [bytes(1), bytes(2), bytes(3)])
      await store.compact(key, first, { position: 2, data: bytes(9) })
      await store.append(key, first, [bytes(4)])
      const opened = await (await reopen()).open(key)
      assert.deepEqual(
        { ...opened, snapshot: [...opened.snapshot!.data], tail: plain(opened.tail) },
        { epoch: 1, position: 4, snapshot: [9], tail: [[3], [4]] },
      )
      assert.equal(opened.snapshot!.position, 2)
    })

    test('ignores a snapshot that is older, from the future or of another epoch (RL51)', async t => {
      const { store } = await make(t)
      const key = newKey()
      await store.append(key, first, [bytes(1), bytes(2)])
      await store.compact(key, first, { position: 2, data: bytes(8) })
      await store.compact(key, first, { position: 1, data: bytes(7) })
      await store.compact(key, first, { position: 5, data: bytes(7) })
      await store.compact(key, parseEpoch(2), { position: 2, data: bytes(7) })
      const opened = await store.open(key)
      assert.deepEqual([[...opened.snapshot!.data], opened.tail], [[8], []])
    })

    test('forgets a removed document and refuses appends of its old epoch (I2)', async t => {
      const { store, reopen } = await make(t)
      const key = newKey()
      await store.append(key, first, [bytes(1)])
      await store.compact(key, first, { position: 1, data: bytes(1) })
      await store.replace(key, { epoch: { least: 1 }, updates: [] })
      await assert.rejects(
        store.append(key, first, [bytes(2)]),
        (error: unknown) => error instanceof MeshError && error.code === 'EPOCH',
      )
      assert.equal(await store.append(key, parseEpoch(2), [bytes(3)]), 1)
      const opened = await (await reopen()).open(key)
      assert.deepEqual(
        { ...opened, tail: plain(opened.tail) },
        { epoch: 2, position: 1, snapshot: undefined, tail: [[3]] },
      )
    })

    test('puts other content in the place of a document, in one step and under a later epoch (RL54, RL55)', async t => {
      const { store, reopen } = await make(t)
      const key = newKey()
      await store.append(key, first, [bytes(1), bytes(2)])
      const from = { epoch: first, position: 1 }
      assert.equal(await store.replace(key, { from, epoch: { least: 1 }, updates: [bytes(9)] }), undefined)
      assert.deepEqual(plain((await store.open(key)).tail), [[1], [2]])
      from.position = 2
      const epoch = await store.replace(key, { from, epoch: { least: 1_000 }, updates: [bytes(3), bytes(4)] })
      assert.equal(epoch, 1_000)
      const opened = await (await reopen()).open(key)
      assert.deepEqual(
        { ...opened, tail: plain(opened.tail) },
        { epoch, position: 2, snapshot: undefined, tail: [[3], [4]] },
      )
    })

    test('keeps who wrote the content of before, through appends and a compaction, until the next exchange (RL57)', async t => {
      const { store, reopen } = await make(t)
      const key = newKey()
      const retired = bytes(1, 5)
      const epoch = (await store.replace(key, { epoch: { least: 2 }, retired, updates: [bytes(3)] }))!
      await store.append(key, epoch, [bytes(4)])
      await store.compact(key, epoch, { position: 2, data: bytes(6) })
      const later = await reopen()
      assert.deepEqual([...(await later.open(key)).retired!], [1, 5])
      await later.replace(key, { epoch: { least: 2 }, updates: [] })
      assert.equal((await later.open(key)).retired, undefined)
    })

    test('takes an epoch from a clock only where it is the later one, and one that is named as it is (RL55)', async t => {
      const { store } = await make(t)
      const key = newKey()
      const late = parseEpoch(2_000_000_000)
      assert.equal(await store.replace(key, { epoch: { exactly: late }, updates: [bytes(1)] }), late)
      assert.equal(await store.replace(key, { epoch: { exactly: late }, updates: [] }), undefined)
      assert.deepEqual(plain((await store.open(key)).tail), [[1]])
      assert.equal(await store.replace(key, { epoch: { least: 1_000 }, updates: [] }), late + 1)
      assert.equal(await store.replace(key, { epoch: { exactly: parseEpoch(7) }, updates: [] }), 7)
    })

    test('keeps its own copy of what it was given', async t => {
      const { store } = await make(t)
      const key = newKey()
      const update = bytes(1, 2, 3)
      await store.append(key, first, [update])
      update.fill(0)
      assert.deepEqual(plain((await store.open(key)).tail), [[1, 2, 3]])
    })

    test('keeps a large update whole', async t => {
      const { store } = await make(t)
      const key = newKey()
      const update = new Uint8Array(3_000_000).map((_, i) => i % 251)
      await store.append(key, first, [update])
      assert.ok(Buffer.from((await store.open(key)).tail[0]!).equals(update))
    })
  })
}

/** What a store must do that several hubs share. */
export function documentLogContract(
  name: string,
  make: (t: TestContext) => Promise<DocumentStore & DocumentLog>,
): void {
  describe(`the shared log of a ${name}`, () => {
    test('tells what came after a position, in order (RL130)', async t => {
      const store = await make(t)
      const key = newKey()
      await store.append(key, first, [bytes(1), bytes(2), bytes(3)])
      assert.deepEqual(
        { ...(await store.since(key, 1)), tail: plain((await store.since(key, 1)).tail) },
        { epoch: 1, position: 3, snapshot: undefined, tail: [[2], [3]] },
      )
      assert.deepEqual((await store.since(key, 3)).tail, [])
    })

    test('tells the snapshot to who comes too late for the updates, and only to them (RL132)', async t => {
      const store = await make(t)
      const key = newKey()
      await store.append(key, first, [bytes(1), bytes(2), bytes(3)])
      await store.compact(key, first, { position: 2, data: bytes(9) })
      await store.append(key, first, [bytes(4)])
      const late = await store.since(key, 1)
      assert.deepEqual([late.snapshot?.position, [...late.snapshot!.data], plain(late.tail)], [2, [9], [[3], [4]]])
      const inTime = await store.since(key, 2)
      assert.deepEqual([inTime.snapshot, plain(inTime.tail)], [undefined, [[3], [4]]])
    })

    test('tells the new epoch of a removed document (RL133)', async t => {
      const store = await make(t)
      const key = newKey()
      await store.append(key, first, [bytes(1), bytes(2)])
      await store.replace(key, { epoch: { least: 1 }, updates: [] })
      const found = await store.since(key, 2)
      assert.deepEqual([found.epoch, found.position, found.tail], [2, 0, []])
      assert.deepEqual(await store.heads([key]), [{ key, epoch: 2, position: 0 }])
    })

    test('tells how far many logs go, and leaves out those that nobody wrote', async t => {
      const store = await make(t)
      const keys = Array.from({ length: 1_200 }, newKey)
      await Promise.all(keys.slice(0, 700).map(key => store.append(key, first, [bytes(1), bytes(2)])))
      const heads = await store.heads(keys)
      assert.equal(heads.length, 700)
      assert.ok(heads.every(({ epoch, position }) => epoch === 1 && position === 2))
      assert.deepEqual(await store.heads([]), [])
    })

    test('numbers what several append at once without a gap or a doubling, and keeps their order (RL130)', async t => {
      const store = await make(t)
      const keys = Array.from({ length: 20 }, newKey)
      const all = await Promise.all(
        Array.from({ length: 400 }, async (_, i) => {
          const key = keys[i % keys.length]!
          const position = await store.append(key, first, [bytes(i & 255, 0), bytes(i & 255, 1)])
          return { key, position, mark: i & 255 }
        }),
      )
      for (const key of keys) {
        const { tail, position } = await store.since(key, 0)
        assert.equal(position, 40)
        for (const mine of all.filter(one => one.key === key))
          assert.deepEqual(plain(tail.slice(mine.position - 2, mine.position)), [
            [mine.mark, 0],
            [mine.mark, 1],
          ])
      }
    })
  })
}
