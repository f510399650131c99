import 'fake-indexeddb/auto'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemAfter } from '@meshbook/relay/timers.ts'
import * as Y from 'yjs'
import { DocumentKeeper, type KeeperState } from './document-keeper.ts'
import { IndexedDatabase } from './indexed-database.ts'
import type { DocumentDatabase, StoredRow } from './link-ports.ts'
import { MemoryDatabase } from './memory-database.ts'
import { StoredList } from './stored-list.ts'
import { compacted, textOfRows } from './stored-rows.ts'

let names = 0
const indexed = (name = `test-${++names}`) => new IndexedDatabase(indexedDB, () => `key-${++names}`, name)

function typed(doc: Y.Doc, tab: string, n: number, text: string): StoredRow {
  const before = Y.encodeStateVector(doc)
  doc.getText('content').insert(doc.getText('content').length, text)
  return { update: Y.encodeStateAsUpdate(doc, before), edits: { [tab]: n } }
}

const contract: Record<string, () => DocumentDatabase> = {
  IndexedDB: () => indexed(),
  memory: () => new MemoryDatabase(true),
}

for (const [name, make] of Object.entries(contract)) {
  test(`${name}: rows and the position that they lead to are written together, and joined (W1, W2)`, async () => {
    const database = make()
    const doc = new Y.Doc()
    assert.equal(await database.read('d'), undefined)
    await database.append('d', 1, { rows: [typed(doc, 'a', 1, 'x'), typed(doc, 'a', 2, 'y')], acked: {} })
    const head = await database.append('d', 1, { rows: [typed(doc, 'b', 1, 'z')], acked: { a: 1 } })
    assert.deepEqual(head, { epoch: 1, made: { a: 2, b: 1 }, acked: { a: 1 }, carried: 0 })
    const read = await database.read('d')
    assert.deepEqual([read?.head, textOfRows(read?.rows ?? []), read?.unreadable], [head, 'xyz', 0])
    assert.deepEqual([...(await database.heads())], [['d', head]])
  })

  test(`${name}: nothing is written to a document of another epoch (W20, I2)`, async () => {
    const database = make()
    await database.append('d', 2, { rows: [], acked: {} })
    assert.equal(await database.append('d', 1, { rows: [typed(new Y.Doc(), 'a', 1, 'x')], acked: {} }), undefined)
    assert.equal((await database.read('d'))?.rows.length, 0)
  })

  test(`${name}: only what the hub has all of is forgotten (PH14, W2)`, async () => {
    const database = make()
    const doc = new Y.Doc()
    await database.append('d', 1, { rows: [typed(doc, 'a', 1, 'x')], acked: {} })
    assert.equal(await database.forget('d'), false)
    assert.equal((await database.read('d'))?.rows.length, 1)
    await database.append('d', 1, { rows: [], acked: { a: 1 } })
    assert.equal(await database.forget('d'), true)
    assert.equal(await database.read('d'), undefined)
  })

  test(`${name}: compaction keeps what the hub has apart from what it has not (W4)`, async () => {
    const database = make()
    const doc = new Y.Doc()
    const rows = [...'abcdef'].map((text, at) => typed(doc, 'a', at + 1, text))
    await database.append('d', 1, { rows, acked: { a: 4 } })
    await database.rewrite('d', stored => stored && compacted(stored))
    const read = await database.read('d')
    assert.deepEqual(
      [read?.rows.length, textOfRows(read?.rows ?? []), textOfRows(read?.rows.slice(0, 1) ?? [])],
      [3, 'abcdef', 'abcd'],
    )
    assert.deepEqual([read?.head.made, read?.head.acked], [{ a: 6 }, { a: 4 }])
  })

  test(`${name}: a rewrite that makes nothing, or throws, leaves everything as it was`, async () => {
    const database = make()
    await database.append('d', 1, { rows: [typed(new Y.Doc(), 'a', 1, 'x')], acked: {} })
    await database.rewrite('d', () => undefined)
    await assert.rejects(
      database.rewrite('d', () => {
        throw new Error('no')
      }),
      /no/,
    )
    assert.equal(textOfRows((await database.read('d'))?.rows ?? []), 'x')
  })

  test(`${name}: documents do not touch each other, also where one id begins as another`, async () => {
    const database = make()
    for (const document of ['d', 'd1', 'c'])
      await database.append(document, 1, { rows: [typed(new Y.Doc(), 'a', 1, document)], acked: {} })
    await database.rewrite('d', stored => stored && { ...stored, rows: [] })
    assert.equal((await database.read('d'))?.rows.length, 0)
    assert.equal(textOfRows((await database.read('d1'))?.rows ?? []), 'd1')
  })
}

function keeperOf(database: DocumentDatabase) {
  let state: KeeperState | undefined
  const keeper = new DocumentKeeper({
    document: 'd',
    database,
    after: systemAfter,
    onState: next => {
      state = next
    },
    onForeign: () => undefined,
  })
  return { keeper, state: () => state }
}

test('rows that cannot be read are put aside and told, the others are used (W5)', async () => {
  const database = indexed()
  const doc = new Y.Doc()
  await database.append('d', 1, { rows: [typed(doc, 'a', 1, 'good')], acked: { a: 1 } })
  await database.append('d', 1, { rows: [{ update: new Uint8Array([9, 9, 9]), edits: { a: 2 } }], acked: {} })
  await database.append('d', 1, { rows: [{ update: 'no bytes', edits: {} } as unknown as StoredRow], acked: {} })
  const { keeper } = keeperOf(database)
  const kept = await keeper.load()
  assert.equal(kept?.unreadable, 2)
  assert.equal(textOfRows(kept!.updates.map(update => ({ update, edits: {} }))), 'good')
  assert.deepEqual(kept?.made, { a: 1 }, 'of what was put aside nothing is claimed')
  assert.equal((await database.read('d'))?.unreadable, 2, 'they are kept')
})

test('what the keeper calls stored is in the database when it says so (W1)', async () => {
  const database = indexed()
  const { keeper, state } = keeperOf(database)
  await keeper.load()
  keeper.begin(1)
  const doc = new Y.Doc()
  for (let n = 1; n <= 50; n++) {
    keeper.append(typed(doc, 'a', n, 'x'))
    if (n % 7 === 0) await keeper.flush()
    const stored = state()?.stored.a ?? 0
    const read = await database.read('d')
    assert.ok((read?.head.made.a ?? 0) >= stored)
  }
  await keeper.flush()
  assert.equal(state()?.stored.a, 50)
  keeper.close()
})

test('the list says what is unsent without opening documents, and notices when they are gone (W2, W8)', async () => {
  let mark: string | null = null
  const marker = {
    read: () => mark,
    write: (text: string) => {
      mark = text
    },
  }
  const database = new MemoryDatabase(true)
  const rows = [typed(new Y.Doc(), 'a', 3, 'x')]
  await database.append('d', 1, { rows, acked: { a: 1 } })
  const list = new StoredList(database, marker, systemAfter)
  await list.start()
  assert.deepEqual([[...list.unsent.value], list.lost.value], [[['d', 2]], undefined])
  const evicted = new StoredList(new MemoryDatabase(true), marker, systemAfter)
  await evicted.start()
  assert.deepEqual(evicted.lost.value, { documents: 1, unsent: 2 })
  const later = new StoredList(new MemoryDatabase(true), marker, systemAfter)
  await later.start()
  assert.equal(later.lost.value, undefined, 'told once')
})
