import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunInfo } from '../state/mesh.ts'
import { noFilter, passes, queryOf, runStates } from './run-filters.ts'

const run = (change: object) =>
  ({ status: 'completed', asks: null, device: 'dev_a', project: 'prj_a', document: 'doc_a', ...change }) as RunInfo

test('W64 a list of runs is narrowed by state, device, project and notebook together', () => {
  const states = (of: RunInfo) => runStates.map(([state]) => state).filter(state => passes(of, { ...noFilter, state }))
  assert.deepEqual(states(run({})), ['', 'completed'])
  assert.deepEqual(states(run({ status: 'waiting-for-gate' })), ['', 'live', 'asks'])
  assert.deepEqual(states(run({ status: 'queued', asks: 'expired' })), ['', 'live', 'asks'])
  assert.deepEqual(states(run({ status: 'interrupted' })), ['', 'interrupted'])
  assert.ok(passes(run({}), { state: '', device: 'dev_a', project: 'prj_a', document: 'doc_a' }))
  assert.ok(!passes(run({}), { ...noFilter, device: 'dev_b' }))
  assert.ok(!passes(run({ device: null }), { ...noFilter, device: 'dev_b' }))
})

test('W64 what a list is narrowed to is asked of the hub, but for states of several statuses', () => {
  assert.deepEqual(queryOf(noFilter), {})
  assert.deepEqual(queryOf({ ...noFilter, state: 'live', device: 'dev_a' }), { device: 'dev_a' })
  assert.deepEqual(queryOf({ ...noFilter, state: 'failed', project: 'prj_a' }), { status: 'failed', project: 'prj_a' })
})
