/** Chance from a seed: the same seed, the same world. Streams that are split off do not disturb each other. */
export class Chance {
  #a: number
  #b: number
  #c: number
  #d: number

  /** From a text, so that a stream can be named after what it is for. */
  constructor(seed: string) {
    let hash = 1779033703 ^ seed.length
    const next = (): number => {
      hash = Math.imul(hash ^ (hash >>> 16), 2246822507)
      hash = Math.imul(hash ^ (hash >>> 13), 3266489909)
      hash ^= hash >>> 16
      return hash >>> 0
    }
    for (let i = 0; i < seed.length; i++) {
      hash = Math.imul(hash ^ seed.charCodeAt(i), 3432918353)
      hash = (hash << 13) | (hash >>> 19)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next()
  }

  split(name: string): Chance {
    return new Chance(`${name} ${this.#next()}`)
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** From 0 up to, but not including, 1. */
  fraction(): number {
    return this.#next() / 2 ** 32
  }
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1))
  }
  happens(probability: number): boolean {
    return this.fraction() < probability
  }
  one<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.fraction() * list.length)]
  }
  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#next() & 255
  }
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.fill(bytes)
    return bytes
  }
}
