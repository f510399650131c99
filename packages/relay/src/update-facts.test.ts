import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { KnownState } from './known-state.ts'
import { inspectUpdate, readFacts, type Verdict } from './update-facts.ts'

const nothing = new Map<number, number>()

function docOf(client: number): Y.Doc {
  const doc = new Y.Doc()
  doc.clientID = client
  return doc
}

/** The updates that a document emits while `edit` changes it. */
function updatesOf(doc: Y.Doc, edit: (doc: Y.Doc) => void): Uint8Array[] {
  const updates: Uint8Array[] = []
  const note = (update: Uint8Array) => updates.push(update)
  doc.on('update', note)
  edit(doc)
  doc.off('update', note)
  return updates
}

/** An update written by hand: for each client its first clock and its structs, then the deleted ranges. */
function handmade(
  clients: [client: number, clock: number, structs: ((encoder: encoding.Encoder) => void)[]][],
  deletes: [client: number, ranges: [number, number][]][] = [],
): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, clients.length)
  for (const [client, clock, structs] of clients) {
    for (const number of [structs.length, client, clock]) encoding.writeVarUint(encoder, number)
    for (const write of structs) write(encoder)
  }
  encoding.writeVarUint(encoder, deletes.length)
  for (const [client, ranges] of deletes) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, ranges.length)
    for (const number of ranges.flat()) encoding.writeVarUint(encoder, number)
  }
  return encoding.toUint8Array(encoder)
}
const gc = (length: number) => (encoder: encoding.Encoder) => {
  encoding.writeUint8(encoder, 0)
  encoding.writeVarUint(encoder, length)
}
/** A character whose left origin is the struct `client:clock`. */
const after = (client: number, clock: number) => (encoder: encoding.Encoder) => {
  encoding.writeUint8(encoder, 4 | 128)
  encoding.writeVarUint(encoder, client)
  encoding.writeVarUint(encoder, clock)
  encoding.writeVarString(encoder, 'x')
}
/** A text or a map inside the struct `client:clock`, whatever that is, perhaps under a key. */
const inside = (client: number, clock: number, kind: 'text' | 'map', key?: string) => (encoder: encoding.Encoder) => {
  encoding.writeUint8(encoder, (kind === 'text' ? 4 : 7) | (key === undefined ? 0 : 32))
  for (const number of [0, client, clock]) encoding.writeVarUint(encoder, number)
  if (key !== undefined) encoding.writeVarString(encoder, key)
  if (kind === 'text') encoding.writeVarString(encoder, 'xyz')
  else encoding.writeVarUint(encoder, 1)
}
const skip = (length: number) => (encoder: encoding.Encoder) => {
  encoding.writeUint8(encoder, 10)
  encoding.writeVarUint(encoder, length)
}
const isHostile = (verdict: Verdict, reason: RegExp) => {
  assert.equal(verdict.type, 'hostile')
  assert.match(verdict.type === 'hostile' ? verdict.reason : '', reason)
}

test('what a client writes is fine, and the facts say which structs and deletions it has', () => {
  const doc = docOf(7)
  const known = new KnownState()
  for (const update of updatesOf(doc, () => {
    doc.getText('content').insert(0, 'hello')
    doc.getText('content').delete(1, 2)
    doc.getMap('executions').set('run', new Y.Map([['status', 'requested']]))
  })) {
    const verdict = inspectUpdate(update, known.clocks)
    assert.equal(verdict.type, 'fine')
    if (verdict.type === 'fine') known.add(verdict.facts)
  }
  assert.deepEqual(known.stateVector(), Y.encodeStateVector(doc))
  const whole = readFacts(Y.encodeStateAsUpdate(doc))
  assert.deepEqual([known.hasNewStructs(whole), known.hasNewDeletes(whole)], [false, false])
})

/** The facts are what Yjs's own decoder finds in the update. */
function assertReadAsYjs(update: Uint8Array, verdict: Verdict): void {
  assert.ok(verdict.type === 'fine')
  const { from, to } = Y.parseUpdateMeta(update)
  assert.deepEqual(new Map(verdict.facts.structs.map(([client, start]) => [client, start])), from)
  assert.deepEqual(new Map(verdict.facts.structs.map(([client, , end]) => [client, end])), to)
  const { ds } = Y.decodeUpdate(update)
  const pairs = [...ds.clients].map(
    ([client, ranges]) => [client, ranges.reduce((sum, { len }) => sum + len, 0)] as const,
  )
  const lengths = [...verdict.facts.deletes].map(
    ([client, ranges]) => [client, ranges.reduce((sum, edge, i) => sum + (i % 2 ? edge : -edge), 0)] as const,
  )
  assert.deepEqual(lengths, pairs)
}

test('every kind of content is read as Yjs reads it', () => {
  const doc = docOf(300)
  const text = doc.getText('content')
  text.insert(0, 'plain, ünïcödé 🙂 and bold', { bold: true, colour: { r: 1 } })
  text.insertEmbed(3, { image: 'x', list: [1, null] })
  text.delete(1, 4)
  const values = [
    1,
    -2,
    1.5,
    2 ** 40,
    10n,
    true,
    false,
    null,
    undefined,
    'text',
    new Uint8Array([1, 2]),
    { a: { b: [[]] } },
  ]
  for (const [i, value] of values.entries()) doc.getMap('map').set(`key ${i}`, value)
  doc.getMap('map').set('key 0', 'replaced')
  doc
    .getArray('list')
    .push([
      ...values.filter(value => value !== undefined && typeof value !== 'bigint'),
      new Y.Array(),
      new Y.Map([['a', 1]]),
      new Y.Text('inner'),
      new Y.Doc({ guid: 'sub' }),
    ])
  const xml = doc.getXmlFragment('xml')
  const element = new Y.XmlElement('p')
  xml.insert(0, [element, new Y.XmlText('words'), new Y.XmlHook('hook') as unknown as Y.XmlElement])
  element.setAttribute('class', 'wide')
  element.insert(0, [new Y.XmlElement('b')])
  const other = docOf(7)
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
  other.getText('content').insert(5, 'from another')
  other.getArray('list').delete(2, 3)
  xml.delete(1, 1)
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
  for (const update of [
    Y.encodeStateAsUpdate(doc),
    Y.encodeStateAsUpdate(other),
    Y.mergeUpdates([Y.encodeStateAsUpdate(doc), Y.encodeStateAsUpdate(other)]),
  ]) {
    assertReadAsYjs(update, inspectUpdate(update, nothing))
  }
})

test('an update that skips its own client, its origin, its parent or what it deletes is a gap (RL21, S3)', () => {
  const known = new Map([
    [1, 10],
    [2, 5],
  ])
  const gaps: [Uint8Array, client: number, clock: number][] = [
    [handmade([[1, 11, [gc(1)]]]), 1, 10],
    [handmade([[1, 10, [skip(3), gc(1)]]]), 1, 12],
    [handmade([[1, 10, [after(2, 5)]]]), 2, 5],
    [handmade([[1, 10, [after(3, 0)]]]), 3, 0],
    [handmade([], [[2, [[3, 3]]]]), 2, 5],
  ]
  for (const [update, client, clock] of gaps) {
    const verdict = inspectUpdate(update, known)
    assert.deepEqual(verdict.type === 'gap' && { ...verdict.gap }, { client, clock })
  }
})

test('structs of one update may build on each other in any order of clients', () => {
  const chain = handmade([
    [9, 0, [after(5, 0), after(5, 1)]],
    [5, 0, [after(2, 0), after(9, 0)]],
    [2, 0, [gc(1)]],
  ])
  assert.equal(inspectUpdate(chain, nothing).type, 'fine')
})

test('structs that wait for each other in a circle are a gap: Yjs would keep them pending for ever (S3)', () => {
  assert.equal(
    inspectUpdate(
      handmade([
        [9, 0, [after(5, 0)]],
        [5, 0, [after(9, 0)]],
      ]),
      nothing,
    ).type,
    'gap',
  )
  assert.equal(inspectUpdate(handmade([[9, 0, [after(9, 0)]]]), nothing).type, 'gap')
})

test('what no Yjs client writes is hostile (RL20, S2)', () => {
  const huge = Number.MAX_SAFE_INTEGER
  isHostile(inspectUpdate(handmade([[1, 0, [gc(0)]]]), nothing), /length/)
  isHostile(inspectUpdate(handmade([[1, 0, [gc(huge), gc(huge)]]]), nothing), /length/)
  isHostile(
    inspectUpdate(
      handmade([
        [1, 0, [gc(1)]],
        [2, 0, [gc(1)]],
        [1, 1, [gc(1)]],
      ]),
      nothing,
    ),
    /twice/,
  )
  isHostile(
    inspectUpdate(
      handmade(
        [],
        [
          [
            1,
            [
              [5, 5],
              [0, 10],
            ],
          ],
        ],
      ),
      new Map([[1, 10]]),
    ),
    /out of order/,
  )
  isHostile(inspectUpdate(new Uint8Array([1, 255, 255, 255, 255, 7, 1, 0]), nothing), /too early/)
  isHostile(inspectUpdate(new Uint8Array([0, 0, 1]), nothing), /after its end/)
  isHostile(inspectUpdate(new Uint8Array([255, 255, 255, 255, 7, 0]), nothing), /too many clients/)
  isHostile(inspectUpdate(new Uint8Array(), nothing), /decoded/)
})

test('an update in the V2 encoding is never taken for content (S2)', () => {
  const doc = docOf(1)
  doc.getText('content').insert(0, 'hello')
  const verdict = inspectUpdate(Y.encodeStateAsUpdateV2(doc), nothing)
  assert.ok(verdict.type !== 'fine' || (verdict.facts.structs.length === 0 && verdict.facts.deletes.size === 0))
})

test('__proto__, constructor and prototype are refused wherever they become keys (RL23, S14)', () => {
  const edits: ((doc: Y.Doc, name: string) => void)[] = [
    (doc, name) => doc.getMap('executions').set(name, 1),
    (doc, name) => doc.getMap('executions').set('run', new Y.Map([[name, 1]])),
    (doc, name) => doc.getText(name).insert(0, 'x'),
    (doc, name) => doc.getText('content').insert(0, 'x', { [name]: 1 }),
    (doc, name) => doc.getArray('list').push([new Y.Map([[name, 1]])]),
  ]
  for (const name of ['__proto__', 'constructor', 'prototype']) {
    for (const edit of edits) {
      const doc = docOf(1)
      edit(doc, name)
      const update = Y.encodeStateAsUpdate(doc)
      if (new TextDecoder().decode(update).includes(name)) isHostile(inspectUpdate(update, nothing), /forbidden/)
    }
  }
})

test('__proto__ inside a value is refused in both encodings of values; deep nesting is refused (RL23, S14)', () => {
  const withProto = JSON.parse('{"a":[{"__proto__":{"admin":true}}]}') as object
  const set = (value: unknown) => {
    const doc = docOf(1)
    doc.getMap('executions').set('run', value)
    return inspectUpdate(Y.encodeStateAsUpdate(doc), nothing)
  }
  const embed = (value: object) => {
    const doc = docOf(1)
    doc.getText('content').insertEmbed(0, value)
    return inspectUpdate(Y.encodeStateAsUpdate(doc), nothing)
  }
  isHostile(set(withProto), /forbidden/)
  isHostile(embed(withProto), /forbidden/)
  assert.equal(set({ nested: { constructor: 'a word', prototype: [1, null, 'x', new Uint8Array(3)] } }).type, 'fine')
  let deep: unknown = 1
  for (let i = 0; i < 500; i++) deep = [deep]
  isHostile(set(deep), /deeply/)
})

/** Random editing of one text, one map and one array. */
const edit = fc.oneof(
  fc.record({
    type: fc.constant('insert' as const),
    at: fc.nat(1000),
    text: fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }),
  }),
  fc.record({ type: fc.constant('delete' as const), at: fc.nat(1000), length: fc.integer({ min: 1, max: 20 }) }),
  fc.record({
    type: fc.constant('set' as const),
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.jsonValue({ maxDepth: 2 }),
  }),
  fc.record({ type: fc.constant('push' as const), value: fc.jsonValue({ maxDepth: 2 }) }),
)
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never

function apply(doc: Y.Doc, change: Edit): void {
  const text = doc.getText('content')
  if (change.type === 'insert') text.insert(change.at % (text.length + 1), change.text)
  else if (change.type === 'delete' && text.length > 0) {
    const at = change.at % text.length
    text.delete(at, Math.min(change.length, text.length - at))
  } else if (change.type === 'set') doc.getMap('map').set(change.key, change.value)
  else if (change.type === 'push') doc.getArray('list').push([change.value])
}
const clean = (value: unknown) => !JSON.stringify(value)?.includes('__proto__')

test('property: everything Yjs writes is fine, in the order it was written, and known state equals the state vector', () => {
  const steps = fc.array(fc.record({ who: fc.nat(2), change: edit.filter(clean), meet: fc.boolean() }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(steps, steps => {
      const docs = [docOf(3), docOf(1), docOf(2)]
      const known = new KnownState()
      const server = new Y.Doc()
      for (const { who, change, meet } of steps) {
        const doc = docs[who]!
        for (const update of updatesOf(doc, () => apply(doc, change))) {
          const verdict = inspectUpdate(update, known.clocks)
          assert.equal(verdict.type, 'fine')
          if (verdict.type === 'fine') known.add(verdict.facts)
          Y.applyUpdate(server, update)
        }
        if (meet) Y.applyUpdate(doc, Y.encodeStateAsUpdate(server, Y.encodeStateVector(doc)))
      }
      assert.equal(server.store.pendingStructs, null)
      assert.deepEqual(Y.decodeStateVector(known.stateVector()), Y.decodeStateVector(Y.encodeStateVector(server)))
      const again = inspectUpdate(Y.encodeStateAsUpdate(server), known.clocks)
      assert.equal(again.type === 'fine' && known.hasNewStructs(again.facts), false)
      assert.equal(inspectUpdate(Y.encodeStateAsUpdate(server), nothing).type, 'fine')
    }),
    { numRuns: 60 },
  )
})

test('property: what passes the check leaves nothing pending in a Yjs document (S3)', () => {
  const base = docOf(1)
  base.getText('content').insert(0, 'a base of some length')
  base.getText('content').delete(3, 4)
  base.getMap('map').set('a', new Y.Map([['a', 1]]))
  const state = Y.encodeStateAsUpdate(base)
  const known = Y.decodeStateVector(Y.encodeStateVector(base))
  const struct = fc.oneof(
    fc.tuple(fc.constantFrom(1, 2, 3), fc.nat(24)).map(([client, clock]) => after(client, clock)),
    fc
      .tuple(
        fc.constantFrom(1, 2, 3),
        fc.nat(24),
        fc.constantFrom('text' as const, 'map' as const),
        fc.constantFrom(undefined, 'a', 'b'),
      )
      .map(([client, clock, kind, key]) => inside(client, clock, kind, key)),
    fc.integer({ min: 1, max: 4 }).map(gc),
    fc.integer({ min: 1, max: 4 }).map(skip),
  )
  const clients = fc.uniqueArray(
    fc.tuple(fc.constantFrom(1, 2, 3), fc.nat(24), fc.array(struct, { minLength: 1, maxLength: 5 })),
    { selector: ([client]) => client },
  )
  const deletes = fc.uniqueArray(
    fc.tuple(fc.constantFrom(1, 2), fc.array(fc.tuple(fc.nat(24), fc.nat(9)), { maxLength: 3 })),
    { selector: ([client]) => client },
  )
  fc.assert(
    fc.property(clients, deletes, (clients, deletes) => {
      const update = handmade(clients, deletes)
      if (inspectUpdate(update, known).type !== 'fine') return
      const doc = new Y.Doc()
      Y.applyUpdate(doc, state)
      Y.applyUpdate(doc, update)
      assert.equal(doc.store.pendingStructs, null)
      assert.equal(doc.store.pendingDs, null)
      Y.mergeUpdates([state, update])
    }),
    { numRuns: 2_000 },
  )
})

test('20,000 malformed updates neither throw nor hang, and what is found fine can be applied (S2)', () => {
  const doc = docOf(1)
  doc.getText('content').insert(0, 'some text to be broken', { bold: true })
  doc.getMap('executions').set(
    'run',
    new Y.Map<unknown>([
      ['status', 'requested'],
      ['list', [1, 2, { a: 1 }]],
    ]),
  )
  const good = Y.encodeStateAsUpdate(doc)
  let seed = 42
  const random = (below: number) => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
  const start = performance.now()
  const verdicts = { fine: 0, gap: 0, hostile: 0 }
  for (let i = 0; i < 20_000; i++) {
    const update = good.slice(0, random(4) === 0 ? random(good.length) : good.length)
    for (let flips = random(3); flips >= 0; flips--) update[random(update.length || 1)] = random(256)
    const verdict = inspectUpdate(update, nothing)
    verdicts[verdict.type]++
    if (verdict.type !== 'fine') continue
    assertReadAsYjs(update, verdict)
    const reader = new Y.Doc()
    Y.applyUpdate(reader, update)
    assert.equal(reader.store.pendingStructs, null)
  }
  assert.ok(verdicts.hostile > 5_000 && verdicts.fine > 100, JSON.stringify(verdicts))
  assert.ok(performance.now() - start < 15_000)
})

test('the check costs time in proportion to the size, also for long chains across clients (RL26, S3)', () => {
  const measure = (links: number) => {
    // Two clients whose structs wait for each other in turn, in the order that is worst for reading.
    const a = Array.from({ length: links }, (_, i) => after(2, i))
    const b = [gc(1), ...Array.from({ length: links }, (_, i) => after(1, i))]
    const update = handmade([
      [1, 0, a],
      [2, 0, b],
    ])
    const before = process.cpuUsage()
    assert.equal(inspectUpdate(update, nothing).type, 'fine')
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  measure(1_000)
  const small = Math.min(measure(2_000), measure(2_000), measure(2_000))
  const large = Math.min(measure(40_000), measure(40_000))
  assert.ok(large < small * 100 + 100, `${small} ms of CPU for 2,000 links, ${large} ms for 40,000`)
})
