import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import * as Y from 'yjs'
import { DocumentContent } from './document-content.ts'
import { openLocalPeer } from './local-peer.ts'
import { newKey, openDocuments, startRelay, temporaryFolder, turns, until } from './testing/temporary.ts'
import { mergeInChunks } from './update-jobs.ts'

test('compaction under load loses nothing that arrives meanwhile, and newcomers see all of it (RL51)', async t => {
  const file = join(await temporaryFolder(t), 'documents.sqlite')
  const { store } = await openDocuments(t, file)
  // Everything goes through the threads, so that compactions overlap with appends.
  const relay = startRelay(t, {
    store,
    limits: { ...limits, compactAfterUpdates: 25, compactChunkUpdates: 10, updateInlineBytes: 2_000 },
  })
  const key = newKey()
  const writers = [1, 2].map(() => openLocalPeer(relay, key, { name: 'writer' }))
  await Promise.all(writers.map(writer => writer.ready))
  for (let i = 0; i < 400; i++) {
    for (const { doc } of writers) doc.getText('content').insert(0, `${i} `)
    if (i % 50 === 0) {
      const newcomer = openLocalPeer(relay, key, { name: 'newcomer' })
      await newcomer.ready
      assert.equal(newcomer.doc.store.pendingStructs, null)
      newcomer.close()
    }
    if (i % 3 === 0) await turns(1)
  }
  await Promise.all(writers.map(writer => writer.durable()))
  await until(() => writers[0]!.doc.getText('content').toString() === writers[1]!.doc.getText('content').toString())
  await until(async () => (await store.open(key)).tail.length < 60)
  await relay.close()
  const stored = await store.open(key)
  assert.ok(stored.snapshot!.position > 25)
  assert.equal(stored.snapshot!.position + stored.tail.length, 800)
  const doc = new Y.Doc()
  for (const update of [stored.snapshot!.data, ...stored.tail]) Y.applyUpdate(doc, update)
  assert.equal(doc.getText('content').toString(), writers[0]!.doc.getText('content').toString())
})

test('the content of an open document is the same before, during and after a compaction', () => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const type = () => {
    doc.getText('content').insert(0, 'x')
    return updates.at(-1)!
  }
  const content = new DocumentContent(
    { epoch: 1 as never, position: 2, snapshot: undefined, tail: [type(), type()] },
    4,
  )
  const check = (looseUpdates: number) => {
    const copy = new Y.Doc()
    Y.applyUpdate(copy, mergeInChunks(content.pieces(), 4))
    assert.equal(copy.getText('content').toString(), doc.getText('content').toString())
    assert.equal(
      content.bytes,
      content.pieces().reduce((sum, piece) => sum + piece.byteLength, 0),
    )
    assert.equal(content.looseUpdates, looseUpdates)
  }
  for (let i = 3; i <= 9; i++) {
    content.append(type())
    check(i)
  }
  const first = content.seal()
  assert.equal(first.position, 9)
  content.append(type())
  check(10)
  // That compaction failed; the next one has all of it.
  const second = content.seal()
  content.append(type())
  check(11)
  content.replaceSealed(mergeInChunks(second.pieces, 4))
  check(1)
  assert.equal(second.position, 10)
})
