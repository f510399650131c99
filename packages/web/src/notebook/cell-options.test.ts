import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cellsOf, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { applyChanges } from '@meshbook/core/text/text-delta.ts'
import { type CellOptions, mayFail, optionsOf } from './cell-options.ts'
import { setOptions } from './cell-options-edit.ts'

const cellOf = (text: string) => cellsOf(parseNotebook(text))[0]!
const plain: CellOptions = { label: '', tags: [], hideInput: false, hideOutput: false, runs: true }
const all: CellOptions = { label: 'fig-air', tags: ['slow', 'a b'], hideInput: true, hideOutput: true, runs: false }
const set = (text: string, options: CellOptions) => applyChanges(text, setOptions(text, cellOf(text), options))

const shapes = [
  '```python\na = 1\n```\n',
  '```{python}\na = 1\n```\n',
  '```{python}\n#| fig-cap: "A: b"\n#| # note\na = 1\n```\n',
  '```{python}\n```\n',
  '```js\nlet a\n```\n\ntext\n',
  '```{code-cell} python\na = 1\n```\n',
  '```{code-cell} python\n:other: x\n\na = 1\n```\n',
  '```{code-cell} python\n---\nother: x\n---\na = 1\n```\n',
  '```{python}\r\n#| other: x\r\na = 1\r\n```\r\n',
  '```python\n',
]

test('NB40 options are read back as they were set, in every style, and taken back leave the text as it was', () => {
  for (const text of shapes) {
    const after = set(text, all)
    assert.deepEqual(optionsOf(cellOf(after)), all, JSON.stringify(after))
    assert.equal(set(after, all), after, 'setting twice changes nothing')
    assert.equal(set(after, plain).trimEnd(), text.trimEnd(), JSON.stringify(after))
    assert.deepEqual(setOptions(text, cellOf(text), plain), [])
  }
})

test('NB40 each style is kept: comments of the language, colons, or the lines of a block', () => {
  assert.equal(
    set('```{python}\n#| fig-cap: x\na\n```\n', { ...plain, runs: false, label: 'one' }),
    '```{python}\n#| fig-cap: x\n#| label: one\n#| eval: false\na\n```\n',
  )
  assert.equal(set('```js\na\n```\n', { ...plain, hideInput: true }), '```js\n//| echo: false\na\n```\n')
  assert.equal(
    set('```{code-cell}\n:name: one\na\n```\n', { ...plain, label: 'two', hideOutput: true }),
    '```{code-cell}\n:name: two\n:tags: [hide-output]\na\n```\n',
  )
  assert.ok(set(shapes[7]!, all).includes('---\nother: x\nlabel: fig-air\ntags: [hide-input,'))
})

test('NB40 what Quarto, MyST and Jupyter write is understood', () => {
  const read = (text: string) => optionsOf(cellOf(text))
  assert.equal(read('```{python}\n#| eval: no\n1\n```\n').runs, false)
  assert.deepEqual(read('```{code-cell}\n:tags: ["hide-input", raises-exception]\n1\n```\n').tags, ['raises-exception'])
  assert.equal(mayFail(cellOf('```{code-cell}\n:tags: [raises-exception]\n1\n```\n')), true)
  assert.equal(read('```python\n#| tags: [raises-exception]\n1\n```\n').tags[0], 'raises-exception')
})
