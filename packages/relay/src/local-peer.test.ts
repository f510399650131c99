import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { openLocalPeer } from './local-peer.ts'
import { SqliteDatabase } from './sql/sqlite-database.ts'
import type { DocumentProcedures } from './store/document-procedures.ts'
import { MemoryDocumentStore } from './store/memory-document-store.ts'
import { documentModule, SqliteDocumentStore } from './store/sqlite-document-store.ts'
import { type CounterProcedures, counterModule } from './testing/counter-procedures.ts'
import { newKey, openDocuments, startRelay, temporaryFolder, until } from './testing/temporary.ts'

test('a local peer reads, writes and knows when its edits are on the disk (RL62, I1)', async t => {
  const file = join(await temporaryFolder(t), 'documents.sqlite')
  const { store, database } = await openDocuments(t, file)
  const relay = startRelay(t, { store })
  const key = newKey()
  const peer = openLocalPeer(relay, key, { name: 'a', canRun: true })
  await peer.ready
  peer.doc.getText('content').insert(0, 'kept')
  await peer.durable()
  assert.equal((await store.open(key)).position, 1)
  assert.equal(relay.delivered(key, peer.doc.clientID, 0)?.canRun, true)
  await relay.close()
  await database.close()
  const again = await openDocuments(t, file)
  const reader = openLocalPeer(startRelay(t, { store: again.store }), key, { name: 'b' })
  await reader.ready
  assert.equal(reader.doc.getText('content').toString(), 'kept')
})

test('a local peer outlives a full disk with all its edits, and `durable` waits for the disk (RL62, RL83)', async t => {
  const file = join(await temporaryFolder(t), 'documents.sqlite')
  const database = await SqliteDatabase.open<DocumentProcedures & CounterProcedures>({
    file,
    modules: [documentModule, counterModule],
    reopenMs: 100,
  })
  t.after(() => database.close())
  const storage: boolean[] = []
  const relay = startRelay(t, { store: new SqliteDocumentStore(database), onStorage: ({ ok }) => storage.push(ok) })
  const key = newKey()
  const errors: string[] = []
  const peer = openLocalPeer(relay, key, { name: 'a', onError: error => errors.push(error.code) })
  t.after(() => peer.close())
  await peer.ready
  await database.call('limitPages', { more: 1 })
  const large = 'x'.repeat(100_000)
  peer.doc.getText('content').insert(0, large)
  const durable = peer.durable()
  await until(() => errors.length > 0)
  assert.deepEqual([storage[0], errors[0]], [false, 'STORAGE_FAILED'])
  peer.doc.getText('content').insert(0, 'and more ')
  await durable
  await peer.durable()
  assert.equal(storage.at(-1), true)
  const reader = openLocalPeer(relay, key, { name: 'b' })
  t.after(() => reader.close())
  await reader.ready
  assert.equal(reader.doc.getText('content').toString(), `and more ${large}`)
})

test('a local peer of a removed document ends for good', async t => {
  const relay = startRelay(t, { store: new MemoryDocumentStore() })
  const key = newKey()
  const ends: [string, boolean][] = []
  const peer = openLocalPeer(relay, key, { name: 'a', onError: (error, final) => ends.push([error.code, final]) })
  await peer.ready
  await relay.remove(key)
  assert.deepEqual(ends, [['NOT_FOUND', true]])
  peer.doc.getText('content').insert(0, 'x')
  await assert.rejects(peer.durable(), (error: unknown) => error instanceof MeshError && error.code === 'NOT_FOUND')
})

test('a local peer that is closed rejects those who wait', async t => {
  const relay = startRelay(t, { store: new MemoryDocumentStore() })
  const peer = openLocalPeer(relay, newKey(), { name: 'a' })
  peer.doc.getText('content').insert(0, 'x')
  const durable = peer.durable()
  peer.close()
  await assert.rejects(durable)
  await assert.rejects(peer.ready)
  assert.equal(relay.stats().connections, 0)
})
