import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownVariables } from './sort-variables.ts'

const items = [
  { name: 'frame', type: 'DataFrame', size: '100 × 3', preview: 'air co2' },
  { name: 'n', type: 'int', preview: '4' },
  { name: 'list', type: 'list', size: '12 items', preview: '[1, 2]' },
]
const names = (filter: string, by: 'name' | 'type' | 'size', down = false) =>
  shownVariables(items, filter, { by, down }).map(({ name }) => name)

test('variables are ordered by name, type or how many values they hold', () => {
  assert.deepEqual(names('', 'name'), ['frame', 'list', 'n'])
  assert.deepEqual(names('', 'type'), ['frame', 'n', 'list'])
  assert.deepEqual(names('', 'size', true), ['frame', 'list', 'n'])
})

test('the filter looks at name, type and value', () => {
  assert.deepEqual(names('AIR', 'name'), ['frame'])
  assert.deepEqual(names('int', 'name'), ['n'])
  assert.deepEqual(names('zzz', 'name'), [])
})
