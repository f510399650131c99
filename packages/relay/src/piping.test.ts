import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import * as Y from 'yjs'
import { openLocalPeer } from './local-peer.ts'
import type { DocumentKey, Relay } from './relay.ts'
import { MemoryDocumentStore } from './store/memory-document-store.ts'
import { Pipe } from './testing/socket-pair.ts'
import { newKey, startRelay, turns, until } from './testing/temporary.ts'

interface Side {
  relay: Relay
  store: MemoryDocumentStore
  doc: Y.Doc
}

async function side(t: TestContext, key: DocumentKey): Promise<Side> {
  const store = new MemoryDocumentStore()
  const relay = startRelay(t, { store })
  const peer = openLocalPeer(relay, key, { name: 'local' })
  t.after(() => peer.close())
  await peer.ready
  return { relay, store, doc: peer.doc }
}
const textOf = ({ doc }: Side) => doc.getText('content').toString()
const sameContent = (a: Side, b: Side) =>
  textOf(a) === textOf(b) && Buffer.from(Y.encodeStateVector(a.doc)).equals(Buffer.from(Y.encodeStateVector(b.doc)))

test('two joined relays pass edits on both ways, each once, and know what the other has stored (RL70, RL71)', async t => {
  const key = newKey()
  const [device, hub] = [await side(t, key), await side(t, key)]
  device.doc.getText('content').insert(0, 'made offline ')
  const pipe = new Pipe(device.relay, hub.relay, key)
  t.after(() => pipe.break())
  await until(() => textOf(hub) === 'made offline ')
  hub.doc.getText('content').insert(13, 'and online')
  await until(() => textOf(device) === 'made offline and online')
  await until(() => pipe.ends.every(end => end.settled))
  assert.deepEqual([(await device.store.open(key)).position, (await hub.store.open(key)).position], [2, 2])
  assert.ok(pipe.ends.every(end => end.delivery.sent <= 2 && end.delivery.durable === end.delivery.sent))
})

test('a circle of three relays comes to rest, and each stores each edit once (RL70)', async t => {
  const key = newKey()
  const sides = [await side(t, key), await side(t, key), await side(t, key)]
  const pipes = [0, 1, 2].map(i => new Pipe(sides[i]!.relay, sides[(i + 1) % 3]!.relay, key))
  t.after(() => pipes.forEach(pipe => void pipe.break()))
  for (let round = 0; round < 10; round++) {
    for (const [i, { doc }] of sides.entries()) doc.getText('content').insert(0, `${round}${i} `)
    await turns(3)
  }
  await until(
    () => sameContent(sides[0]!, sides[1]!) && sameContent(sides[1]!, sides[2]!) && textOf(sides[0]!).length === 90,
  )
  await until(() => pipes.every(pipe => pipe.ends.every(end => end.settled)))
  await turns(20)
  for (const { store } of sides) assert.ok((await store.open(key)).position <= 33, 'no edit goes round in circles')
})

test('property: joined relays converge whatever is written and however often the link breaks (RL70, I2)', async t => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant('insert' as const),
        who: fc.nat(1),
        at: fc.nat(),
        text: fc.string({ minLength: 1, maxLength: 5 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), who: fc.nat(1), at: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('set' as const), who: fc.nat(1), key: fc.constantFrom('a', 'b') }),
    },
    { weight: 2, arbitrary: fc.constant({ type: 'break' as const }) },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('wait' as const), turns: fc.nat(6) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
      const key = newKey()
      const sides = [await side(t, key), await side(t, key)] as const
      let pipe = new Pipe(sides[0].relay, sides[1].relay, key)
      let inserted = 0
      for (const now of steps) {
        if (now.type === 'wait') await turns(now.turns)
        else if (now.type === 'break') {
          pipe.break()
          pipe = new Pipe(sides[0].relay, sides[1].relay, key)
        } else if (now.type === 'set') sides[now.who]!.doc.getMap('map').set(now.key, now.who)
        else {
          const text = sides[now.who]!.doc.getText('content')
          if (now.type === 'insert') {
            text.insert(now.at % (text.length + 1), now.text)
            inserted += now.text.length
          } else if (text.length > 0) text.delete(now.at % text.length, 1)
        }
      }
      await until(() => sameContent(sides[0], sides[1]) && pipe.ends.every(end => end.settled))
      assert.ok(textOf(sides[0]).length <= inserted, 'nothing is doubled')
      for (const { relay } of sides) assert.equal(relay.stats().refused, 0)
      pipe.break()
    }),
    { numRuns: 40 },
  )
})
