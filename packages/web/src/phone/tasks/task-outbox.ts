/**
 * Tasks that were asked for on this phone (PH90–PH92): stored before it is said, sent once each under their id, in
 * order, by one of all tabs and the worker. What a step may do is decided in `queued-task.ts`; this only does it.
 */
import type { NewTask } from '@meshbook/core/tasks-api.ts'
import { type Signal, signal } from '@preact/signals'
import { Passes } from '../offline/passes.ts'
import type { QueueStore } from '../offline/queue-store.ts'
import type { Answer } from '../offline/queued-run.ts'
import { answered, begun, type QueuedTask, takenBack, wantedStill } from './queued-task.ts'

export interface TaskOutboxPorts {
  store: Pick<QueueStore<QueuedTask>, 'all' | 'add' | 'change'>
  post(task: NewTask & { id: string }): Promise<Answer>
  /** Stops it at the hub; false while nothing is known of it. */
  stop(id: string): Promise<boolean>
  /** Runs the work while no other tab and no worker sends. */
  alone(work: () => Promise<void>): Promise<void>
  news(): void
  now(): number
  wantedMs: number
}

export class TaskOutbox {
  readonly tasks: Signal<readonly QueuedTask[]> = signal([])
  readonly #ports: TaskOutboxPorts
  readonly #passes: Passes

  constructor(ports: TaskOutboxPorts) {
    this.#ports = ports
    const [pass, done] = [() => this.#pass(), () => this.#changed()]
    this.#passes = new Passes({ alone: work => ports.alone(work), pass, done })
  }

  async read(): Promise<void> {
    this.tasks.value = await this.#ports.store.all()
  }

  /** Resolves when it is stored; the same id again changes nothing. */
  async add(task: NewTask & { id: string }): Promise<void> {
    const { store, now, wantedMs } = this.#ports
    const known = (await store.all()).some(({ id }) => id === task.id)
    const times = { askedAt: now(), expiresAt: now() + wantedMs }
    if (!known) await store.add({ id: task.id, task, ...times, state: { is: 'queued' } })
    await this.#changed()
  }

  /** False if it may be at the hub already: then it is stopped there as soon as that is known. */
  async takeBack(id: string): Promise<boolean> {
    let isDropped = false
    await this.#ports.store.change(id, queued => {
      const next = takenBack(queued)
      isDropped = next === 'drop'
      return next
    })
    await this.#changed()
    return isDropped
  }

  async want(id: string): Promise<void> {
    const { store, now, wantedMs } = this.#ports
    await store.change(id, queued => wantedStill(queued, now(), wantedMs))
    await this.#changed()
  }

  /** Sends what may be sent. Resolves with whether something is left that only needs another try. */
  async send(): Promise<boolean> {
    return await this.#passes.run()
  }

  async #pass(): Promise<boolean> {
    const { store, now } = this.#ports
    for (const { id } of await store.all()) {
      await store.change(id, queued => begun(queued, now()))
      const queued = (await store.all()).find(one => one.id === id)
      if (queued?.state.is === 'sending' && !(await this.#post(queued))) return true
      await this.read()
    }
    return false
  }

  /** False while nothing is known. A request of before may still arrive, and its id is the same. */
  async #post({ id, task }: QueuedTask): Promise<boolean> {
    const { store, post, stop } = this.#ports
    const answer = await post(task)
    if (answer.is === 'unknown') return false
    const isUnwanted = (await store.all()).find(one => one.id === id)?.isUnwanted === true
    if (isUnwanted && answer.is === 'taken' && !(await stop(id))) return false
    await store.change(id, queued => {
      // Taken back in this moment: the next pass stops it.
      if (queued.isUnwanted && !isUnwanted) return undefined
      return answered(queued, answer)
    })
    return true
  }

  async #changed(): Promise<void> {
    await this.read()
    this.#ports.news()
  }
}
