/** Calls back when no request came for `quietMs`, and at the latest `longestMs` after the first one. */
export class Debounce {
  readonly #action: () => void
  readonly #quietMs: number
  readonly #longestMs: number
  #quiet: NodeJS.Timeout | undefined
  #longest: NodeJS.Timeout | undefined
  #stopped = false

  constructor(quietMs: number, longestMs: number, action: () => void) {
    this.#quietMs = quietMs
    this.#longestMs = longestMs
    this.#action = action
  }

  request(): void {
    if (this.#stopped) return
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => this.#fire(), this.#quietMs)
    this.#longest ??= setTimeout(() => this.#fire(), this.#longestMs)
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
    clearTimeout(this.#quiet)
    clearTimeout(this.#longest)
    this.#quiet = undefined
    this.#longest = undefined
  }
}
