/** The port through which requests are counted, and the windows of one process behind it (RQ32). */
import type { Now } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { hasRoom, type WindowCounts, withOneMore } from '@meshbook/core/sliding-window.ts'
import { SlidingCounts } from '@meshbook/relay/serve/sliding-counts.ts'

export const counted = ['address', 'token', 'org'] as const
export type Counted = (typeof counted)[number]

/** So many requests in a window, of one key among those of its kind. */
export interface Share {
  of: Counted
  key: string
  most: number
}

export interface Taken {
  /** Every share had room, and each has counted the request; else none has. */
  isAllowed: boolean
  /** When, by the clock that the counts go by. */
  now: number
  /** Of each share, as they are now. */
  counts: readonly WindowCounts[]
}

export interface RateWindows {
  take(shares: readonly Share[]): Promise<Taken>
  close(): Promise<void>
}

export const windowMs = limits.rateWindowMs

export class LocalWindows implements RateWindows {
  readonly #now: Now
  readonly #kept: Readonly<Record<Counted, SlidingCounts>>

  constructor(now: Now, mostKeys: number = limits.rateKeysPerHub) {
    this.#now = now
    const kept = () => new SlidingCounts(windowMs, mostKeys)
    this.#kept = { address: kept(), token: kept(), org: kept() }
  }

  async take(shares: readonly Share[]): Promise<Taken> {
    const now = this.#now()
    const before = shares.map(({ of, key }) => this.#kept[of].at(key, now))
    const isAllowed = shares.every(
      ({ of, key, most }, i) => hasRoom(before[i]!, now, { most, windowMs }) && this.#kept[of].hasPlace(key, now),
    )
    if (!isAllowed) return { isAllowed, now, counts: before }
    const counts = before.map(withOneMore)
    this.#put(shares, counts, now)
    return { isAllowed, now, counts }
  }

  /** What others have counted is where the own count goes on from. */
  learn(shares: readonly Share[], { counts }: Taken): void {
    const now = this.#now()
    const isPlaced = shares.every(({ of, key }) => this.#kept[of].hasPlace(key, now))
    if (isPlaced) this.#put(shares, counts, now)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #put(shares: readonly Share[], counts: readonly WindowCounts[], now: number): void {
    shares.forEach(({ of, key }, i) => {
      this.#kept[of].put(key, counts[i]!, now)
    })
  }
}
