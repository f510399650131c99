/** Work on things by name, a few at a time and each once at a time; what it does is up to its owner. */
export class WorkQueue<K> {
  readonly #width: number
  readonly #work: (key: K, signal: AbortSignal) => Promise<void>
  readonly #waiting = new Set<K>()
  readonly #running = new Map<K, Promise<void>>()
  readonly #stop = new AbortController()

  /** `work` deals with its own failures. */
  constructor(width: number, work: (key: K, signal: AbortSignal) => Promise<void>) {
    this.#width = width
    this.#work = work
  }

  get isEmpty(): boolean {
    return this.#waiting.size + this.#running.size === 0
  }

  has(key: K): boolean {
    return this.#waiting.has(key) || this.#running.has(key)
  }

  add(key: K): void {
    if (this.has(key) || this.#stop.signal.aborted) return
    this.#waiting.add(key)
    this.#next()
  }

  #next(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#width) return
      this.#waiting.delete(key)
      const running = this.#work(key, this.#stop.signal).finally(() => {
        this.#running.delete(key)
        this.#next()
      })
      this.#running.set(key, running)
    }
  }

  /** What runs is told to stop and waited for. */
  async close(reason: Error): Promise<void> {
    this.#waiting.clear()
    this.#stop.abort(reason)
    await Promise.all(this.#running.values())
  }
}
