import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as Y from 'yjs'
import { openLocalPeer } from './local-peer.ts'
import { NeighbourExchange } from './neighbours.ts'
import type { Relay } from './relay.ts'
import type { DocumentKey, StoredDocument } from './store/document-store.ts'
import { MemoryDocumentStore } from './store/memory-document-store.ts'
import { step1Frame, step2Frame } from './sync-frames.ts'
import { RecordingPeer } from './testing/recording-peer.ts'
import { newKey, startRelay, until } from './testing/temporary.ts'

const contentOf = (doc: Y.Doc) => doc.getText('content')

function updateWith(text: string): Uint8Array {
  const doc = new Y.Doc()
  contentOf(doc).insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}

function textOf({ snapshot, tail }: StoredDocument): string {
  const doc = new Y.Doc()
  for (const piece of [...(snapshot ? [snapshot.data] : []), ...tail]) Y.applyUpdate(doc, piece)
  return contentOf(doc).toString()
}

async function openWith(relay: Relay, key: DocumentKey, text: string) {
  const errors: string[] = []
  const peer = openLocalPeer(relay, key, { name: 'writer', onError: error => errors.push(error.code) })
  await peer.ready
  contentOf(peer.doc).insert(0, text)
  await peer.durable()
  return { peer, errors }
}

test('a renewed document has its text once, under a later epoch; readers are ended with 4409 (RL55, I2)', async t => {
  const store = new MemoryDocumentStore()
  const relay = startRelay(t, { store })
  const key = newKey()
  const { peer, errors } = await openWith(relay, key, 'all of it')
  contentOf(peer.doc).insert(9, ', and the last')
  const epoch = await relay.renew(key, async stored => [updateWith(textOf(stored))])
  assert.ok(epoch >= 1_500_000_000, `${epoch} is a time`)
  await until(() => errors.includes('EPOCH'))
  const stored = await store.open(key)
  assert.deepEqual([textOf(stored), stored.epoch, stored.position], ['all of it, and the last', epoch, 1])
  const again = await openWith(relay, key, '')
  assert.equal(contentOf(again.peer.doc).toString(), 'all of it, and the last')
  assert.ok((await relay.renew(key, async () => [])) > epoch)
})

test('who opens a document while it is renewed waits for the new content, and never sees the old (RL55)', async t => {
  const relay = startRelay(t, { store: new MemoryDocumentStore() })
  const key = newKey()
  await openWith(relay, key, 'old')
  const newcomer = Promise.withResolvers<string>()
  await relay.renew(key, async () => {
    const peer = openLocalPeer(relay, key, { name: 'newcomer' })
    peer.ready.then(() => newcomer.resolve(contentOf(peer.doc).toString()), newcomer.reject)
    await new Promise(resolve => setTimeout(resolve, 20))
    return [updateWith('new')]
  })
  assert.equal(await newcomer.promise, 'new')
})

test('what another hub appends while a document is built anew is in it too, and its readers are ended (RL55, RL133)', async t => {
  const store = new MemoryDocumentStore()
  const exchange = new NeighbourExchange()
  const slow = { ...limits, neighbourPollMs: 3_600_000 }
  const [one, two] = [1, 2].map(() =>
    startRelay(t, { store, shared: { log: store, neighbours: exchange.connect() }, limits: slow }),
  ) as [Relay, Relay]
  const key = newKey()
  const other = await openWith(two, key, 'first ')
  let rebuilds = 0
  await one.renew(key, async stored => {
    if (rebuilds++ === 0) {
      contentOf(other.peer.doc).insert(6, 'second')
      await other.peer.durable()
    }
    return [updateWith(textOf(stored))]
  })
  assert.equal(rebuilds, 2)
  assert.equal(textOf(await store.open(key)), 'first second')
  await until(() => other.errors.includes('EPOCH'))
})

test('a document that cannot be built anew stays as it is and opens again (RL55)', async t => {
  const store = new MemoryDocumentStore()
  const relay = startRelay(t, { store })
  const key = newKey()
  await openWith(relay, key, 'kept')
  await assert.rejects(
    relay.renew(key, () => Promise.reject(new MeshError('SLOW_DOWN'))),
    (error: unknown) => error instanceof MeshError && error.code === 'SLOW_DOWN',
  )
  assert.equal((await store.open(key)).epoch, 1)
  const { peer } = await openWith(relay, key, '')
  assert.equal(contentOf(peer.doc).toString(), 'kept')
})

test('a client without epochs that holds the old content gets and brings nothing, also after a restart and a second renewal (RL57)', async t => {
  const store = new MemoryDocumentStore()
  const key = newKey()
  const [stale, other] = [new Y.Doc(), new Y.Doc()]
  {
    const relay = startRelay(t, { store })
    contentOf(stale).insert(0, 'the old text')
    const peer = openLocalPeer(relay, key, { name: 'writer' })
    await peer.ready
    Y.applyUpdate(peer.doc, Y.encodeStateAsUpdate(stale))
    await peer.durable()
    await relay.renew(key, async stored => [updateWith(textOf(stored))])
    await relay.renew(key, async stored => [updateWith(`${textOf(stored)}, twice renewed`)])
    await relay.close()
  }
  const relay = startRelay(t, { store })
  const plain = (frame: Uint8Array) => {
    const peer = new RecordingPeer({ extensions: false })
    relay.open(key, peer).receive(frame)
    return peer
  }
  const asking = plain(step1Frame(Y.encodeStateVector(stale)))
  const bringing = plain(step2Frame(Y.encodeStateAsUpdate(stale)))
  await until(() => asking.closed !== undefined && bringing.closed !== undefined)
  assert.deepEqual([asking.closeCode, bringing.closeCode], [4409, 4409])
  assert.deepEqual([asking.of('step2').length, bringing.of('durable').length], [0, 0])
  const malformed = plain(step1Frame(new Uint8Array([9, 200])))
  await until(() => malformed.closed !== undefined)
  assert.match(malformed.closed!.reason, /^BAD_MESSAGE/)

  contentOf(other).insert(0, 'news. ')
  const fresh = plain(step2Frame(Y.encodeStateAsUpdate(other)))
  const reader = await openWith(relay, key, '')
  await until(() => contentOf(reader.peer.doc).toString().includes('news'))
  assert.equal(fresh.closed, undefined)
  assert.equal(contentOf(reader.peer.doc).toString().replace('news. ', ''), 'the old text, twice renewed')
})
