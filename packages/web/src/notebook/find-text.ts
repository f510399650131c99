/** Finding and replacing in pieces of text. Pure; runs in a worker, because a pattern may take for ever (NB21). */

export interface FindQuery {
  text: string
  caseSensitive: boolean
  pattern: boolean
}
export interface Found {
  /** Which piece, and where in it. */
  piece: number
  from: number
  to: number
  /** What takes its place, if something is to. */
  insert?: string
}
export interface FindAnswer {
  found: Found[]
  /** There are more than are listed. */
  more: boolean
}

/** Throws with words for a person when the pattern is none. */
export function expressionOf({ text, caseSensitive, pattern }: FindQuery): RegExp {
  const source = pattern ? text : text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  return new RegExp(source, `gm${pattern ? 'u' : ''}${caseSensitive ? '' : 'i'}`)
}

export function findIn(pieces: readonly string[], query: FindQuery, most: number, replacement?: string): FindAnswer {
  if (query.text === '') return { found: [], more: false }
  const expression = expressionOf(query)
  const found: Found[] = []
  for (const [piece, text] of pieces.entries()) {
    for (const match of text.matchAll(expression)) {
      if (match[0] === '') continue
      if (found.length === most) return { found, more: true }
      const place = { piece, from: match.index, to: match.index + match[0].length }
      found.push(replacement === undefined ? place : { ...place, insert: inserted(match, replacement, query.pattern) })
    }
  }
  return { found, more: false }
}

/** The replacement of one match; in a pattern's, `$1`, `$<name>`, `$&` and `$$` mean what they do in JavaScript. */
function inserted(match: RegExpExecArray, replacement: string, pattern: boolean): string {
  if (!pattern) return replacement
  return replacement.replace(/\$(?:(\$)|(&)|(\d{1,2})|<([^>]*)>)/g, (whole, dollar, all, number, name) => {
    if (dollar) return '$'
    if (all) return match[0]
    if (name !== undefined) return match.groups ? (match.groups[name] ?? '') : whole
    return Number(number) > 0 && Number(number) < match.length ? (match[Number(number)] ?? '') : whole
  })
}
