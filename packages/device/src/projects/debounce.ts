/** Calls back when no request came for `quietMs`, and at the latest `longestMs` after the first one. */
import type { After } from '@meshbook/relay/timers.ts'

export interface Waits {
  quietMs: number
  longestMs: number
}

export class Debounce {
  readonly #action: () => void
  readonly #after: After
  readonly #waits: () => Waits
  #stopQuiet: (() => void) | undefined
  #stopLongest: (() => void) | undefined
  #stopped = false

  /** `waits` is asked at every request. */
  constructor(after: After, waits: () => Waits, action: () => void) {
    this.#after = after
    this.#waits = waits
    this.#action = action
  }

  request(): void {
    if (this.#stopped) return
    const { quietMs, longestMs } = this.#waits()
    this.#stopQuiet?.()
    this.#stopQuiet = this.#after(quietMs, () => this.#fire())
    this.#stopLongest ??= this.#after(longestMs, () => this.#fire())
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
