/**
 * Tokens of Markdown as elements. Whatever strangers wrote gets here as text, and only as text into the page; no HTML is
 * made of it (S9). HTML that stands in the Markdown is handed on with what is drawn between it.
 */
import type { MarkedToken, Token, Tokens } from 'marked'
import { type ComponentChildren, Fragment, h } from 'preact'
import { encodedAddress, imageAddress, linkAddress } from './addresses.ts'
import { withCharacters } from './character-references.ts'
import { FormulaView } from './formula-view.ts'
import { RawHtml } from './raw-html.ts'

type Drawn = ComponentChildren

interface Formula {
  type: 'formula'
  raw: string
  tex: string
  display: boolean
}

/** Of one text; the others stay as they were written (OU15). */
const mostFormulas = 1_000
/** As deep as nobody writes; what is below is shown as it was written. */
const mostNested = 60

/** What is known of a text while it is drawn. */
class Drawing {
  hasHtml = false
  #formulas = 0
  #depth = 0

  all(tokens: readonly Token[]): Drawn {
    if (this.#depth >= mostNested) return tokens.map(({ raw }) => raw)
    this.#depth++
    const drawn = tokens.map(token => (isHtml(token) ? { html: token.text } : { drawn: this.one(token) }))
    this.#depth--
    if (!drawn.some(piece => 'html' in piece)) return drawn.map(({ drawn }) => drawn)
    this.hasHtml = true
    return h(RawHtml, { pieces: drawn })
  }

  one(token: Token): Drawn {
    if (token.type === 'formula') return this.#formula(token as unknown as Formula)
    const known = token as MarkedToken
    switch (known.type) {
      case 'heading':
        return h(`h${known.depth}`, null, this.all(known.tokens))
      case 'paragraph':
        return h('p', null, this.all(known.tokens))
      case 'blockquote':
        return h('blockquote', null, this.all(known.tokens))
      case 'strong':
      case 'em':
      case 'del':
        return h(known.type, null, this.all(known.tokens))
      case 'list':
        return this.#list(known)
      case 'table':
        return this.#table(known)
      case 'link':
        return this.#link(known)
      case 'image':
        return image(known)
      case 'text':
        return known.tokens ? this.all(known.tokens) : withCharacters(known.text)
      default:
        return leaf(known)
    }
  }

  #list({ ordered, start, items }: Tokens.List): Drawn {
    const drawn = items.map(item => h('li', null, this.all(item.tokens)))
    return ordered ? h('ol', start === 1 || start === '' ? null : { start }, drawn) : h('ul', null, drawn)
  }

  #table({ header, rows }: Tokens.Table): Drawn {
    const row = (name: 'th' | 'td', cells: readonly Tokens.TableCell[]) =>
      h(
        'tr',
        null,
        cells.map(({ tokens, align }) => h(name, align ? { align } : null, this.all(tokens))),
      )
    const body = rows.map(cells => row('td', cells))
    return h('table', null, h('thead', null, row('th', header)), body.length > 0 && h('tbody', null, body))
  }

  #link({ href, title, text, tokens, autolink }: Tokens.Link): Drawn {
    const inside = autolink ? text : this.all(tokens)
    const address = encodedAddress(autolink ? href : withCharacters(href))
    return address === undefined ? inside : link(address, inside, title)
  }

  #formula({ tex, display }: Formula): Drawn {
    return ++this.#formulas > mostFormulas ? h('code', null, tex) : h(FormulaView, { tex, display })
  }
}

/** What was drawn, and whether HTML stands in it. */
export function drawProse(tokens: readonly Token[]): { drawn: Drawn; hasHtml: boolean } {
  const drawing = new Drawing()
  const drawn = drawing.all(tokens)
  return { drawn, hasHtml: drawing.hasHtml }
}

/** Links leave the app without telling from where. */
function link(address: string, inside: Drawn, title?: string | null): Drawn {
  const href = linkAddress(address)
  if (href === undefined) return h('a', null, inside)
  const target = href.startsWith('#') ? undefined : '_blank'
  return h('a', { href, rel: 'noopener noreferrer', target, title: titleOf(title) }, inside)
}

/** An image from elsewhere would tell its server who reads; it is a link instead. */
function image({ href, title, text, tokens }: Tokens.Image): Drawn {
  const alt = withCharacters(tokens?.length ? textOf(tokens) : text)
  const address = encodedAddress(withCharacters(href))
  const src = address && imageAddress(address)
  if (src) return h('img', { loading: 'lazy', src, alt, title: titleOf(title) })
  return address && /^https?:/.test(address) ? link(address, alt || href) : h('em', null, alt || href)
}

const titleOf = (title: string | null | undefined) => (title ? withCharacters(title) : undefined)

/** What has nothing inside. */
function leaf(token: MarkedToken): Drawn {
  switch (token.type) {
    case 'code':
      return h('pre', null, h('code', null, token.text && `${token.text.replace(/\n$/, '')}\n`))
    case 'codespan':
      return h('code', null, token.text)
    case 'escape':
      return token.text
    case 'br':
    case 'hr':
      return h(token.type, null)
    case 'html':
      return isBreak(token) ? h('br', null) : null
    case 'checkbox': {
      const box = { type: 'checkbox', checked: token.checked, disabled: true, 'aria-label': 'Task' }
      return h(Fragment, null, h('input', box), ' ')
    }
    case 'space':
    case 'def':
      return null
    default:
      return token.raw
  }
}

const isBreak = ({ text }: { text: string }): boolean => /^<br\s*\/?>\s*$/i.test(text)
const isComment = ({ text }: { text: string }): boolean => /^\s*(?:<!--(?:(?!-->)[\s\S])*-->\s*)+$/.test(text)

/** What only the sanitiser can tell about. */
const isHtml = (token: Token): token is Tokens.HTML =>
  token.type === 'html' && !isBreak(token as Tokens.HTML) && !isComment(token as Tokens.HTML)

function textOf(tokens: readonly Token[]): string {
  return tokens.map(token => ('tokens' in token && token.tokens ? textOf(token.tokens) : plainOf(token))).join('')
}

const plainOf = (token: Token): string => (token.type === 'br' ? '\n' : 'text' in token ? token.text : token.raw)
