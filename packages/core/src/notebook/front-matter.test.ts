import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNotebook } from './cells.ts'
import { findFrontMatter, readFrontMatter } from './front-matter.ts'

test('kernelspec, session, title and the meshbook block are read; everything else is left alone', () => {
  const { frontMatter } = parseNotebook(
    '---\ntitle: Weather\nauthor: [A, B]\nkernelspec:\n  display_name: Python 3\n  language: python\n  name: python3\nsession: shared\nmeshbook:\n  runs-on: Studio\n  requires: [gpu]\n---\n# Text\n',
  )
  assert.deepEqual(frontMatter, {
    title: 'Weather',
    authors: ['A', 'B'],
    kernelspec: { name: 'python3', language: 'python' },
    session: 'shared',
    runsOn: 'Studio',
    requires: ['gpu'],
  })
})

test('the short forms of Quarto and a single requirement are read', () => {
  assert.deepEqual(readFrontMatter('jupyter: python3\nmeshbook:\n  requires: gpu'), {
    kernelspec: { name: 'python3' },
    requires: ['gpu'],
  })
  assert.deepEqual(readFrontMatter('jupyter:\n  kernelspec:\n    name: ir').kernelspec, { name: 'ir' })
  assert.deepEqual(readFrontMatter(''), { requires: [] })
})

test('a time-out is read with and without its unit, and nothing else for one (KH13)', () => {
  const read = (text: string) => readFrontMatter(`meshbook: {timeout: ${text}}`).timeoutMs
  assert.deepEqual(['90', '90s', '10 m', '1.5h', '2d'].map(read), [90_000, 90_000, 600_000, 5_400_000, 172_800_000])
  for (const none of ['0', '-1', 'soon', '10 weeks', '[1]', '{a: 1}', '1e9']) assert.equal(read(none), undefined, none)
})

test('values of the wrong kind are passed over', () => {
  assert.deepEqual(readFrontMatter('session: [a]\ntitle: {b: c}\nkernelspec: [1]\nmeshbook: text'), { requires: [] })
  assert.deepEqual(readFrontMatter('meshbook: {requires: [gpu, {a: b}, null]}').requires, ['gpu'])
})

test('broken YAML is reported and the text around it still parses', () => {
  const { frontMatter, blocks } = parseNotebook('---\na: [1\nb: }\n---\n```python\n1\n```\n')
  assert.match(frontMatter?.problem ?? '', /cannot be read/)
  assert.deepEqual(
    blocks.map(block => block.kind),
    ['front-matter', 'cell'],
  )
  assert.match(readFrontMatter('just text').problem ?? '', /cannot be read/)
})

test('S22 alias bombs, endless nesting and huge front matter are refused quickly', () => {
  const levels = Array.from(
    { length: 30 },
    (_, n) =>
      `a${n}: &a${n} [${Array(10)
        .fill(n === 0 ? 'x' : `*a${n - 1}`)
        .join(', ')}]`,
  )
  for (const yaml of [levels.join('\n'), '['.repeat(30_000), `a: ${'{b: '.repeat(10_000)}`, 'x: y\n'.repeat(100_000)]) {
    const from = performance.now()
    assert.match(readFrontMatter(yaml).problem ?? '', /cannot be read/)
    assert.ok(performance.now() - from < 3_000)
  }
})

test('front matter begins on the first line and must be closed', () => {
  assert.equal(findFrontMatter('\n---\na: 1\n---\n'), undefined)
  assert.equal(findFrontMatter('---\na: 1\n'), undefined)
  assert.equal(findFrontMatter('\ufeff---\na: 1\n...\nb')?.yaml, 'a: 1\n')
  assert.equal(findFrontMatter('---\n---\n')?.yaml, '')
})

test('S14 a key named __proto__ reaches no field', () => {
  assert.deepEqual(readFrontMatter('__proto__: {session: a}\nmeshbook: {__proto__: {runs-on: b}}'), { requires: [] })
})

test('what a page says of its document is read by the names of Quarto and MyST', () => {
  const yaml = 'subtitle: Below\nauthors:\n  - name: Ada\n  - Grace\ndate: 2026-05-03\nlang: pt-BR'
  assert.deepEqual(readFrontMatter(yaml), {
    description: 'Below',
    authors: ['Ada', 'Grace'],
    date: '2026-05-03',
    lang: 'pt-BR',
    requires: [],
  })
  assert.deepEqual(readFrontMatter('lang: "en\\" onload=x"\nauthor: {a: b}\ndescription: [x]'), { requires: [] })
})
