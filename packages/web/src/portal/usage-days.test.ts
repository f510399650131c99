import assert from 'node:assert/strict'
import { test } from 'node:test'
import { daysUpTo, plotDays, scaleMarks, startOfDays, tokenWords } from './usage-days.ts'

const to = Date.UTC(2026, 2, 1, 12)

test('PO14 every day has its place, also those of which nothing is known', () => {
  assert.deepEqual(daysUpTo(to, 3), ['2026-02-27', '2026-02-28', '2026-03-01'])
  assert.equal(startOfDays(to, 3), Date.UTC(2026, 1, 27))
  const usage = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4 }
  const days = plotDays({ days: [{ day: '2026-02-28', calls: 2, usage, microUsd: 5 }] }, to, 3)
  assert.deepEqual(
    days.map(({ microUsd, calls, tokens }) => [microUsd, calls, tokens]),
    [
      [0, 0, 0],
      [5, 2, 10],
      [0, 0, 0],
    ],
  )
})

test('PO14 a scale has few round marks and ends above the highest', () => {
  assert.deepEqual(scaleMarks(0), [0])
  for (const most of [1, 7, 999, 12_345, 4_200_000, 99_000_000]) {
    const marks = scaleMarks(most)
    assert.ok(marks.at(-1)! >= most && marks.length <= 5, `${most}: ${marks}`)
  }
  assert.deepEqual(scaleMarks(4_200_000), [0, 2_000_000, 4_000_000, 6_000_000])
  assert.deepEqual(
    [tokenWords(999), tokenWords(34_400), tokenWords(1_234_000)],
    [(999).toLocaleString(), '34 k', '1.2 M'],
  )
})
