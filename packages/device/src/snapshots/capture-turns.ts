/** So many savings of the device go on at a time (SN43), the first that asked goes first. */
export class CaptureTurns {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(width: number) {
    this.#free = width
  }

  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal)
    try {
      return await work()
    } finally {
      this.#free++
      this.#waiting.shift()?.()
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    while (this.#free === 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
      if (signal.aborted) this.#leave(resolve)
    }
    this.#free--
  }

  /** Whoever gave up passes its turn on. */
  #leave(own: () => void): never {
    const at = this.#waiting.indexOf(own)
    if (at >= 0) this.#waiting.splice(at, 1)
    else this.#waiting.shift()?.()
    throw new DOMException('the saving was given up', 'AbortError')
  }
}
