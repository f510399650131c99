import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assetsOnlyOf, boundOf, type Held, heldBytes, isMetered, toDrop } from './held.ts'

const held: Held = {
  old: { usedAt: 1, bytes: 10, assets: { shared: 5, own: 20 } },
  middle: { usedAt: 2, bytes: 10, assets: { shared: 5 } },
  new: { usedAt: 3, bytes: 10, assets: {} },
}
const none = new Set<string>()

test('PH14 the longest unused goes first, and only until it fits', () => {
  assert.equal(heldBytes(held), 55)
  assert.deepEqual(toDrop(held, { kept: none, safe: none, bytes: 55 }), [])
  assert.deepEqual(toDrop(held, { kept: none, safe: none, bytes: 30 }), ['old'])
  assert.deepEqual(toDrop(held, { kept: none, safe: none, bytes: 0 }), ['old', 'middle', 'new'])
})

test('PH14 what was asked for counts for itself and stays, and so does what is open or unsent', () => {
  assert.deepEqual(toDrop(held, { kept: new Set(['old']), safe: none, bytes: 10 }), ['middle'])
  assert.deepEqual(toDrop(held, { kept: none, safe: new Set(['old', 'new']), bytes: 0 }), ['middle'])
})

test('PH14 an asset goes with the last document that names it', () => {
  assert.deepEqual(assetsOnlyOf(held, ['old']), ['own'])
  assert.deepEqual(assetsOnlyOf(held, ['old', 'middle']).sort(), ['own', 'shared'])
})

test('PH14 what was only opened has half of what the browser gives, which is what it refused more than, whatever it says', () => {
  const room = { opened: 50, quotaBytes: 1_000 }
  assert.equal(boundOf(room, 200), 200)
  assert.equal(boundOf({ ...room, quotaBytes: 300 }, 200), 150)
  assert.equal(boundOf({ ...room, fullAt: 80 }, 200), 40)
  assert.equal(boundOf({ ...room, fullAt: 400 }, 200), 49, 'something goes')
  assert.equal(boundOf({ ...room, opened: 0, fullAt: 400 }, 200), 0)
})

test('PH14 a connection is metered where the browser says so', () => {
  assert.deepEqual(
    [isMetered(undefined), isMetered({ type: 'wifi' }), isMetered({ type: 'cellular' }), isMetered({ saveData: true })],
    [false, false, true, true],
  )
})
