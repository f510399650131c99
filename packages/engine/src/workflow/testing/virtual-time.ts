/** A clock that stands still while anything can be done, and then goes on to whoever sleeps the shortest. */
import type { Time } from '../../agent/ports.ts'

interface Sleeper {
  due: number
  order: number
  wake: () => void
}

export class VirtualTime implements Time {
  #now = 1_000_000
  #order = 0
  #sleepers: Sleeper[] = []
  #isPumping = false
  readonly random: () => number

  constructor(random: () => number) {
    this.random = random
  }

  clock = (): number => this.#now

  sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#sleepers = this.#sleepers.filter(one => one !== sleeper)
        reject(signal.reason)
      }
      const sleeper: Sleeper = {
        due: this.#now + ms,
        order: this.#order++,
        wake: () => {
          signal.removeEventListener('abort', stop)
          resolve()
        },
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#sleepers.push(sleeper)
      this.#pump()
    })
  }

  /** Whoever slept does so no longer: their process is gone. */
  forget(): void {
    this.#sleepers = []
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    const turn = (quiet: number): void => {
      if (quiet > 0) return void setImmediate(() => turn(quiet - 1))
      this.#isPumping = false
      const [first] = this.#sleepers.sort((a, b) => a.due - b.due || a.order - b.order)
      if (!first) return
      this.#sleepers.shift()
      this.#now = Math.max(this.#now, first.due)
      first.wake()
      this.#pump()
    }
    // What is due within microtasks has been done by then.
    setImmediate(() => turn(1))
  }
}
