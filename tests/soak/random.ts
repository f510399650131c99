/** Chance that a seed decides, so that a failure can be run again. */

export interface Chance {
  /** At least 0 and less than 1. */
  next(): number
  /** A whole number from `from` up to and including `to`. */
  between(from: number, to: number): number
  pick<T>(from: readonly T[]): T
  bytes(count: number): Uint8Array
}

/** The generator mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    between,
    pick: from => from[between(0, from.length - 1)]!,
    bytes: count => Uint8Array.from({ length: count }, () => between(0, 255)),
  }
}
