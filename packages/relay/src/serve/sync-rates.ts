/**
 * How fast each user may send over all sockets of `/sync` together: two buckets that fill evenly, one for frames and one
 * for bytes, each as deep as what a second brings. It only counts; who sends too fast is paused by the caller.
 */
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'

interface Buckets {
  frames: number
  bytes: number
  at: number
}

const mostUsers = 10_000
const secondMs = 1_000

export class SyncRates {
  readonly #framesPerMs: number
  readonly #bytesPerMs: number
  readonly #now: Now
  readonly #users = new Map<string, Buckets>()

  constructor(limits: Limits, now: Now) {
    this.#framesPerMs = limits.syncFramesPerUserSecond / secondMs
    this.#bytesPerMs = limits.syncBytesPerUserSecond / secondMs
    this.#now = now
  }

  /** Counts a frame; returns for how many milliseconds nothing more should be read from its sender. */
  count(user: string, bytes: number): number {
    const buckets = this.#filled(user)
    buckets.frames--
    buckets.bytes -= bytes
    return Math.ceil(Math.max(0, -buckets.frames / this.#framesPerMs, -buckets.bytes / this.#bytesPerMs))
  }

  #filled(user: string): Buckets {
    const now = this.#now()
    const buckets = this.#users.get(user) ?? this.#full(user, now)
    // A clock that is set back adds nothing.
    const passedMs = Math.max(0, now - buckets.at)
    buckets.frames = Math.min(this.#framesPerMs * secondMs, buckets.frames + passedMs * this.#framesPerMs)
    buckets.bytes = Math.min(this.#bytesPerMs * secondMs, buckets.bytes + passedMs * this.#bytesPerMs)
    buckets.at = now
    return buckets
  }

  #full(user: string, at: number): Buckets {
    const [first] = this.#users.keys()
    if (this.#users.size >= mostUsers) this.#users.delete(first!)
    const buckets = { frames: this.#framesPerMs * secondMs, bytes: this.#bytesPerMs * secondMs, at }
    this.#users.set(user, buckets)
    return buckets
  }
}
