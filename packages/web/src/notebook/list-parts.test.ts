import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listParts, within } from './list-parts.ts'

const keys = ['a', 'b', 'c', 'd', 'e']

test('NB60 what is not drawn between two items is one stretch', () => {
  const drawn = new Set(['b', 'e'])
  assert.deepEqual(
    listParts(keys, key => drawn.has(key)),
    [{ far: ['a'] }, { key: 'b', at: 1 }, { far: ['c', 'd'] }, { key: 'e', at: 4 }],
  )
  assert.deepEqual(
    listParts(keys, () => false),
    [{ far: keys }],
  )
  assert.deepEqual(
    listParts([], () => true),
    [],
  )
})

test('NB60 of a stretch that comes near only the items near the window are drawn, and always one', () => {
  const height = () => 100
  assert.deepEqual(within(keys, height, 0, 150, 250), ['b', 'c'])
  assert.deepEqual(within(keys, height, -1_000, 0, 500), ['e'])
  assert.deepEqual(within(keys, height, 700, 0, 500), ['a'])
})
