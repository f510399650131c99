/** Aborts when the time of a task is over, whichever worker it began in. */
import type { Budget } from '@meshbook/core/tasks-api.ts'
import { StepCut } from './controls.ts'
import { timeLimitMs } from './limits-of-task.ts'
import type { Time } from './ports.ts'

export class TimeLimit implements Disposable {
  readonly #over = new AbortController()
  readonly #ended = new AbortController()

  constructor({ time, startedAt, budget }: { time: Time; startedAt: number; budget: Budget }) {
    const left = timeLimitMs(budget) - (time.clock() - startedAt)
    const over = () => this.#over.abort(new StepCut('over', 'the limit of time'))
    if (left <= 0) over()
    else
      time.sleep(left, this.#ended.signal).then(over, error => {
        if (!this.#ended.signal.aborted) throw error
      })
  }

  get over(): AbortSignal {
    return this.#over.signal
  }

  [Symbol.dispose](): void {
    this.#ended.abort()
  }
}
