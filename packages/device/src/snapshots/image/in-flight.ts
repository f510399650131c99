/** Several things under way at once, never more than so many; the first failure is thrown by whoever waits. */
export class InFlight {
  readonly #most: number
  readonly #under = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** Resolves when there is room for the next. */
  async add(work: () => Promise<void>): Promise<void> {
    this.#check()
    const running: Promise<void> = work()
      .catch(error => {
        this.#failure ??= { error }
      })
      .finally(() => this.#under.delete(running))
    this.#under.add(running)
    while (this.#under.size >= this.#most) await Promise.race(this.#under)
    this.#check()
  }

  async end(): Promise<void> {
    while (this.#under.size > 0) await Promise.race(this.#under)
    this.#check()
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error
  }
}
