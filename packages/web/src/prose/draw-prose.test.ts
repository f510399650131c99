import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ComponentChildren, VNode } from 'preact'
import { hostileProse } from '../../../../tests/hostile-payloads.ts'
import { drawProse } from './draw-prose.ts'
import { FormulaView } from './formula-view.ts'
import { type Piece, RawHtml } from './raw-html.ts'
import { headingsOf, mayHoldHtml, readProse } from './read-prose.ts'

const escaped = (text: string) => text.replace(/[&<>]/g, char => `&#${char.charCodeAt(0)};`)

/** Elements as text; of what is a component its name and what it is given. */
function written(drawn: ComponentChildren, withHtml = true): string {
  if (Array.isArray(drawn)) return drawn.map(each => written(each, withHtml)).join('')
  if (drawn === null || drawn === undefined || typeof drawn === 'boolean') return ''
  if (typeof drawn !== 'object') return escaped(String(drawn))
  const { type, props } = drawn as VNode<Record<string, unknown>>
  const { children, pieces, ...rest } = props
  const inside = written(children as ComponentChildren, withHtml)
  if (type === RawHtml) return `[${(pieces as Piece[]).map(piece => writtenPiece(piece, withHtml)).join('')}]`
  if (type === FormulaView) return `{${rest.display ? 'block' : 'inline'} ${rest.tex}}`
  if (typeof type !== 'string') return inside
  const attributes = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined ? [] : [` ${name}="${value}"`],
  )
  return `<${type}${attributes.join('')}>${inside}</${type}>`
}

const writtenPiece = (piece: Piece, withHtml: boolean): string =>
  'html' in piece ? (withHtml ? piece.html : '') : `(${written(piece.drawn, withHtml)})`

const draw = (source: string): string => written(drawProse(readProse(source)!).drawn)

test('OU16 Markdown is drawn as the elements that it names', () => {
  const cases = [
    ['# A *b*', '<h1>A <em>b</em></h1>'],
    [
      'a **b** ~~c~~ `d < &amp;`  \ne',
      '<p>a <strong>b</strong> <del>c</del> <code>d &#60; &#38;amp;</code><br></br>e</p>',
    ],
    ['> a\n\n---', '<blockquote><p>a</p></blockquote><hr></hr>'],
    ['3. a\n4. b', '<ol start="3"><li>a</li><li>b</li></ol>'],
    ['- a\n\n- b', '<ul><li><p>a</p></li><li><p>b</p></li></ul>'],
    ['```py\na < b\n```', '<pre><code>a &#60; b\n</code></pre>'],
    ['a\n: b', '<p>a\n: b</p>'],
    ['$x$ and $5', '<p>{inline x} and $5</p>'],
  ] as const
  for (const [source, drawn] of cases) assert.equal(draw(source), drawn)
})

test('tasks and tables are drawn as GitHub draws them', () => {
  const box = (checked: boolean) =>
    `<input type="checkbox" checked="${checked}" disabled="true" aria-label="Task"></input>`
  assert.equal(draw('- [x] a\n- [ ] b'), `<ul><li>${box(true)} a</li><li>${box(false)} b</li></ul>`)
  const head = '<thead><tr><th>a</th><th align="right">b</th></tr></thead>'
  const body = '<tbody><tr><td>1</td><td align="right"><em>2</em></td></tr></tbody>'
  assert.equal(draw('| a | b |\n|---|--:|\n| 1 | *2* |'), `<table>${head}${body}</table>`)
})

test('what stands for a character is that character, and what is escaped is not', () => {
  assert.equal(draw('&lt;b&gt; &#169; &#x41; \\&lt; &amp;lt;'), '<p>&#60;b&#62; © A &#38;lt; &#38;lt;</p>')
  assert.equal(draw('&#0; &#xD800; &nonsense'), '<p>\ufffd \ufffd &#38;nonsense</p>')
})

test('S9 OU16 a link leads to the web, to mail or within the page, and tells nobody from where', () => {
  const out = 'rel="noopener noreferrer" target="_blank"'
  assert.equal(draw('[a](https://b.c "t")'), `<p><a href="https://b.c" ${out} title="t">a</a></p>`)
  assert.equal(draw('[a](other.md)'), `<p><a href="other.md" ${out}>a</a></p>`)
  assert.equal(draw('[a](#b)'), '<p><a href="#b" rel="noopener noreferrer">a</a></p>')
  assert.equal(draw('<https://b.c/&amp;>'), `<p><a href="https://b.c/&amp;" ${out}>https://b.c/&#38;amp;</a></p>`)
  for (const href of ['javascript:a', 'JAVASCRIPT&colon;a', '&#106;avascript:a', 'data:text/html,a', 'vbscript:a'])
    assert.doesNotMatch(draw(`[a](${href})`), /<a [^>]*href="(?!JAVASCRIPT&colon;)/, href)
})

test('S9 OU16 an image comes from this hub or from the text; one from elsewhere is a link', () => {
  const asset = `sha256-${'a'.repeat(64)}`
  assert.equal(
    draw(`![a *b*](asset:${asset})`),
    `<p><img loading="lazy" src="/api/v1/assets/${asset}" alt="a b"></img></p>`,
  )
  assert.match(draw('![a](https://b.c/d.png)'), /^<p><a href="https:\/\/b\.c\/d\.png"[^>]*>a<\/a><\/p>$/)
  assert.equal(draw('![a](asset:../me)'), '<p><em>a</em></p>')
})

test('S9 OU16 HTML in Markdown is handed on for the sanitiser, with what is drawn between it', () => {
  assert.equal(draw('a <b>*c*</b>'), '<p>[(a )<b>(<em>c</em>)</b>]</p>')
  assert.match(draw('<details>\n\n*a*\n\n</details>'), /^\[<details>\s*\(\)\(<p><em>a<\/em><\/p>\)\(\)<\/details>\]$/)
  assert.equal(draw('a<br>b <!-- note -->'), '<p>a<br></br>b </p>')
  assert.equal(drawProse(readProse('<!-- cell -->')!).hasHtml, false)
})

test('S9 OU16 nothing hostile is an element of what is drawn', () => {
  const { drawn, hasHtml } = drawProse(readProse(hostileProse(1))!)
  assert.ok(hasHtml)
  const elements = written(drawn, false).match(/<\w+[^>]*>/g) ?? []
  assert.ok(elements.length > 3)
  for (const element of elements)
    assert.doesNotMatch(element, /^<(script|iframe|style|object|svg)|javascript:| on\w+=|<img.*http/i)
})

test('OU15 what nests deeper than anybody writes is shown as it was written', () => {
  const deep = `${'*a _b '.repeat(300)}c${'_ d* '.repeat(300)}`
  const tokens = readProse(deep)
  assert.ok(tokens === undefined || (draw(deep).match(/<(em|strong)>/g) ?? []).length < 2_000)
  assert.equal(readProse(`${'['.repeat(5_000)}a`), undefined)
})

test('headings are read, and what may hold HTML is told', () => {
  assert.deepEqual(headingsOf('# A `b`\n\ntext\n\n### [c](d)'), [
    { level: 1, text: 'A b' },
    { level: 3, text: 'c' },
  ])
  assert.deepEqual(['a < b', '<https://a.b>', 'a <b>c</b>', '<img src=x>'].map(mayHoldHtml), [false, false, true, true])
})
