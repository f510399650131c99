/**
 * From waiting to the end (TK2, TK3, TK10–TK13, TK30–TK33): gives tasks to workers, replaces workers that are lost, and
 * delivers what finished ones have made. The store's transactions decide; this does what they say, and again if it was
 * not done.
 */
import { asMeshError, type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import {
  type Fence,
  type Now,
  newId,
  type OrgId,
  parseSeq,
  type RandomBytes,
  type RunId,
  type WorkerId,
} from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import { logged } from '../store/run-log.ts'
import type { TaskRow } from '../store/tasks.ts'
import { nextStep, whyStop } from './next-step.ts'
import type { Delivery, TaskPlaces } from './places.ts'

export interface TaskQueuePorts {
  /** Of this hub, the same after a restart. */
  hub: string
  /** Tasks with a worker at a time. */
  most: number
  store: HubStore
  places: TaskPlaces
  delivery: Delivery
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
  /** The log or the state of a task is another one. */
  changed(org: OrgId, id: RunId): void
  closed(worker: WorkerId): void
  /** What its agent has under way on the mesh ends with it (TK56). */
  settleCells(org: OrgId, id: RunId): Promise<void>
  /** Ends what has taken too long, of all tasks (TK55). */
  lookAtCells(): Promise<void>
}

interface Failure {
  attempts: number
  until: number
}

/** Trying again is of no use: the user has to do something first. */
const final = new Set<ErrorCode>([
  'REPO_DENIED',
  'BAD_REQUEST',
  'FORBIDDEN',
  'NOT_FOUND',
  'UNAUTHENTICATED',
  'TOO_LARGE',
  'CONFLICT',
])
const lookRows = 100
const deliveryAttempts = 8

export class TaskQueue {
  readonly #ports: TaskQueuePorts
  readonly #inWork = new Set<RunId>()
  readonly #failures = new Map<RunId, Failure>()
  /** When each worker was heard last; of those of before this start, that start. */
  readonly #heard = new Map<WorkerId, number>()
  readonly #work = new Set<Promise<void>>()
  #looking = false
  #resumed = false
  #again = false
  #closed = false

  constructor(ports: TaskQueuePorts) {
    this.#ports = ports
  }

  /** Something is being done with it right now. */
  isBusy(id: RunId): boolean {
    return this.#inWork.has(id)
  }

  heard(worker: WorkerId): void {
    this.#heard.set(worker, this.#ports.now())
  }

  /** Looks again and again until the returned function is called. Workers go on without their hub (TK13). */
  begin(): () => Promise<void> {
    const timer = setInterval(() => this.lookSoon(), this.#ports.times.workerLookMs)
    this.lookSoon()
    return async () => {
      this.#closed = true
      clearInterval(timer)
      while (this.#work.size > 0) await Promise.all(this.#work)
    }
  }

  /** Before anything else: workers of before this start come back to their sockets, and what no task has any more goes. */
  async #resume(): Promise<void> {
    const { store, places, hub, log } = this.#ports
    const tasks = await store.query('tasksOfHub', { hub })
    await places
      .settle(tasks.filter(({ worker }) => worker !== null))
      .catch((thrown: unknown) => log.warn({ err: asMeshError(thrown) }, 'what tasks had left was not taken away'))
    // One that was not told yet where its task begins is replaced, once it has been silent for long (TK12).
    for (const task of tasks)
      if (task.worker !== null && task.baseCommit !== null && !task.state.finished)
        await places
          .resume(task, task.worker)
          .catch((thrown: unknown) => log.warn({ err: asMeshError(thrown), task: task.id }, 'sockets were not opened'))
    this.#resumed = true
  }

  lookSoon(): void {
    this.#again = true
    if (this.#looking || this.#closed) return
    this.#looking = true
    this.#track(this.#lookUntilDone())
  }

  async #lookUntilDone(): Promise<void> {
    try {
      while (this.#again && !this.#closed) {
        this.#again = false
        if (!this.#resumed) await this.#resume()
        await this.look()
      }
    } catch (thrown) {
      this.#ports.log.warn({ err: asMeshError(thrown) }, 'looking after tasks failed')
    } finally {
      this.#looking = false
    }
  }

  #track(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }

  /** One comparison of what there should be with what there is; safe to be repeated and to be cut short. */
  async look(): Promise<void> {
    // In this order: whoever makes a sandbox has made its row before.
    const found = await this.#found()
    if (found) await this.#mindAll(found)
    await this.#takeMore()
    await this.#ports.lookAtCells()
  }

  /** Undefined where whatever makes the workers does not answer: then none of them counts as lost, and who waits is told. */
  async #found(): Promise<Found | undefined> {
    const { places, now, log } = this.#ports
    const [begunAt, busy] = [now(), new Set(this.#inWork)]
    try {
      const states = new Map((await places.list()).map(({ worker, state }) => [worker, state]))
      return { begunAt, busy, states }
    } catch (thrown) {
      log.warn({ err: asMeshError(thrown) }, 'the workers of tasks could not be listed')
      return undefined
    }
  }

  async #mindAll({ begunAt, busy, states }: Found): Promise<void> {
    const { store, hub } = this.#ports
    const tasks = await store.query('tasksOfHub', { hub })
    const known = new Set(tasks.flatMap(({ worker }) => worker ?? []))
    for (const worker of states.keys()) if (!known.has(worker)) this.#removeStray(worker)
    for (const task of tasks) {
      const isNew = busy.has(task.id) || (task.workerSince ?? 0) >= begunAt
      if (!isNew) this.#mind(task, task.worker === null ? undefined : states.get(task.worker))
    }
  }

  #removeStray(worker: WorkerId): void {
    const { places, log } = this.#ports
    log.info({ worker }, 'a worker without a task is stopped')
    this.#track(
      places
        .close({ org: '' as OrgId, id: '' as RunId }, worker)
        .catch((thrown: unknown) => log.warn({ err: asMeshError(thrown), worker }, 'a worker was not stopped')),
    )
  }

  #mind(task: TaskRow, state: 'running' | 'ended' | undefined): void {
    const isLost = task.worker !== null && (state !== 'running' || this.#isSilent(task, task.worker))
    const step = nextStep(task, { isLost, now: this.#ports.now() })
    if (step.do === 'clear') this.#begin(task, () => this.#clear(task))
    else if (step.do === 'finish') this.#begin(task, () => this.#finish(task, step.stop))
    else if (step.do === 'replace') this.#begin(task, () => this.#replace(task, task.worker!))
  }

  #isSilent({ status, workerSince }: TaskRow, worker: WorkerId): boolean {
    const { now, times } = this.#ports
    const heard = this.#heard.get(worker)
    if (heard === undefined) this.#heard.set(worker, now())
    const most = status === 'leased' && (heard ?? 0) <= (workerSince ?? 0) ? times.taskStartMs : times.taskSilentMs
    return now() - (heard ?? now()) > most
  }

  /** One thing at a time with each task; whether it was begun. */
  #begin(task: TaskRow, act: () => Promise<void>): boolean {
    const failure = this.#failures.get(task.id)
    if (this.#closed || this.#inWork.has(task.id) || (failure && failure.until > this.#ports.now())) return false
    this.#inWork.add(task.id)
    const done = act()
      .then(
        () => void this.#failures.delete(task.id),
        (thrown: unknown) => this.#failed(task, thrown),
      )
      .finally(() => {
        this.#inWork.delete(task.id)
        this.#ports.changed(task.org, task.id)
        this.lookSoon()
      })
    this.#track(done)
    return true
  }

  async #failed(task: TaskRow, thrown: unknown): Promise<void> {
    const { log, now, random, store } = this.#ports
    const error = asMeshError(thrown)
    const attempts = (this.#failures.get(task.id)?.attempts ?? 0) + 1
    const until =
      now() +
      backoffMs({
        attempt: attempts,
        minMs: 1_000,
        maxMs: limits.workerRetryMs,
        random: () => (random(1)[0] ?? 0) / 256,
      })
    this.#failures.set(task.id, { attempts, until })
    log.warn({ err: error, task: task.id }, 'a task could not go on')
    await store
      .call('noteTaskReasons', { org: task.org, id: task.id, reasons: [`${error.message} ${error.entry.hint}`] })
      .catch((cause: unknown) => log.warn({ err: asMeshError(cause), task: task.id }, 'why it waits was not noted'))
  }

  async #takeMore(): Promise<void> {
    const { store, hub, most } = this.#ports
    const all = await store.query('tasksToTake', { rows: lookRows })
    const waiting = all.filter(({ id }) => !this.#inWork.has(id))
    if (waiting.length === 0) return
    const problem = await this.#problem()
    const held = (await store.query('tasksOfHub', { hub })).filter(({ worker }) => worker !== null)
    // No more are tried than there is room for: each try ends in another look.
    let room = most - held.length - (all.length - waiting.length)
    for (const task of waiting) {
      const stop = whyStop(task)
      if (stop !== undefined || task.state.finished) this.#begin(task, () => this.#finish(task, stop))
      else if (problem) {
        const reasons = [`${problem.problem} ${problem.fix}`]
        if (task.reasons[0] !== reasons[0]) await store.call('noteTaskReasons', { org: task.org, id: task.id, reasons })
      } else if (room > 0 && this.#begin(task, () => this.#open(task))) room--
    }
  }

  /** What cannot even be asked for is a problem too. */
  async #problem(): Promise<{ problem: string; fix: string } | null> {
    try {
      return await this.#ports.places.problem()
    } catch (thrown) {
      const { message, entry } = asMeshError(thrown)
      return { problem: message, fix: entry.hint }
    }
  }

  async #open(task: TaskRow): Promise<void> {
    const { store, places, hub, most, now, random } = this.#ports
    if (task.replaced > limits.replacementsPerTask) return this.#giveUp(task, 'Its workers were lost too often.')
    const { worker, token } = places.spare?.() ?? {
      worker: newId('worker', now(), random),
      token: newSecret(random, 'mw_'),
    }
    const { org, id } = task
    const taken = await store.call('takeTask', { org, id, hub, worker, tokenHash: hashSecret(token), most, now: now() })
    if (!taken) return
    this.#heard.set(worker, now())
    this.#ports.changed(org, id)
    try {
      await places.open(taken, worker, token, async base => void (await store.call('noteTaskBase', { org, id, base })))
    } catch (thrown) {
      await this.#away(task, worker)
      const error = asMeshError(thrown)
      if (final.has(error.code)) return this.#giveUp(taken, `${error.message} ${error.entry.hint}`, error.code)
      await store.call('loseTaskWorker', { org, id, worker, reason: error.message, now: now() })
      throw error
    }
  }

  async #replace(task: TaskRow, worker: WorkerId): Promise<void> {
    const { store, now, log } = this.#ports
    log.info({ task: task.id, worker }, 'the worker of a task is lost')
    await this.#away(task, worker)
    const reason = 'It ended, or was not heard of any more.'
    const lost = await store.call('loseTaskWorker', { org: task.org, id: task.id, worker, reason, now: now() })
    if (lost && lost.replaced > limits.replacementsPerTask) await this.#giveUp(lost, 'Its workers were lost too often.')
  }

  async #away(task: Pick<TaskRow, 'org' | 'id'>, worker: WorkerId): Promise<void> {
    await this.#ports.places.close(task, worker)
    this.#heard.delete(worker)
    this.#ports.closed(worker)
  }

  /** It fails without its agent; what the agent had made until then is pushed. */
  async #giveUp(task: TaskRow, summary: string, code?: ErrorCode): Promise<void> {
    const held = await this.#held(task)
    if (!held) return
    if (!held.task.state.finished) {
      const event = { type: 'finished', outcome: 'failed', summary, ...(code && { code }) } as TaskEvent
      await this.#append(held, { type: 'task', at: this.#ports.now(), event })
    }
    await this.#deliver(held)
  }

  async #finish(task: TaskRow, stop: string | undefined): Promise<void> {
    const held = await this.#held(task)
    if (!held) return this.#clear(task)
    if (!held.task.state.finished) {
      const summary = stop ?? 'Its hub was restarted while it ended.'
      await this.#append(held, {
        type: 'task',
        at: this.#ports.now(),
        event: { type: 'finished', outcome: 'stopped', summary },
      })
    }
    await this.#deliver(held)
  }

  /** Under a fence of the hub's own, and without a worker (TK30). */
  async #held(task: TaskRow): Promise<Held | undefined> {
    const { store, hub } = this.#ports
    const held = await store.call('holdTask', { org: task.org, id: task.id, hub })
    if (!held) return undefined
    if (held.task.worker !== null) await this.#away(held.task, held.task.worker)
    await this.#ports.settleCells(task.org, task.id)
    return { ...held, seq: held.task.seq }
  }

  /** Each step is in the log before the next begins, so that none is done twice (TK31, TK32). */
  async #deliver(held: Held): Promise<void> {
    const { delivery } = this.#ports
    const { state, pullRequest } = held.task
    try {
      const pushed = state.pushed ?? (await delivery.push(held.task))
      if (pushed && !state.pushed) await this.#note(held, { type: 'pushed', ...pushed })
      const isWanted = pushed && pullRequest && held.task.state.finished?.outcome === 'done'
      const made = isWanted && !state.pullRequest ? await delivery.pullRequest(held.task) : null
      if (made) await this.#note(held, { type: 'pull-request', ...made })
    } catch (thrown) {
      const error = asMeshError(thrown)
      const attempts = this.#failures.get(held.task.id)?.attempts ?? 0
      if (!final.has(error.code) && attempts < deliveryAttempts) throw error
      return this.#end(held, { code: error.code, message: `${error.message} ${error.entry.hint}` })
    }
    await this.#end(held)
  }

  #note(held: Held, event: TaskEvent): Promise<void> {
    return this.#append(held, { type: 'task', at: this.#ports.now(), event })
  }

  async #end(held: Held, failure?: { code: ErrorCode; message: string }): Promise<void> {
    const at = this.#ports.now()
    const { startedAt, state } = held.task
    const durationMs = Math.max(0, at - (startedAt ?? at))
    const { outcome, summary, code } = state.finished!
    const error = failure ?? (outcome === 'failed' ? { code, message: summary } : undefined)
    if (error) {
      const named = { name: error.code ?? 'TASK_FAILED', message: error.message, traceback: [] }
      await this.#append(held, {
        type: 'failed',
        at,
        durationMs,
        error: { ...named, ...(error.code && { code: error.code }) },
      })
    } else if (outcome === 'stopped') await this.#append(held, { type: 'cancelled', at, durationMs, reason: summary })
    else await this.#append(held, { type: 'completed', at, durationMs })
    await this.#clear(held.task)
  }

  async #append(held: Held, event: RunEvent): Promise<void> {
    const { store, now, changed } = this.#ports
    const { org, id } = held.task
    const first = parseSeq(held.seq + 1)
    const done = await store.call('appendTask', {
      org,
      id,
      fence: held.fence,
      first,
      events: [logged(event)],
      now: now(),
    })
    if (done.refused) throw new MeshError(done.refused, { detail: `the log of task ${id}` })
    held.seq = done.seq
    held.task = { ...held.task, state: done.state }
    changed(org, id)
  }

  /** It has ended: nothing of it is left here (TK33). */
  async #clear(task: TaskRow): Promise<void> {
    if (task.worker !== null) await this.#away(task, task.worker)
    await this.#ports.settleCells(task.org, task.id)
    await this.#ports.delivery.forget(task)
    await this.#ports.store.call('releaseTask', { org: task.org, id: task.id })
  }
}

/** What there was when a look began, so that nothing younger is judged by it. */
interface Found {
  begunAt: number
  busy: ReadonlySet<RunId>
  states: ReadonlyMap<WorkerId, 'running' | 'ended'>
}

interface Held {
  task: TaskRow
  fence: Fence
  seq: number
}
