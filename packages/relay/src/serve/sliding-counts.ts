/** Counts of sliding windows by key, in memory: at most so many, and none for long that counts for nothing (I10). */
import { countsAt, type WindowCounts } from '@meshbook/core/sliding-window.ts'

export class SlidingCounts {
  readonly #windowMs: number
  readonly #mostKeys: number
  /** In the order in which they came to their window. */
  readonly #kept = new Map<string, WindowCounts>()

  constructor(windowMs: number, mostKeys: number) {
    this.#windowMs = windowMs
    this.#mostKeys = mostKeys
  }

  at(key: string, now: number): WindowCounts {
    return countsAt(this.#kept.get(key), now, this.#windowMs)
  }

  /** Whether there is room to remember this key. */
  hasPlace(key: string, now: number): boolean {
    if (this.#kept.size < this.#mostKeys || this.#kept.has(key)) return true
    this.#forget(now, this.#mostKeys)
    return this.#kept.size < this.#mostKeys
  }

  put(key: string, counts: WindowCounts, now: number): void {
    if (this.#kept.get(key)?.index !== counts.index) this.#kept.delete(key)
    this.#kept.set(key, counts)
    this.#forget(now, 2)
  }

  /** Drops some of those that count for nothing any more, also if the clock is set back a little; they stand in front. */
  #forget(now: number, most: number): void {
    const index = Math.floor(now / this.#windowMs)
    let looked = 0
    for (const [key, counts] of this.#kept) {
      if (looked++ >= most || Math.abs(counts.index - index) <= 2) return
      this.#kept.delete(key)
    }
  }
}
