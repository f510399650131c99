import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { Debounce } from './debounce.ts'
import { writeWaits } from './write-waits.ts'

test('DV129 the file of a short document follows at once, that of a long one after a pause that grows with it', () => {
  assert.deepEqual(writeWaits(2_000, limits), { quietMs: 100, longestMs: 1_008 })
  assert.deepEqual(writeWaits(12_000_000, limits), { quietMs: 1_060, longestMs: 49_000 })
})

test('DV129 a document that has grown since the last request waits longer from the next on', () => {
  const asked: number[] = []
  let chars = 0
  const after = (ms: number) => {
    asked.push(ms)
    return () => undefined
  }
  const write = new Debounce(
    after,
    () => writeWaits(chars, limits),
    () => undefined,
  )
  write.request()
  chars = 1_000_000
  write.request()
  assert.deepEqual(asked, [100, 1_000, 180])
})
