import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { RedrawPace } from './redraw-pace.ts'

/** Shows `textAt(ms)` as often as the pace allows, looking every 10 ms; returns when it was shown. */
function shownAt(textAt: (ms: number) => string, forMs: number): number[] {
  const pace = new RedrawPace(limits)
  const times: number[] = []
  for (let ms = 0; ms < forMs; ms += 10) {
    if (pace.waitFor(textAt(ms), ms) > 0) continue
    pace.shown(textAt(ms), ms)
    times.push(ms)
  }
  return times
}

test('a line that is redrawn is shown every 100 ms at first, then more and more rarely, at least every 5 s (DV34)', () => {
  const times = shownAt(ms => `${ms} of 600000`, 600_000)
  const pauses = times.slice(1).map((at, i) => at - times[i]!)
  assert.ok(
    pauses.slice(1, 10).every(pause => pause === 100),
    `${pauses.slice(0, 10)}`,
  )
  assert.ok(Math.max(...pauses) <= 5_010)
  const until = (ms: number) => times.filter(at => at < ms).length
  assert.ok(until(10_000) < 60 && until(60_000) < 100, `${until(10_000)}, ${until(60_000)}`)
})

test('output that goes on, and a new line, never wait for the pace of a redraw (DV34)', () => {
  const pace = new RedrawPace(limits)
  for (let ms = 0; ms < 60_000; ms += 10) if (pace.waitFor(`${ms}`, ms) <= 0) pace.shown(`${ms}`, ms)
  assert.ok(pace.waitFor('other', 60_000) > 0)
  assert.equal(pace.waitFor('done\nnext', 60_000), 0)
  pace.shown('done\nnext', 60_000)
  assert.equal(pace.waitFor('done\nnext and more', 60_010), 0)
})
