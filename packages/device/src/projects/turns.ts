/** Runs asynchronous actions one after the other; one that fails does not stop the next. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  take<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action, action)
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Resolves once everything asked for so far is done. */
  async settled(): Promise<void> {
    await this.#last
  }
}
