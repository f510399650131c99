/** Places and deliveries for tasks that are nothing but memory: the second implementation of the ports of `tasks/`. */
import type { FromWorker, ToWorker } from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { RunId, WorkerId } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { TaskRow } from '../store/tasks.ts'
import type { OpenTaskWork } from '../tasks/open-tasks.ts'
import type { Delivery, WorkerLines } from '../tasks/places.ts'
import { until } from './until.ts'

export const base = 'a'.repeat(40)
export const commit = 'b'.repeat(40)

/** Outlives hubs. */
export class ScriptedSandboxes {
  readonly open = new Map<WorkerId, { task: RunId; token: string; ended: boolean; hub: string }>()
  readonly pushes: string[] = []
  readonly pullRequests: string[] = []
  readonly dropped: string[] = []
  /** Of what something is kept, by their ids. */
  readonly kept = new Map<RunId, ReturnType<Delivery['kept']>[number]>()
  opened = 0
  /** How often a hub asked which workers there are. */
  looks = 0
  /** Whatever makes the workers does not answer. */
  isGone = false
  accept: ((worker: WorkerId, lines: WorkerLines) => void) | undefined
  /** Thrown by the next calls of that name, one each. */
  readonly failures: Record<'open' | 'push' | 'pullRequest', MeshError[]> = { open: [], push: [], pullRequest: [] }

  readonly work: OpenTaskWork = (hub, accept) => {
    this.accept = accept
    return {
      places: {
        problem: async () => {
          if (this.isGone) throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'the engine is gone' })
          return null
        },
        open: async (task, worker, token, noteBase) => {
          this.#mayFail('open')
          this.opened++
          this.kept.set(task.id, { org: task.org, id: task.id, isOver: false })
          await noteBase(base)
          this.open.set(worker, { task: task.id, token, ended: false, hub })
        },
        resume: async () => undefined,
        settle: async () => undefined,
        close: async (_task, worker) => void this.open.delete(worker),
        list: async () => {
          this.looks++
          if (this.isGone) throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'the engine is gone' })
          return [...this.open].flatMap(([worker, it]) =>
            it.hub === hub ? [{ worker, state: it.ended ? ('ended' as const) : ('running' as const) }] : [],
          )
        },
      },
      delivery: {
        push: async task => {
          this.#mayFail('push')
          if (task.state.commit === null) return null
          this.pushes.push(task.id)
          return { branch: task.branch, commit: task.state.commit }
        },
        pullRequest: async task => this.#pullRequest(task),
        forget: async ({ org, id }) => void (this.kept.has(id) && this.kept.set(id, { org, id, isOver: true })),
        kept: () => [...this.kept.values()],
        drop: async ({ id }) => {
          this.kept.delete(id)
          this.dropped.push(id)
        },
        folder: async () => {
          throw new MeshError('NOT_FOUND', { detail: 'nothing is kept in memory' })
        },
        file: async () => {
          throw new MeshError('NOT_FOUND', { detail: 'nothing is kept in memory' })
        },
        diff: async ({ state }) => ({ base, commit: state.commit!, files: [], text: '', isCut: false }),
      },
      wireOf: () => 'anthropic',
      spent: async () => 0,
      repoOf: () => 'http://127.0.0.1/repo.git',
      assets: { keep: async () => undefined, load: async () => null },
    }
  }

  #mayFail(what: keyof ScriptedSandboxes['failures']): void {
    const failure = this.failures[what].shift()
    if (failure) throw failure
  }

  #pullRequest(task: TaskRow): { url: string; number: number } {
    this.#mayFail('pullRequest')
    this.pullRequests.push(task.id)
    return { url: 'https://git.example/pull/1', number: 1 }
  }

  /** The worker of a task that is there now. */
  async workerOf(task: string): Promise<ScriptedWorker> {
    const find = () => [...this.open].find(([, it]) => it.task === task && !it.ended)
    await until(() => find() !== undefined)
    const [id, { token }] = find()!
    return new ScriptedWorker(this, id, token)
  }
}

/** What runs inside, as a script. */
export class ScriptedWorker {
  readonly id: WorkerId
  readonly told: ToWorker[] = []
  readonly #sandboxes: ScriptedSandboxes
  readonly #token: string
  #lines: string[] = []
  #wake: () => void = () => undefined
  #closed = false
  #seq = 0

  constructor(sandboxes: ScriptedSandboxes, id: WorkerId, token: string) {
    this.#sandboxes = sandboxes
    this.id = id
    this.#token = token
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Says who it is, and takes its order and the log. */
  async join(token = this.#token): Promise<this> {
    this.#sandboxes.accept!(this.id, {
      lines: this.#read(),
      send: async line => void this.told.push(JSON.parse(line)),
      close: () => this.leave(),
    })
    this.say({ type: 'hello', token })
    await until(() => this.#closed || this.told.some(message => message.type === 'log' && !message.more))
    this.#seq = this.told.flatMap(message => (message.type === 'log' ? message.events : [])).length
    return this
  }

  async *#read(): AsyncGenerator<string> {
    while (!this.#closed) {
      const line = this.#lines.shift()
      if (line !== undefined) yield line
      else await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }

  say(message: FromWorker): void {
    this.#lines.push(JSON.stringify(message))
    this.#wake()
  }

  leave(): void {
    this.#closed = true
    this.#wake()
  }

  /** The container is gone, at once. */
  die(): void {
    const it = this.#sandboxes.open.get(this.id)
    if (it) it.ended = true
    this.leave()
  }

  /** Durable when it resolves; resolves with why not. */
  async write(...events: (TaskEvent | RunEvent)[]): Promise<string | undefined> {
    const first = this.#seq + 1
    const whole = events.map(event => ('at' in event ? event : { type: 'task' as const, at: 1, event })) as RunEvent[]
    const before = this.told.length
    this.say({ type: 'events', first, events: whole })
    const ack = () => this.told.slice(before).find(message => message.type === 'ack')
    await until(() => this.#closed || ack() !== undefined)
    const answer = ack()
    if (answer?.type !== 'ack') throw new MeshError('UNREACHABLE', { detail: 'the hub has closed the channel' })
    this.#seq = answer.seq
    return answer.refused
  }

  async hears<T extends ToWorker['type']>(type: T): Promise<Extract<ToWorker, { type: T }>> {
    const find = () => this.told.findLast(message => message.type === type)
    await until(() => find() !== undefined)
    return find() as Extract<ToWorker, { type: T }>
  }
}

export const checkpoint: TaskEvent = { type: 'checkpoint', turn: 1, commit, files: 1, added: 2, removed: 3 }
export const turnBegan: TaskEvent = { type: 'turn-began', turn: 1, model: 'm' }
export const completed: RunEvent = { type: 'completed', at: 2, durationMs: 1 }
