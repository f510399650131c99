import assert from 'node:assert/strict'
import { test } from 'node:test'
import { week } from './week.ts'

test('TK1 TK2 TK4 TK6 DV82 for a day nobody signs in, whoever is killed, whatever sleeps and however clocks are set; a thief is noticed', async t => {
  const outcome = await week(1, 1)
  assert.deepEqual(outcome.failures, [], outcome.trace.join('\n'))
  assert.ok(outcome.turns > 10 && outcome.killedBetween > 0, JSON.stringify(outcome))
  assert.ok(outcome.thiefNoticed)
  t.diagnostic(JSON.stringify({ ...outcome, trace: undefined }))
})
