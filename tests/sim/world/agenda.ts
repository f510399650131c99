/** What a simulated world has put off, done in its order as time passes. */
import type { Timeline } from './timeline.ts'

export class Agenda {
  readonly #timeline: Timeline
  readonly #todo: { at: number; run: () => Promise<void> | void }[] = []

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  later(ms: number, run: () => Promise<void> | void): void {
    this.#todo.push({ at: this.#timeline.time + ms, run })
  }

  /** Lets time pass, and does on the way what was put off. */
  async advance(ms: number): Promise<void> {
    const until = this.#timeline.time + ms
    for (;;) {
      this.#todo.sort((a, b) => a.at - b.at)
      const next = this.#todo[0]
      if (!next || next.at > until) break
      this.#todo.shift()
      await this.#timeline.run(Math.max(0, next.at - this.#timeline.time))
      await next.run()
    }
    await this.#timeline.run(Math.max(0, until - this.#timeline.time))
  }

  /** Everything that was put off, at once. */
  async finishAll(): Promise<void> {
    for (const { run } of this.#todo.splice(0)) await run()
  }
}
