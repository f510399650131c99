/** Prose of a document: Markdown to safe HTML with anchored headings, highlighted fences and MathML. */
import type { AssetId } from '@meshbook/core/ids.ts'
import { Marked, type Tokens } from 'marked'
import { codeHtml } from './code.ts'
import { escapeHtml } from './escape.ts'
import { mathExtensions } from './math.ts'
import { imageSource, sanitized } from './sanitize.ts'

export interface Heading {
  level: number
  text: string
  id: string
}

/** Characters of private use that stand around the number of a finished piece of HTML until all else is sanitised. */
const [open, close] = ['\ue000', '\ue001']
const marks = /\ue000(\d{1,7})\ue001/g

export class ProseWriter {
  readonly headings: Heading[] = []
  readonly #asset: (id: AssetId) => string | undefined
  readonly #ids = new Set(['content', 'outline', 'title'])
  readonly #marked: Marked
  #finished: string[] = []
  #anchors = true

  constructor(asset: (id: AssetId) => string | undefined) {
    this.#asset = asset
    this.#marked = this.#build()
  }

  html(markdown: string): string {
    return this.#parsed(markdown, true)
  }

  /** Markdown that a program displayed: its headings are not those of the page. */
  outputHtml(markdown: string): string {
    return this.#parsed(markdown, false)
  }

  /** HTML that a program displayed: the same list of what is allowed, and no anchors. */
  safeHtml(html: string): string {
    this.#finished = []
    return this.#safe(html.replace(/[\ue000\ue001]/g, '\ufffd'))
  }

  #parsed(markdown: string, anchors: boolean): string {
    this.#finished = []
    this.#anchors = anchors
    return this.#safe(this.#marked.parse(markdown.replace(/[\ue000\ue001]/g, '\ufffd'), { async: false }))
  }

  #safe(html: string): string {
    const safe = sanitized(html, {
      asset: this.#asset,
      isAnchor: id => this.headings.some(heading => heading.id === id),
      unmark: text => text.replace(marks, (_, at: string) => this.#finished[Number(at)] ?? ''),
    })
    return safe.replace(marks, '')
  }

  #put(html: string): string {
    this.#finished.push(html)
    return `${open}${this.#finished.length - 1}${close}`
  }

  #build(): Marked {
    const writer = this
    return new Marked({
      gfm: true,
      extensions: mathExtensions(html => this.#put(html)),
      renderer: {
        image: ({ href, text }) => {
          if (imageSource(href, this.#asset) !== undefined) return false
          return elsewhere(href, text)
        },
        code: ({ text, lang }) => {
          const body = codeHtml(text, /^\{?([\w+#.-]{1,40})/.exec(lang ?? '')?.[1] ?? '')
          return this.#put(`<pre class="code"${focusable(text)}><code>${body}\n</code></pre>`)
        },
        heading({ depth, tokens, text }: Tokens.Heading) {
          return writer.#heading(depth, text, this.parser.parseInline(tokens))
        },
        table(token: Tokens.Table) {
          const rows = tableOf(token, cell => this.parser.parseInline(cell.tokens))
          return `<div class="wide" tabindex="0" role="region" aria-label="Table">${rows}</div>`
        },
      },
    })
  }

  #heading(level: number, source: string, html: string): string {
    if (!this.#anchors) return `<h${level}>${html}</h${level}>\n`
    const text = plainOf(source)
    const id = this.#idFor(text)
    this.headings.push({ level, text, id })
    const label = escapeHtml(`Link to “${text}”`)
    return `<h${level} id="${id}">${html} <a class="anchor" href="#${id}" aria-label="${label}">#</a></h${level}>\n`
  }

  #idFor(text: string): string {
    const base =
      text
        .toLowerCase()
        .normalize('NFKC')
        .replace(/[^\p{L}\p{N}]+/gu, '-')
        .replace(/^-|-$/g, '')
        .slice(0, 80) || 'section'
    let id = base
    for (let n = 2; this.#ids.has(id); n++) id = `${base}-${n}`
    this.#ids.add(id)
    return id
  }
}

/** A block that may be wider than the page can be scrolled by keyboard. */
export function focusable(text: string): string {
  return /[^\n]{78}/.test(text) ? ' tabindex="0"' : ''
}

/** An image from elsewhere would tell its server who reads; it is a link instead. */
function elsewhere(href: string, text: string): string {
  const name = escapeHtml(text || href)
  return /^https?:/.test(href) ? `<a href="${escapeHtml(href)}">${name}</a>` : `<em>${name}</em>`
}

function tableOf({ header, rows }: Tokens.Table, inner: (cell: Tokens.TableCell) => string): string {
  const cell = (tag: 'th' | 'td') => (one: Tokens.TableCell) =>
    `<${tag}${one.align ? ` align="${one.align}"` : ''}>${inner(one)}</${tag}>`
  const row = (cells: string[]) => `<tr>${cells.join('')}</tr>`
  const head = row(header.map(cell('th')))
  const body = rows.map(cells => row(cells.map(cell('td')))).join('')
  return `<table><thead>${head}</thead><tbody>${body}</tbody></table>`
}

const plainOf = (source: string): string =>
  source
    .replace(/<[^>]{0,400}>/g, '')
    .replace(/!?\[([^\]]{0,400})\]\([^)]{0,2000}\)/g, '$1')
    .replace(/[*_`~$]/g, '')
    .replace(/[\ue000\ue001]/g, '')
    .trim()
    .slice(0, 200)
