/**
 * One worker on its socket (TK11, TK14, TK20–TK22): it shows its token, gets its order and the log so far, and sends what
 * happens; what people want of the agent is told to it until the log shows that it has it.
 */
import { type FromWorker, fromWorkerSchema, type TaskOrder, type ToWorker } from '@meshbook/core/broker.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, RunId, WorkerId } from '@meshbook/core/ids.ts'
import { parseAssetId, parseSeq } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent, RunEventType } from '@meshbook/core/run.ts'
import { type TaskEvent, taskEventSchema } from '@meshbook/core/task-events.ts'
import { hashSecret } from '@meshbook/relay/serve/secrets.ts'
import * as v from 'valibot'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import { logged } from '../store/run-log.ts'
import type { TaskAppended, TaskRow } from '../store/tasks.ts'
import type { TaskAssets } from './open-tasks.ts'
import type { WorkerLines } from './places.ts'
import type { TaskCells, TaskOfWorker } from './task-cells.ts'
import { historyOf } from './task-history.ts'

export interface TaskChannelPorts {
  store: HubStore
  now: Now
  log: Log
  /** Of the task, as its place was made. */
  orderOf(task: TaskRow): TaskOrder
  /** Events of it are durable. */
  appended(org: OrgId, id: RunId, appended: TaskAppended): void
  heard(worker: WorkerId): void
  assets: TaskAssets
  cells: Pick<TaskCells, 'begin' | 'follow' | 'stop'>
}

/** That one worker is told of; those that have ended are told of soon. */
const cellsPerChannel = 2 * limits.goingCellsPerTask

/** What an agent may write besides what only agents do. */
const allowed = new Set<RunEventType>([
  'task',
  'gate-opened',
  'gate-decided',
  'input-request',
  'input-answered',
  'completed',
  'failed',
  'cancelled',
  'interrupted',
])

export class TaskChannel {
  readonly #ports: TaskChannelPorts
  readonly #worker: WorkerId
  readonly #lines: WorkerLines
  #task: TaskOfWorker | undefined
  #told = { messages: new Set<string>(), wish: 0, answer: '', gates: new Set<string>() }
  #looking: Promise<void> = Promise.resolve()
  /** Calls whose cells are followed. */
  readonly #cells = new Set<string>()
  readonly #gone = new AbortController()

  constructor(ports: TaskChannelPorts, worker: WorkerId, lines: WorkerLines) {
    this.#ports = ports
    this.#worker = worker
    this.#lines = lines
  }

  get task(): { org: OrgId; id: RunId } | undefined {
    return this.#task
  }

  close(): void {
    this.#lines.close()
  }

  /** Until the worker leaves. What it may not send ends the connection. */
  async serve(): Promise<void> {
    try {
      for await (const line of this.#lines.lines) {
        this.#ports.heard(this.#worker)
        await this.#take(parsed(line))
      }
    } catch (thrown) {
      this.#ports.log.warn({ err: asMeshError(thrown), worker: this.#worker }, 'the channel of a worker was closed')
    } finally {
      this.#gone.abort()
      this.#lines.close()
    }
  }

  /** People want something of it, or have decided: tells what it does not know yet. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(
      () => this.#tell(),
      () => this.#tell(),
    )
    return this.#looking
  }

  async #take(message: FromWorker): Promise<void> {
    if (message.type === 'hello') return this.#welcome(message.token)
    if (!this.#task) throw new MeshError('UNAUTHENTICATED', { detail: 'a worker says who it is before anything else' })
    if (message.type === 'events') return this.#append(message)
    if (message.type === 'store') return this.#store(message)
    if (message.type === 'load') return this.#load(message.asset)
    if (message.type === 'cell') return this.#beginCell(this.#task, message)
    if (message.type === 'cell-stop') await this.#stopCell(this.#task, message)
  }

  async #welcome(token: string): Promise<void> {
    const { store, orderOf } = this.#ports
    const task = await store.query('taskOfWorker', { worker: this.#worker, tokenHash: hashSecret(token) })
    if (!task || task.fence === null) throw new MeshError('UNAUTHENTICATED', { detail: 'the worker has no task' })
    this.#task = { org: task.org, id: task.id, fence: task.fence }
    await this.#send({ type: 'order', order: orderOf(task) })
    for (const events of await historyOf(store, task)) await this.#send({ type: 'history', events })
    await this.#sendLog(task)
    await this.look()
  }

  async #sendLog({ org, id }: TaskRow): Promise<void> {
    for (let after = 0; ; ) {
      const page = await this.#ports.store.query('readEvents', { org, id, after, mostBytes: limits.taskAssetBytes })
      const events = (page?.events ?? []).map(({ text }) => JSON.parse(text) as RunEvent)
      const more = events.length > 0 && after + events.length < (page?.seq ?? 0)
      await this.#send({ type: 'log', first: after + 1, events, more })
      after += events.length
      if (!more) return
    }
  }

  async #append({ first, events }: Extract<FromWorker, { type: 'events' }>): Promise<void> {
    const { store, now, appended } = this.#ports
    const { org, id, fence } = this.#task!
    const checkedEvents = events.map(event => logged(asTaskEvent(event)))
    const order = { org, id, fence, first: parseSeq(first), events: checkedEvents, now: now() }
    const done = await store.call('appendTask', order)
    if (done.appended > 0) appended(org, id, done)
    await this.#send({ type: 'ack', seq: done.seq, ...(done.refused && { refused: done.refused }) })
  }

  async #store({ asset, base64 }: Extract<FromWorker, { type: 'store' }>): Promise<void> {
    const { store, assets } = this.#ports
    const { org, id } = this.#task!
    const bytes = Buffer.from(base64, 'base64')
    if (bytes.byteLength > limits.taskAssetBytes) throw new MeshError('TOO_LARGE', { detail: 'what a worker stores' })
    const task = await store.query('findTask', { org, id })
    if (task) await assets.keep(task, parseAssetId(asset), bytes)
    await this.#send({ type: 'stored', asset })
  }

  /** What stands in the log of its own task, or of one that this goes on from. */
  async #load(asset: string): Promise<void> {
    const { store, assets } = this.#ports
    const { org, id } = this.#task!
    const isOwn = await store.query('isAssetOfTask', { org, id, asset: parseAssetId(asset) })
    const bytes = isOwn ? await assets.load(org, parseAssetId(asset)) : null
    await this.#send({ type: 'loaded', asset, base64: bytes && Buffer.from(bytes).toString('base64') })
  }

  /** Begun before anything else of this worker is taken, so that a stop finds it; followed beside the rest. */
  async #beginCell(task: TaskOfWorker, asked: Extract<FromWorker, { type: 'cell' }>): Promise<void> {
    const { cells } = this.#ports
    const { call } = asked
    if (this.#cells.has(call)) return
    const refuse = (thrown: unknown): Promise<void> => this.#refuseCell(call, thrown)
    if (this.#cells.size >= cellsPerChannel) return refuse(new MeshError('TOO_MANY', { detail: 'cells at a time' }))
    const cell = await cells.begin(task, asked).catch(refuse)
    if (!cell) return
    this.#cells.add(call)
    void cells
      .follow(cell, answer => this.#send(answer), this.#gone.signal)
      .catch(refuse)
      .catch((thrown: unknown) =>
        this.#ports.log.info({ err: asMeshError(thrown), worker: this.#worker }, 'a worker was not told of its cell'),
      )
      .finally(() => this.#cells.delete(call))
  }

  #stopCell(task: TaskOfWorker, { call, why }: Extract<FromWorker, { type: 'cell-stop' }>): Promise<void> {
    return this.#ports.cells
      .stop(task, call, why)
      .then(answer => this.#send(answer))
      .catch((thrown: unknown) => this.#refuseCell(call, thrown))
  }

  async #refuseCell(call: string, thrown: unknown): Promise<void> {
    const error = asMeshError(thrown)
    this.#ports.log.info({ err: error, worker: this.#worker, call }, 'a cell of an agent was refused')
    await this.#send({ type: 'cell-refused', call, code: error.code, detail: error.detail ?? '' })
  }

  async #tell(): Promise<void> {
    if (!this.#task) return
    const { store } = this.#ports
    const { org, id } = this.#task
    const task = await store.query('findTask', { org, id })
    if (!task) return
    for (const { id: message, by, text, heardAt } of await store.query('messagesOf', { org, id })) {
      if (heardAt !== null || this.#told.messages.has(message)) continue
      this.#told.messages.add(message)
      await this.#send({ type: 'message', id: message, by, text })
    }
    if (task.wish && task.wish.number > this.#told.wish) {
      this.#told.wish = task.wish.number
      await this.#send({ type: 'control', action: task.wish.action, by: task.wish.by })
    }
    if (task.status === 'waiting-for-input' && task.answer && task.answer.id !== this.#told.answer) {
      this.#told.answer = task.answer.id
      await this.#send({ type: 'input', ...task.answer })
    }
    await this.#tellGates(org, id)
  }

  async #tellGates(org: OrgId, run: RunId): Promise<void> {
    for (const gate of await this.#ports.store.query('gatesOfRun', { org, run })) {
      const { id, state, digest, nonce, decidedBy, comment, receivedAt } = gate
      if (state === 'open' || state === 'void' || receivedAt !== null || this.#told.gates.has(id)) continue
      this.#told.gates.add(id)
      await this.#send({ type: 'gate', gate: id, decision: state, digest, nonce, by: decidedBy, comment })
    }
  }

  #send(message: ToWorker): Promise<void> {
    return this.#lines.send(JSON.stringify(message))
  }
}

function parsed(line: string): FromWorker {
  const message = v.safeParse(v.pipe(v.string(), v.parseJson(), fromWorkerSchema), line)
  if (!message.success) throw new MeshError('BAD_MESSAGE', { detail: 'a line from a worker' })
  return message.output
}

/** The end that a worker says is that of the agent; the run ends when its work has been delivered (TK30). */
function asTaskEvent(event: RunEvent): RunEvent {
  if (!allowed.has(event.type)) throw new MeshError('BAD_MESSAGE', { detail: `an agent does not write ${event.type}` })
  const finished = finishedBy(event)
  if (finished) return { type: 'task', at: event.at, event: finished }
  if (event.type !== 'task') return event
  const checked = v.safeParse(taskEventSchema, event.event)
  if (!checked.success) throw new MeshError('BAD_MESSAGE', { detail: 'what an agent does' })
  if (ofTheHub.has(checked.output.type))
    throw new MeshError('BAD_MESSAGE', { detail: `an agent does not write ${checked.output.type}` })
  return { type: 'task', at: event.at, event: checked.output }
}

/** What only the hub can know. */
const ofTheHub = new Set<TaskEvent['type']>(['pushed', 'pull-request', 'worker-replaced'])

function finishedBy(event: RunEvent): TaskEvent | undefined {
  switch (event.type) {
    case 'completed':
      return { type: 'finished', outcome: 'done', summary: '' }
    case 'failed': {
      const { message, code } = event.error
      return { type: 'finished', outcome: 'failed', summary: message, ...(code !== undefined && { code }) } as TaskEvent
    }
    case 'interrupted':
      return { type: 'finished', outcome: 'failed', summary: event.reason }
    case 'cancelled':
      return { type: 'finished', outcome: 'stopped', summary: event.reason }
    default:
      return undefined
  }
}
