/** Tells of runs of which nothing has come for a long time (HM34). */
import type { RunId } from '@meshbook/core/ids.ts'

export class StuckRuns {
  readonly #ms: number
  readonly #onStuck: (run: RunId) => void
  readonly #timers = new Map<RunId, NodeJS.Timeout>()

  /** 0 ms: never. */
  constructor(ms: number, onStuck: (run: RunId) => void) {
    this.#ms = ms
    this.#onStuck = onStuck
  }

  /** Something came of it. */
  alive(run: RunId): void {
    this.over(run)
    if (this.#ms > 0) this.#timers.set(run, setTimeout(() => this.#onStuck(run), this.#ms).unref())
  }

  over(run: RunId): void {
    clearTimeout(this.#timers.get(run))
    this.#timers.delete(run)
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}
