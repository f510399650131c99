import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failoverIn, failoverWords, onLossChoices, onLossWords } from './session-policy.ts'

test('what is written of failover is waiting, going elsewhere at once, or after a time', () => {
  assert.equal(failoverIn('wait'), 'wait')
  assert.deepEqual(failoverIn('elsewhere'), { elsewhereAfterMs: 0 })
  assert.deepEqual(failoverIn('elsewhere-after 10s'), { elsewhereAfterMs: 10_000 })
  assert.deepEqual(failoverIn('elsewhere-after: 2m'), { elsewhereAfterMs: 120_000 })
  assert.deepEqual(failoverIn(' 45 '), { elsewhereAfterMs: 45_000 })
  assert.deepEqual(failoverIn('0s'), { elsewhereAfterMs: 0 })
  for (const wrong of ['', 'soon', 'elsewhere-after', '10 parsecs', '2d', 'elsewhere-after wait', '-1'])
    assert.equal(failoverIn(wrong), undefined, wrong)
})

test('each policy has words', () => {
  assert.match(failoverWords('wait'), /wait until/)
  assert.match(failoverWords({ elsewhereAfterMs: 0 }), /as soon as/)
  assert.match(failoverWords({ elsewhereAfterMs: 10_000 }), /after 10 s/)
  assert.equal(new Set(onLossChoices.map(onLossWords)).size, 3)
})
