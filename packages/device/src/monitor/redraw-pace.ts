/**
 * How often an output is shown again that is only redrawn: a progress bar is one line, whatever it has cost. Output that
 * goes on never waits for this; a redraw waits for a sixteenth of the time that redrawing has gone on. Pure but for the
 * clock that it is given.
 */
import type { Limits } from '@meshbook/core/limits.ts'

const share = 16

export class RedrawPace {
  readonly #limits: Limits
  #text = ''
  #lines = 0
  #began: number | undefined
  #redrawnAt = Number.NEGATIVE_INFINITY

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** For how long `text` should not be shown yet. */
  waitFor(text: string, now: number): number {
    if (!this.#isRedraw(text)) return 0
    const { projectionMs, redrawMaxMs } = this.#limits
    const pause = Math.min(redrawMaxMs, Math.max(projectionMs, (now - (this.#began ?? now)) / share))
    return this.#redrawnAt + pause - now
  }

  /** It has no line more than before, and is not only continued. */
  #isRedraw(text: string): boolean {
    return !text.startsWith(this.#text) && linesOf(text) <= this.#lines
  }

  shown(text: string, now: number): void {
    if (this.#isRedraw(text)) {
      this.#began ??= now
      this.#redrawnAt = now
    }
    this.#text = text
    this.#lines = linesOf(text)
  }
}

function linesOf(text: string): number {
  let count = 1
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}
