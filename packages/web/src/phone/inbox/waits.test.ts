import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Gate } from '@meshbook/core/api.ts'
import type { RunInfo } from '../../state/known.ts'
import { waitsOf } from './waits.ts'

const run = (id: string, over: Partial<RunInfo>): RunInfo =>
  ({ id, status: 'queued', asks: null, reasons: [], device: null, position: 0, requestedAt: 1, ...over }) as RunInfo
const gate = (id: string, over: Partial<Gate>): Gate =>
  ({ id, state: 'open', deciders: null, openedAt: 5, ...over }) as Gate

test('PH40 everything that waits is listed, newest first, and nothing else', () => {
  const runs = [
    run('asks-input', { status: 'waiting-for-input', requestedAt: 4 }),
    run('aside', { asks: 'changed', reasons: ['x'], requestedAt: 3 }),
    run('held', { reasons: ['Desk is away.'], requestedAt: 2 }),
    run('behind', { reasons: ['Desk is away.'], position: 2 }),
    run('on-its-way', {}),
    run('runs', { status: 'running' }),
    run('waits-for-gate', { status: 'waiting-for-gate' }),
    run('dropped', { status: 'cancelled', asks: 'expired' }),
  ]
  assert.deepEqual(
    waitsOf(runs, [gate('g', {})], 'ada').map(({ is, id }) => [is, id]),
    [
      ['gate', 'g'],
      ['input', 'asks-input'],
      ['wanted', 'aside'],
      ['held', 'held'],
    ],
  )
})

test('PH40 a gate waits for those who may decide it, while it is open', () => {
  const gates = [
    gate('mine', { deciders: ['ada'] }),
    gate('theirs', { deciders: ['bob'] }),
    gate('done', { state: 'approved' }),
  ]
  assert.deepEqual(
    waitsOf([], gates, 'ada').map(({ id }) => id),
    ['mine'],
  )
})
