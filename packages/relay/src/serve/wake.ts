/** One reader sleeps until there is something to read. */
export class Wake {
  #wake: (() => void) | undefined

  wake(): void {
    this.#wake?.()
  }

  /** Until the next `wake`, or until the signal aborts; leaves nothing behind on the signal, which may last for days. */
  async sleep(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = () => resolve()
    this.#wake = wake
    signal.addEventListener('abort', wake, { once: true })
    await promise
    signal.removeEventListener('abort', wake)
    this.#wake = undefined
  }
}
