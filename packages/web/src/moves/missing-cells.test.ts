import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AsOf } from '@meshbook/core/snapshot.ts'
import type { RunInfo } from '../state/known.ts'
import { firstLine, missingRuns } from './missing-cells.ts'

const run = (id: string, startedAt: number | null, change: object = {}) =>
  ({
    id,
    status: 'completed',
    startedAt,
    endedAt: startedAt === null ? null : startedAt + 5,
    againOf: null,
    ...change,
  }) as unknown as RunInfo
const asOf = (run: string | null, at = 0) => ({ run, at }) as AsOf
const ids = (runs: readonly RunInfo[]) => runs.map(({ id }) => id as string)

test('SW2 missing are the runs after the last that is in the state, in their order, once they have ended', () => {
  const runs = [run('c', 30), run('a', 10), run('b', 20), run('d', 40, { status: 'running' }), run('e', null)]
  assert.deepEqual(ids(missingRuns(runs, asOf('a'))), ['b', 'c'])
  assert.deepEqual(ids(missingRuns(runs, asOf('c'))), [])
  assert.deepEqual(ids(missingRuns([...runs, run('f', 25, { status: 'failed' })], asOf('a'))), ['b', 'f', 'c'])
})

test('SW2 where the last run of the state is not known any more, its time decides', () => {
  assert.deepEqual(ids(missingRuns([run('b', 20), run('c', 30)], asOf('gone', 26))), ['c'])
  assert.deepEqual(ids(missingRuns([run('b', 20), run('c', 30)], asOf(null, 0))), ['b', 'c'])
})

test('SW3 what ran after the restore is not missing, nor what was run again since', () => {
  const runs = [run('a', 10), run('b', 20), run('c', 30), run('d', 60, { againOf: 'b' })]
  assert.deepEqual(ids(missingRuns(runs, asOf('a'), 50)), ['c'])
  const dropped = [run('a', 10), run('b', 20), run('d', null, { againOf: 'b', status: 'cancelled' })]
  assert.deepEqual(ids(missingRuns(dropped, asOf('a'), 50)), ['b'])
})

test('SW2 a cell goes by the first line of it that is no option', () => {
  assert.equal(firstLine('#| echo: false\n\n  df = load()\nx'), 'df = load()')
  assert.equal(firstLine('\n \n'), undefined)
  assert.equal(firstLine(undefined), undefined)
})
