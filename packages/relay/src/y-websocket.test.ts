import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import type { DocumentKey, Peer } from './relay.ts'
import { MemoryDocumentStore } from './store/memory-document-store.ts'
import { serveRelay } from './testing/sync-server.ts'
import { newKey, startRelay, until } from './testing/temporary.ts'

async function setUp(t: TestContext, options: { signInMs?: number; access?: Peer['access'] } = {}) {
  const store = new MemoryDocumentStore()
  const relay = startRelay(t, { store })
  const keys = new Map<string, DocumentKey>()
  const keyOf = (path: string) => keys.get(path) ?? keys.set(path, newKey()).get(path)!
  const server = await serveRelay(relay, keyOf, options)
  t.after(() => server.close())
  const join = (room = 'notebook') => {
    const doc = new Y.Doc()
    const provider = new WebsocketProvider(server.url, room, doc, {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
      maxBackoffTime: 100,
    })
    t.after(() => provider.destroy())
    t.after(() => doc.destroy())
    return { doc, provider, text: doc.getText('content') }
  }
  return { relay, server, store, keyOf, join }
}

test('stock y-websocket clients sync through slow sign-in, with what they typed before it (RL15, RL10)', async t => {
  const { join } = await setUp(t, { signInMs: 150 })
  const [a, b, c] = [join(), join(), join()]
  a.text.insert(0, 'hello ')
  await until(() => a.provider.wsconnected)
  // Typed after the socket is open and before anybody is signed in.
  a.text.insert(6, 'world')
  await until(() => [a, b, c].every(({ provider, text }) => provider.synced && text.toString() === 'hello world'))
  b.text.insert(0, '> ')
  c.doc.getMap('executions').set('run', new Y.Map([['status', 'requested']]))
  await until(() =>
    [a, b, c].every(({ doc, text }) => text.toString() === '> hello world' && doc.getMap('executions').size === 1),
  )
})

test('stock clients come back after cuts with everything they typed meanwhile, nothing doubled (RL15, I2)', async t => {
  const { join, server, relay } = await setUp(t)
  const clients = [join(), join(), join()]
  await until(() => clients.every(({ provider }) => provider.synced))
  for (let round = 0; round < 6; round++) {
    server.cut()
    for (const { text } of clients) text.insert(text.length, `${round}`)
    await until(() => clients.every(({ provider }) => provider.synced))
    for (const { text } of clients) text.insert(0, '.')
  }
  await until(() => clients.every(({ text }) => text.length === 36 && text.toString() === clients[0]!.text.toString()))
  assert.equal(relay.stats().refused, 0)
})

test('a stock client that opens a document later gets all of it, and documents stay apart (RL15)', async t => {
  const { join } = await setUp(t)
  const first = join()
  for (let i = 0; i < 300; i++) first.text.insert(0, 'x')
  const other = join('another')
  other.text.insert(0, 'apart')
  await until(() => first.provider.synced && other.provider.synced)
  const late = join()
  await until(() => late.provider.synced)
  assert.equal(late.text.toString(), 'x'.repeat(300))
})

test('stock clients see each other come, move and go (RL40, RL41)', async t => {
  const { join } = await setUp(t)
  const [a, b] = [join(), join()]
  a.provider.awareness.setLocalState({ name: 'Ann' })
  await until(() => b.provider.awareness.getStates().get(a.doc.clientID)?.name === 'Ann')
  a.provider.awareness.setLocalStateField('cursor', 5)
  await until(() => b.provider.awareness.getStates().get(a.doc.clientID)?.cursor === 5)
  a.provider.disconnect()
  await until(() => !b.provider.awareness.getStates().has(a.doc.clientID))
})

test('a stock client that may only read stays connected while it only reads (RL25)', async t => {
  const { join, store, keyOf, server } = await setUp(t, { access: 'read' })
  const writer = new Y.Doc()
  writer.getText('content').insert(0, 'to be read')
  writer.getText('content').delete(0, 3)
  await store.append(keyOf('/notebook'), 1 as never, [Y.encodeStateAsUpdate(writer)])
  const { provider, text } = join()
  await until(() => provider.synced)
  server.cut()
  await until(() => !provider.synced)
  await until(() => provider.synced)
  assert.equal(text.toString(), 'to be read'.slice(3))
  const closed = new Promise<{ code: number }>(resolve => provider.on('closed', resolve))
  text.insert(0, 'no')
  assert.equal((await closed).code, 4403)
})

test('20,000 malformed frames on a socket neither crash the relay nor keep others from working (RL20, S2)', async t => {
  const { join, server, relay, store, keyOf } = await setUp(t)
  const { text, provider } = join()
  await until(() => provider.synced)
  let sent = 0
  while (sent < 20_000) sent += await abuse(server.url, 20_000 - sent)
  const start = Date.now()
  text.insert(0, 'still here')
  const reader = join()
  await until(() => reader.text.toString() === 'still here')
  assert.ok(Date.now() - start < 2_000)
  assert.ok(relay.stats().refused > 100)
  const { tail } = await store.open(keyOf('/notebook'))
  const doc = new Y.Doc()
  for (const update of tail) Y.applyUpdate(doc, update)
  assert.equal(doc.store.pendingStructs, null)
})

/** Sends random frames until the relay closes the socket; returns how many. */
async function abuse(url: string, most: number): Promise<number> {
  const socket = new WebSocket(`${url}/notebook`)
  await new Promise(resolve => socket.once('open', resolve))
  let sent = 0
  while (socket.readyState === WebSocket.OPEN && sent < most) {
    for (let i = 0; i < 50; i++, sent++) socket.send(badFrame())
    await new Promise(resolve => setImmediate(resolve))
  }
  socket.terminate()
  return sent
}

function badFrame(): Uint8Array {
  const bytes = randomBytes(1 + Math.floor(Math.random() * 40))
  bytes[0] = [0, 0, 0, 1, 3, 100, 101, 250][bytes[0]! % 8]!
  if (bytes.length > 2) bytes[1] = bytes[1]! % 4
  if (bytes.length > 3) bytes[2] = bytes.length - 3
  return bytes
}
