import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { Seats } from './seats.ts'
import { SyncRates } from './sync-rates.ts'

function rates(clock: { ms: number }): SyncRates {
  return new SyncRates({ ...limits, syncFramesPerUserSecond: 100, syncBytesPerUserSecond: 10_000 }, () => clock.ms)
}

test('S24 who keeps to the rate never waits; who sends more waits for as long as it takes to be back at it', () => {
  const clock = { ms: 0 }
  const counted = rates(clock)
  for (let i = 0; i < 1_000; i++) {
    clock.ms += 10
    assert.equal(counted.count('a', 100), 0)
  }
  for (let i = 0; i < 100; i++) counted.count('a', 1)
  assert.equal(counted.count('a', 1), 20)
  for (let i = 0; i < 9; i++) counted.count('a', 1)
  assert.equal(counted.count('a', 1), 120)
  clock.ms += 120
  assert.equal(counted.count('a', 1), 10)
})

test('S24 bytes count as frames do, and users have a rate each', () => {
  const clock = { ms: 0 }
  const counted = rates(clock)
  assert.equal(counted.count('a', 10_000), 0)
  assert.equal(counted.count('a', 5_000), 500)
  assert.equal(counted.count('b', 10_000), 0)
  clock.ms -= 1_000
  assert.equal(counted.count('a', 0), 500, 'a clock that is set back gives nothing')
})

test('S24 a flood of users does not make the counting grow without end', () => {
  const clock = { ms: 0 }
  const counted = rates(clock)
  for (let i = 0; i < 30_000; i++) assert.equal(counted.count(`user ${i}`, 1), 0)
})

test('S24 a place has as many seats as it has, and one that was given back can be taken again', () => {
  const seats = new Seats()
  const first = seats.take('a', 2)
  seats.take('a', 2)
  assert.throws(() => seats.take('a', 2), /TOO_MANY|many/i)
  seats.take('b', 2)
  first()
  first()
  seats.take('a', 2)
  assert.throws(() => seats.take('a', 2))
})
