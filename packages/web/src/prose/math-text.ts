/** Where formulas stand in text: `$…$` and `$$…$$` as Pandoc reads them, and what `text/latex` holds. Pure. */

export interface Formula {
  tex: string
  display: boolean
  /** Length of the source, with what delimits it. */
  length: number
}

const mostChars = 20_000

/** The formula that the text begins with. A price is none: `$5 and $10`. */
export function formulaAt(source: string): Formula | undefined {
  const display = source.startsWith('$$')
  const from = display ? 2 : 1
  const to = source.startsWith('$') ? closingAt(source, from, display) : -1
  if (to < 0) return undefined
  const tex = source.slice(from, to)
  const length = to + from
  if (display) return tex.trim() === '' ? undefined : { tex: tex.trim(), display, length }
  const isPrice = /^\s|(?<!\\)\s$/.test(tex) || /\d/.test(source[length] ?? '')
  return tex === '' || isPrice ? undefined : { tex, display, length }
}

/** Where the dollars stand that end it; a backslash takes the next character with it, an empty line ends what is in a line. */
function closingAt(source: string, from: number, display: boolean): number {
  const end = Math.min(source.length, mostChars)
  for (let at = from; at < end; at++) {
    const char = source[at]
    if (char === '\\') at++
    else if (char === '$' && (!display || source[at + 1] === '$')) return at
    else if (char === '\n' && !display && /^\n[ \t]*\n/.test(source.slice(at, at + 100))) return -1
  }
  return -1
}

/** A `text/latex` output that is one formula. */
export function formulaOf(source: string): Formula | undefined {
  const text = source.trim()
  const length = source.length
  const environment = /^\\begin\{((?:equation|align|gather|multline|eqnarray|alignat)\*?)\}[\s\S]*\\end\{\1\}$/.test(
    text,
  )
  if (environment) return { tex: text, display: true, length }
  for (const [from, to, display] of delimiters) {
    if (!text.startsWith(from) || !text.endsWith(to) || text.length <= from.length + to.length) continue
    const tex = text.slice(from.length, text.length - to.length)
    if (from.startsWith('$') && /(?<!\\)\$/.test(tex)) continue
    // A formula that is all there is has room for itself.
    return { tex: tex.trim(), display, length }
  }
  return undefined
}

const delimiters = [
  ['$$', '$$', true],
  ['\\[', '\\]', true],
  ['\\(', '\\)', true],
  ['$', '$', true],
] as const
