import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../../limits.ts'
import { cellsOf, parseNotebook } from '../../notebook/cells.ts'
import { applyEdits } from '../../notebook/edits.ts'
import { planOutputInsert } from '../../notebook/output.ts'
import { importFile } from '../convert.ts'
import { importedEntries } from '../imported-entries.ts'
import { fromIpynb } from './from-ipynb.ts'
import { parseJson, writeJson } from './json-text.ts'
import { toIpynb } from './to-ipynb.ts'

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='
const kernelspec = { display_name: 'Python 3', language: 'python', name: 'python3' }

function file(cells: unknown[], more: object = {}, indent: number | string = 1): string {
  return `${JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5, ...more }, null, indent)}\n`
}
const code = (id: string, source: string[], outputs: unknown[] = [], count: number | null = null) => ({
  cell_type: 'code',
  execution_count: count,
  id,
  metadata: {},
  outputs,
  source,
})
const markdown = (id: string, source: string[]) => ({ cell_type: 'markdown', id, metadata: {}, source })

function comesBack(text: string): string {
  const { markdown, assets, exact } = fromIpynb(text)
  assert.equal(toIpynb(markdown, { assets }).text, text)
  assert.ok(exact)
  return markdown
}

test('FM1 layouts of other programs come back: indentation, no line end, CRLF, escapes, another order of keys', () => {
  const text = file([markdown('a', ['é'])])
  for (const one of [text.trimEnd(), text.replaceAll('\n', '\r\n'), text.replace('é', '\\u00e9')]) comesBack(one)
  for (const indent of [0, 2, 4, '\t']) comesBack(file([markdown('a', ['x'])], {}, indent))
  const colab = {
    nbformat: 4,
    nbformat_minor: 0,
    metadata: {},
    cells: [
      { cell_type: 'code', source: ['1'], metadata: { id: 'x' }, execution_count: null, outputs: [] },
      { cell_type: 'markdown', source: 'y', metadata: {} },
    ],
  }
  comesBack(JSON.stringify(colab, null, 2))
})

test('FM1 numbers, keys and characters that JavaScript would change come back', () => {
  comesBack(
    '{\n "cells": [],\n "metadata": {\n  "__proto__": {\n   "a": 1.0\n  },\n  "big": 123456789012345678901234567890,\n  "huge": 1e400,\n  "nan": NaN,\n  "s": "\\ud800"\n },\n "nbformat": 4,\n "nbformat_minor": 5\n}\n',
  )
})

test('FM1 a file that no layout fits is imported whole and is not called exact', () => {
  const text = file([markdown('a', ['x'])]).replace('"cells": [', '"cells":  [')
  const { markdown: made, exact } = fromIpynb(text)
  assert.equal(exact, false)
  assert.equal(toIpynb(made).text, file([markdown('a', ['x'])]))
})

test('FM2 FM10 FM12 the plainest forms: marks, a dot before the language, held cells', () => {
  const text = comesBack(
    file([
      markdown('a', ['# T\n', '```python\n', 'x\n', '```']),
      code('cell-1', ['1']),
      markdown('b', ['```\n', 'open']),
      { ...markdown('c', ['r']), cell_type: 'raw' },
      { cell_type: 'odd' },
    ]),
  )
  assert.ok(text.includes('\n<!-- cell {"id": "a"} -->\n# T\n```.python\nx\n```\n\n```python\n1\n```\n'))
  assert.ok(
    text.includes(
      '````markdown-cell {"id": "b"}\n```\nopen\n````\n\n```raw-cell {"id": "c"}\nr\n```\n\n```json-cell\n',
    ),
  )
  assert.equal(cellsOf(parseNotebook(text)).length, 1)
})

test('FM13 a language that is not run here stays a cell, and cells of another language keep theirs', () => {
  const scala = { metadata: { kernelspec: { display_name: 'Scala', language: 'scala', name: 'almond' } } }
  assert.ok(comesBack(file([code('a', ['1'])], scala)).includes('```{code-cell} scala {"id": "a"}\n'))
  const bash = { ...code('a', ['ls']), metadata: { vscode: { languageId: 'bash' } } }
  assert.ok(comesBack(file([bash])).includes('```bash {"id": "a"}\n'))
})

test('FM14 attachments are assets that show, and a picture of the text becomes an attachment', () => {
  const attached = { attachments: { 'p.png': { 'image/png': png } }, ...markdown('a', ['![x](attachment:p.png)']) }
  const text = comesBack(file([attached]))
  assert.match(text, /!\[x\]\(asset:sha256-[0-9a-f]{64}\)/)
  const { assets } = fromIpynb(file([attached]))
  const own = `see ![x](asset:${[...assets.keys()][0]})\n`
  const made = toIpynb(own, { assets })
  assert.match(made.text, /\(attachment:sha256-[0-9a-f]{64}\.png\)/)
  assert.equal(fromIpynb(made.text).markdown, own)
})

test('FM20 FM21 text and pictures stand alone; other outputs are kept in an asset, with their pictures beside it', () => {
  const stream = { name: 'stdout', output_type: 'stream', text: ['a\n', 'b\n'] }
  const figure = { data: { 'image/png': png, 'text/plain': ['<Figure>'] }, metadata: {}, output_type: 'display_data' }
  const plain = fromIpynb(file([code('a', ['1'], [stream, figure], 1)]))
  assert.match(plain.markdown, /```output:run_0{10}\w{16} \{"execution_count": 1\}\na\nb\n```\n\n!\[<Figure>\]\(asset:/)
  assert.equal(plain.assets.size, 1)
  const sized = { ...figure, metadata: { width: 3 } }
  const kept = fromIpynb(file([code('a', ['1'], [stream, sized], 1)]))
  assert.match(kept.markdown, /"outputs": "asset:sha256-[0-9a-f]{64}"\}\na\nb\n```\n\n!\[<Figure>\]\(asset:/)
  assert.equal(kept.assets.size, 2)
  assert.ok([...kept.assets.values()].every(bytes => !new TextDecoder().decode(bytes).includes(png)))
})

test('FM22 FM23 importing twice gives the same text, and a run here takes the place of what was imported', () => {
  const text = file([code('a', ['1'], [{ ename: 'E', evalue: '', output_type: 'error', traceback: ['T'] }], 1)])
  const { markdown: first, assets } = fromIpynb(text)
  assert.equal(fromIpynb(text).markdown, first)
  const [cell] = cellsOf(parseNotebook(first))
  const ran = applyEdits(first, [planOutputInsert(first, cell!, 'run_new')])
  const outputs = (
    JSON.parse(toIpynb(ran, { assets }).text) as { cells: { outputs: unknown; execution_count: unknown }[] }
  ).cells[0]!
  assert.deepEqual([outputs.outputs, outputs.execution_count], [[], null])
})

test('FM24 an asset that is not there is named, and the document comes back all the same', () => {
  const id = `sha256-${'ab'.repeat(32)}`
  const text = `\`\`\`python\n1\n\`\`\`\n\n\`\`\`output:run_1\na\n\`\`\`\n\n![x](asset:${id})\n`
  const made = toIpynb(text)
  assert.deepEqual(made.missing, [id])
  assert.equal(fromIpynb(made.text).markdown, text)
})

test('FM25 a table and an error of imported outputs are given as a run gives them', () => {
  const html = {
    data: { 'text/html': ['<table></table>'], 'text/plain': ['t'] },
    execution_count: 1,
    metadata: {},
    output_type: 'execute_result',
  }
  const error = { ename: 'E', evalue: 'v', output_type: 'error', traceback: ['T'] }
  const { markdown: made, assets } = fromIpynb(file([code('a', ['1'], [html, error], 1)]))
  const [entry] = importedEntries(made, assets).values()
  assert.equal(entry!.displayData![0]!.parts[0]!.mimeType, 'text/html')
  assert.deepEqual([entry!.status, entry!.error!.traceback], ['error', ['T']])
})

test('FM4 an edit of one cell leaves the bytes of the others, in either direction', () => {
  const text = file([code('a', ['1']), markdown('b', ['x\n']), code('c', ['3'])])
  const { markdown: made, assets } = fromIpynb(text)
  assert.equal(toIpynb(made.replace('\nx\n', '\ny\n'), { assets }).text, text.replace('"x\\n"', '"y\\n"'))
  const own = 'a\n\n\n~~~{python}\n#| echo: false\n1\n~~~\nb\n\n```python\n2\n\n```\n'
  assert.equal(fromIpynb(toIpynb(own).text.replace('"2\\n"', '"4\\n"')).markdown, own.replace('\n2\n', '\n4\n'))
})

test('FM30 metadata too long for front matter is an asset; what Meshbook reads of it stays', () => {
  const {
    markdown: made,
    assets,
    exact,
  } = fromIpynb(file([], { metadata: { kernelspec, widgets: { state: 'x'.repeat(20_000) } } }))
  assert.ok(exact && made.length < 1_000 && assets.size === 1)
  assert.equal(parseNotebook(made).frontMatter?.kernelspec?.language, 'python')
})

test('FM33 a file of version 3 is read', () => {
  const old = {
    metadata: { name: 'old' },
    nbformat: 3,
    nbformat_minor: 0,
    worksheets: [
      {
        cells: [
          { cell_type: 'heading', level: 2, source: ['H'] },
          {
            cell_type: 'code',
            collapsed: false,
            input: ['print(1)'],
            language: 'python',
            outputs: [
              { output_type: 'stream', stream: 'stdout', text: ['1\n'] },
              { output_type: 'pyout', prompt_number: 3, text: ['2'] },
            ],
            prompt_number: 3,
          },
        ],
      },
    ],
  }
  const { markdown: made, exact } = fromIpynb(JSON.stringify(old))
  assert.equal(exact, false)
  assert.match(
    made,
    /## H\n\n```python\nprint\(1\)\n```\n\n```output:run_\w+ \{"execution_count": 3, "outputs": "asset:sha256-\w+"\}\n1\n2\n```\n/,
  )
})

test('FM50 FM51 what is too deep or broken is refused with its place', () => {
  const deep = `{"cells": ${'['.repeat(limits.formatDepth + 2)}`
  assert.throws(() => fromIpynb(deep), /line 1, column \d+ \(in cells\[0\]\[0\].*nested deeper than 128/)
  assert.throws(() => fromIpynb('{\n "cells": [tru]}'), /line 2, column 12 \(in cells\[0\]\): "t" is not expected here/)
  assert.throws(() => fromIpynb('{"nbformat": 9}'), /nbformat is 9; 3 and 4 can be read/)
  assert.throws(() => importFile('a.ipynb', new Uint8Array([0xff])), /not UTF-8/)
  assert.throws(() => importFile('a.docx', new Uint8Array()), /can be imported/)
})

test('FM1 what JSON can say, a writer and a reader of JSON agree on', () => {
  const text = '{"a": [1.0, -0, 1E5], "a": {"__proto__": null}, "": "\\u0000"}'
  assert.equal(
    writeJson(parseJson(text), { indent: null, end: '', ascii: false, crlf: false }),
    text.replaceAll(': ', ':').replaceAll(', ', ','),
  )
})
