import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nastyText } from '../../../../tests/arbitrary/nasty-text.ts'
import { type CellBlock, cellAt, cellsOf, outputOf, parseNotebook } from './cells.ts'

const asset = `sha256-${'ab'.repeat(32)}`
const one = (text: string): CellBlock => {
  const cells = cellsOf(parseNotebook(text))
  assert.equal(cells.length, 1, `one cell in ${JSON.stringify(text)}`)
  return cells[0]!
}
const none = (text: string) =>
  assert.equal(cellsOf(parseNotebook(text)).length, 0, `no cell in ${JSON.stringify(text)}`)

test('a plain fence of a runnable language is a cell, with its code and where it stands', () => {
  const text = 'Hello\n\n```python\nx = 1\nprint(x)\n```\nBye\n'
  const cell = one(text)
  assert.equal(cell.language, 'python')
  assert.equal(cell.style, 'plain')
  assert.equal(cell.code, 'x = 1\nprint(x)')
  assert.equal(text.slice(cell.codeFrom, cell.codeTo), cell.code)
  assert.equal(text.slice(cell.from, cell.to), '```python\nx = 1\nprint(x)\n```\n')
  assert.deepEqual(
    parseNotebook(text).blocks.map(block => block.kind),
    ['prose', 'cell', 'prose'],
  )
})

test('tildes, longer fences, attributes and capitals are read; a shorter fence inside is code', () => {
  assert.equal(one('~~~py\n```\n~~~\n').code, '```')
  assert.equal(one('````python\n```\na\n```\n````\n').code, '```\na\n```')
  assert.equal(one('``` python {.line-numbers}\na\n```').code, 'a')
  assert.equal(one('```js{1,3}\na\n```').language, 'js')
  assert.equal(one('```Python\na\n```').language, 'python')
  assert.equal(one('```python\na\n~~~\n``\n```` \n').code, 'a\n~~~\n``')
})

test('a fence closes only with its own character, at most 3 spaces in, and nothing after it', () => {
  assert.equal(one('```python\na\n    ```\n``` no\n```').code, 'a\n    ```\n``` no')
  assert.equal(one('```python\na').code, 'a')
  assert.equal(one('```python\na').fence.closed, false)
  assert.equal(one('```python').code, '')
  assert.equal(one('```python\n```').code, '')
})

test('a fence indented by up to 3 spaces loses that indentation in its code; 4 spaces or a tab make no fence', () => {
  assert.equal(one('  ```python\n  if a:\n      b\n c\n  ```\n').code, 'if a:\n    b\nc')
  none('    ```python\n    a\n    ```\n')
  none('\t```python\n\ta\n\t```\n')
  none('``python\na\n``\n')
  none('```python `x`\na\n```\n'.replace('```\n', '\n'))
})

test('fences of other languages, without language, and MyST directives are prose; cells in them are not seen', () => {
  for (const info of [
    '',
    'text',
    'json',
    'mermaid',
    '{note}',
    '{.python}',
    '{{python}}',
    '{figure} a.png',
    'output:',
    '{code-cell} ?!',
  ]) {
    none(`~~~${info}\n\`\`\`python\na\n\`\`\`\n~~~\n`)
  }
})

test('fences in lists, block quotes, HTML blocks and comments are prose, and top-level fences after them are cells', () => {
  const fence = '```python\na\n```\n'
  const indented = fence.replace(/^(?=.)/gm, '  ')
  for (const before of [
    `- item\n\n${indented}`,
    `- ${fence.replace(/\n(?=.)/g, '\n  ')}`,
    `1. item\n\n${indented.replace(/^(?=.)/gm, ' ')}\n`,
    fence.replace(/^(?=.)/gm, '> '),
    `<!--\n${fence}-->\n`,
    `<!-- a --> b\n\n<div>\n${fence}</div>\n\n`,
    `<script>\n\n${fence}</script>\n`,
  ]) {
    none(before)
    assert.equal(one(before + fence).from, before.length)
  }
  assert.equal(one(`- item\nlazy text\n${fence}`).code, 'a')
  assert.equal(one(`---\n${fence}`).code, 'a')
})

test('Quarto cells keep their option lines as code and also give them as options', () => {
  const cell = one('```{python}\n#| label: fig-a\n#| echo: false\nplot()\n#| no: option\n```\n')
  assert.equal(cell.style, 'quarto')
  assert.deepEqual({ ...cell.options }, { label: 'fig-a', echo: 'false' })
  assert.match(cell.code, /^#\| label/)
  assert.equal(one('```{r, echo=FALSE}\n1\n```').language, 'r')
  assert.deepEqual({ ...one('```{js}\n//| echo: true\n1\n```').options }, { echo: 'true' })
})

test('MyST cells take their language from the fence or the front matter, and their options are not code', () => {
  const short = one('```{code-cell} ipython3\n:tags: [hide-input]\n:name: a\nx = 1\n```\n')
  assert.equal(short.style, 'myst')
  assert.equal(short.language, 'ipython3')
  assert.equal(short.code, 'x = 1')
  assert.deepEqual({ ...short.options }, { tags: '[hide-input]', name: 'a' })
  const block = one('---\nkernelspec:\n  name: ir\n---\n```{code-cell}\n---\ntags: [a]\n---\nx <- 1\n```\n')
  assert.equal(block.language, 'r')
  assert.equal(block.code, 'x <- 1')
  assert.equal(one('```{code-cell}\n---\nnot closed\n```').code, '---\nnot closed')
  assert.equal(one('```{code-cell}\n:a: b\n```').code, '')
})

test('an output fence right after a cell is its output, with the image lines that follow', () => {
  const text = `\`\`\`python\na\n\`\`\`\n\n\`\`\`output:run_1\n4\n2\n\`\`\`\n\n![a \\[x\\]](asset:${asset})\n\n![](asset:${asset})\n\nProse\n`
  const { output } = one(text)
  assert.equal(output?.runId, 'run_1')
  assert.equal(output.text, '4\n2')
  assert.equal(text.slice(output.textFrom, output.textTo), '4\n2')
  assert.deepEqual(
    output.images.map(image => image.alt),
    ['a [x]', ''],
  )
  assert.equal(text.slice(output.to), '\nProse\n')
  const notebook = parseNotebook(text)
  assert.equal(outputOf(notebook, output.runId), cellsOf(notebook)[0]?.output)
  assert.deepEqual(
    notebook.blocks.map(block => block.kind),
    ['cell', 'prose', 'output', 'prose'],
  )
})

test('an output after prose belongs to no cell; of two in a row the first is the cell’s', () => {
  assert.equal(one('```python\na\n```\ntext\n```output:r\n1\n```\n').output, undefined)
  const outputs = '```python\na\n```\n```output:r1\n1\n```\n\n```output:r2\n2\n```\n'
  const two = one(outputs)
  assert.equal(two.output?.runId, 'r1')
  assert.equal(two.outputsTo, outputs.length)
  assert.equal(one('```output:r\n1\n```\n```python\na\n```\n').output, undefined)
})

test('S1 what an output holds is never a cell', () => {
  none('````output:r\n```python\nevil()\n```\n````\n')
  none('```output:r\n~~~python\nevil()\n~~~\n')
  none('```output:not an id\n~~~python\nevil()\n~~~\n```\n')
})

test('CRLF and lone CR end lines: the code has LF, the offsets are of the text as it is', () => {
  const text = '---\r\nsession: s\r\n---\r\n```python\r\na\r\nb\r\n```\r\n```output:r\r\n1\r\n```\r\n'
  const cell = one(text)
  assert.equal(cell.code, 'a\nb')
  assert.equal(text.slice(cell.codeFrom, cell.codeTo), 'a\r\nb')
  assert.equal(cell.output?.text, '1')
  assert.equal(parseNotebook(text).frontMatter?.session, 's')
  assert.equal(one('a\r```python\ra\r```\r').code, 'a')
})

test('cells are counted from 0 and found by an offset in them', () => {
  const text = '```py\na\n```\n\n```sh\nb\n```\n'
  const notebook = parseNotebook(text)
  assert.deepEqual(
    cellsOf(notebook).map(cell => cell.index),
    [0, 1],
  )
  assert.equal(cellAt(notebook, 0)?.index, 0)
  assert.equal(cellAt(notebook, text.indexOf('b'))?.index, 1)
  assert.equal(cellAt(notebook, 12), undefined)
})

test('S14 an option named like an inherited member is an own member or absent', () => {
  const { options } = one('```{code-cell} python\n:__proto__: a\n:constructor: b\nx\n```')
  assert.equal(Object.hasOwn(options, '__proto__'), false)
  assert.equal(options.constructor, 'b')
})

test('any text parses without a throw into blocks that cover it without gaps, and code is the slice', () => {
  fc.assert(
    fc.property(nastyText, text => {
      const { blocks } = parseNotebook(text)
      assert.equal(blocks.map(block => text.slice(block.from, block.to)).join(''), text)
      let at = 0
      for (const block of blocks) {
        assert.ok(block.from === at && block.to > block.from)
        at = block.to
        if (block.kind === 'cell')
          assert.ok(block.from <= block.codeFrom && block.codeFrom <= block.codeTo && block.codeTo <= block.to)
        if (block.kind === 'cell' && block.fence.indent === 0)
          assert.equal(text.slice(block.codeFrom, block.codeTo).replace(/\r\n?/g, '\n'), block.code)
        if (block.kind === 'output') assert.equal(text.slice(block.textFrom, block.textTo), block.text)
      }
      assert.equal(at, text.length)
    }),
    { numRuns: 5000 },
  )
})

test('parsing takes time linear in the text, also for texts made to be slow', () => {
  const size = 400_000
  const unit = (text: string) => text.repeat(Math.ceil(size / text.length))
  const slow = [
    '`',
    '{a',
    '\n',
    '```output:r\n```\n\n\n',
    '\r',
    '<',
    '- ',
    '```py\n',
    `\`\`\`output:r\n\`\`\`\n${'\n'.repeat(50)}`,
    '```{python a',
    '![\\',
    '* ',
    '~~~\n',
  ].map(unit)
  slow.push(
    `\`\`\`{${unit('a')}`,
    `---\n${unit('- ')}`,
    `\`\`\`output:r\n\`\`\`\n![${unit('\\')}`,
    `\`\`\`{code-cell} python\n${unit(':a: b\n')}`,
  )
  for (const text of slow) {
    const from = performance.now()
    parseNotebook(text)
    const ms = performance.now() - from
    assert.ok(ms < 2_000, `${JSON.stringify(text.slice(0, 20))}… took ${ms} ms`)
  }
})
