/** Finding words in a notebook's text: which line shows them best, and where in it they stand. Pure (PH63). */

export interface Mark {
  from: number
  to: number
}
export interface TextMatch {
  /** Of the line's first word, in the text. */
  at: number
  /** The line, or what is around the words where it is long. */
  line: string
  /** The words in `line`. */
  marks: readonly Mark[]
  /** How many of the words stand in that line. */
  words: number
}

const mostHits = 400
const shownChars = 160
const before = 40
/** Written by programs for programs: fences of outputs, and the names of images. */
const unread = /^\s*(?:`{3,}|~{3,})output|\(asset:sha256-|\/api\/v1\/assets\/|^\s*<!--/

export const wordsIn = (query: string): string[] => [
  ...new Set(query.normalize('NFC').toLowerCase().split(/\s+/).filter(Boolean)),
]

const literal = (word: string): string => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
const anyOf = (words: readonly string[]): RegExp =>
  new RegExp(
    words
      .toSorted((a, b) => b.length - a.length)
      .map(literal)
      .join('|'),
    'giu',
  )

/** One for all texts of a search. */
export function finderOf(words: readonly string[]): (text: string) => TextMatch | undefined {
  const each = words.map(word => new RegExp(literal(word), 'iu'))
  const any = anyOf(words)
  return text => (words.length > 0 && each.every(word => word.test(text)) ? bestLine(text, any) : undefined)
}

function bestLine(text: string, any: RegExp): TextMatch | undefined {
  let best: { at: number; from: number; to: number; words: number } | undefined
  let lineTo = -1
  let hits = 0
  for (const { index } of text.matchAll(any)) {
    if (++hits > mostHits) break
    if (index < lineTo) continue
    const from = text.lastIndexOf('\n', index - 1) + 1
    const end = text.indexOf('\n', index)
    lineTo = end < 0 ? text.length : end
    const line = text.slice(from, lineTo)
    const words = unread.test(line) ? 0 : new Set(Array.from(line.matchAll(any), ([word]) => word.toLowerCase())).size
    if (words > (best?.words ?? 0)) best = { at: index, from, to: lineTo, words }
  }
  return best && { at: best.at, words: best.words, ...shown(text, best, any) }
}

function shown(text: string, { at, from, to }: { at: number; from: number; to: number }, any: RegExp) {
  const start = to - from <= shownChars ? from : Math.max(from, at - before)
  const cut = text.slice(start, Math.min(to, start + shownChars)).toWellFormed()
  const lead = start > from ? '…' : ''
  const line = (lead + cut.replace(/[\t\r]/g, ' ') + (start + shownChars < to ? '…' : '')).trimEnd()
  return { line, marks: marksIn(line, any) }
}

export function marksIn(text: string, words: RegExp | readonly string[]): Mark[] {
  if (!(words instanceof RegExp) && words.length === 0) return []
  const any = words instanceof RegExp ? words : anyOf(words)
  return Array.from(text.matchAll(any), ({ index, 0: word }) => ({ from: index, to: index + word.length }))
}

/** A name that has all words: better the nearer they are to its beginning. Zero: it has not. */
export function scoreOf(name: string, words: readonly string[]): number {
  const text = name.normalize('NFC').toLowerCase()
  if (words.length === 0 || !words.every(word => text.includes(word))) return 0
  return text.startsWith(words[0]!) ? 3 : /^[^\p{L}\p{N}]?$/u.test(text[text.indexOf(words[0]!) - 1] ?? '') ? 2 : 1
}

/** The place of a match as the end of an address, and back: the words find it again where the text has changed. */
export const matchHash = (at: number, word: string): string => `#find-${at}-${encodeURIComponent(word)}`

export function readMatchHash(hash: string): { at: number; word: string } | undefined {
  const [, at, word] = /^#find-(\d{1,9})-(.{1,300})$/.exec(hash) ?? []
  try {
    return at && word ? { at: Number(at), word: decodeURIComponent(word) } : undefined
  } catch {
    return undefined
  }
}

/** Where the word is now, nearest to where it was. */
export function nearest(text: string, { at, word }: { at: number; word: string }): number | undefined {
  const found = Array.from(text.matchAll(new RegExp(literal(word), 'giu')), ({ index }) => index)
  return found.reduce<number | undefined>(
    (best, place) => (best === undefined || Math.abs(place - at) < Math.abs(best - at) ? place : best),
    undefined,
  )
}
