/**
 * A long text that changes at one place after another: an edit copies no more than it inserts (NB61). Immutable to the
 * reader; asked for as a whole, it joins its pieces once and remembers that.
 */
import type { Change } from './text-delta.ts'

/** What reads a text here and there; a string is one. */
export interface TextReader {
  readonly length: number
  slice(from: number, to?: number): string
}

const mostPieces = 400

export class LongText implements TextReader {
  readonly length: number
  #pieces: readonly string[]
  /** Where each piece begins. */
  #starts: readonly number[]

  constructor(pieces: readonly string[]) {
    this.#pieces = pieces
    const starts: number[] = []
    let at = 0
    for (const piece of pieces) {
      starts.push(at)
      at += piece.length
    }
    this.#starts = starts
    this.length = at
  }

  slice(from: number, to = this.length): string {
    let found = ''
    for (let piece = this.#pieceAt(from); piece < this.#pieces.length && this.#starts[piece]! < to; piece++) {
      const start = this.#starts[piece]!
      found += this.#pieces[piece]!.slice(Math.max(0, from - start), to - start)
    }
    return found
  }

  /** The text after changes in ascending order. */
  changed(changes: readonly Change[]): LongText {
    const pieces: string[] = []
    let done = 0
    for (const { from, to, insert } of changes) {
      this.#copy(pieces, done, from)
      if (insert !== '') pieces.push(insert)
      done = to
    }
    this.#copy(pieces, done, this.length)
    const next = new LongText(pieces)
    if (pieces.length > mostPieces) next.toString()
    return next
  }

  #copy(pieces: string[], from: number, to: number): void {
    for (let piece = this.#pieceAt(from); piece < this.#pieces.length && this.#starts[piece]! < to; piece++) {
      const start = this.#starts[piece]!
      const part = this.#pieces[piece]!.slice(Math.max(0, from - start), to - start)
      const last = pieces.length - 1
      // Keys typed one after the other are one piece.
      if (last >= 0 && pieces[last]!.length + part.length < 1_000) pieces[last] += part
      else if (part !== '') pieces.push(part)
    }
  }

  /** The last piece that begins at or before an offset. */
  #pieceAt(offset: number): number {
    let [low, high] = [0, this.#starts.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#starts[middle]! <= offset) low = middle
      else high = middle
    }
    return low
  }

  toString(): string {
    if (this.#pieces.length !== 1) {
      this.#pieces = [this.#pieces.join('')]
      this.#starts = [0]
    }
    return this.#pieces[0]!
  }
}
