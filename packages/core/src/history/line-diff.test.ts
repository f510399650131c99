import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { linesOf } from '../text/edits.ts'
import { lineBlocks } from './line-blocks.ts'
import { type DiffRow, diffRows, diffSize } from './line-diff.ts'

const texts = fc
  .array(fc.constantFrom('alpha beta gamma', 'alpha beta delta', '', '```python', 'x = 1', 'ä€𝒳 e', '```'))
  .map(lines => lines.join('\n'))
const plain = (line: string) => line.replace(/\n$/, '')

test('the rows hold every line of both texts once, in order, with its number', () => {
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const rows = diffRows(before, after)
      const side = (kind: DiffRow['kind'], number: 'before' | 'after') =>
        rows.filter(row => row.kind !== kind).map(row => [row[number], row.text])
      const numbered = (text: string) => linesOf(text).map((line, i) => [i + 1, plain(line)])
      assert.deepEqual(side('added', 'before'), numbered(before))
      assert.deepEqual(side('removed', 'after'), numbered(after))
      const { added, removed } = diffSize(before, after)
      assert.equal(rows.filter(row => row.kind === 'added').length, added)
      assert.equal(rows.filter(row => row.kind === 'removed').length, removed)
    }),
  )
})

test('in a changed line exactly the words that differ are marked', () => {
  const rows = diffRows('the quick brown fox\n', 'the quick red fox\n')
  const marked = rows.map(({ kind, text, marks }) => [kind, ...marks.map(([from, to]) => text.slice(from, to))])
  assert.deepEqual(marked, [
    ['removed', 'brown'],
    ['added', 'red'],
  ])
})

test('lines with little in common are not marked word by word', () => {
  assert.deepEqual(
    diffRows('one two three\n', 'entirely different words\n').map(row => row.marks),
    [[], []],
  )
})

test('every line of a notebook knows its block and cell', () => {
  const text = '---\na: 1\n---\n# T\n\n```python\nx = 1\n```\n\n```output:run-1\n1\n```\nlast'
  assert.deepEqual(
    lineBlocks(text).map(({ kind, cell }) => `${kind}${cell || ''}`),
    [
      ...Array(3).fill('front-matter'),
      ...Array(2).fill('prose'),
      ...Array(3).fill('cell1'),
      'prose',
      ...Array(3).fill('output'),
      'prose',
    ],
  )
  fc.assert(fc.property(texts, any => assert.equal(lineBlocks(any).length, linesOf(any).length)))
})
