/**
 * Splits what comes out of a terminal or a pipe into text and marks. A mark is `ESC ] mb ; nonce ; word BEL`, printed by the
 * program that runs the cells: being in the same stream as the output, it tells exactly where the output of a cell ends.
 */
export type Piece = { text: string } | { mark: string }

const longestWord = 16

export class MarkScanner {
  #prefix: Buffer
  #rest = Buffer.alloc(0)
  #decoder = new TextDecoder('utf-8')

  constructor(nonce: string) {
    this.#prefix = Buffer.from(`\x1b]mb;${nonce};`)
  }

  *push(chunk: Buffer): Generator<Piece> {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    for (;;) {
      const at = data.indexOf(this.#prefix)
      const end = at < 0 ? -1 : data.indexOf(0x07, at)
      if (end < 0) break
      yield* this.#text(data.subarray(0, at), false)
      yield { mark: data.toString('latin1', at + this.#prefix.length, end) }
      data = data.subarray(end + 1)
    }
    const kept = this.#begun(data)
    yield* this.#text(data.subarray(0, data.length - kept), true)
    this.#rest = Buffer.from(data.subarray(data.length - kept))
  }

  *#text(bytes: Buffer, stream: boolean): Generator<Piece> {
    const text = this.#decoder.decode(bytes, { stream })
    if (text) yield { text }
  }

  /** How many bytes at the end may be the beginning of a mark. */
  #begun(data: Buffer): number {
    const longest = this.#prefix.length + longestWord
    for (let at = data.indexOf(0x1b, Math.max(0, data.length - longest)); at >= 0; at = data.indexOf(0x1b, at + 1)) {
      const tail = data.subarray(at, at + this.#prefix.length)
      if (this.#prefix.subarray(0, tail.length).equals(tail)) return data.length - at
    }
    return 0
  }
}
