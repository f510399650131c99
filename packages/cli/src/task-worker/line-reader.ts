/** Lines out of pieces of bytes, with a cap on each: what is longer is dropped up to its end, and told as null. */
export class LineReader {
  readonly #most: number
  readonly #onLine: (line: string | null) => void
  #pieces: Buffer[] = []
  #bytes = 0

  constructor(most: number, onLine: (line: string | null) => void) {
    this.#most = most
    this.#onLine = onLine
  }

  add(piece: Buffer): void {
    for (let from = 0; from < piece.byteLength; ) {
      const end = piece.indexOf(10, from)
      this.#keep(piece.subarray(from, end < 0 ? piece.byteLength : end))
      if (end < 0) return
      const line = this.#bytes > this.#most ? null : Buffer.concat(this.#pieces).toString('utf8')
      this.#pieces = []
      this.#bytes = 0
      this.#onLine(line)
      from = end + 1
    }
  }

  #keep(part: Buffer): void {
    this.#bytes += part.byteLength
    if (this.#bytes > this.#most) this.#pieces = []
    else this.#pieces.push(part)
  }
}
