import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import type { AssetId, RunId } from '@meshbook/core/ids.ts'
import sanitizeHtml from 'sanitize-html'
import { renderNotebook, renderPlain } from './render-notebook.ts'

const picture = `sha256-${'a'.repeat(64)}` as AssetId
const asset = (id: AssetId): string | undefined => (id === picture ? `/@me/demo/_assets/${id}` : undefined)
const source = { title: 'notes', asset, outline: true }
const render = (text: string, more: Partial<Parameters<typeof renderNotebook>[0]> = {}): string =>
  renderNotebook({ ...source, ...more, text })
const bodyOf = (html: string): string => /<body>[\s\S]*<\/body>/.exec(html)![0]

test('PB1 a document becomes one page: title, prose, code with colours, output, image', () => {
  const html = render(
    `---\ntitle: On snow\nauthor: Ada\ndate: 2026-05-03\n---\n\nSome *text*.\n\n\`\`\`python\nprint("x")\n\`\`\`\n\n\`\`\`output:run-1\n\u001b[31mred\u001b[0m x\n\`\`\`\n\n![A curve](asset:${picture})\n`,
  )
  assert.match(html, /<title>On snow<\/title>/)
  assert.match(html, /<h1>On snow<\/h1>\n<p class="by">Ada · 2026-05-03<\/p>/)
  assert.match(html, /Some <em>text<\/em>/)
  assert.match(html, /<pre class="code" data-language="python"><code><span class="hljs-built_in">print<\/span>/)
  assert.match(html, /<span class="fg-red">red<\/span> x/)
  assert.match(html, new RegExp(`<img src="/@me/demo/_assets/${picture}" alt="A curve" loading="lazy">`))
  assert.doesNotMatch(html, /output:run-1/)
})

test('PB1 the first heading is the title where there is no other, and is not repeated', () => {
  const html = render('# On `snow`\n\ntext\n')
  assert.match(html, /<title>On snow<\/title>/)
  assert.equal(html.match(/<h1/g)?.length, 1)
  assert.match(render('text'), /<h1>notes<\/h1>/)
})

test('PB2 headings have anchors of their own and the outline leads to them', () => {
  const html = render('# Title\n\n## Same\n\n### Below\n\n## Same\n\n## Überschrift $x$\n')
  const ids = [...html.matchAll(/<h[1-6] id="([^"]+)"/g)].map(([, id]) => id)
  assert.deepEqual(ids, ['title-2', 'same', 'below', 'same-2', 'überschrift-x'])
  const links = [...html.matchAll(/<li class="l(\d)"><a href="#([^"]+)"/g)].map(([, level, id]) => `${level} ${id}`)
  assert.deepEqual(links.slice(0, 4), ['1 same', '2 below', '1 same-2', '1 überschrift-x'])
  assert.doesNotMatch(render('# a\n\n## b\n\n## c\n', { outline: false }), /<nav/)
})

test('PB3 a page has no script, no style attribute, no handler and a policy that admits its own style sheet alone', () => {
  const html = render('# a\n\n$x^2$ and \\color{red}\n\n$$\\color{red}{\\rule{3em}{1em}} y$$\n')
  assert.match(html, /content="default-src 'none'; img-src 'self' data:; style-src 'sha256-[A-Za-z0-9+/]+=*'; /)
  assert.match(html, /<math xmlns=/)
  assert.deepEqual(faultsOf(html), [])
})

test('a formula that is none is shown as it was written, and money is no formula', () => {
  assert.match(render('$\\frac{1$'), /<code class="tex">\$\\frac\{1\$<\/code>/)
  assert.doesNotMatch(render('It costs $5 and $6.'), /<math/)
  assert.match(render('`$x$`'), /<code>\$x\$<\/code>/)
})

test('PB5 what a run displayed is shown in its best form without script, in the place of its text', () => {
  const entry = entryWith([
    { at: 'inline', mimeType: 'text/plain', data: 'a  b\n1  2' },
    {
      at: 'inline',
      mimeType: 'text/html',
      data: '<style>x</style><table><tr><td style="x">1</td></tr></table><script>1</script>',
    },
  ])
  const html = bodyOf(render('```python\nf\n```\n\n```output:run-1\nbefore\na  b\n1  2\nafter\n```\n', { entry }))
  assert.match(
    html,
    /before<\/pre>\n<div class="wide rich"[^>]*><table><tr><td>1<\/td><\/tr><\/table><\/div>\n<pre class="text">after/,
  )
  assert.doesNotMatch(html, /a {2}b/)
})

test('PB5 what has no form without script stays the text that the document has', () => {
  const entry = entryWith([
    { at: 'inline', mimeType: 'text/plain', data: 'Figure(1)' },
    { at: 'inline', mimeType: 'text/html', data: '<div id="p"></div><script>draw()</script>' },
    { at: 'inline', mimeType: 'application/vnd.plotly.v1+json', data: '{}' },
  ])
  assert.match(
    render('```python\nf\n```\n\n```output:run-1\nFigure(1)\n```\n', { entry }),
    /<pre class="text">Figure\(1\)<\/pre>/,
  )
})

test('PB5 a traceback is folded below the line that says what happened, with and without a run to ask', () => {
  const text = 'seen\nTraceback (most recent call last):\n  File "<cell>", line 1\nKeyError: \'nope\''
  const page = `\`\`\`python\nf\n\`\`\`\n\n\`\`\`output:run-1\n${text}\n\`\`\`\n`
  const error = { name: 'KeyError', message: "'nope'", traceback: text.split('\n').slice(1) }
  const entry = (): ExecutionEntry => ({ id: 'run-1', status: 'error', code: '', language: 'python', error })
  for (const html of [render(page), render(page, { entry })]) {
    assert.match(
      html,
      /<pre class="text">seen<\/pre>\n<details class="error"><summary><strong>KeyError<\/strong>: &#39;nope&#39;/,
    )
    assert.equal(html.match(/File &quot;/g)?.length, 1)
  }
})

test('PB5 a cell is shown as its own options say', () => {
  const cell = (option: string): string =>
    bodyOf(render(`\`\`\`{python}\n#| ${option}\nsecret_code()\n\`\`\`\n\n\`\`\`output:r\nsaid\n\`\`\`\n`))
  assert.doesNotMatch(cell('echo: false'), /secret_code/)
  assert.match(cell('echo: false'), /said/)
  assert.doesNotMatch(cell('output: false'), /said/)
  assert.doesNotMatch(cell('include: false'), /said|secret_code/)
  assert.match(cell('code-fold: true'), /<details class="folded"><summary>Code<\/summary>/)
  assert.doesNotMatch(cell('code-fold: true'), /#\|/)
})

test('PB5 every colour that a program chose has a rule, and a flood of them a bounded style sheet', () => {
  const line = (n: number): string =>
    `\u001b[38;2;${n % 256};${(n * 7) % 256};${(n * 13) % 256};48;5;${n % 256}mx\u001b[0m`
  const html = render(`\`\`\`output:r\n${Array.from({ length: 5_000 }, (_, n) => line(n)).join('')}\n\`\`\`\n`)
  const used = new Set(
    [...html.matchAll(/class="([^"]*f[cg]-[0-9a-f]{6}[^"]*)"/g)].flatMap(([, names]) => names!.split(' ')),
  )
  for (const name of used)
    assert.ok(html.includes(`.${name}{`) || /-(?:black|red|green|yellow|blue|magenta|cyan|white)$/.test(name), name)
  assert.ok([...html.matchAll(/^\.[fb][gc]-[0-9a-f]{6}\{/gm)].length < 900)
})

const hostile: readonly string[] = [
  '<script>steal()</script>',
  '<img src=x onerror=steal()>',
  '<img src="javascript:steal()">',
  '<svg onload=steal()><script>steal()</script></svg>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=steal()&gt;">',
  '<iframe src="https://evil.example"></iframe><iframe srcdoc="<script>steal()</script>"></iframe>',
  '<object data="https://evil.example"></object><embed src="https://evil.example">',
  '<a href="javascript:steal()">x</a> [y](javascript:steal()) [z](data:text/html,steal) <a href="&#106;avascript:steal()">w</a>',
  '<a href="vbscript:x">x</a><a href=" \u0001javascript:steal()">y</a>',
  '<style>@import "https://evil.example"; *{background:url(https://evil.example)}</style>',
  '<p style="background:url(https://evil.example)" onclick="steal()">x</p>',
  '<link rel="stylesheet" href="https://evil.example"><base href="https://evil.example"><meta http-equiv="refresh" content="0;url=https://evil.example">',
  '<form action="https://evil.example"><input name="a"><button formaction="https://evil.example">x</button></form>',
  '![x](https://evil.example/a.png) ![y](//evil.example/a.png) ![z](data:image/svg+xml,<svg onload=steal()>)',
  '<img srcset="https://evil.example/a.png 1x" src="asset:sha256-0">',
  '<video src="https://evil.example" poster="https://evil.example"></video><audio src=x></audio><picture><source srcset=x></picture>',
  '<details open ontoggle=steal()>x</details><body onload=steal()>',
  '![$" onerror=steal() x="$](https://x.example) ![$" onerror=steal() x="$](asset:PICTURE)',
  '[x](https://x.example "$\\" onmouseover=steal() y=\\"$")',
  '# h <img src=x onerror=steal()> $" onclick=steal()$',
  '## <a href="javascript:steal()" class="anchor">x</a>',
  '$\\href{javascript:steal()}{x}$ $\\htmlStyle{color:red}{x}$ $\\includegraphics{https://evil.example/x}$ $\\html@mathml{}{}$',
  '$$\\def\\a{\\a\\a}\\a$$ $\\text{<img src=x onerror=steal()>}$',
  '\ue0000\ue001 <p title="\ue0000\ue001">x</p> $x$',
  '<noscript><p title="</noscript><img src=x onerror=steal()>"></noscript>',
  '<textarea><img title="</textarea><img src=x onerror=steal()>"></textarea>',
  '<xmp><img title="</xmp><img src=x onerror=steal()>"></xmp><template><img src=x onerror=steal()></template>',
  '<!--><img src=x onerror=steal()>--> <!--!><img src=x onerror=steal()>-->',
  '```html\n</code></pre><script>steal()</script>\n```',
  '```"><script>steal()</script>\nx\n```',
  '```python {"><img src=x onerror=steal()>}\n"</code><script>steal()</script>"\n```',
  '```output:r\n</pre><script>steal()</script>\u001b[38;2;1;2;3"onclick=steal()m\n```',
  '```output:r"onclick=steal()\nx\n```',
  '| <script>steal()</script> |\n|---|\n| <img src=x onerror=steal()> |',
  '---\ntitle: "</title><script>steal()</script>"\ndescription: "\\"><script>steal()</script>"\nauthor: "<b onclick=steal()>"\nlang: "en\\" onload=\\"steal()"\n---\n',
  '<div class="page cell error" id="content" role="alert">x</div><h2 id="content">y</h2>',
  '<input type="text" autofocus onfocus=steal()><input type=image src=https://evil.example>',
  '<a href="https://x.example" target="_top" ping="https://evil.example" download>x</a>',
  '<table background="https://evil.example"><td background="https://evil.example">x</table>',
  '<x-foo is="y"><slot name="z"></slot></x-foo><marquee onstart=steal()>x</marquee><dialog open>x</dialog>',
]

const entryOf = (html: string): ((run: RunId) => ExecutionEntry) =>
  entryWith([{ at: 'inline', mimeType: 'text/html', data: `${html}<p>kept</p>` }])

function entryWith(parts: { at: 'inline'; mimeType: string; data: string }[]): (run: RunId) => ExecutionEntry {
  return () => ({ id: 'run-1', status: 'completed', code: '', language: 'python', result: { parts } })
}

const elements = new Set(
  'html head meta title style body a div nav h1 h2 h3 h4 h5 h6 header main footer p br hr ul ol li details summary span pre code strong em b i u s del sub sup small mark kbd table thead tbody tr th td img input blockquote math semantics annotation mrow mi mo mn mtext mspace msup msub msubsup mfrac msqrt mstyle mpadded merror mover munder munderover mtable mtr mtd menclose mroot mphantom'.split(
    ' ',
  ),
)
const attributes =
  /^(?:href|src|alt|title|id|class|rel|lang|charset|content|http-equiv|name|type|checked|disabled|loading|tabindex|role|align|open|data-language|aria-[a-z]+|xmlns|encoding|display|mathvariant|stretchy|width|height|lspace|rspace|voffset|mathcolor|mathbackground|scriptlevel|displaystyle|fence|separator|accent|accentunder|columnalign|columnspacing|rowspacing|linethickness|minsize|maxsize|form|movablelimits|start|symmetric|largeop|notation|depth|mathsize)$/

/** Reads a page as a parser of HTML does and names everything in it that could do something. */
function faultsOf(html: string): string[] {
  const faults: string[] = []
  const look = (tagName: string, attribs: Record<string, string>) => {
    if (!elements.has(tagName)) faults.push(`<${tagName}>`)
    for (const [key, value] of Object.entries(attribs)) faults.push(...faultsOfAttribute(tagName, key, value))
    return { tagName, attribs }
  }
  const all = { allowedTags: false, allowedAttributes: false, allowVulnerableTags: true } as const
  sanitizeHtml(html, { ...all, parseStyleAttributes: false, transformTags: { '*': look } })
  return faults
}

function faultsOfAttribute(tag: string, key: string, value: string): string[] {
  const target = value.replace(/[\u0000-\u0020]/g, '').toLowerCase()
  const ok =
    attributes.test(key) &&
    (key !== 'href' || /^(?:https?:|mailto:|#|\/|[a-z0-9._-]+(?:[/?#]|$))/.test(target)) &&
    (key !== 'src' || /^(?:\/@me\/|data:image\/(?:png|jpeg|gif|webp);base64,)/.test(target)) &&
    (key !== 'http-equiv' || value === 'Content-Security-Policy')
  return ok ? [] : [`${tag} ${key}=${value}`]
}

test('PB4 nothing of a hostile document can run, load or be submitted', async t => {
  for (const text of hostile)
    await t.test(JSON.stringify(text.slice(0, 70)), () => {
      const own = text.replaceAll('PICTURE', picture)
      assert.deepEqual(faultsOf(render(own)), [])
      assert.deepEqual(faultsOf(render('```python\nf\n```\n\n```output:run-1\n```\n', { entry: entryOf(own) })), [])
      assert.deepEqual(faultsOf(renderPlain({ text: own, title: own, note: own }).html), [])
    })
})

test('PB4 entries of any form are read without harm', () => {
  const strange = [
    null,
    7,
    [],
    { parts: 7 },
    { parts: [null, { mimeType: 3 }, { mimeType: 'text/html', at: 'asset', asset: '../x' }] },
  ]
  for (const result of strange) {
    const entry = () =>
      ({ status: 'error', error: { name: 3 }, displayData: [result], result, fullOutput: { asset: 'x' } }) as never
    assert.match(render('```python\nf\n```\n\n```output:run-1\nsaid\n```\n', { entry }), /said/)
  }
})

test('PB4 the reader of the tests can tell', () => {
  assert.deepEqual(faultsOf('<p onclick="x">'), ['p onclick=x'])
  assert.deepEqual(faultsOf('<script>x</script>'), ['<script>'])
})
