/** How many steps of workflows go on at once in this process (WQ83): each waits for its turn in the pool `step`. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId } from '@meshbook/core/ids.ts'
import type { Executed, Execution, StepExecutor } from '@meshbook/engine/workflow/ports.ts'
import { LocalQueue } from './local-queue.ts'
import type { QueueLog } from './work-queue.ts'

export class StepRoom {
  /** Of this process, since what a step is given stays in its memory. */
  readonly #queue: LocalQueue
  readonly #waiting = new Map<string, () => Promise<void>>()
  /** Of each org, how many wait or go on. */
  readonly #shares = new Map<OrgId, number>()
  #numbers = 0

  constructor({ concurrency, ...ports }: { concurrency: number; now: Now; log: Pick<QueueLog, 'warn'> }) {
    this.#queue = new LocalQueue(ports)
    this.#queue.work('step', { concurrency }, ({ id }) => this.#waiting.get(id)?.(), new AbortController().signal)
  }

  close(withinMs: number): Promise<void> {
    return this.#queue.close(withinMs)
  }

  around(steps: StepExecutor, org: OrgId): StepExecutor {
    return {
      ...steps,
      // What goes on elsewhere only waits here, for hours maybe, and takes nobody's turn.
      execute: execution =>
        steps.goesOn?.(execution.kind)
          ? steps.execute(execution)
          : this.#inTurn(org, execution, () => steps.execute(execution)),
    }
  }

  async #inTurn(org: OrgId, { signal }: Execution, execute: () => Promise<Executed>): Promise<Executed> {
    signal.throwIfAborted()
    const share = this.#shares.get(org) ?? 0
    this.#shares.set(org, share + 1)
    const id = `step-${this.#numbers++}`
    try {
      return await this.#turn({ id, org, share }, signal, execute)
    } finally {
      this.#waiting.delete(id)
      const left = this.#shares.get(org)! - 1
      if (left > 0) this.#shares.set(org, left)
      else this.#shares.delete(org)
    }
  }

  #turn(
    { id, org, share }: { id: string; org: OrgId; share: number },
    signal: AbortSignal,
    execute: () => Promise<Executed>,
  ): Promise<Executed> {
    const { promise, resolve, reject } = Promise.withResolvers<Executed>()
    const giveUp = (): void => {
      // One that goes on hears the signal itself.
      if (this.#waiting.delete(id)) reject(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    this.#waiting.set(id, async () => {
      this.#waiting.delete(id)
      signal.removeEventListener('abort', giveUp)
      await execute().then(resolve, reject)
    })
    void this.#queue.add('step', { id, org }, { priority: share }).then(taken => {
      if (!taken) reject(new MeshError('SHUTTING_DOWN', { detail: 'no more steps are begun' }))
    }, reject)
    return promise
  }
}
