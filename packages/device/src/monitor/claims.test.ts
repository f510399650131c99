import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunId } from '@meshbook/core/ids.ts'
import fc from 'fast-check'
import * as Y from 'yjs'
import { Claims, goesOn, isTaken } from './claims.ts'

const run = 'exec-1' as RunId

test('HM20 of any claims, joined in any order, exactly one goes on: the lowest (claimedAt, clientId) of those present', () => {
  const claims = fc.uniqueArray(fc.record({ client: fc.integer({ min: 1, max: 99 }), at: fc.nat(3) }), {
    selector: ({ client }) => client,
    minLength: 1,
    maxLength: 5,
  })
  fc.assert(
    fc.property(claims, fc.nat(99), (made, gone) => {
      const docs = made.map(({ client, at }) => {
        const doc = new Y.Doc()
        doc.clientID = client
        new Claims(doc, `m${client}`).make(run, at)
        return doc
      })
      for (const from of docs) for (const to of docs) Y.applyUpdate(to, Y.encodeStateAsUpdate(from))
      const present = made.filter(({ client }) => client !== gone)
      const isPresent = (client: number) => client !== gone
      const on = docs.filter(
        doc => isPresent(doc.clientID) && goesOn(new Claims(doc, 'm').of(run), doc.clientID, isPresent),
      )
      const lowest = present.sort((a, b) => a.at - b.at || a.client - b.client)[0]
      assert.deepEqual(
        on.map(doc => doc.clientID),
        lowest ? [lowest.client] : [],
      )
    }),
  )
})

test('HM23 runs that more than one has run are found; claims alone are none, and what is no claim is nothing', () => {
  const doc = new Y.Doc()
  const other = new Y.Doc()
  new Claims(doc, 'one').ran(run, 1, 2)
  new Claims(other, 'two').make(run, 1)
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  for (const [key, value] of [
    ['', {}],
    ['exec-1', { at: 1, name: 'x', ranAt: 1 }],
    ['exec-1 x', { at: 1, name: 'x', ranAt: 1 }],
    ['exec-1 7', { at: -1, name: 'x', ranAt: 1 }],
    ['exec-1 8', 'text'],
  ] as const)
    doc.getMap('claims').set(key, value)
  const claims = new Claims(doc, 'one')
  assert.deepEqual(claims.ranTwice(), [])
  assert.equal(claims.of(run).length, 2)
  new Claims(other, 'two').goes(run, 1, 3)
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  assert.deepEqual(claims.ranTwice(), [], 'who goes may still withdraw')
  assert.ok(isTaken(claims.of(run), doc.clientID, () => true))
  assert.ok(!isTaken(claims.of(run), other.clientID, client => client !== doc.clientID))
  new Claims(other, 'two').ran(run, 1, 3)
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  assert.deepEqual(claims.ranTwice(), [run])
})
