import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cellsOf, parseNotebook } from '../notebook/cells.ts'
import { exportText, importFile } from './convert.ts'
import { toMyst } from './myst.ts'
import { fromPercent, toPercent } from './percent.ts'
import { plainCellsOf } from './plain-cells.ts'
import { toQuarto } from './quarto.ts'

const document = `---
title: Air
kernelspec: {name: python3, language: python}
---

# Title

\`\`\`python
%matplotlib inline
x = 1
\`\`\`

\`\`\`output:run_1
1
\`\`\`

Text with code:

\`\`\`{.python}
not run
\`\`\`

\`\`\`bash
ls
\`\`\`
`

test('FM40 a document as Quarto reads it: every cell in braces, no output, and no text became a cell', () => {
  const quarto = toQuarto(document)
  assert.match(
    quarto,
    /^---\ntitle: Air\nkernelspec: .*\n---\n\n# Title\n\n```\{python\}\n%matplotlib inline\nx = 1\n```\n\nText/,
  )
  assert.ok(!quarto.includes('output:'))
  assert.deepEqual(
    cellsOf(parseNotebook(quarto)).map(({ language, style }) => `${language} ${style}`),
    ['python quarto', 'bash quarto'],
  )
})

test('FM40 what is in Quarto style already stays as it is', () => {
  const text = '---\ntitle: A\n---\n\n```{python}\n#| echo: false\n1\n```\n\ntext\n'
  assert.equal(toQuarto(text), text)
})

test('FM41 a document as MyST reads it: code cells with tags, and a kernel', () => {
  const myst = toMyst('```{code-cell} python\n:tags: [a]\n1\n```\n\n```python\n2\n```\n')
  assert.match(myst, /^---\nfile_format: mystnb\nkernelspec:\n {2}name: "python3"\n {2}display_name: "Python 3"\n---\n/)
  assert.ok(myst.includes('```{code-cell} python\n:tags: [a]\n1\n```\n\n```{code-cell} python\n2\n```\n'))
  assert.deepEqual(
    cellsOf(parseNotebook(myst)).map(cell => cell.code),
    ['1', '2'],
  )
  assert.equal(toMyst(document).split('{code-cell}').length, 3)
})

test('FM42 a script has the cells of the document, magics and text as comments', () => {
  const { text, language } = toPercent(document)
  assert.equal(language, 'python')
  assert.ok(
    text.includes(
      '# %% [markdown]\n# # Title\n\n# %%\n# %matplotlib inline\nx = 1\n\n# %% [markdown]\n# Text with code:\n#\n# ```{.python}',
    ),
  )
  assert.ok(text.includes('# %% language="bash"\n# ls'))
  const back = fromPercent(text, language)
  assert.equal(back, document.replace(/```output[\s\S]*?```\n\n/, ''))
})

const line = fc.constantFrom(
  'x = 1',
  '%time',
  '# %time',
  '# %%',
  '# %% [markdown]',
  '#',
  '',
  '!ls',
  '# # %%',
  'print("""a""")',
  '# text',
  '  # %% x',
  '"""',
  '```',
  '```python',
)
const source = fc.array(line, { maxLength: 6 }).map(lines => lines.join('\n').replace(/^\n+|\n+$/g, ''))

test('FM42 any code and text without blank lines around it comes back from a script', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), source), { maxLength: 5 }), cells => {
      const text = cells
        .map(([isCode, value]) =>
          isCode
            ? `\`\`\`\`\`python\n${value === '' ? '\n' : `${value}\n`}\`\`\`\`\`\n`
            : `<!-- cell -->\n${value === '' ? '' : `${value.replaceAll('```', '~')}\n`}`,
        )
        .join('\n')
      const before = plainCellsOf(text).cells.map(({ type, source }) => [type, source])
      const after = plainCellsOf(fromPercent(toPercent(text).text, 'python')).cells.map(({ type, source }) => [
        type,
        source,
      ])
      assert.deepEqual(after, before)
    }),
    { numRuns: 500 },
  )
})

test('FM42 scripts of jupytext and of Spyder are read', () => {
  const script = `# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Title
# text

# %% First plot tags=["a", "b"]
plot()


# %% {"tags": ["c"]}
# %load_ext x
1

# %% [markdown]
"""
quoted
"""
`
  const { cells, head } = plainCellsOf(fromPercent(script, 'python'))
  assert.match(head.text, /^---\njupyter:\n {2}kernelspec:\n/)
  assert.deepEqual(
    cells.map(({ type, source }) => [type, source]),
    [
      ['markdown', '# Title\ntext'],
      ['code', 'plot()'],
      ['code', '%load_ext x\n1'],
      ['markdown', 'quoted'],
    ],
  )
  assert.deepEqual(cells[1]!.metadata.keys, ['title', 'tags'])
})

test('FM41 FM42 a notebook is written as jupytext reads it: tags, raw cells, magics, fences in text', () => {
  const cells = [
    { cell_type: 'raw', id: 'a', metadata: {}, source: ['raw *text*'] },
    {
      cell_type: 'code',
      execution_count: null,
      id: 'b',
      metadata: { tags: ['parameters'] },
      outputs: [],
      source: ['%time 1'],
    },
    { cell_type: 'markdown', id: 'c', metadata: {}, source: ['```python\n', 'print(1)\n', '```'] },
  ]
  const kernelspec = { display_name: 'Python 3', language: 'python', name: 'python3' }
  const file = JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 })
  const { markdown, assets } = importFile('x.ipynb', new TextEncoder().encode(file))
  const myst = exportText(markdown, 'myst', { assets, outputs: true }).text
  assert.match(myst, /^```\{raw-cell\}\nraw \*text\*\n```$/m)
  assert.match(myst, /^:tags: \["parameters"\]$/m)
  const percent = exportText(markdown, 'percent', { assets, outputs: true }).text
  assert.match(percent, /^# %% \[raw\]\n# raw \*text\*$/m)
  assert.match(percent, /^# %% tags=\["parameters"\]\n# %time 1$/m)
  assert.match(percent, /^# ```python\n# print\(1\)\n# ```$/m)
})
