/**
 * Cuts a stream of bytes into pieces. Where bytes change in place, at fixed lengths; where they move, at places that the
 * bytes themselves choose (FastCDC), so that what is inserted changes the pieces around it and no others.
 */

export interface PieceSizes {
  leastBytes: number
  usualBytes: number
  mostBytes: number
}

export interface Cutter {
  /** The pieces that are complete with these bytes. They may stand in the memory of the chunk. */
  push(chunk: Buffer): Buffer[]
  /** What is left. */
  end(): Buffer[]
}

/** One number for each value of a byte, the same for ever: what is cut at one time has to be cut so at another. */
const gear = gearNumbers(0x6d657368)

function gearNumbers(seed: number): Uint32Array {
  let state = seed
  const next = () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  return Uint32Array.from({ length: 256 }, next)
}

export function fixedCutter(bytes: number): Cutter {
  return new GatheringCutter(bytes, piece => (piece.length >= bytes ? bytes : 0))
}

export function contentCutter(sizes: PieceSizes): Cutter {
  return new GatheringCutter(sizes.mostBytes, contentCut(sizes))
}

/** Below the usual length more has to fit than above it, so that most pieces are near it. */
function contentCut({ leastBytes, usualBytes, mostBytes }: PieceSizes): (bytes: Buffer) => number {
  const bits = Math.round(Math.log2(usualBytes))
  const hard = highBits(bits + 1)
  const easy = highBits(bits - 1)
  return bytes => {
    const end = Math.min(bytes.length, mostBytes)
    const middle = Math.min(end, usualBytes)
    let hash = 0
    let at = leastBytes
    for (; at < middle; at++) {
      hash = ((hash << 1) + gear[bytes[at]!]!) | 0
      if ((hash & hard) === 0) return at + 1
    }
    for (; at < end; at++) {
      hash = ((hash << 1) + gear[bytes[at]!]!) | 0
      if ((hash & easy) === 0) return at + 1
    }
    return end === mostBytes ? mostBytes : 0
  }
}

/** The highest bits of the hash depend on the last 32 bytes, the lowest on the last alone. */
function highBits(count: number): number {
  return (0xffffffff << (32 - Math.min(31, count))) | 0
}

/** Keeps what is not yet a piece. */
class GatheringCutter implements Cutter {
  readonly #mostBytes: number
  readonly #cut: (bytes: Buffer) => number
  #kept: Buffer = Buffer.alloc(0)

  /** `cut` tells the length of the first piece, or 0 if more has to be seen first. */
  constructor(mostBytes: number, cut: (bytes: Buffer) => number) {
    this.#mostBytes = mostBytes
    this.#cut = cut
  }

  push(chunk: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    let bytes = this.#kept.length > 0 ? Buffer.concat([this.#kept, chunk]) : chunk
    // Looked at only when the longest piece is there: what was looked at is not looked at again.
    while (bytes.length >= this.#mostBytes) {
      const length = this.#cut(bytes)
      pieces.push(bytes.subarray(0, length))
      bytes = bytes.subarray(length)
    }
    this.#kept = Buffer.from(bytes)
    return pieces
  }

  end(): Buffer[] {
    const pieces: Buffer[] = []
    let bytes = this.#kept
    this.#kept = Buffer.alloc(0)
    while (bytes.length > 0) {
      const length = this.#cut(bytes) || bytes.length
      pieces.push(bytes.subarray(0, length))
      bytes = bytes.subarray(length)
    }
    return pieces
  }
}
