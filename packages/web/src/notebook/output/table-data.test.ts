import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvOf, numberOf, ordered, tableOfResource } from './table-data.ts'

const resource = (rows: object[], names = ['name', 'value']) =>
  tableOfResource(JSON.stringify({ schema: { fields: names.map(name => ({ name })) }, data: rows }))

test('OU4 a data resource is a table; columns of numbers are known as such', () => {
  const table = resource([
    { name: 'a', value: 10 },
    { name: 'b', value: null },
    { name: 'c', value: 9.5 },
  ])!
  assert.deepEqual(table.columns, ['name', 'value'])
  assert.deepEqual(table.numeric, [false, true])
  assert.deepEqual(table.rows[1], ['b', ''])
})

test('OU4 numbers sort as numbers, and what is missing comes last either way', () => {
  const table = resource([{ value: 10 }, { value: null }, { value: 9.5 }, { value: -3 }])!
  assert.deepEqual(ordered(table, { column: 1, down: false }), [3, 2, 0, 1])
  assert.deepEqual(ordered(table, { column: 1, down: true }), [0, 2, 3, 1])
  assert.deepEqual(ordered(table, undefined), [0, 1, 2, 3])
})

test('OU4 numbers are read as programs write them', () => {
  for (const [text, number] of [
    ['1,234.5', 1234.5],
    ['-7', -7],
    ['1e-3', 0.001],
    ['12 %', 12],
    ['inf', Number.POSITIVE_INFINITY],
  ] as const)
    assert.equal(numberOf(text), number, text)
  for (const text of ['', 'NaN', '<NA>', 'abc', '1.2.3', '-', '%', '2020-01-01'])
    assert.ok(Number.isNaN(numberOf(text)), text)
})

test('OU4 CSV quotes what needs it', () => {
  const table = resource([{ name: 'say "hi", now', value: 'two\nlines' }])!
  assert.equal(csvOf(table, [0]), 'name,value\r\n"say ""hi"", now","two\nlines"\r\n')
})

test('OU4 what is no table, or names what is not its own, is none of a stranger’s doing', () => {
  for (const text of ['', '7', 'null', '{}', '{"schema":{"fields":7},"data":[]}', '{"schema":{"fields":[]}}'])
    assert.equal(tableOfResource(text), undefined, text)
  const table = resource([{ value: 1 }, 7 as unknown as object], ['toString', '__proto__'])!
  assert.deepEqual(table.rows, [
    ['', ''],
    ['', ''],
  ])
})
