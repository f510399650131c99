import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begun, isFar, moved } from './pull.ts'

test('PH71 a pull down brings up to date once it is far enough, and back up it does not', () => {
  const down = moved(moved(begun(100, 100), 102, 110), 104, 250)
  assert.equal(down.by, 75)
  assert.equal(isFar(down), true)
  assert.equal(isFar(moved(down, 104, 150)), false)
  assert.equal(moved(down, 104, 2000).by, 96)
})

test('PH71 a swipe to the side and scrolling stay what they are', () => {
  for (const [x, y] of [
    [140, 110],
    [60, 105],
    [100, 60],
  ] as const) {
    const other = moved(begun(100, 100), x, y)
    assert.equal(other.isOff, true)
    assert.equal(isFar(moved(other, 100, 400)), false)
  }
  assert.equal(moved(begun(100, 100), 103, 104).by, undefined)
})
