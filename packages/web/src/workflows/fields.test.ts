import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsOfInputs, fieldsOfSchema, readFields, signalValue } from './fields.ts'

test('PO75 inputs become fields with their types and defaults, and what is typed there becomes JSON of those types', () => {
  const fields = fieldsOfInputs({
    region: { type: 'string', default: 'eu' },
    count: { type: 'integer' },
    ratio: { type: 'number', default: 0.5 },
    dry: { type: 'boolean', default: true },
    names: { type: 'list', default: ['a'] },
    key: { type: 'secret' },
  })
  assert.deepEqual(
    fields.map(({ name, text, required }) => [name, text, required]),
    [
      ['region', 'eu', false],
      ['count', '', true],
      ['ratio', '0.5', false],
      ['dry', 'true', false],
      ['names', '["a"]', false],
      ['key', '', true],
    ],
  )
  assert.deepEqual(readFields(fields, { count: '3', dry: 'false', key: ' MAIL ' }), {
    value: { region: 'eu', count: 3, ratio: 0.5, dry: false, names: ['a'], key: 'MAIL' },
  })
  const wrong = readFields(fields, { count: '1.5', ratio: 'x', names: '[' })
  assert.ok('problems' in wrong)
  assert.deepEqual(Object.keys(wrong.problems), ['count', 'ratio', 'names', 'key'])
})

test('PO74 a fork begins with the inputs of the run', () => {
  const fields = fieldsOfInputs({ a: { type: 'string', default: 'x' }, b: { type: 'object' } }, { a: 'y', b: { n: 1 } })
  assert.deepEqual(readFields(fields, {}), { value: { a: 'y', b: { n: 1 } } })
})

test('PO75 what was emptied is left out where it may be, and is an empty text where a text stood', () => {
  const fields = fieldsOfInputs({ a: { type: 'string', default: 'x' }, b: { type: 'integer', default: 3 } })
  assert.deepEqual(readFields(fields, { a: '', b: ' ' }), { value: { a: '' } })
})

test('PO23 a form becomes fields: choices, numbers, texts; what is needed and missing is said at its field', () => {
  const fields = fieldsOfSchema({
    type: 'object',
    required: ['amount', 'why'],
    properties: {
      amount: { type: 'integer', title: 'How many', description: 'Of them all' },
      why: { enum: ['late', 'broken', 3] },
      note: { type: 'string' },
      all: { type: 'boolean' },
      more: { type: 'array' },
    },
  })!
  assert.deepEqual(
    fields.map(({ label, as }) => [label, as]),
    [
      ['How many', 'integer'],
      ['why', 'choice'],
      ['note', 'text'],
      ['all', 'boolean'],
      ['more', 'json'],
    ],
  )
  const missing = readFields(fields, {})
  assert.ok('problems' in missing)
  assert.deepEqual(Object.keys(missing.problems), ['amount', 'why'])
  assert.deepEqual(readFields(fields, { amount: '2', why: '3', more: '[1]' }), {
    value: { amount: 2, why: 3, all: false, more: [1] },
  })
  assert.equal(fieldsOfSchema({ type: 'string' }), undefined)
})

test('PO74 the value of a signal is JSON where it is JSON, nothing where it is empty, or the text', () => {
  assert.deepEqual([signalValue('{"n": 3}'), signalValue(''), signalValue('go on')], [{ n: 3 }, null, 'go on'])
})
