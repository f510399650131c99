/** What every ObjectStore must do. `reopen` gives a new store on the same data, as after a restart. */
import assert from 'node:assert/strict'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { collect, digestOf, type ObjectStore } from '@meshbook/hub/objects/object-store.ts'

export interface ObjectsUnderTest {
  store: ObjectStore
  reopen(): Promise<ObjectStore>
  /** Objects and parts of them that are left behind under no name. */
  leftovers(): Promise<string[]>
}

const most = 64 * 2 ** 20
const fails = (code: string) => (error: unknown) => error instanceof MeshError && error.code === code

/** Bytes that are the same for the same seed, in chunks of uneven size. */
function bytesOf(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0, state = seed; at < size; at++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
    bytes[at] = state >> 16
  }
  return bytes
}

async function* chunksOf(bytes: Uint8Array, size = 70_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

const read = async (store: ObjectStore, name: string, range?: { start: number; end: number }) =>
  Buffer.from(await collect(await store.get(name, range), most))
const put = (store: ObjectStore, name: string, bytes: Uint8Array) => store.put(name, chunksOf(bytes), digestOf(bytes))

export function objectStoreContract(name: string, make: (t: TestContext) => Promise<ObjectsUnderTest>): void {
  describe(`a ${name}`, () => {
    test('keeps an object whole, also after a reopening, and an empty one too (OB1)', async t => {
      const { store, reopen } = await make(t)
      for (const size of [0, 1, 300_000]) {
        const bytes = bytesOf(size, size + 1)
        await put(store, `a/${size}`, bytes)
        for (const opened of [store, await reopen()]) {
          assert.deepEqual(await opened.head(`a/${size}`), { bytes: size })
          assert.ok((await read(opened, `a/${size}`)).equals(bytes))
        }
      }
    })

    test('keeps an object of many parts whole (OB6)', async t => {
      const { store } = await make(t)
      const bytes = bytesOf(20 * 2 ** 20 + 17)
      await put(store, 'large', bytes)
      assert.deepEqual(await store.head('large'), { bytes: bytes.length })
      assert.equal(digestOf(await read(store, 'large')).sha256, digestOf(bytes).sha256)
    })

    test('gives ranges, both ends counted (OB3)', async t => {
      const { store } = await make(t)
      const bytes = bytesOf(100_000)
      await put(store, 'x', bytes)
      for (const [start, end] of [
        [0, 0],
        [5, 99_999],
        [40_000, 69_999],
      ] as const)
        assert.ok((await read(store, 'x', { start, end })).equals(bytes.subarray(start, end + 1)))
    })

    test('says NOT_FOUND before the first byte, and that there is none (OB3)', async t => {
      const { store } = await make(t)
      await assert.rejects(store.get('no/such'), fails('NOT_FOUND'))
      assert.equal(await store.head('no/such'), undefined)
      await store.delete('no/such')
    })

    test('refuses bytes that are not what was announced and keeps nothing of them (OB2)', async t => {
      const { store, leftovers } = await make(t)
      for (const size of [1_000, 9 * 2 ** 20]) {
        const bytes = bytesOf(size)
        const digest = digestOf(bytes)
        const altered = Buffer.from(bytes)
        altered[size - 1]! ^= 1
        for (const wrong of [altered, bytes.subarray(1), Buffer.concat([bytes, bytes.subarray(0, 1)])])
          await assert.rejects(store.put('bad', chunksOf(wrong), digest), fails('BAD_REQUEST'))
        assert.equal(await store.head('bad'), undefined)
      }
      assert.deepEqual(await leftovers(), [])
    })

    test('keeps nothing of a source that breaks off (OB1)', async t => {
      const { store, leftovers } = await make(t)
      const bytes = bytesOf(10 * 2 ** 20)
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 9 * 2 ** 20)
        throw new Error('the line is cut')
      }
      await assert.rejects(store.put('cut', broken(), digestOf(bytes)), /the line is cut/)
      assert.equal(await store.head('cut'), undefined)
      assert.deepEqual(await leftovers(), [])
    })

    test('replaces an object whole', async t => {
      const { store } = await make(t)
      await put(store, 'x', bytesOf(5_000, 1))
      await put(store, 'x', bytesOf(70, 2))
      assert.ok((await read(store, 'x')).equals(bytesOf(70, 2)))
    })

    test('takes a file in, and leaves one with wrong bytes where it is', async t => {
      const { store } = await make(t)
      const folder = await mkdtemp(join(tmpdir(), 'meshbook-adopt-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      const file = join(folder, 'file')
      await writeFile(file, bytesOf(1_234))
      await assert.rejects(store.adopt('x', file, digestOf(bytesOf(1_234, 9))), fails('BAD_REQUEST'))
      assert.equal(await store.head('x'), undefined)
      await store.adopt('x', file, digestOf(bytesOf(1_234)))
      assert.ok((await read(store, 'x')).equals(bytesOf(1_234)))
      await assert.rejects(access(file))
    })

    test('lists what begins with a prefix, in order and page by page, each object once (OB4)', async t => {
      const { store } = await make(t)
      const names = ['a/b', 'a/b.c', 'a-b', 'a/b-c/d', 'a/c/1', 'a/c/2', 'a/c/3', 'ab', 'b/a']
      for (const name of names) await put(store, name, Buffer.from(name))
      for (const prefix of ['', 'a', 'a/', 'a/b', 'a/c/', 'zz'])
        for (const most of [1, 2, 100]) {
          const found: string[] = []
          for (let after: string | undefined; ; ) {
            const page = await store.list(prefix, after === undefined ? { most } : { most, after })
            found.push(...page.objects.map(object => object.name))
            assert.ok(page.objects.every(object => object.bytes === object.name.length))
            if (page.next === undefined) break
            after = page.next
          }
          assert.deepEqual(found, names.filter(name => name.startsWith(prefix)).sort(), `${prefix} by ${most}`)
        }
    })

    test('deletes, and deleting again is no error (OB4)', async t => {
      const { store } = await make(t)
      await put(store, 'a/x', bytesOf(10))
      await store.delete('a/x')
      await store.delete('a/x')
      assert.equal(await store.head('a/x'), undefined)
      assert.deepEqual((await store.list('', { most: 10 })).objects, [])
    })

    test('refuses names that lead elsewhere (OB5, S11)', async t => {
      const { store } = await make(t)
      const tricks = [
        '',
        '/',
        '../x',
        'a/../x',
        'a//b',
        '/etc/passwd',
        'a/',
        'A',
        'a\0b',
        'a\\b',
        '.x',
        'a/.x',
        'é',
        'a b',
        'a?b',
        'x'.repeat(500),
      ]
      for (const trick of tricks) {
        await assert.rejects(store.put(trick, chunksOf(bytesOf(1)), digestOf(bytesOf(1))), fails('BAD_PATH'), trick)
        await assert.rejects(store.get(trick), fails('BAD_PATH'), trick)
        await assert.rejects(store.head(trick), fails('BAD_PATH'), trick)
        await assert.rejects(store.delete(trick), fails('BAD_PATH'), trick)
      }
      await assert.rejects(store.list('../', { most: 1 }), fails('BAD_PATH'))
    })

    test('puts many at a time without mixing them up', async t => {
      const { store } = await make(t)
      await Promise.all(Array.from({ length: 30 }, (_, i) => put(store, `many/${i}`, bytesOf(1_000 + i, i))))
      for (let i = 0; i < 30; i++) assert.ok((await read(store, `many/${i}`)).equals(bytesOf(1_000 + i, i)))
    })
  })
}
