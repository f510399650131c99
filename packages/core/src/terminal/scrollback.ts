/**
 * Lines of a terminal that will not change again, within bounds: the first ones up to a cap, and a rolling tail of the
 * last ones, so that the end of a long output, where its errors are, can be seen. What falls out is counted.
 */

export interface Piece {
  text: string
  bytes: number
  /** Whether a line ending stands before it. */
  fresh: boolean
}

export interface Amount {
  bytes: number
  lines: number
}

/** Caps of the first part and of the rolling last part. */
export interface Budget {
  head: Amount
  tail: Amount
}

export interface Shown {
  text: string
  truncated: Amount
}

export class Scrollback {
  /** The beginning of the text; only ever appended to. */
  head = ''
  readonly #budget: Budget
  readonly #used: Amount = { bytes: 0, lines: 0 }
  readonly #dropped: Amount = { bytes: 0, lines: 0 }
  readonly #kept: Amount = { bytes: 0, lines: 0 }
  #tail: Piece[] = []
  #first = 0
  /** Whether the first part takes no more: from then on the last part rolls. */
  full = false

  constructor(budget: Budget) {
    this.#budget = budget
  }

  push(piece: Piece): void {
    this.full ||= !fits(piece, this.#used, this.#budget.head)
    if (!this.full) {
      this.head += (this.#isStart() ? '' : separator(piece)) + piece.text
      add(this.#used, piece)
      return
    }
    this.#tail.push(piece)
    add(this.#kept, piece)
    while (exceeds(this.#kept, this.#budget.tail)) this.#dropFirst()
  }

  /** Counts lines that the caller knows would have rolled out of the tail before it shows anything. */
  skip(amount: Amount): void {
    this.#dropped.bytes += amount.bytes
    this.#dropped.lines += amount.lines
  }

  /** All there is to see when `live` are the lines that follow. */
  show(live: readonly Piece[]): Shown {
    const rest = [...this.#tail.slice(this.#first), ...live]
    const total = { ...this.#used }
    for (const piece of rest) add(total, piece)
    const { head, tail } = this.#budget
    const cap = { bytes: head.bytes + tail.bytes, lines: head.lines + tail.lines }
    if (this.#dropped.bytes === 0 && !exceeds(total, cap))
      return { text: this.#join(rest), truncated: { bytes: 0, lines: 0 } }
    return this.#showCut(rest)
  }

  #showCut(rest: readonly Piece[]): Shown {
    const from = this.full ? 0 : this.#fitting(rest)
    const to = Math.max(from, firstOfTail(rest, this.#budget.tail))
    const truncated = { ...this.#dropped }
    for (const piece of rest.slice(from, to)) add(truncated, piece)
    const end = rest.slice(to)
    const marker = `… ${grouped(truncated.bytes)} bytes not shown …`
    return {
      text: `${this.#join(rest.slice(0, from))}\n${marker}\n${end.map((piece, i) => (i === 0 ? '' : separator(piece)) + piece.text).join('')}`,
      truncated,
    }
  }

  /** How many of the pieces still fit the first part. */
  #fitting(rest: readonly Piece[]): number {
    const used = { ...this.#used }
    const at = rest.findIndex(piece => !fits(piece, used, this.#budget.head) || !add(used, piece))
    return at < 0 ? rest.length : at
  }

  #join(pieces: readonly Piece[]): string {
    const start = this.#isStart()
    return this.head + pieces.map((piece, i) => (start && i === 0 ? '' : separator(piece)) + piece.text).join('')
  }

  #isStart(): boolean {
    return this.#used.lines === 0 && this.#dropped.lines === 0
  }

  #dropFirst(): void {
    const piece = this.#tail[this.#first++]!
    subtract(this.#kept, piece)
    add(this.#dropped, piece)
    if (this.#first < 4096) return
    this.#tail = this.#tail.slice(this.#first)
    this.#first = 0
  }
}

/** Where the longest end of the list begins that fits the cap. */
function firstOfTail(pieces: readonly Piece[], cap: Amount): number {
  const used = { bytes: 0, lines: 0 }
  let at = pieces.length
  while (at > 0 && fits(pieces[at - 1]!, used, cap)) add(used, pieces[--at]!)
  return at
}

function separator(piece: Piece): string {
  return piece.fresh ? '\n' : ''
}

function linesOf(piece: Piece): number {
  return piece.fresh ? 1 : 0
}

function fits(piece: Piece, used: Amount, cap: Amount): boolean {
  return used.bytes + piece.bytes + linesOf(piece) <= cap.bytes && used.lines + linesOf(piece) <= cap.lines
}

function exceeds(used: Amount, cap: Amount): boolean {
  return used.bytes > cap.bytes || used.lines > cap.lines
}

function add(sum: Amount, piece: Piece): true {
  sum.bytes += piece.bytes + linesOf(piece)
  sum.lines += linesOf(piece)
  return true
}

function subtract(sum: Amount, piece: Piece): void {
  sum.bytes -= piece.bytes + linesOf(piece)
  sum.lines -= linesOf(piece)
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',')
}
