/** Counts tries per key in a sliding window of one minute; the clock is a parameter. Holds at most `mostKeys` keys (I10). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import { hasRoom, type Quota, waitMs, withOneMore } from '@meshbook/core/sliding-window.ts'
import { SlidingCounts } from './sliding-counts.ts'

const windowMs = 60_000
const mostKeys = 10_000

export class RateLimiter {
  readonly #quota: Quota
  readonly #now: Now
  readonly #tries = new SlidingCounts(windowMs, mostKeys)

  constructor(perMinute: number, now: Now) {
    this.#quota = { most: perMinute, windowMs }
    this.#now = now
  }

  /** Throws SLOW_DOWN when this key has tried too often within a minute. */
  count(key: string): void {
    const now = this.#now()
    const counts = this.#tries.at(key, now)
    if (!hasRoom(counts, now, this.#quota)) throw tooMany(waitMs(counts, now, this.#quota))
    if (!this.#tries.hasPlace(key, now)) throw tooMany(windowMs)
    this.#tries.put(key, withOneMore(counts), now)
  }
}

function tooMany(retryMs: number): MeshError {
  return new MeshError('SLOW_DOWN', { detail: 'too many tries, wait a minute', retryMs })
}
