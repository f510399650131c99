import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges } from '@meshbook/core/text/text-delta.ts'
import fc from 'fast-check'
import { openPage } from './items.ts'
import { contained, convert, insertAt, isContained, removeItems, setLanguage } from './page-edits.ts'

const text = '# One\n\n```python\na = 1\n```\n\n```output:run-1\n1\n```\n\nTwo\n\n```js\nb\n```\n'
const kinds = (source: string) =>
  openPage(source).items.map(item =>
    item.kind === 'cell'
      ? `cell:${item.cell.code}`
      : item.kind === 'prose'
        ? source.slice(item.from, item.to).trim()
        : item.kind,
  )

test('an inserted cell stands alone between blank lines, wherever it goes', () => {
  for (let index = 0; index <= 5; index++) {
    const page = openPage(text)
    const after = applyChanges(text, insertAt(page, index, { kind: 'cell', language: 'python', code: 'new' }))
    const expected = kinds(text)
    expected.splice(Math.min(index, expected.length), 0, 'cell:new')
    assert.deepEqual(kinds(after), expected)
    assert.doesNotMatch(after, /\n\n\n/)
  }
  assert.equal(applyChanges('', insertAt(openPage(''), 0, { kind: 'cell', language: 'js' })), '```js\n\n```\n')
})

test('a removed cell takes its output with it and leaves its neighbours', () => {
  assert.deepEqual(kinds(applyChanges(text, removeItems(openPage(text), [1]))), ['# One\n\nTwo', 'cell:b'])
})

test('the language of a cell changes on its fence alone', () => {
  const page = openPage(text)
  const item = page.items[1]!
  assert.ok(item.kind === 'cell')
  assert.ok(applyChanges(text, setLanguage(page, item.cell, 'bash')).includes('```bash\na = 1\n```'))
})

test('a cell becomes prose, and prose a cell, with the same text', () => {
  const prose = applyChanges(text, convert(openPage(text), 1, 'python'))
  assert.ok(kinds(prose)[0]!.includes('a = 1') && !prose.includes('output:run-1'))
  assert.deepEqual(kinds(applyChanges(text, convert(openPage(text), 2, 'bash')))[2], 'cell:Two')
})

test('prose with an open fence is held back, and closed it contains itself', () => {
  assert.equal(isContained('Text\n\n```python\nx'), false)
  assert.equal(isContained('<!-- open'), false)
  assert.equal(isContained('Text\n\n```python\nx\n```'), true)
  fc.assert(
    fc.property(fc.array(fc.constantFrom('```', '~~~', '````', '\n', 'a', '<!--', '- ', '> ', 'python')), parts =>
      isContained(contained(parts.join(''))),
    ),
    { numRuns: 500, seed: 5 },
  )
})
