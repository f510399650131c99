/** Rules RQ1 to RQ4 of packages/hub/src/rates/SPEC.md. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  countsAt,
  emptyMs,
  hasRoom,
  type Quota,
  roomLeft,
  type WindowCounts,
  waitMs,
  withOneMore,
} from './sliding-window.ts'

const quotas = fc.record({ most: fc.integer({ min: 1, max: 40 }), windowMs: fc.constantFrom(10, 1_000, 60_000) })
/** Moments as steps, many of them none at all, in thousandths of a window. */
const steps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2_500 })), {
  minLength: 1,
  maxLength: 300,
})
const beginnings = fc.integer({ min: 0, max: 5_000_000 })

/** The moments at which requests at these moments pass. */
function passing(quota: Quota, moments: number[]): { passed: number[]; counts: WindowCounts | undefined } {
  const passed: number[] = []
  let counts: WindowCounts | undefined
  for (const now of moments) {
    counts = countsAt(counts, now, quota.windowMs)
    if (!hasRoom(counts, now, quota)) continue
    counts = withOneMore(counts)
    passed.push(now)
  }
  return { passed, counts }
}

function momentsOf(quota: Quota, begin: number, thousandths: number[]): number[] {
  let now = begin
  return thousandths.map(step => (now += Math.floor((step * quota.windowMs) / 1_000)))
}

test('RQ1 in no fixed window pass more than its most, and in no time d more than most * (1 + d / window)', () => {
  fc.assert(
    fc.property(quotas, beginnings, steps, (quota, begin, thousandths) => {
      const { most, windowMs } = quota
      const { passed } = passing(quota, momentsOf(quota, begin, thousandths))
      const inWindow = Map.groupBy(passed, now => Math.floor(now / windowMs))
      for (const list of inWindow.values()) assert.ok(list.length <= most)
      for (let from = 0; from < passed.length; from++)
        for (let to = from; to < passed.length; to++) {
          const d = passed[to]! - passed[from]!
          if (d > windowMs) break
          assert.ok(to - from + 1 <= most * (1 + d / windowMs) + 1e-9, `${to - from + 1} of ${most} within ${d} ms`)
        }
    }),
    { numRuns: 400 },
  )
})

test('RQ2 who asks regularly, for one less than its most in a window, is never refused', () => {
  fc.assert(
    fc.property(quotas, beginnings, ({ most, windowMs }, begin) => {
      const quota = { most: most + 1, windowMs }
      const apart = Math.ceil(windowMs / most)
      const moments = Array.from({ length: 4 * quota.most }, (_, i) => begin + i * apart)
      assert.equal(passing(quota, moments).passed.length, moments.length)
    }),
  )
})

test('RQ3 what is left is what passes at once, and after the wait one passes and not before', () => {
  fc.assert(
    fc.property(quotas, beginnings, steps, (quota, begin, thousandths) => {
      const { windowMs } = quota
      const moments = momentsOf(quota, begin, thousandths)
      const now = moments.at(-1)!
      let counts = countsAt(passing(quota, moments).counts, now, windowMs)
      let passes = 0
      const left = roomLeft(counts, now, quota)
      while (hasRoom(counts, now, quota)) {
        assert.equal(waitMs(counts, now, quota), 0)
        counts = withOneMore(counts)
        passes++
      }
      assert.equal(passes, left)
      const wait = waitMs(counts, now, quota)
      assert.ok(Number.isInteger(wait) && wait > 0 && wait <= 2 * windowMs, `${wait}`)
      assert.ok(hasRoom(countsAt(counts, now + wait, windowMs), now + wait, quota))
      assert.ok(!hasRoom(countsAt(counts, now + wait - 1, windowMs), now + wait - 1, quota))
      const gone = now + emptyMs(counts, now, windowMs)
      assert.deepEqual(roomLeft(countsAt(counts, gone, windowMs), gone, quota), quota.most)
    }),
    { numRuns: 400 },
  )
})

test('RQ4 a clock that goes back a little stands still; one that goes back far does not lock anybody out', () => {
  const quota = { most: 5, windowMs: 1_000 }
  const { counts } = passing(quota, [10_000, 10_000, 10_000, 10_000, 10_000])
  const back = countsAt(counts, 9_999, 1_000)
  assert.deepEqual(back, counts)
  assert.equal(hasRoom(back, 9_999, quota), false)
  assert.equal(waitMs(back, 9_999, quota), 1_200)
  assert.deepEqual(countsAt(counts, 8_999, 1_000), { index: 8, previous: 0, current: 0 })
  assert.deepEqual(countsAt(counts, 12_000, 1_000), { index: 12, previous: 0, current: 0 })
})
