import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesInWords } from './bytes-in-words.ts'

test('sizes are said as people say them', () => {
  assert.deepEqual([0, 1, 999, 1_000, 12_400_000, 3e9, 5e15].map(bytesInWords), [
    '0 B',
    '1 B',
    '999 B',
    '1.0 KB',
    '12.4 MB',
    '3.0 GB',
    '5000.0 TB',
  ])
})
