import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { foldRows, shownRows } from './fold-rows.ts'

const cell = (code: string) => `\`\`\`python\n${code}\n\`\`\`\n`
const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}\n`).join('')

test('unchanged parts are folded, with three lines kept around each change', () => {
  const before = `${lines(20)}end\n`
  const parts = foldRows(shownRows(before, `${lines(20)}changed\n`))
  assert.deepEqual(
    parts.map(({ kind, rows }) => [kind, rows.length]),
    [
      ['fold', 17],
      ['rows', 5],
    ],
  )
})

test('every row is in one part, and every fold holds only unchanged ones', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', '```python', '```'), { maxLength: 40 })
    .map(all => all.join('\n'))
  fc.assert(
    fc.property(text, text, (before, after) => {
      const rows = shownRows(before, after)
      const parts = foldRows(rows)
      assert.equal(parts.flatMap(part => part.rows).length, rows.length)
      for (const part of parts) if (part.kind === 'fold') assert.ok(part.rows.every(row => row.kind === 'same'))
    }),
  )
})

test('a cell is named where it begins, and again where it goes on after a fold', () => {
  const rows = shownRows(`# T\n\n${cell(`${lines(20)}x = 1`)}`, `# T\n\n${cell(`${lines(20)}x = 2`)}`)
  const parts = foldRows(rows)
  const last = parts.at(-1)!
  assert.equal(last.kind, 'rows')
  assert.equal(last.rows[0]!.heading, 'Cell 1 · python')
  assert.deepEqual(
    rows.filter(row => row.heading).map(row => row.heading),
    ['Text', 'Cell 1 · python'],
  )
})
