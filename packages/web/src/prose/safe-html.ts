/**
 * HTML of strangers, through DOMPurify (S9), as elements of the page: what it leaves is read as a tree and drawn element by
 * element, with the Markdown that stood between in its places. Fetched when the first such text is shown.
 */
import DOMPurify from 'dompurify'
import { type ComponentChildren, Fragment, h } from 'preact'
import { imageAddress, linkAddress } from './addresses.ts'
import type { Piece } from './raw-html.ts'

const purify = DOMPurify(window)
purify.addHook('uponSanitizeAttribute', (node, data) => {
  const rule = node.nodeName === 'IMG' && data.attrName === 'src' ? imageAddress : undefined
  const checked = (data.attrName === 'href' ? linkAddress : rule)?.(data.attrValue)
  if (checked !== undefined) data.attrValue = checked
  else if (rule || data.attrName === 'href') data.keepAttr = false
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
  RETURN_DOM_FRAGMENT: true,
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
} as const

/** Elements deeper than nobody writes are shown as their text. */
const mostNested = 100

export function drawHtml(pieces: readonly Piece[]): ComponentChildren {
  const source = pieces.map((piece, at) => ('html' in piece ? piece.html : `<span data-place="${at}"></span>`)).join('')
  // Each goes to one place, so that a text does not grow by naming places itself.
  const places = new Map(pieces.flatMap((piece, at) => ('html' in piece ? [] : [[String(at), piece.drawn]])))
  const kept = purify.sanitize(source, { ...allowed } as never) as unknown as DocumentFragment
  // Other HTML is other elements: attributes are set once, and none is left from before.
  return h(Fragment, { key: source }, childrenOf(kept, places, 0))
}

type Places = Map<string, ComponentChildren>

function childrenOf(node: Node, places: Places, depth: number): ComponentChildren {
  if (depth >= mostNested) return node.textContent
  return [...node.childNodes].map(child => drawn(child, places, depth + 1))
}

function drawn(node: Node, places: Places, depth: number): ComponentChildren {
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue
  if (!(node instanceof Element)) return null
  const place = node.getAttribute('data-place') ?? ''
  if (places.has(place)) return taken(places, place)
  return h(node.localName, { ref: attributesFrom(node) }, childrenOf(node, places, depth))
}

function taken(places: Places, place: string): ComponentChildren {
  const found = places.get(place)
  places.delete(place)
  return found
}

/** As attributes, not as properties: exactly what was left of them. The last first, so that an image is lazy before it has a source. */
function attributesFrom(node: Element): (element: Element | null) => void {
  const attributes = [...node.attributes].reverse().map(({ name, value }) => [name, value] as const)
  return element => {
    for (const [name, value] of attributes) element?.setAttribute(name, value)
  }
}
