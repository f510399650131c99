import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { dueAt, dueDuring, failed, freshPace, type Pace, restMs, saved } from './pace.ts'

const cost = (tookMs: number, pauseMs: number, at = 100_000): Pace => saved({ at, tookMs, pauseMs })

test('SN40 what was never saved is saved once it has been quiet', () => {
  assert.equal(dueAt(freshPace, 5_000, 0, limits), 5_000 + limits.snapshotQuietMs)
})

test('SN41 a saving is followed by a rest of three times as long', () => {
  assert.equal(restMs(cost(4_000, 0), limits), 12_000)
  assert.equal(dueAt(cost(4_000, 0), 100_500, 0, limits), 112_000)
  assert.equal(dueAt(cost(4_000, 0), 200_000, 0, limits), 200_000 + limits.snapshotQuietMs)
})

test('SN41 all pauses together stay below the thousandths that are given, and longer ones weigh more', () => {
  const shareOf = (pauseMs: number) => (pauseMs / restMs(cost(1, pauseMs), limits)) * 1_000
  for (const pauseMs of [1, 15, 50, 200, 600])
    assert.ok(shareOf(pauseMs) <= limits.snapshotFreezePerMille, `${pauseMs}`)
  assert.ok(shareOf(200) < shareOf(50) / 3)
})

test('SN41 whatever it cost, it is not more than ten minutes', () => {
  assert.equal(restMs(cost(3_600_000, 10_000), limits), 600_000)
})

test('SN42 what fails is tried after 10 s, then after twice as long, up to ten minutes', () => {
  const waits: number[] = []
  for (let pace = failed(freshPace, 0); waits.length < 8; pace = failed(pace, 0)) waits.push(restMs(pace, limits))
  assert.deepEqual(waits, [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000])
  assert.equal(restMs(saved({ at: 0, tookMs: 1, pauseMs: 0 }), limits), 3)
})

test('SN46 before the policy ends a session that nobody uses it is saved, whatever the pace says', () => {
  const slow = cost(5_000, 600, 100_000)
  const quietAt = 101_000
  assert.ok(dueAt(slow, quietAt, 0, limits) > quietAt + 60_000)
  const due = dueAt(slow, quietAt, 60_000, limits)
  assert.ok(due <= quietAt + 60_000 - 2 * 5_000 && due >= quietAt + limits.snapshotQuietMs, `${due - quietAt}`)
})

test('SN55 a long run is saved after a while, and again at most once in that time', () => {
  const { snapshotLongRunMs } = limits
  assert.equal(dueDuring(freshPace, 1_000, limits), 1_000 + snapshotLongRunMs)
  assert.equal(dueDuring(cost(100, 1, 70_000), 1_000, limits), 70_000 + snapshotLongRunMs)
  const frozen = dueDuring(cost(2_000, 1_000, 70_000), 1_000, limits) - 70_000
  assert.ok(1_000 / frozen <= limits.snapshotFreezePerMille / 1_000)
})
