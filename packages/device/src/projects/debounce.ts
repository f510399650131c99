/** Calls back when no request came for `quietMs`, and at the latest `longestMs` after the first one. */
import type { After } from '@meshbook/relay/timers.ts'

export class Debounce {
  readonly #action: () => void
  readonly #after: After
  readonly #quietMs: number
  readonly #longestMs: number
  #stopQuiet: (() => void) | undefined
  #stopLongest: (() => void) | undefined
  #stopped = false

  constructor(after: After, quietMs: number, longestMs: number, action: () => void) {
    this.#after = after
    this.#quietMs = quietMs
    this.#longestMs = longestMs
    this.#action = action
  }

  request(): void {
    if (this.#stopped) return
    this.#stopQuiet?.()
    this.#stopQuiet = this.#after(this.#quietMs, () => this.#fire())
    this.#stopLongest ??= this.#after(this.#longestMs, () => this.#fire())
  }

  stop(): void {
    this.#stopped = true
    this.#clear()
  }

  #fire(): void {
    this.#clear()
    this.#action()
  }

  #clear(): void {
    this.#stopQuiet?.()
    this.#stopLongest?.()
    this.#stopQuiet = undefined
    this.#stopLongest = undefined
  }
}
