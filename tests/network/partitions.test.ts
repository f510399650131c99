import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chanceOf } from '../soak/random.ts'
import { canNetwork } from './can-network.ts'
import { faultPlan } from './fault-plan.ts'
import { partitionRounds } from './partition-rounds.ts'

test('NW14 the same seed makes the same plan', () => {
  const plans = (seed: number) => Array.from({ length: 20 }, (_, i) => faultPlan(chanceOf(seed + i)))
  assert.deepEqual(plans(7), plans(7))
  assert.notDeepEqual(plans(7), plans(8))
})

test(
  'NW20 NW21 NW22 NW23 partitions of a desktop behind NAT, a hub and a phone: each run once, no line lost or repeated (I4, I5)',
  canNetwork ? {} : { skip: 'no network namespaces here' },
  async t => {
    const figures = await partitionRounds(t, 1, 5, text => t.diagnostic(text))
    t.diagnostic(JSON.stringify(figures))
    assert.equal(figures.completed + figures.interrupted, 5)
  },
)
