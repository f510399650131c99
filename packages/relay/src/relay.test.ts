import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Epoch } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as encoding from 'lib0/encoding'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { StorageHealth } from './sql/database.ts'
import type { DocumentKey, DocumentStore, StoredDocument } from './store/document-store.ts'
import { MemoryDocumentStore } from './store/memory-document-store.ts'
import {
  awarenessFrame,
  durableFrame,
  epochFrame,
  queryAwarenessFrame,
  step1Frame,
  step2Frame,
  updateFrame,
} from './sync-frames.ts'
import { RecordingPeer } from './testing/recording-peer.ts'
import { newKey, openDocuments, startRelay, temporaryFolder, turns, until } from './testing/temporary.ts'

const emptyVector = new Uint8Array([0])

/** A client written by hand: a document whose updates are sent when the test says so. */
class HandClient {
  readonly doc = new Y.Doc()
  readonly text = this.doc.getText('content')
  readonly updates: Uint8Array[] = []

  constructor(clientID: number) {
    this.doc.clientID = clientID
    this.doc.on('update', (update: Uint8Array) => this.updates.push(update))
  }

  /** The frame of one edit. */
  type(text: string): Uint8Array {
    this.text.insert(this.text.length, text)
    return updateFrame(this.updates.at(-1)!)
  }
}

/** A store whose appends and reads wait, or fail, as the test says: a disk under control over the memory store. */
class SlowStore implements DocumentStore {
  readonly inner = new MemoryDocumentStore()
  appends = 0
  gate: Promise<void> = Promise.resolve()
  failWith: MeshError | undefined

  async open(key: DocumentKey): Promise<StoredDocument> {
    await this.gate
    if (this.failWith) throw this.failWith
    return this.inner.open(key)
  }
  async append(key: DocumentKey, epoch: Epoch, updates: readonly Uint8Array[]): Promise<number> {
    this.appends++
    await this.gate
    if (this.failWith) throw this.failWith
    return this.inner.append(key, epoch, updates)
  }
  compact: DocumentStore['compact'] = (key, epoch, snapshot) => this.inner.compact(key, epoch, snapshot)
  remove: DocumentStore['remove'] = key => this.inner.remove(key)

  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.gate = promise
    return resolve
  }
}

function setUp(t: TestContext, changed: Partial<Record<keyof typeof limits, number>> = {}) {
  const store = new SlowStore()
  const storage: StorageHealth[] = []
  const relay = startRelay(t, { store, limits: { ...limits, ...changed }, onStorage: health => storage.push(health) })
  const key = newKey()
  const join = async (options: ConstructorParameters<typeof RecordingPeer>[0] = {}) => {
    const peer = new RecordingPeer(options)
    const connection = relay.open(key, peer)
    connection.receive(step1Frame(emptyVector))
    await until(() => peer.of('step2').length > 0 || peer.closed !== undefined)
    return { peer, connection }
  }
  return { store, relay, key, join, storage }
}

test('an update is stored, then passed on, then acknowledged, and nobody sees it before (RL1, RL3, I1)', async t => {
  const { store, join } = setUp(t)
  const [writer, reader] = [await join(), await join()]
  const release = store.hold()
  writer.connection.receive(new HandClient(1).type('hello'))
  await until(() => store.appends === 1)
  const late = await join()
  assert.deepEqual([writer.peer.durable, reader.peer.text(), late.peer.text()], [0, '', ''])
  release()
  await until(() => writer.peer.durable === 1)
  assert.deepEqual([reader.peer.text(), late.peer.text()], ['hello', 'hello'])
  assert.equal(reader.peer.of('update').length, 1)
  assert.equal(writer.peer.of('update').length, 0, 'the sender gets nothing back')
})

test('what arrives in one turn of the event loop, and during a commit, goes into one append each (RL2)', async t => {
  const { store, join } = setUp(t)
  const { peer, connection } = await join()
  const client = new HandClient(1)
  const release = store.hold()
  for (let i = 0; i < 10; i++) connection.receive(client.type('a'))
  await until(() => store.appends === 1)
  for (let i = 0; i < 90; i++) connection.receive(client.type('b'))
  release()
  await until(() => peer.durable === 100)
  assert.equal(store.appends, 2)
})

test('frames that come before the load wait in order, and no sync is answered before it (RL10, RL11)', async t => {
  const { store, relay, key } = setUp(t)
  const other = new HandClient(9)
  other.type('there before ')
  await store.append(key, 1 as Epoch, other.updates)
  const release = store.hold()
  const peer = new RecordingPeer()
  const connection = relay.open(key, peer)
  const client = new HandClient(1)
  connection.receive(step1Frame(emptyVector))
  connection.receive(client.type('early'))
  connection.receive(client.type(' bird'))
  await turns()
  assert.equal(peer.messages.length, 0)
  release()
  await until(() => peer.durable === 2)
  assert.deepEqual(
    peer.messages.slice(0, 3).map(({ type }) => type),
    ['epoch', 'step1', 'step2'],
  )
  assert.equal(peer.text(), 'there before ')
  assert.equal((await store.open(key)).position, 3)
})

test('a failed load closes the connections and stores nothing; the next load is a new one (RL12)', async t => {
  const { store, relay, key, join, storage } = setUp(t)
  const good = new HandClient(9)
  good.type('good')
  await store.append(key, 1 as Epoch, good.updates)
  store.failWith = new MeshError('STORAGE_FAILED')
  const peer = new RecordingPeer()
  const connection = relay.open(key, peer)
  connection.receive(new HandClient(1).type('over it'))
  await until(() => peer.closed !== undefined)
  assert.equal(peer.closeCode, 4507)
  assert.equal(storage.at(-1)?.ok, false)
  store.failWith = undefined
  assert.equal((await join()).peer.text(), 'good')
  assert.equal((await store.open(key)).position, 1)
})

test('a document that cannot be read affects no other one (RL7)', async t => {
  const { store, relay, key, join } = setUp(t)
  const bad = newKey()
  await store.append(bad, 1 as Epoch, [new Uint8Array([255, 1, 2, 3])])
  const peer = new RecordingPeer()
  relay.open(bad, peer)
  const { peer: fine, connection } = await join()
  connection.receive(new HandClient(1).type('x'))
  await until(() => peer.closed !== undefined && fine.durable === 1)
  assert.equal(peer.closeCode, 1011)
  assert.equal((await store.open(bad)).position, 1)
  assert.equal((await store.open(key)).position, 1)
})

test('a failing store acknowledges and passes on nothing, and says so until it works again (RL6, I1)', async t => {
  const { store, join, storage } = setUp(t)
  const [writer, reader] = [await join(), await join()]
  const client = new HandClient(1)
  store.failWith = new MeshError('DISK_FULL', { detail: 'test' })
  writer.connection.receive(client.type('lost?'))
  await until(() => writer.peer.closed !== undefined && reader.peer.closed !== undefined)
  assert.deepEqual([writer.peer.closeCode, writer.peer.durable, reader.peer.text()], [4507, 0, ''])
  assert.deepEqual(
    storage.map(health => health.ok),
    [false],
  )
  store.failWith = undefined
  const again = await join()
  again.connection.receive(step2Frame(Y.encodeStateAsUpdate(client.doc)))
  await until(() => again.peer.durable === 1)
  assert.deepEqual(
    storage.map(health => health.ok),
    [false, true],
  )
  assert.equal((await join()).peer.text(), 'lost?')
})

test('nothing new is not stored and not passed on, but acknowledged, after what it repeats (RL5)', async t => {
  const { store, key, join } = setUp(t)
  const [a, b] = [await join(), await join()]
  const client = new HandClient(1)
  const frame = client.type('hello')
  client.text.delete(0, 1)
  const release = store.hold()
  a.connection.receive(frame)
  a.connection.receive(updateFrame(client.updates.at(-1)!))
  b.connection.receive(step2Frame(Y.encodeStateAsUpdate(client.doc)))
  await until(() => store.appends === 1)
  await turns()
  assert.equal(b.peer.durable, 0)
  release()
  await until(() => a.peer.durable === 2 && b.peer.durable === 1)
  b.connection.receive(step2Frame(new Uint8Array([0, 0])))
  await until(() => b.peer.durable === 2)
  assert.equal((await store.open(key)).position, 2)
  assert.deepEqual([a.peer.of('update').length, b.peer.of('update').length], [0, 2])
})

test('the epoch is announced, and a client of another one is closed with 4409 (RL14, I2)', async t => {
  const { store, relay, key, join } = setUp(t)
  await store.remove(key)
  const { peer, connection } = await join()
  assert.deepEqual(peer.messages[0], { type: 'epoch', epoch: 2 })
  connection.receive(epochFrame(2))
  await turns()
  assert.equal(peer.closed, undefined)
  connection.receive(epochFrame(1))
  assert.equal(peer.closeCode, 4409)
  const stock = new RecordingPeer({ extensions: false })
  relay.open(key, stock)
  await until(() => stock.of('step1').length === 1)
  assert.equal(stock.of('epoch').length, 0)
})

test('malformed frames close with 4400, hostile updates with 4422, and unknown frames are skipped (RL20, RL23)', async t => {
  const { store, key, join } = setUp(t)
  const evil = new Y.Doc()
  evil.getMap('executions').set('__proto__', { admin: true })
  const cases: [Uint8Array, code: number | undefined][] = [
    [new Uint8Array([0, 2, 200]), 4400],
    [new Uint8Array([]), 4400],
    [awarenessFrame(new Uint8Array([1, 2])), 4400],
    [new Uint8Array([77, 1, 2, 3]), undefined],
    [new Uint8Array([2, 0, 1, 65]), undefined],
    [updateFrame(new Uint8Array([1, 2, 3])), 4422],
    [updateFrame(Y.encodeStateAsUpdate(evil)), 4422],
  ]
  for (const [frame, code] of cases) {
    const { peer, connection } = await join()
    connection.receive(frame)
    await turns()
    assert.equal(peer.closeCode, code, `[${frame}]`)
    connection.close()
  }
  assert.equal((await store.open(key)).position, 0)
})

test('an edit that overtakes the answer to step 1 is left aside until that brings it (RL21, RL4)', async t => {
  const { store, key, join } = setUp(t)
  const { peer, connection } = await join()
  const client = new HandClient(1)
  client.type('offline ')
  connection.receive(client.type('overtakes '))
  connection.receive(new HandClient(2).type('by another'))
  await turns()
  assert.deepEqual(
    [peer.durable, peer.of('step1').length],
    [0, 1],
    'no acknowledgement past the gap, no second question',
  )
  connection.receive(step2Frame(Y.encodeStateAsUpdate(client.doc)))
  await until(() => peer.durable === 3)
  assert.equal((await store.open(key)).position, 2)
})

test('who builds on what the document has not got is asked once, and closed when nobody has it (RL21, S3)', async t => {
  const { join } = setUp(t)
  const { peer, connection } = await join()
  connection.receive(step2Frame(new Uint8Array([0, 0])))
  const client = new HandClient(1)
  client.type('never sent')
  for (let i = 0; i < 100; i++) connection.receive(client.type('x'))
  await turns()
  assert.equal(peer.of('step1').length, 2, 'the one of the opening and one more')
  connection.receive(step2Frame(new Uint8Array([0, 0])))
  await turns()
  assert.equal(peer.closeCode, 4422)
})

test('a step 2 that has the gap itself is refused (RL21)', async t => {
  const { join } = setUp(t)
  const { peer, connection } = await join()
  const client = new HandClient(1)
  client.type('a')
  client.type('b')
  connection.receive(step2Frame(client.updates[1]!))
  await turns()
  assert.equal(peer.closeCode, 4422)
})

test('client ids are capped for each update and each document; a whole history may bring more (RL22, S4)', async t => {
  const { join, relay, key } = setUp(t, { newClientsPerUpdate: 4, clientsPerDocument: 20 })
  const flood = (from: number, count: number) => {
    const doc = new Y.Doc()
    for (let client = from; client < from + count; client++) {
      doc.clientID = client
      doc.getText('content').insert(0, 'x')
    }
    return Y.encodeStateAsUpdate(doc)
  }
  const first = await join()
  first.connection.receive(updateFrame(flood(100, 5)))
  assert.equal(first.peer.closeCode, 4422)
  const second = await join()
  second.connection.receive(step2Frame(flood(200, 15)))
  await until(() => second.peer.durable === 1)
  second.connection.receive(step2Frame(flood(300, 6)))
  assert.equal(second.peer.closeCode, 4422)
  const newcomer = new RecordingPeer()
  relay.open(key, newcomer)
  await until(() => newcomer.of('step1').length === 1)
  assert.ok(newcomer.of('step1')[0]!.stateVector.byteLength <= 20 * 16)
})

test('frames, updates and documents over their size close with 4413 (RL24)', async t => {
  const { join, store, key } = setUp(t, { syncFrameBytes: 10_000, updateBytes: 5_000, documentBytes: 8_000 })
  const one = await join()
  one.connection.receive(new Uint8Array(10_001))
  assert.equal(one.peer.closeCode, 4413)
  const two = await join()
  two.connection.receive(new HandClient(1).type('x'.repeat(6_000)))
  assert.equal(two.peer.closeCode, 4413)
  const three = await join()
  const client = new HandClient(2)
  three.connection.receive(client.type('x'.repeat(4_500)))
  three.connection.receive(client.type('x'.repeat(4_500)))
  assert.equal(three.peer.closeCode, 4413)
  await until(async () => (await store.open(key)).position === 1)
})

test('a read-only connection may sync and be present, but what it writes closes it (RL25)', async t => {
  const { join, store, key } = setUp(t)
  const writer = await join()
  const client = new HandClient(1)
  writer.connection.receive(client.type('hello'))
  await until(() => writer.peer.durable === 1)
  client.text.delete(0, 1)
  const reader = await join({ access: 'read' })
  assert.equal(reader.peer.text(), 'hello')
  // Its copy lists a deletion that the relay does not know of: deletions of its own, made while it integrated.
  reader.connection.receive(step2Frame(Y.encodeStateAsUpdate(client.doc)))
  await turns()
  assert.equal(reader.peer.closed, undefined)
  reader.connection.receive(updateFrame(client.updates.at(-1)!))
  await turns()
  assert.equal(reader.peer.closeCode, 4403)
  const other = await join({ access: 'read' })
  other.connection.receive(new HandClient(5).type('x'))
  await turns()
  assert.equal(other.peer.closeCode, 4403)
  assert.equal((await store.open(key)).position, 1)
})

test('a slow reader gets nothing while it is full, then one difference with all it missed (RL30, S24)', async t => {
  const { join } = setUp(t)
  const [writer, slow, quick] = [await join(), await join(), await join()]
  const client = new HandClient(1)
  writer.connection.receive(client.type('first '))
  await until(() => writer.peer.durable === 1)
  slow.peer.backlogBytes = limits.socketBacklogBytes + 1
  for (let i = 0; i < 200; i++) writer.connection.receive(client.type(`${i} `))
  client.text.delete(0, 6)
  writer.connection.receive(updateFrame(client.updates.at(-1)!))
  await until(() => writer.peer.durable === 202)
  assert.equal(quick.peer.of('update').length, 202)
  assert.equal(slow.peer.of('update').length, 1)
  await new Promise(resolve => setTimeout(resolve, 150))
  assert.equal(slow.peer.of('update').length, 1, 'still full, still nothing')
  slow.peer.backlogBytes = 0
  await until(() => slow.peer.text() === client.text.toString())
  assert.equal(slow.peer.of('update').length, 2)
  writer.connection.receive(client.type('live again'))
  await until(() => slow.peer.of('update').length === 3)
})

test('a reader that leaves while its answer waits for the backlog holds nobody up (RL30, I10)', async t => {
  const { join } = setUp(t)
  const [writer, slow] = [await join(), await join()]
  slow.peer.backlogBytes = limits.socketBacklogBytes + 1
  slow.connection.receive(step1Frame(Y.encodeStateVector(new Y.Doc())))
  await turns()
  slow.connection.close()
  await new Promise(resolve => setTimeout(resolve, 150))
  writer.connection.receive(new HandClient(1).type('still here'))
  await until(() => writer.peer.durable === 1)
})

test('many small frames that wait count as what they cost, and all readers share what may wait (RL30, S24)', async t => {
  const { join } = setUp(t, { documentBacklogBytes: 200_000, socketBacklogLeastBytes: 20_000 })
  const [writer, slow, quick] = [await join(), await join(), await join()]
  const client = new HandClient(1)
  slow.peer.backlogBytes = 100
  for (let i = 0; i < 400; i++) writer.connection.receive(client.type('x'))
  await until(() => writer.peer.durable === 400)
  const before = slow.peer.of('update').length
  assert.ok(before > 50 && before < 200, `${before} frames waited`)
  assert.equal(quick.peer.of('update').length, 400)
  await new Promise(resolve => setTimeout(resolve, 150))
  assert.equal(slow.peer.of('update').length, before)
  slow.peer.backlogBytes = 0
  await until(() => slow.peer.text() === client.text.toString())
  assert.equal(slow.peer.of('update').length, before + 1)
})

test('a disk slower than the sockets pauses them and resumes them by itself (RL31, I10)', async t => {
  const { store, join, relay } = setUp(t, { documentUnsavedBytes: 20_000 })
  const { peer, connection } = await join()
  const client = new HandClient(1)
  const release = store.hold()
  for (let i = 0; i < 30; i++) connection.receive(client.type('x'.repeat(1_000)))
  await until(() => connection.paused)
  assert.equal(peer.pauses, 1)
  assert.ok(relay.stats().unsavedBytes < 25_000)
  release()
  await until(() => peer.durable === 30)
  assert.deepEqual([connection.paused, peer.resumes], [false, 1])
})

test('who goes on sending to a paused connection is closed with 4429 (RL31, I10)', async t => {
  const { store, join } = setUp(t, { documentUnsavedBytes: 20_000 })
  const { peer, connection } = await join()
  const client = new HandClient(1)
  const release = store.hold()
  for (let i = 0; i < 60 && !peer.closed; i++) connection.receive(client.type('x'.repeat(1_000)))
  release()
  assert.equal(peer.closeCode, 4429)
})

function presence(clientID: number, state: unknown): { awareness: Awareness; frame(): Uint8Array } {
  const doc = new Y.Doc()
  doc.clientID = clientID
  const awareness = new Awareness(doc)
  awareness.setLocalState(state as Record<string, unknown>)
  return { awareness, frame: () => awarenessFrame(encodeAwarenessUpdate(awareness, [clientID])) }
}

test('awareness is passed on together, at most ten times a second, and not to its owner (RL40)', async t => {
  const { join } = setUp(t)
  const [a, b] = [await join(), await join()]
  const { awareness, frame } = presence(1, { cursor: 0 })
  t.after(() => awareness.destroy())
  const start = Date.now()
  for (let i = 1; Date.now() - start < 350; i++) {
    awareness.setLocalState({ cursor: i })
    a.connection.receive(frame())
    await turns(1)
  }
  await new Promise(resolve => setTimeout(resolve, 120))
  const count = b.peer.of('awareness').length
  assert.ok(count >= 2 && count <= 7, `${count} frames`)
  assert.equal(a.peer.of('awareness').length, 0)
  b.connection.receive(queryAwarenessFrame())
  const newcomer = await join()
  assert.deepEqual(
    newcomer.peer.of('awareness').map(message => message.states),
    [b.peer.of('awareness').at(-1)!.states],
  )
})

test('when a connection closes, its clients are announced as gone (RL41)', async t => {
  const { join } = setUp(t)
  const [a, b] = [await join(), await join()]
  const { awareness, frame } = presence(1, { name: 'Ann' })
  t.after(() => awareness.destroy())
  a.connection.receive(frame())
  await until(() => b.peer.of('awareness').length === 1)
  a.connection.close()
  await until(() => b.peer.of('awareness').length === 2)
  assert.match(new TextDecoder().decode(b.peer.of('awareness')[1]!.states), /null/)
  assert.equal((await join()).peer.of('awareness').length, 0)
})

test('awareness states per connection are capped (RL42)', async t => {
  const { join } = setUp(t)
  const [a, b] = [await join(), await join()]
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 50)
  for (let client = 1; client <= 50; client++) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, '{}')
  }
  a.connection.receive(awarenessFrame(encoding.toUint8Array(encoder)))
  await until(() => b.peer.of('awareness').length === 1)
  assert.equal(b.peer.of('awareness')[0]!.states[0], limits.awarenessClientsPerSocket)
})

test('an idle room is unloaded, its history compacted first, and it opens again with all of it (RL50)', async t => {
  const { join, relay, store, key } = setUp(t, { roomIdleMs: 30 })
  const { peer, connection } = await join()
  const client = new HandClient(1)
  for (let i = 0; i < 150; i++) connection.receive(client.type('x'))
  await until(() => peer.durable === 150)
  connection.close()
  await until(() => relay.stats().rooms === 0)
  const stored = await store.open(key)
  assert.deepEqual([stored.snapshot?.position, stored.tail.length], [150, 0])
  assert.equal((await join()).peer.text(), 'x'.repeat(150))
})

test('close stores what was received and ends the connections (RL52)', async t => {
  const { join, relay, store, key } = setUp(t)
  const { peer, connection } = await join()
  connection.receive(new HandClient(1).type('last words'))
  await relay.close()
  assert.equal(peer.closeCode, 1001)
  assert.equal((await store.open(key)).position, 1)
  const late = new RecordingPeer()
  relay.open(key, late)
  assert.equal(late.closeCode, 1001)
})

test('it is known which connection first brought a struct (RL53)', async t => {
  const { join, relay, key } = setUp(t)
  const [runner, editor] = [await join({ canRun: true, name: 'runner' }), await join({ name: 'editor' })]
  const [a, b] = [new HandClient(1), new HandClient(2)]
  runner.connection.receive(a.type('abc'))
  editor.connection.receive(b.type('de'))
  // To repeat what somebody else wrote makes nobody its bringer.
  runner.connection.receive(step2Frame(Y.encodeStateAsUpdate(b.doc)))
  await until(() => runner.peer.durable === 2)
  runner.connection.close()
  assert.equal(relay.delivered(key, 1, 2), runner.peer)
  assert.equal(relay.delivered(key, 2, 1), editor.peer)
  assert.equal(relay.delivered(key, 2, 2), undefined)
  // Of what holds old and new, only the new counts.
  b.type('f')
  const late = await join({ canRun: true })
  late.connection.receive(step2Frame(Y.encodeStateAsUpdate(b.doc)))
  await until(() => late.peer.durable === 1)
  assert.deepEqual([relay.delivered(key, 2, 1), relay.delivered(key, 2, 2)], [editor.peer, late.peer])
  assert.equal(relay.delivered(newKey(), 1, 0), undefined)
})

test('kick ends exactly the named connections, remove all of a document (RL54)', async t => {
  const { join, relay, store, key } = setUp(t)
  const [a, b] = [await join({ name: 'a' }), await join({ name: 'b' })]
  assert.equal(
    relay.kick(peer => peer.name === 'a', 4401, 'REVOKED'),
    1,
  )
  assert.deepEqual([a.peer.closed, b.peer.closed], [{ code: 4401, reason: 'REVOKED' }, undefined])
  a.connection.receive(new HandClient(1).type('too late'))
  b.connection.receive(new HandClient(2).type('gone soon'))
  await until(() => b.peer.durable === 1)
  await relay.remove(key)
  assert.equal(b.peer.closeCode, 4404)
  assert.deepEqual(await store.open(key), { epoch: 2, position: 0, snapshot: undefined, tail: [] })
  assert.equal((await join()).peer.text(), '')
})

test('acknowledgements of the other side are counted, never believed beyond what was sent (RL71)', async t => {
  const { join } = setUp(t)
  const [a, b] = [await join(), await join()]
  a.connection.receive(new HandClient(1).type('x'))
  await until(() => b.connection.delivery.sent === 2)
  b.connection.receive(durableFrame(99))
  assert.deepEqual([b.connection.delivery.durable, b.connection.settled], [0, false])
  b.connection.receive(durableFrame(2))
  assert.deepEqual([b.connection.delivery.durable, b.connection.settled], [2, true])
})

test('a large document is synced and a large update taken, by way of the threads (RL26)', async t => {
  const { store } = await openDocuments(t, join(await temporaryFolder(t), 'documents.sqlite'))
  const relay = startRelay(t, { store })
  const key = newKey()
  const client = new HandClient(1)
  client.text.insert(0, 'x')
  for (let i = 0; i < 30_000; i++) client.text.insert((i * 7_919) % client.text.length, 'y')
  const update = Y.encodeStateAsUpdate(client.doc)
  assert.ok(update.byteLength > limits.updateInlineBytes)
  const peer = new RecordingPeer()
  const connection = relay.open(key, peer)
  connection.receive(step1Frame(emptyVector))
  connection.receive(step2Frame(update))
  // What comes behind it is taken after it.
  connection.receive(client.type('the end'))
  await until(() => peer.durable === 2)
  const reader = new RecordingPeer()
  relay.open(key, reader).receive(step1Frame(emptyVector))
  await until(() => reader.of('step2').length === 1)
  assert.equal(reader.text(), client.text.toString())
})
