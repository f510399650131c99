/**
 * HTML that an author or a program wrote, reduced to what a page of text needs: a strict list of elements and
 * attributes, no styles, no scripts, no forms, no frames; images are this page's own (PB4).
 */
import type { AssetId } from '@meshbook/core/ids.ts'
import { isAssetId } from '@meshbook/core/ids.ts'
import sanitizeHtml, { type IOptions } from 'sanitize-html'

export interface SanitizeContext {
  asset(id: AssetId): string | undefined
  /** Ids that headings of this page may have. */
  isAnchor(id: string): boolean
  /** What stands in a text in place of a mark, once all else is safe. */
  unmark(text: string): string
}

const text = [
  'p',
  'br',
  'hr',
  'blockquote',
  'pre',
  'code',
  'span',
  'div',
  'ul',
  'ol',
  'li',
  'dl',
  'dt',
  'dd',
  'a',
  'img',
]
const inline = [
  'strong',
  'b',
  'em',
  'i',
  'u',
  's',
  'del',
  'ins',
  'sub',
  'sup',
  'small',
  'mark',
  'kbd',
  'samp',
  'var',
  'q',
  'cite',
  'abbr',
  'wbr',
  'time',
]
const tables = ['table', 'caption', 'colgroup', 'col', 'thead', 'tbody', 'tfoot', 'tr', 'th', 'td']
const larger = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'details', 'summary', 'figure', 'figcaption', 'input']

export function sanitized(html: string, context: SanitizeContext): string {
  return sanitizeHtml(html, optionsFor(context))
}

function optionsFor(context: SanitizeContext): IOptions {
  const heading = (tagName: string, { id }: Record<string, string>) => ({
    tagName,
    attribs: (id !== undefined && context.isAnchor(id) ? { id } : {}) as Record<string, string>,
  })
  return {
    allowedTags: [...text, ...inline, ...tables, ...larger],
    nonTextTags: [
      'script',
      'style',
      'textarea',
      'option',
      'noscript',
      'template',
      'title',
      'xmp',
      'noembed',
      'noframes',
    ],
    allowedAttributes: {
      a: ['href', 'title', 'rel', 'class', 'aria-label'],
      img: ['src', 'alt', 'title', 'width', 'height', 'loading'],
      input: ['type', 'checked', 'disabled', 'aria-label'],
      ol: ['start', 'reversed'],
      details: ['open'],
      time: ['datetime'],
      abbr: ['title'],
      col: ['span'],
      th: ['align', 'colspan', 'rowspan', 'scope'],
      td: ['align', 'colspan', 'rowspan'],
      div: [{ name: 'tabindex', values: ['0'] }, { name: 'role', values: ['region'] }, 'aria-label'],
      ...Object.fromEntries(['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map(name => [name, ['id']])),
    },
    allowedClasses: {
      span: [/^hljs-[a-z_-]{1,40}$/, /^(?:function|class|inherited)_$/],
      a: ['anchor'],
      div: ['wide'],
    },
    allowedSchemes: ['http', 'https', 'mailto'],
    // What images may name is decided below, where this hub's own addresses can be told from a stranger's.
    allowedSchemesByTag: { img: ['http', 'https', 'data'] },
    allowProtocolRelative: false,
    nestingLimit: 100,
    transformTags: {
      img: (tagName, attribs) => image(tagName, attribs, context),
      a: (tagName, attribs) => link(tagName, attribs),
      input: (_, { type, checked }) => checkbox(type, checked),
      h1: heading,
      h2: heading,
      h3: heading,
      h4: heading,
      h5: heading,
      h6: heading,
    },
    exclusiveFilter: ({ tag, attribs }) =>
      (tag === 'img' && !attribs.src) || (tag === 'input' && attribs.type !== 'checkbox'),
    textFilter: plain => context.unmark(plain),
  }
}

const dataImage = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$/

/** Where an image may come from: an asset of the document, or the document's own text. */
export function imageSource(source: string, asset: SanitizeContext['asset']): string | undefined {
  const named = /^(?:asset:|\/api\/v1\/assets\/)(.+)$/.exec(source)?.[1]
  if (named !== undefined) return isAssetId(named) ? asset(named) : undefined
  return dataImage.test(source) ? source : undefined
}

function image(tagName: string, { src = '', ...attribs }: Record<string, string>, { asset }: SanitizeContext) {
  const source = imageSource(src, asset)
  const rest = { alt: '', ...attribs, loading: 'lazy' }
  return { tagName, attribs: (source === undefined ? rest : { src: source, ...rest }) as Record<string, string> }
}

/** A reader is not told from which page they came, and no page is vouched for by a link of somebody's document. */
function link(tagName: string, { href, title, ...attribs }: Record<string, string>) {
  const own = href?.startsWith('#') ?? true
  const anchor = attribs.class === 'anchor' ? { class: 'anchor', 'aria-label': attribs['aria-label'] ?? 'Link' } : {}
  return {
    tagName,
    attribs: {
      ...(href !== undefined && { href }),
      ...(title !== undefined && { title }),
      ...(own ? anchor : { rel: 'noopener noreferrer nofollow ugc' }),
    } as Record<string, string>,
  }
}

function checkbox(type: string | undefined, checked: string | undefined) {
  const attribs: Record<string, string> = {
    type: type ?? '',
    disabled: '',
    'aria-label': 'Task',
    ...(checked !== undefined && { checked: '' }),
  }
  return { tagName: 'input', attribs }
}
