import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { spareRuns } from './spare-runs.ts'

const small = { ...limits, localRunRows: 5, journalBytes: 200 }
const run = (name: string, kernel: string, bytes?: number) =>
  ({ name, record: { head: { kernel }, ...(bytes !== undefined && { bytes }) } }) as never as {
    name: string
    record: Parameters<typeof spareRuns>[0][number]['record']
  }
const spare = (...runs: ReturnType<typeof run>[]) => spareRuns(runs, small).map(({ name }) => name)

test('DV125 of each session the newest logs that fit half of its journal are kept, the newest one in any case', () => {
  assert.deepEqual(spare(run('a', 'one', 60), run('b', 'one', 60), run('c', 'one', 40)), ['a'])
  assert.deepEqual(spare(run('a', 'one', 60), run('b', 'two', 60), run('c', 'one', 40)), [])
  assert.deepEqual(spare(run('a', 'one', 10), run('b', 'one', 500)), ['a'])
})

test('DV125 no more than localRunRows are kept, of whatever size', () => {
  assert.deepEqual(spare(...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(name => run(name, name))), ['a', 'b'])
})
