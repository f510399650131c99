/** A sample of `npm run soak -- kill`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killRounds } from './kill-rounds.ts'

test('kill -9 of a whole hub at any moment: what was acknowledged or seen is there, once, and what was deleted stays deleted (I1, I9, RL51)', async () => {
  const figures = await killRounds(7, { kills: 16, acknowledged: 1_000 }, () => undefined)
  assert.ok(
    Object.values(figures.moments).every(count => count > 0),
    JSON.stringify(figures),
  )
  assert.ok(figures.seenByOthers > 1_000, JSON.stringify(figures))
})
