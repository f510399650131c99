import './world/take-over.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSeeds } from './run-seeds.ts'
import { convergenceMs, simulate } from './simulate.ts'

test('SIM1 the same seed makes the same world, to the last event', async () => {
  const [first, second] = [await simulate(11), await simulate(11)]
  assert.deepEqual(second, first)
})

test('SIM2 in 300 worlds nothing is lost, nothing doubled, and all agree within 5 s of healing (I1, I2, I13)', async t => {
  const { seeds, failed, slowest, marks } = await runSeeds({ from: 0, seeds: 300, workers: 2 })
  t.diagnostic(`${marks} marks, slowest agreement ${slowest.convergedMs} ms`)
  assert.deepEqual(failed, [])
  assert.equal(seeds, 300)
  assert.ok(slowest.convergedMs < convergenceMs)
})
