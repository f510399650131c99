/** Splits text into lines as CommonMark does (LF, CRLF or a lone CR), in one pass and without copying it. */

export interface Line {
  /** Content without the line ending: `from` to `to`. The next line begins at `next`. */
  from: number
  to: number
  next: number
}

export class LineReader {
  readonly text: string
  #at: number
  #lf = -2
  #cr = -2

  constructor(text: string, at = 0) {
    this.text = text
    this.#at = at
  }

  /** Where the next line begins. */
  get at(): number {
    return this.#at
  }

  /** Goes on at `at`, the beginning of a line not before the current one. */
  skipTo(at: number): void {
    this.#at = at
  }

  next(): Line | undefined {
    const from = this.#at
    if (from >= this.text.length) return undefined
    if (this.#lf < from) this.#lf = this.#orEnd(this.text.indexOf('\n', from))
    const lf = this.#lf
    const cr = this.#crBefore(lf)
    const to = Math.min(lf, cr)
    this.#at = Math.min(to + (cr + 1 === lf ? 2 : 1), this.text.length)
    return { from, to, next: this.#at }
  }

  /** Not looked for beyond the line: where a text has none, each reader would go through all that is left of it. */
  #crBefore(lf: number): number {
    const from = this.#at
    if (this.#cr >= from) return this.#cr
    const found = this.text.slice(from, lf).indexOf('\r')
    if (found < 0) return this.text.length
    this.#cr = from + found
    return this.#cr
  }

  #orEnd(found: number): number {
    return found < 0 ? this.text.length : found
  }
}

/** The content of a line. */
export function contentOf(text: string, line: Line): string {
  return text.slice(line.from, line.to)
}

export function isBlank(text: string): boolean {
  return /^[ \t\r\n]*$/.test(text)
}
