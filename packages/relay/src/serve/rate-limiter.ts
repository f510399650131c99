/** Counts tries per key in fixed windows of one minute; the clock is a parameter. Holds at most `mostKeys` keys (I10). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'

const windowMs = 60_000
const mostKeys = 10_000

export class RateLimiter {
  readonly #perWindow: number
  readonly #now: Now
  #window = 0
  #tries = new Map<string, number>()

  constructor(perMinute: number, now: Now) {
    this.#perWindow = perMinute
    this.#now = now
  }

  /** Throws SLOW_DOWN when this key has tried too often in this minute. */
  count(key: string): void {
    const window = Math.floor(this.#now() / windowMs)
    if (window !== this.#window) {
      this.#window = window
      this.#tries.clear()
    }
    const tries = (this.#tries.get(key) ?? 0) + 1
    if (tries > this.#perWindow || (tries === 1 && this.#tries.size >= mostKeys))
      throw new MeshError('SLOW_DOWN', { detail: 'too many tries, wait a minute' })
    this.#tries.set(key, tries)
  }
}
