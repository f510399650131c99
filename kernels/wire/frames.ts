/**
 * Frames of the kernel protocol (KN1): the length as 32 bits, most significant byte first, then JSON in UTF-8.
 * Also what the daemon and a kernel host speak. It knows nothing of what the messages mean.
 */
export function encodeFrame(message: unknown): Buffer {
  return encodeJson(JSON.stringify(message))
}

export function encodeJson(json: string): Buffer {
  const bytes = Buffer.byteLength(json)
  const frame = Buffer.allocUnsafe(4 + bytes)
  frame.writeUInt32BE(bytes, 0)
  frame.write(json, 4, 'utf8')
  return frame
}

export class FrameTooLarge extends Error {}

/** Joins chunks to frames. `maxBytes` may be raised once the other side has proved who it is. */
export class FrameReader {
  maxBytes: number
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** The messages completed by `chunk`, one after the other. Throws FrameTooLarge, or SyntaxError for bad JSON. */
  *push(chunk: Buffer): Generator<unknown> {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    for (;;) {
      const size = this.#size()
      if (size === undefined) return
      if (size > this.maxBytes) throw new FrameTooLarge(`a frame of ${size} bytes; at most ${this.maxBytes} are taken`)
      if (this.#bytes < 4 + size) return
      const whole = this.#join()
      const body = whole.subarray(4, 4 + size)
      this.#chunks = whole.length > 4 + size ? [whole.subarray(4 + size)] : []
      this.#bytes -= 4 + size
      yield JSON.parse(body.toString('utf8'))
    }
  }

  #size(): number | undefined {
    if (this.#bytes < 4) return undefined
    const first = this.#chunks[0]!
    return (first.length >= 4 ? first : this.#join()).readUInt32BE(0)
  }

  #join(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]!
  }
}
