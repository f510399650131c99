import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as Y from 'yjs'
import { addClocks, encodeClocks, KnownState } from './known-state.ts'

test('property: deletions are known exactly when every clock of theirs was added', () => {
  const range = fc.record({ clock: fc.nat(60), len: fc.integer({ min: 1, max: 12 }) })
  fc.assert(
    fc.property(fc.array(range, { maxLength: 25 }), range, (added, asked) => {
      const known = new KnownState()
      const clocks = new Set<number>()
      for (const { clock, len } of added) {
        known.add({ structs: [], deletes: new Map([[1, [clock, clock + len]]]) })
        for (let i = 0; i < len; i++) clocks.add(clock + i)
      }
      const askedRanges = [asked.clock, asked.clock + asked.len]
      const all = Array.from({ length: asked.len }, (_, i) => asked.clock + i).every(clock => clocks.has(clock))
      assert.equal(known.hasNewDeletes({ structs: [], deletes: new Map([[1, askedRanges]]) }), !all)
      assert.equal(known.hasNewDeletes({ structs: [], deletes: new Map([[2, askedRanges]]) }), true)
    }),
    { numRuns: 300 },
  )
})

test('a state vector is what Yjs reads', () => {
  const clocks = new Map([
    [5, 3],
    [4_294_967_295, 1_000_000],
  ])
  assert.deepEqual(Y.decodeStateVector(encodeClocks(clocks)), clocks)
})

test('clocks only grow', () => {
  const clocks = new Map([[1, 5]])
  addClocks(clocks, {
    structs: [
      [1, 0, 3],
      [2, 0, 4],
    ],
    deletes: new Map(),
  })
  assert.deepEqual(
    [...clocks],
    [
      [1, 5],
      [2, 4],
    ],
  )
})
