import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges } from '@meshbook/core/text/text-delta.ts'
import { piecesOf, replacementOf } from './find-pieces.ts'
import { type FindQuery, findIn } from './find-text.ts'
import { openPage } from './items.ts'

const query = (text: string, more: Partial<FindQuery> = {}): FindQuery => ({
  text,
  caseSensitive: false,
  pattern: false,
  ...more,
})
const text = '# Air\n\nThe air.\n\n```python\nair = "air"\n```\n\n```output:run-1\nair 1\nAIR 2\n```\n\nMore (air).\n'
const places = (source: string, wanted: FindQuery) => {
  const pieces = piecesOf(openPage(source))
  return findIn(
    pieces.map(piece => piece.text),
    wanted,
    100,
  ).found.map(({ piece, from, to }) => `${pieces[piece]!.part}:${pieces[piece]!.text.slice(from, to)}@${from}`)
}
function replaced(source: string, wanted: FindQuery, replacement: string) {
  const page = openPage(source)
  const pieces = piecesOf(page)
  const { found } = findIn(
    pieces.map(piece => piece.text),
    wanted,
    100,
    replacement,
  )
  const { changes, ...counts } = replacementOf(page, pieces, found)
  return { text: applyChanges(source, changes), ...counts }
}

test('NB20 code, prose and outputs are looked through in the order of the notebook', () => {
  assert.deepEqual(places(text, query('air')), [
    'prose:Air@2',
    'prose:air@11',
    'code:air@0',
    'code:air@7',
    'output:air@0',
    'output:AIR@6',
    'prose:air@6',
  ])
  assert.equal(places(text, query('AIR', { caseSensitive: true })).length, 1)
  assert.deepEqual(places(text, query('(air)')), ['prose:(air)@5'])
  assert.deepEqual(places(text, query('İ')), [])
  assert.deepEqual(places(text, query('')), [])
  assert.equal(places(text, query('^air \\d$', { pattern: true })).length, 2)
  assert.deepEqual(places(text, query('x*', { pattern: true })), [], 'nothing is not something that was found')
})

test('NB20 more places than are listed are said to be more', () => {
  const { found, more } = findIn(['aaaa'], query('a'), 3)
  assert.deepEqual([found.length, more], [3, true])
  assert.equal(findIn(['aaaa'], query('a'), 4).more, false)
})

test('NB21 a pattern that is none is an error with words', () => {
  assert.throws(() => findIn(['a'], query('(', { pattern: true }), 3), SyntaxError)
})

test('NB22 replacing changes code and prose alone', () => {
  const after = replaced(text, query('air'), 'wind')
  assert.equal(
    after.text,
    '# wind\n\nThe wind.\n\n```python\nwind = "wind"\n```\n\n```output:run-1\nair 1\nAIR 2\n```\n\nMore (wind).\n',
  )
  assert.deepEqual([after.replaced, after.left], [5, 0])
})

test('NB22 the groups of a pattern are put in, and dollars of plain text are dollars', () => {
  const code = '```python\nf(1, 2)\n```\n'
  const pattern = query('f\\((\\d), (?<b>\\d)\\)', { pattern: true })
  assert.ok(replaced(code, pattern, 'g($<b>, $1, $$, $&, $7)').text.includes('g(2, 1, $, f(1, 2), $7)'))
  assert.ok(replaced(code, query('f(1'), '$&').text.includes('$&, 2)'))
})

test('NB22 a fence grows for what would close it, and prose that would swallow the rest stays', () => {
  const after = replaced('Note x\n\n```python\nx\n```\n\n```python\ny\n```\n', query('x'), 'a\n```\nb')
  assert.equal(after.text, 'Note x\n\n````python\na\n```\nb\n````\n\n```python\ny\n```\n')
  assert.deepEqual([after.replaced, after.left], [1, 1])
})

test('NB22 line endings of the file are kept', () => {
  assert.equal(
    replaced('A x\r\n\r\n```js\r\nx\r\n```\r\n', query('x'), '1\n2').text,
    'A 1\r\n2\r\n\r\n```js\r\n1\r\n2\r\n```\r\n',
  )
})
