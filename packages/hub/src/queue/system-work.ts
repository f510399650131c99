/** Looks that one hub does for all (WQ84): each under its name, once in its time, at whichever hub takes the job. */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { QueueLog, WorkQueue } from './work-queue.ts'

interface Look {
  everyMs: number
  look: () => Promise<unknown>
}

/** Looks at a time: they are short, and each has its own name. */
const atOnce = 4
/** Timers of several hubs, and of one, do not keep time to the millisecond. */
const punctual = 0.9

export class SystemWork {
  readonly #queue: WorkQueue
  readonly #log: Pick<QueueLog, 'warn'>
  readonly #looks = new Map<string, Look>()
  readonly #underWay = new Map<string, Promise<void>>()

  constructor({ queue, log }: { queue: WorkQueue; log: Pick<QueueLog, 'warn'> }) {
    this.#queue = queue
    this.#log = log
  }

  /** Before `begin`. A look is complete by itself and may be done twice. */
  regularly(name: string, everyMs: number, look: () => Promise<unknown>): void {
    this.#looks.set(name, { everyMs, look })
  }

  /** Looks until the returned function is called, which waits for what goes on. */
  begin(): () => Promise<void> {
    const stop = new AbortController()
    this.#queue.work('system', { concurrency: atOnce }, ({ id }) => this.#look(id), stop.signal)
    const timers = [...this.#looks].map(([name, { everyMs }]) =>
      setInterval(() => void this.#ask(name, everyMs), everyMs).unref(),
    )
    return async () => {
      stop.abort()
      for (const timer of timers) clearInterval(timer)
      await Promise.all(this.#underWay.values())
    }
  }

  async #ask(name: string, everyMs: number): Promise<void> {
    const wish = { onceInMs: Math.ceil(everyMs * punctual) }
    if (!(await this.#queue.add('system', { id: name }, wish))) await this.#look(name)
  }

  /** One of a name at a time. One that a hub of another version has asked for is its own affair. */
  #look(name: string): Promise<void> {
    const look = this.#looks.get(name)
    const underWay = this.#underWay.get(name)
    if (!look || underWay) return underWay ?? Promise.resolve()
    const work = look
      .look()
      .catch((thrown: unknown) =>
        this.#log.warn({ err: asMeshError(thrown), look: name }, 'a look for all hubs failed'),
      )
      .then(() => void this.#underWay.delete(name))
    this.#underWay.set(name, work)
    return work
  }
}
