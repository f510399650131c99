import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunInfo } from '../state/mesh.ts'
import { noFilter, passes, runStates } from './run-filters.ts'

const run = (change: object) =>
  ({ status: 'completed', asks: null, device: 'dev_a', document: 'doc_a', ...change }) as RunInfo

test('a list of runs is narrowed by state, device and document together', () => {
  const states = (of: RunInfo) => runStates.map(([state]) => state).filter(state => passes(of, { ...noFilter, state }))
  assert.deepEqual(states(run({})), ['', 'completed'])
  assert.deepEqual(states(run({ status: 'waiting-for-gate' })), ['', 'live', 'asks'])
  assert.deepEqual(states(run({ status: 'queued', asks: 'expired' })), ['', 'live', 'asks'])
  assert.deepEqual(states(run({ status: 'interrupted' })), ['', 'interrupted'])
  assert.ok(passes(run({}), { state: '', device: 'dev_a', document: 'doc_a' }))
  assert.ok(!passes(run({}), { state: '', device: 'dev_b', document: 'doc_a' }))
  assert.ok(!passes(run({ device: null }), { state: '', device: 'dev_b', document: '' }))
})
