/** The Markdown that something shared becomes, and the name of a note made of it (PH61). Pure. */
import { contained } from '../../notebook/page-edits.ts'
import { isImage, type Shared, type SharedFile } from './shared.ts'

/** What browsers put there besides: the link is often the text, or its last word. */
export function linkOf({ url, text }: Pick<Shared, 'url' | 'text'>): string {
  if (isLink(url.trim())) return url.trim()
  const last = text.trim().split(/\s+/).at(-1) ?? ''
  return isLink(last) ? last : ''
}

export const isLink = (text: string): boolean => /^https?:\/\/[^\s<>]+$/i.test(text)

/** The text without the link that ends it. */
export function wordsOf(shared: Pick<Shared, 'url' | 'text'>): string {
  const text = shared.text.trim()
  const link = linkOf(shared)
  return link !== '' && text.endsWith(link) ? text.slice(0, -link.length).trim() : text
}

/** The Markdown that stands in the notebook. Nothing in it opens a fence or a comment over what follows. */
export function pieceOf(shared: Shared): string {
  const link = linkOf(shared)
  const title = shared.title.trim().replace(/\s+/g, ' ')
  const words = wordsOf(shared)
  const parts = [
    link !== '' && title !== '' ? `[${plain(title)}](${link.replace(/[()]/g, encodeURIComponent)})` : '',
    link !== '' && title === '' ? `<${link}>` : '',
    link === '' && title !== '' && title !== words ? `**${plain(title)}**` : '',
    words === title && link !== '' ? '' : contained(words),
    ...shared.files.map(attached),
  ]
  return `${parts.filter(part => part !== '').join('\n\n')}\n`
}

/** A picture stands there, any other file is a link that downloads it. */
const attached = (file: SharedFile): string =>
  isImage(file)
    ? `![${plain(file.name)}](asset:${file.asset})`
    : `[${plain(file.name)}](/api/v1/assets/${file.asset}?name=${encodeURIComponent(file.name).replace(/[()']/g, '')})`

const plain = (text: string): string => text.replace(/[\\[\]*_`<>]/g, '\\$&')

const mostName = 60

/** A name for a new note; `taken` says which paths there are. */
export function nameFor(shared: Shared, day: string, taken: (path: string) => boolean): string {
  const from = shared.title || wordsOf(shared).split('\n')[0] || shared.files[0]?.name || ''
  const clean = from
    .replace(/\.\w{1,8}$/, '')
    .replace(/[\p{Cc}/\\:*?"<>|#]+/gu, ' ')
    .replace(/^[.\s]+|\s+$/g, '')
    .replace(/\s+/g, ' ')
  const base = [...clean].slice(0, mostName).join('').trim() || `Shared ${day}`
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base} ${n}`
    if (!taken(`${name}.md`)) return name
  }
}
