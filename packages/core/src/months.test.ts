import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { boundsOf, isMonth, monthOf, monthsBefore } from './months.ts'

test('GW50 GW60 every moment lies in one month, and months follow each other without a gap', () => {
  const moment = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) })
  fc.assert(
    fc.property(moment, at => {
      const { from, to } = boundsOf(monthOf(at))
      assert.ok(from <= at && at < to)
      assert.equal(boundsOf(monthOf(to)).from, to)
      assert.deepEqual(monthsBefore(at, 2), [monthOf(at), monthOf(from - 1)])
    }),
  )
  assert.deepEqual(boundsOf('2028-02'), { from: Date.UTC(2028, 1, 1), to: Date.UTC(2028, 2, 1) })
  assert.deepEqual(['2026-01', '2026-13', '2026-1', '26-01', ''].map(isMonth), [true, false, false, false, false])
})
