/** Markdown to safe HTML, with formulas. Images of assets come from this hub; links leave the app without telling where from. */
import { isAssetId } from '@meshbook/core/ids.ts'
import { isIntricate } from '@meshbook/core/notebook/intricate.ts'
import DOMPurify from 'dompurify'
import { Marked, type TokenizerAndRendererExtension } from 'marked'
import { formulaAt } from './output/math-text.ts'
import { loadMath, typesetter } from './output/math-when-needed.ts'

/** Images only from this hub's assets, from the file's own text (`data:`), or from https. */
function safeImage(source: string): string | undefined {
  const asset = /^asset:(.+)$/.exec(source)?.[1]
  if (asset !== undefined) return isAssetId(asset) ? `/api/v1/assets/${asset}` : undefined
  return /^(data:image\/(png|jpeg|gif|webp);|\/api\/v1\/assets\/sha256-)/.test(source) ? source : undefined
}

/** A formula goes through the sanitiser as text, and is typeset behind it. */
const formula: TokenizerAndRendererExtension = {
  name: 'formula',
  level: 'inline',
  start: source => source.indexOf('$'),
  tokenizer(source) {
    const found = formulaAt(source)
    return found && { type: 'formula', raw: source.slice(0, found.length), tex: found.tex, display: found.display }
  },
  renderer: ({ tex, display }) => `<code data-formula="${display ? 'block' : 'inline'}">${escaped(String(tex))}</code>`,
}

const marked = new Marked({
  gfm: true,
  extensions: [formula],
  renderer: {
    /** An image from elsewhere would tell its server who reads; it is a link instead. */
    image({ href, text }) {
      if (safeImage(href) !== undefined) return false
      const name = escaped(text || href)
      return /^https?:/.test(href) ? `<a href="${escaped(href)}">${name}</a>` : `<em>${name}</em>`
    },
  },
})

const escaped = (text: string): string => text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)

const purify = DOMPurify(window)
purify.addHook('uponSanitizeAttribute', (node, data) => {
  if (node.nodeName !== 'IMG' || data.attrName !== 'src') return
  const source = safeImage(data.attrValue)
  if (source === undefined) data.keepAttr = false
  else data.attrValue = source
})
purify.addHook('afterSanitizeAttributes', node => {
  if (node.nodeName === 'A' && node.hasAttribute('href')) {
    node.setAttribute('rel', 'noopener noreferrer')
    if (!node.getAttribute('href')!.startsWith('#')) node.setAttribute('target', '_blank')
  }
  if (node.nodeName === 'INPUT') {
    node.setAttribute('disabled', '')
    node.setAttribute('aria-label', 'Task')
  }
  if (node.nodeName === 'IMG') node.setAttribute('loading', 'lazy')
})

const allowed = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ['style', 'form', 'button', 'textarea', 'select', 'iframe', 'video', 'audio', 'dialog'],
  FORBID_ATTR: [
    'style',
    'id',
    'name',
    'class',
    'srcset',
    'popover',
    'popovertarget',
    'autofocus',
    'tabindex',
    'contenteditable',
  ],
  ALLOWED_URI_REGEXP:
    /^(?:https?:|mailto:|asset:|data:image\/|#|\/api\/v1\/assets\/|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
}

/** Of one text; the others stay as they were written (OU15). */
const mostFormulas = 1_000

/**
 * Drawn again once the typesetter is here, if it is read inside of a component. Undefined for what would keep the page
 * from doing anything else, or has no end for the parser (OU15).
 */
export function markdownToHtml(source: string): string | undefined {
  const parsed = isIntricate(source) ? undefined : tried(() => marked.parse(source, { async: false }))
  if (parsed === undefined) return undefined
  const html = purify.sanitize(parsed, allowed)
  return html.includes('data-formula=') ? withFormulas(html) : html
}

/** Undefined if it nests deeper than the stack goes. */
function tried<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined
    throw thrown
  }
}

function withFormulas(html: string): string {
  const typeset = typesetter.value?.typeset
  // Without the typesetter, as when it cannot be had offline, the TeX is shown.
  if (!typeset) loadMath().catch(() => undefined)
  const { body } = new DOMParser().parseFromString(html, 'text/html')
  for (const place of [...body.querySelectorAll<HTMLElement>('code[data-formula]')].slice(0, mostFormulas)) {
    const display = place.dataset.formula === 'block'
    const drawn = typeset?.(place.textContent ?? '', display)
    if (drawn === undefined) continue
    const formula = body.ownerDocument.createElement('span')
    formula.className = display ? 'formula-block' : 'formula-inline'
    // KaTeX made this HTML, of text alone.
    formula.innerHTML = drawn
    place.replaceWith(formula)
  }
  return body.innerHTML
}

/** Headings of prose, for the outline. */
export function headingsOf(source: string): { level: number; text: string }[] {
  const tokens = isIntricate(source) ? undefined : tried(() => marked.lexer(source))
  return (tokens ?? []).flatMap(token =>
    token.type === 'heading' ? [{ level: token.depth as number, text: plain(token.text as string) }] : [],
  )
}

const plain = (text: string): string => text.replace(/[*_`~]|!?\[([^\]]*)\]\([^)]*\)/g, '$1').trim()
