/** Weeks of a device that nobody signs in again, each from its seed (TK1–TK6, DV82). */

import assert from 'node:assert/strict'
import { week } from '../sim/week/week.ts'
import type { Soak } from './main.ts'

const days = 7

export const soak: Soak = async ({ seed, count = 100, say }) => {
  const all = { weeks: 0, turns: 0, killedBetween: 0, troubles: 0, slowestReturnSeconds: 0, thievesNoticed: 0 }
  for (let n = 0; n < count; n++) {
    const outcome = await week(seed + n, days)
    assert.deepEqual(outcome.failures, [], `seed ${seed + n}\n${outcome.trace.join('\n')}`)
    all.weeks++
    all.turns += outcome.turns
    all.killedBetween += outcome.killedBetween
    all.troubles += Object.values(outcome.troubles).reduce((sum, times) => sum + times, 0)
    all.slowestReturnSeconds = Math.max(all.slowestReturnSeconds, outcome.slowestReturnSeconds)
    if (outcome.thiefNoticed) all.thievesNoticed++
    say(JSON.stringify(all))
  }
  return all
}
