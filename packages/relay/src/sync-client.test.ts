import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { MemoryDocumentStore } from './store/memory-document-store.ts'
import { SyncClient, type SyncStatus } from './sync-client.ts'
import { durableFrame, epochFrame, readSyncFrame, type SyncMessage, step1Frame } from './sync-frames.ts'
import { LinkedClient } from './testing/socket-pair.ts'
import { newKey, startRelay, turns, until } from './testing/temporary.ts'

const emptyVector = new Uint8Array([0])

/** A client whose server is the test. */
function byHand(doc = new Y.Doc()) {
  const sent: SyncMessage[] = []
  const epochs: number[] = []
  const client = new SyncClient({
    doc,
    send: frame => sent.push(readSyncFrame(frame)),
    onEpoch: theirs => epochs.push(theirs),
  })
  return { doc, client, sent, epochs, type: (text: string) => doc.getText('content').insert(0, text) }
}

test('an edit counts as unsaved until a frame that contains it is told to be durable (RL60, I1)', async () => {
  const { client, type, sent } = byHand()
  client.opened({ extensions: true })
  client.receive(step1Frame(emptyVector))
  type('a')
  type('b')
  assert.equal(client.unacked, 2)
  client.receive(durableFrame(2))
  assert.equal(client.unacked, 1)
  client.receive(durableFrame(3))
  await client.saved()
  assert.deepEqual([client.unacked, sent.map(message => message.type)], [0, ['step1', 'step2', 'update', 'update']])
})

test('an edit sent before the answer to step 1 says nothing about those made offline (RL60, I1)', () => {
  const { client, type } = byHand()
  type('offline')
  client.opened({ extensions: true })
  type('early')
  client.receive(durableFrame(1))
  assert.equal(client.unacked, 2)
  client.receive(step1Frame(emptyVector))
  client.receive(durableFrame(1))
  assert.equal(client.unacked, 2)
  client.receive(durableFrame(2))
  assert.equal(client.unacked, 0)
})

test('after a cut the count starts again and the answer to step 1 carries everything (RL60, I1)', () => {
  const { client, type } = byHand()
  client.opened({ extensions: true })
  client.receive(step1Frame(emptyVector))
  type('a')
  client.closed()
  type('b')
  assert.equal(client.unacked, 2)
  client.receive(durableFrame(5))
  assert.equal(client.unacked, 2, 'a frame of the old connection changes nothing')
  client.opened({ extensions: true })
  client.receive(step1Frame(emptyVector))
  client.receive(durableFrame(1))
  assert.equal(client.unacked, 0)
})

test('a server that has lost what it said to be durable is not believed until it has it again (RL63, BK33)', async () => {
  const { doc, client, type } = byHand()
  client.opened({ extensions: true })
  client.receive(step1Frame(emptyVector))
  type('kept ')
  const backup = Y.encodeStateVector(doc)
  type('later ')
  client.receive(durableFrame(3))
  assert.equal(client.unacked, 0)
  client.closed()
  client.opened({ extensions: true })
  client.receive(step1Frame(backup))
  assert.equal(client.unacked, 2, 'the restored server has not got the later edit')
  const saved = client.saved()
  client.receive(durableFrame(1))
  await saved
  assert.equal(client.unacked, 0)
})

test('a server that has everything durable leaves the count as it is, whatever was typed offline (RL60, RL63)', () => {
  const { doc, client, type } = byHand()
  client.opened({ extensions: true })
  client.receive(step1Frame(emptyVector))
  type('durable ')
  client.receive(durableFrame(2))
  const theirs = Y.encodeStateVector(doc)
  client.closed()
  type('offline ')
  client.opened({ extensions: true })
  client.receive(step1Frame(theirs))
  assert.equal(client.unacked, 1)
})

test('an acknowledgement of frames that were never sent is not believed', () => {
  const { client, type } = byHand()
  client.opened({ extensions: true })
  client.receive(step1Frame(emptyVector))
  type('a')
  client.receive(durableFrame(1000))
  assert.equal(client.unacked, 1)
})

test('what the document held before counts as unsaved until the first answer is durable (RL60)', () => {
  const doc = new Y.Doc()
  doc.getText('content').insert(0, 'from disk')
  const { client } = byHand(doc)
  assert.equal(client.unacked, 1)
  client.opened({ extensions: true })
  client.receive(step1Frame(emptyVector))
  client.receive(durableFrame(1))
  assert.equal(client.unacked, 0)
})

test('at a server without the extension nothing is claimed (RL60)', () => {
  const { client } = byHand()
  client.opened({ extensions: false })
  assert.equal(client.unacked, undefined)
})

test('nothing more is exchanged with a document of another epoch (RL61, I2)', () => {
  const { client, epochs, sent, type } = byHand()
  client.opened({ extensions: true })
  client.receive(epochFrame(1))
  client.closed()
  client.opened({ extensions: true })
  assert.deepEqual(sent.at(-2), { type: 'epoch', epoch: 1 }, 'the epoch it knows comes first')
  client.receive(epochFrame(2))
  const before = sent.length
  client.receive(step1Frame(emptyVector))
  type('unsent')
  assert.deepEqual([epochs, sent.length, client.unacked], [[2], before, 1])
})

function linked(t: TestContext) {
  const relay = startRelay(t, { store: new MemoryDocumentStore() })
  const key = newKey()
  return (options: { awareness?: boolean; onStatus?: (status: SyncStatus) => void } = {}) => {
    const doc = new Y.Doc()
    const awareness = options.awareness ? new Awareness(doc) : undefined
    const link = new LinkedClient(relay, key, {
      doc,
      ...(awareness ? { awareness } : {}),
      ...(options.onStatus ? { onStatus: options.onStatus } : {}),
    })
    t.after(() => {
      link.client.destroy(new MeshError('SHUTTING_DOWN'))
      awareness?.destroy()
    })
    return { ...link, link, doc, awareness, text: doc.getText('content') }
  }
}

test('two clients of a relay converge, across cuts in the middle of typing (RL60)', async t => {
  const make = linked(t)
  const [a, b] = [make(), make()]
  a.link.connect()
  b.link.connect()
  for (let i = 0; i < 60; i++) {
    a.text.insert(i % (a.text.length + 1), 'a')
    b.text.insert(0, 'b')
    if (i % 7 === 0) a.link.disconnect()
    if (i % 7 === 3) a.link.connect()
    if (i % 11 === 0) b.link.disconnect()
    if (i % 11 === 4) b.link.connect()
    if (i % 3 === 0) await turns(2)
  }
  a.link.connect()
  b.link.connect()
  await Promise.all([a.link.client.saved(), b.link.client.saved()])
  await until(() => a.text.toString() === b.text.toString())
  assert.equal(a.text.length, 120)
  assert.deepEqual([a.link.client.unacked, b.link.client.unacked], [0, 0])
})

test('status tells of connection, content and what is unsaved', async t => {
  const seen: SyncStatus[] = []
  const { link, text } = linked(t)({ onStatus: status => seen.push(status) })
  link.connect()
  await until(() => link.client.synced)
  text.insert(0, 'x')
  assert.equal(seen.at(-1)?.unacked, 1)
  await until(() => seen.at(-1)?.unacked === 0)
  link.disconnect()
  assert.deepEqual(seen.at(-1), { connected: false, synced: false, unacked: 0 })
})

test('presence comes and goes with the connection (RL40, RL41)', async t => {
  const make = linked(t)
  const [a, b] = [make({ awareness: true }), make({ awareness: true })]
  a.awareness!.setLocalState({ name: 'Ann' })
  a.link.connect()
  b.link.connect()
  await until(() => b.awareness!.getStates().has(a.doc.clientID))
  a.awareness!.setLocalState({ name: 'Ann', cursor: 3 })
  await until(() => b.awareness!.getStates().get(a.doc.clientID)?.cursor === 3)
  a.link.disconnect()
  await until(() => !b.awareness!.getStates().has(a.doc.clientID))
  a.link.connect()
  await until(() => a.awareness!.getStates().has(b.doc.clientID))
})

test('who waits for `saved` gets the error when the client is destroyed', async () => {
  const { client, type } = byHand()
  type('x')
  const saved = client.saved()
  client.destroy(new MeshError('SHUTTING_DOWN'))
  await assert.rejects(saved, (error: unknown) => error instanceof MeshError && error.code === 'SHUTTING_DOWN')
})
