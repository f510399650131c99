/** Frames out of a stream of bytes: each stands behind its length, four bytes, the highest first. */
import { MeshError } from '@meshbook/core/errors.ts'

export const lengthBytes = 4

export function lengthOf(bytes: number): Buffer {
  const length = Buffer.allocUnsafe(lengthBytes)
  length.writeUInt32BE(bytes)
  return length
}

export class FrameReader {
  #most: number
  #chunks: Buffer[] = []
  #bytes = 0
  /** Of the frame that is coming; undefined before its length is there. */
  #length: number | undefined

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  limit(mostBytes: number): void {
    this.#most = mostBytes
  }

  /** The frames that are whole now, without the empty ones. Throws TOO_LARGE before a byte of a larger one is kept. */
  *add(chunk: Buffer): Generator<Uint8Array> {
    this.#chunks.push(chunk)
    this.#bytes += chunk.byteLength
    for (;;) {
      const frame = this.#next()
      if (!frame) return
      if (frame.byteLength > 0) yield frame
    }
  }

  #next(): Uint8Array | undefined {
    this.#length ??= this.#take(lengthBytes)?.readUInt32BE()
    if (this.#length === undefined) return undefined
    if (this.#length > this.#most)
      throw new MeshError('TOO_LARGE', { detail: `a frame of ${this.#length} bytes on a direct connection` })
    const frame = this.#take(this.#length)
    if (frame) this.#length = undefined
    return frame
  }

  #take(bytes: number): Buffer | undefined {
    if (this.#bytes < bytes) return undefined
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks = all.byteLength > bytes ? [all.subarray(bytes)] : []
    this.#bytes -= bytes
    return all.subarray(0, bytes)
  }
}
