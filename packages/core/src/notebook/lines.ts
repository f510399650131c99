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
    const lf = this.#find('\n', this.#lf)
    const cr = this.#find('\r', this.#cr)
    this.#lf = lf
    this.#cr = cr
    const to = Math.min(lf, cr)
    this.#at = Math.min(to + (cr + 1 === lf ? 2 : 1), this.text.length)
    return { from, to, next: this.#at }
  }

  /** The next `char` at or after the current line; `known` is the answer of the last time, still valid if not passed. */
  #find(char: string, known: number): number {
    if (known >= this.#at) return known
    const found = this.text.indexOf(char, this.#at)
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
