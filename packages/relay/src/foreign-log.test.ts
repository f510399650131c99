import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { closeCodes } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as fc from 'fast-check'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { NeighbourExchange, type Neighbours, type News } from './neighbours.ts'
import type { Connection, Relay } from './relay.ts'
import type { DocumentKey } from './store/document-store.ts'
import { MemoryDocumentStore } from './store/memory-document-store.ts'
import { awarenessFrame, step1Frame, updateFrame } from './sync-frames.ts'
import { RecordingPeer } from './testing/recording-peer.ts'
import { newKey, startRelay, until } from './testing/temporary.ts'

const emptyVector = new Uint8Array([0])

/** A store whose answers come in a later turn, so that the appends of two relays cross. */
class CrossingStore extends MemoryDocumentStore {
  override async append(...args: Parameters<MemoryDocumentStore['append']>): Promise<number> {
    await new Promise(resolve => setImmediate(resolve))
    const position = await super.append(...args)
    await new Promise(resolve => setImmediate(resolve))
    return position
  }
}

/** Somebody in a room of one relay, who types. */
class Writer {
  readonly peer = new RecordingPeer()
  readonly connection: Connection
  readonly doc = new Y.Doc()
  sent = 0

  constructor(relay: Relay, key: DocumentKey) {
    this.connection = relay.open(key, this.peer)
    this.connection.receive(step1Frame(emptyVector))
    this.doc.on('update', (update: Uint8Array) => {
      this.sent++
      this.connection.receive(updateFrame(update))
    })
  }

  type(text: string): void {
    const content = this.doc.getText('content')
    content.insert(content.length, text)
  }

  async joined(): Promise<void> {
    await until(() => this.peer.of('step2').length > 0)
  }

  /** What others wrote, in the order in which it came here. */
  received(): string {
    return this.peer.text()
  }
}

type ChangedLimits = Partial<Record<keyof typeof limits, number>>
const neverPoll = { neighbourPollMs: 3_600_000 }

function relayOn(
  t: TestContext,
  store: MemoryDocumentStore,
  neighbours: Neighbours,
  changed: ChangedLimits = {},
): Relay {
  return startRelay(t, { store, shared: { log: store, neighbours }, limits: { ...limits, ...changed } })
}

async function twoHubs(t: TestContext, changed: ChangedLimits = neverPoll, news: 'news' | 'none' = 'news') {
  const store = new CrossingStore()
  const exchange = new NeighbourExchange()
  const other = news === 'news' ? exchange : new NeighbourExchange()
  const relays = [relayOn(t, store, exchange.connect(), changed), relayOn(t, store, other.connect(), changed)] as const
  const key = newKey()
  const [a, b] = [new Writer(relays[0], key), new Writer(relays[1], key)]
  await Promise.all([a.joined(), b.joined()])
  return { store, relays, key, a, b }
}

test('RL130 what is written on one hub is seen on the other once, and its writer does not get it back', async t => {
  const { a, b, key, store } = await twoHubs(t)
  a.type('one ')
  await until(() => b.received() === 'one ')
  b.type('two ')
  await until(() => a.received() === 'two ')
  a.type('three ')
  await until(() => b.received() === 'one three ' && a.peer.durable === 2 && b.peer.durable === 1)
  assert.equal(b.peer.of('update').length, 2)
  assert.equal(a.peer.of('update').length, 1)
  assert.equal((await store.open(key)).position, 3)
})

test('RL130 readers of both hubs get updates in the order of the log, also when appends cross', async t => {
  const { a, b, key, relays, store } = await twoHubs(t)
  const readers = relays.map(relay => new Writer(relay, key))
  await Promise.all(readers.map(reader => reader.joined()))
  for (let i = 0; i < 100; i++) {
    a.type('a')
    b.type('b')
    if (i % 7 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await until(() => readers.every(reader => reader.received().length === 200))
  const log = (await store.open(key)).tail.map(update => Buffer.from(update).toString('hex'))
  assert.equal(log.length, 200)
  for (const { peer } of readers)
    assert.deepEqual(
      peer.of('update').map(({ update }) => Buffer.from(update).toString('hex')),
      log,
    )
  assert.deepEqual([a.peer.durable, b.peer.durable], [100, 100])
})

test('RL131 without any news a room looks at the log by itself', async t => {
  const { a, b } = await twoHubs(t, { neighbourPollMs: 20 }, 'none')
  a.type('one ')
  await until(() => b.received() === 'one ')
  b.type('two ')
  await until(() => a.received() === 'two ')
})

test('RL131 news of a position that the room has changes nothing', async t => {
  const { a, b, key, store } = await twoHubs(t)
  a.type('one ')
  await until(() => b.received() === 'one ')
  let reads = 0
  const since = store.since.bind(store)
  store.since = (...args) => {
    reads++
    return since(...args)
  }
  const exchange = new NeighbourExchange()
  const loud = exchange.connect()
  const relay = relayOn(t, store, exchange.connect(), neverPoll)
  await new Writer(relay, key).joined()
  for (const position of [1, 0, 1]) loud.tell(key, { type: 'position', epoch: 1, position })
  b.type('two ')
  await until(() => a.received() === 'two ')
  assert.equal(reads, 1, 'only the one hub that had something to read')
})

test('RL132 two hubs that compact at once lose nothing, and who comes too late takes the snapshot', async t => {
  const often = { compactAfterUpdates: 10, compactChunkUpdates: 5, neighbourPollMs: 20 }
  const { a, b, key, store, relays } = await twoHubs(t, often)
  const lateStore = new NeighbourExchange()
  const late = relayOn(t, store, lateStore.connect(), { neighbourPollMs: 200 })
  const reader = new Writer(late, key)
  await reader.joined()
  for (let i = 0; i < 300; i++) {
    a.type('a')
    b.type('b')
    if (i % 3 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  const letters = (text: string) => [...text].sort().join('')
  const all = letters('ab'.repeat(300))
  await until(() => letters(reader.received()) === all)
  const fresh = new Writer(relays[0], key)
  await fresh.joined()
  await until(() => letters(fresh.received()) === all)
  const stored = await store.open(key)
  assert.equal(stored.position, 600)
  assert.ok(stored.snapshot, 'it was compacted')
  const restored = new Writer(startRelay(t, { store }), key)
  await until(() => letters(restored.received()) === all)
})

test('RL133 a document removed on one hub ends its connections on the other', async t => {
  const { a, b, relays, key } = await twoHubs(t)
  a.type('one ')
  await until(() => b.received() === 'one ')
  await relays[0].remove(key)
  await until(() => b.peer.closeCode !== undefined)
  assert.deepEqual([a.peer.closeCode, b.peer.closeCode], [closeCodes.notFound, closeCodes.notFound])
  const again = new Writer(relays[1], key)
  await again.joined()
  assert.ok(again.peer.of('epoch')[0]!.epoch >= 2)
})

for (const how of ['looks at the log', 'writes'] as const)
  test(`RL133 where no news arrives, a hub that ${how} finds the new epoch and stores nothing under the old`, async t => {
    const poll = how === 'writes' ? neverPoll : { neighbourPollMs: 20 }
    const { a, b, relays, key, store } = await twoHubs(t, poll, 'none')
    a.type('one ')
    await until(() => a.peer.durable === 1)
    if (how === 'looks at the log') await until(() => b.received() === 'one ')
    await relays[0].remove(key)
    if (how === 'writes') b.type('two ')
    await until(() => b.peer.closeCode !== undefined)
    assert.equal(b.peer.closeCode, closeCodes.epoch)
    assert.deepEqual((await store.open(key)).tail, [])
  })

/** Awareness states as they travel between hubs. */
function statesOf(count: number, name = 'somebody', firstClient = 1_000): Uint8Array {
  const awareness = new Awareness(new Y.Doc())
  const clients = Array.from({ length: count }, (_, i) => firstClient + i)
  for (const client of clients) {
    awareness.states.set(client, { name })
    awareness.meta.set(client, { clock: 1, lastUpdated: 0 })
  }
  const bytes = encodeAwarenessUpdate(awareness, clients)
  awareness.destroy()
  return bytes
}

test('RL134 who is on one hub is shown on the other, to newcomers too, and goes when they leave', async t => {
  const { a, b, relays, key } = await twoHubs(t)
  a.connection.receive(awarenessFrame(statesOf(1)))
  await until(() => b.peer.of('awareness').length === 1)
  assert.match(Buffer.from(b.peer.of('awareness')[0]!.states).toString(), /somebody/)
  const newcomer = new Writer(relays[1], key)
  await newcomer.joined()
  assert.match(Buffer.from(newcomer.peer.of('awareness')[0]!.states).toString(), /somebody/)
  a.connection.close()
  await until(() => b.peer.of('awareness').some(({ states }) => /null/.test(Buffer.from(states).toString())))
})

test('RL134 a room that opens hears who is on the other hubs', async t => {
  const store = new MemoryDocumentStore()
  const exchange = new NeighbourExchange()
  const [first, second] = [relayOn(t, store, exchange.connect()), relayOn(t, store, exchange.connect())]
  const key = newKey()
  const early = new Writer(first, key)
  await early.joined()
  early.connection.receive(awarenessFrame(statesOf(1)))
  await until(() => first.stats().connections === 1)
  const late = new Writer(second, key)
  await late.joined()
  await until(() => late.peer.of('awareness').length > 0)
})

test('RL134 what came from a hub is not passed on to hubs, and is capped', async t => {
  const store = new MemoryDocumentStore()
  const exchange = new NeighbourExchange()
  const outside = exchange.connect()
  const relay = relayOn(t, store, exchange.connect(), { awarenessClientsPerNeighbour: 32 })
  const key = newKey()
  const told: News[] = []
  outside.join(key, news => told.push(news))
  const reader = new Writer(relay, key)
  await reader.joined()
  outside.tell(key, { type: 'awareness', states: statesOf(100) })
  await until(() => reader.peer.of('awareness').length === 1)
  assert.equal(reader.peer.of('awareness')[0]!.states[0], 32)
  outside.tell(key, { type: 'awareness', states: statesOf(1).subarray(0, 9) })
  outside.tell(key, { type: 'who' })
  reader.connection.receive(awarenessFrame(statesOf(1, 'reader', 5_000)))
  await until(() => told.some(news => news.type === 'awareness'))
  assert.ok(told.every(news => news.type !== 'awareness' || !/somebody/.test(Buffer.from(news.states).toString())))
})

/** News that is lost, doubled and late, as `chances` says. */
function unreliable(inner: Neighbours, next: () => number): Neighbours {
  return {
    ...inner,
    join: (key, onNews) => inner.join(key, onNews),
    close: () => inner.close(),
    tell(key, news) {
      const chance = next()
      if (chance < 0.4) return
      inner.tell(key, news)
      if (chance > 0.7) setTimeout(() => inner.tell(key, news), chance * 20)
    },
  }
}

test('RL131 whatever becomes of news, all hubs end with what was acknowledged, and nothing twice', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ hub: fc.nat(2), wait: fc.boolean() }), { minLength: 5, maxLength: 60 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
      async (edits, chances) => {
        const store = new CrossingStore()
        const exchange = new NeighbourExchange()
        let asked = 0
        const next = () => chances[asked++ % chances.length]!
        const small = { neighbourPollMs: 15, compactAfterUpdates: 8, compactChunkUpdates: 4 }
        const relays = [0, 1, 2].map(() => relayOn(t, store, unreliable(exchange.connect(), next), small))
        const key = newKey()
        const writers = relays.map(relay => new Writer(relay, key))
        await Promise.all(writers.map(writer => writer.joined()))
        for (const { hub, wait } of edits) {
          writers[hub]!.type('abc'[hub]!)
          if (wait) await new Promise(resolve => setImmediate(resolve))
        }
        await until(() => writers.every(({ peer, sent }) => peer.durable === sent))
        const ofHub = (hub: number) => edits.filter(edit => edit.hub === hub).length
        for (const [own, writer] of writers.entries()) {
          const others = [0, 1, 2].filter(hub => hub !== own).map(hub => 'abc'[hub]!.repeat(ofHub(hub)))
          const lacking = () =>
            others.join('') !==
            [...writer.received()]
              .filter(letter => letter !== 'abc'[own])
              .sort()
              .join('')
          await until(() => !lacking(), 'every hub has all of the others')
        }
        assert.equal((await store.open(key)).position, edits.length)
        await Promise.all(relays.map(relay => relay.close()))
      },
    ),
    { numRuns: 25, seed: 20261121 },
  )
})
