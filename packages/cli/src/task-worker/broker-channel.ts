/**
 * The worker's end of `channel.sock` (TW20-TW24): numbers events, keeps them until they are durable, and comes back after
 * every cut. It knows nothing of agents; whoever uses it gets the order, the log, and what is told later.
 */
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { type FromWorker, type TaskOrder, type ToWorker, toWorkerSchema } from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, parseAssetId, type RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { CellEnd } from '@meshbook/engine/agent/ports.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import * as v from 'valibot'
import { LineReader } from './line-reader.ts'

export interface ChannelOptions {
  socket: string
  token: string
  random: () => number
  /** All messages but those that the channel answers itself; in their order, also those of before anybody listened. */
  onMessage(message: Told): void
}

export type Told = Extract<ToWorker, { type: 'message' | 'control' | 'input' | 'gate' }>

export interface Begun {
  order: TaskOrder
  log: readonly RunEvent[]
  /** Of the task that it goes on from. */
  history: readonly TaskEvent[]
}

interface Kept {
  seq: number
  event: RunEvent
  bytes: number
}

interface AskedCell {
  /** That it may run, or that it is to end. */
  asked: CellAsk | CellStop
  began(run: RunId, reasons: readonly string[]): void
  resolve(end: CellEnd): void
  reject(error: Error): void
}
type CellAsk = Extract<FromWorker, { type: 'cell' }>
type CellStop = Extract<FromWorker, { type: 'cell-stop' }>
type OfCell = Extract<ToWorker, { type: 'cell-began' | 'cell-ended' | 'cell-refused' }>

interface Waiting<T> {
  asked: FromWorker
  resolve(answer: T): void
  reject(error: Error): void
}

const lineSchema = v.pipe(v.string(), v.parseJson(), toWorkerSchema)
/** Of a batch, before it is put into words. */
const batchBytes = 4 * 1024 ** 2
/** What is not acknowledged; an agent writes little, and waits where it matters. */
const keptBytes = 64 * 1024 ** 2
const firstWaitMs = 50

export class BrokerChannel {
  /** Rejects where the worker has to end before it has one. */
  readonly begun: Promise<Begun>
  #history: TaskEvent[] = []
  /** Resolves with why this worker is to end. */
  readonly over: Promise<string>
  readonly #options: ChannelOptions
  readonly #stored = new Map<AssetId, Waiting<void>>()
  readonly #loaded = new Map<AssetId, Waiting<Uint8Array>>()
  readonly #cells = new Map<string, AskedCell>()
  #begin!: (begun: Begun) => void
  #failBegin!: (error: Error) => void
  #tellOver!: (why: string) => void
  #why: string | undefined
  #socket: Socket | undefined
  #order: TaskOrder | undefined
  #log: RunEvent[] = []
  /** Whether the log of this connection has been told to its end, so that events may follow it. */
  #isLevel = false
  #isBegun = false
  #durable = 0
  #last = 0
  #sent = 0
  #kept: Kept[] = []
  #bytes = 0
  #flushes: { seq: number; resolve(): void; reject(error: Error): void }[] = []
  readonly #levels = new Set<() => void>()
  #attempt = 0
  #again: NodeJS.Timeout | undefined
  #alone: NodeJS.Timeout | undefined
  #beat: NodeJS.Timeout | undefined
  #isSending = false

  constructor(options: ChannelOptions) {
    this.#options = options
    this.begun = new Promise((resolve, reject) => {
      this.#begin = resolve
      this.#failBegin = reject
    })
    this.begun.catch(() => undefined)
    this.over = new Promise(resolve => {
      this.#tellOver = resolve
    })
    this.#isAlone()
    this.#connect()
  }

  /** In this order; returns before it is durable. */
  write(event: RunEvent): void {
    if (this.#why !== undefined) return
    const bytes = Buffer.byteLength(JSON.stringify(event))
    this.#last += 1
    this.#kept.push({ seq: this.#last, event, bytes })
    this.#bytes += bytes
    if (this.#bytes > keptBytes) {
      this.#end('what it said could not be stored')
      return
    }
    if (this.#isSending) return
    this.#isSending = true
    setImmediate(() => {
      this.#isSending = false
      this.#send()
    })
  }

  /** Resolves when all that was written is durable; rejects when this worker has to end. */
  async flush(): Promise<void> {
    if (this.#why !== undefined) throw this.#endError()
    const seq = this.#last
    if (seq <= this.#durable) return
    this.#send()
    await new Promise<void>((resolve, reject) => this.#flushes.push({ seq, resolve, reject }))
  }

  /** Resolves when the broker is there, at once if it is; rejects when this worker has to end, or with the signal (TW25). */
  async there(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#why !== undefined) throw this.#endError()
    if (this.#isLevel) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const stop = (): void => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    const wake = (): void => (this.#why === undefined ? resolve() : reject(this.#endError()))
    this.#levels.add(wake)
    await promise.finally(() => {
      this.#levels.delete(wake)
      signal.removeEventListener('abort', stop)
    })
  }

  async store(bytes: Uint8Array, mimeType: string): Promise<AssetId> {
    if (bytes.byteLength > limits.taskAssetBytes) throw new MeshError('TOO_LARGE')
    const asset = parseAssetId(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)
    const asked = { type: 'store', asset, mimeType, base64: Buffer.from(bytes).toString('base64') } as const
    await this.#ask(this.#stored, asset, asked)
    return asset
  }

  /** NOT_FOUND where nobody has it, and where it is not what its name says. */
  async load(asset: AssetId): Promise<Uint8Array> {
    return this.#ask(this.#loaded, asset, { type: 'load', asset })
  }

  /** Runs it, or goes on with it; asked for again after each cut until it is answered (TW26). */
  cell(asked: Omit<CellAsk, 'type'>, began: AskedCell['began']): Promise<CellEnd> {
    if (this.#why !== undefined) return Promise.reject(this.#endError())
    const ask = { type: 'cell', ...asked } as const
    return new Promise((resolve, reject) => {
      this.#cells.set(asked.call, { asked: ask, began, resolve, reject })
      if (this.#isLevel) this.#tell(ask)
    })
  }

  /** Nobody waits for it any more; told until that is answered. */
  stopCell(call: string, why: string): void {
    const cell = this.#cells.get(call)
    if (!cell || this.#why !== undefined) return
    cell.asked = { type: 'cell-stop', call, why: why.slice(0, limits.problemTextChars) }
    if (this.#isLevel) this.#tell(cell.asked)
  }

  /** After what was written has been sent; without waiting for more. */
  close(): void {
    this.#end('it has ended')
  }

  #ask<T>(waiting: Map<AssetId, Waiting<T>>, asset: AssetId, asked: FromWorker): Promise<T> {
    if (this.#why !== undefined) return Promise.reject(this.#endError())
    return new Promise((resolve, reject) => {
      const before = waiting.get(asset)
      waiting.set(asset, {
        asked,
        resolve: answer => {
          before?.resolve(answer)
          resolve(answer)
        },
        reject: error => {
          before?.reject(error)
          reject(error)
        },
      })
      if (this.#isLevel) this.#tell(asked)
    })
  }

  #connect(): void {
    const socket = connect(this.#options.socket)
    this.#socket = socket
    const reader = new LineReader(limits.brokerLineBytes, line => {
      const parsed = v.safeParse(lineSchema, line)
      if (this.#socket !== socket) return
      if (parsed.success) this.#take(parsed.output)
      else socket.destroy(new Error('a line of the broker is not understood'))
    })
    socket.on('data', piece => reader.add(piece))
    socket.once('connect', () => {
      clearTimeout(this.#alone)
      this.#alone = undefined
      this.#tell({ type: 'hello', token: this.#options.token })
      this.#beat = setInterval(() => this.#tell({ type: 'beat' }), limits.taskSilentMs / 3)
    })
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#cut(socket))
  }

  #cut(socket: Socket): void {
    if (this.#socket !== socket) return
    this.#socket = undefined
    this.#isLevel = false
    clearInterval(this.#beat)
    if (this.#why !== undefined) return
    this.#isAlone()
    this.#attempt += 1
    const wait = backoffMs({
      attempt: this.#attempt,
      minMs: firstWaitMs,
      maxMs: limits.reconnectMinMs * 4,
      random: this.#options.random,
    })
    this.#again = setTimeout(() => this.#connect(), wait)
  }

  #isAlone(): void {
    this.#alone ??= setTimeout(() => this.#end('its broker could not be reached'), limits.workerAloneMs)
  }

  #take(message: ToWorker): void {
    this.#attempt = 0
    switch (message.type) {
      case 'order':
        this.#takeOrder(message.order)
        return
      case 'history':
        if (!this.#isBegun) this.#history.push(...message.events)
        return
      case 'log':
        this.#takeLog(message)
        return
      case 'ack':
        this.#acked(message.seq)
        if (message.refused !== undefined) this.#end(`the broker refused it: ${message.refused}`)
        return
      case 'stored': {
        const waiting = this.#stored.get(message.asset as AssetId)
        this.#stored.delete(message.asset as AssetId)
        waiting?.resolve()
        return
      }
      case 'loaded':
        this.#takeLoaded(message)
        return
      case 'cell-began':
      case 'cell-ended':
      case 'cell-refused':
        this.#takeOfCell(message)
        return
      default:
        this.#options.onMessage(message)
    }
  }

  #takeOrder(order: TaskOrder): void {
    const isOther = this.#order && (order.task !== this.#order.task || order.fence !== this.#order.fence)
    if (isOther) this.#end('its task is another worker’s')
    else {
      this.#order = order
      if (!this.#isBegun) this.#history = []
    }
  }

  #takeLog({ first, events, more }: Extract<ToWorker, { type: 'log' }>): void {
    if (!this.#order) {
      this.#end('the broker told a log and no order')
      return
    }
    // A log that was cut in its middle is told again from its beginning.
    for (const [index, event] of events.entries())
      if (!this.#isBegun && first + index === this.#log.length + 1) this.#log.push(event)
    this.#acked(Math.max(this.#durable, events.length === 0 ? first - 1 : first + events.length - 1))
    if (more) return
    if (!this.#isBegun) {
      this.#isBegun = true
      this.#last = this.#log.length
      this.#begin({ order: this.#order, log: [...this.#log], history: this.#history })
      this.#log = []
    }
    this.#isLevel = true
    this.#sent = this.#durable
    for (const { asked } of [...this.#stored.values(), ...this.#loaded.values(), ...this.#cells.values()])
      this.#tell(asked)
    this.#send()
    for (const wake of [...this.#levels]) wake()
  }

  #takeLoaded({ asset, base64 }: Extract<ToWorker, { type: 'loaded' }>): void {
    const waiting = this.#loaded.get(asset as AssetId)
    this.#loaded.delete(asset as AssetId)
    if (base64 === null) {
      waiting?.reject(new MeshError('NOT_FOUND'))
      return
    }
    const bytes = Buffer.from(base64, 'base64')
    if (asset === `sha256-${createHash('sha256').update(bytes).digest('hex')}`) waiting?.resolve(bytes)
    else waiting?.reject(new MeshError('NOT_FOUND', { detail: 'what was stored is damaged' }))
  }

  #takeOfCell(message: OfCell): void {
    const cell = this.#cells.get(message.call)
    if (!cell) return
    if (message.type === 'cell-began') {
      cell.began(message.run, message.reasons)
      return
    }
    this.#cells.delete(message.call)
    if (message.type === 'cell-refused') cell.reject(new MeshError(message.code, { detail: message.detail }))
    else cell.resolve(message)
  }

  #acked(seq: number): void {
    if (seq <= this.#durable) return
    this.#durable = seq
    while (this.#kept[0] && this.#kept[0].seq <= seq) this.#bytes -= this.#kept.shift()!.bytes
    const done = this.#flushes.filter(flush => flush.seq <= seq)
    this.#flushes = this.#flushes.filter(flush => flush.seq > seq)
    for (const { resolve } of done) resolve()
  }

  /** What was not sent on this connection, in batches. */
  #send(): void {
    if (!this.#isLevel) return
    let batch: Kept[] = []
    let bytes = 0
    const go = (): void => {
      if (batch.length > 0)
        this.#tell({ type: 'events', first: batch[0]!.seq, events: batch.map(({ event }) => event) })
      batch = []
      bytes = 0
    }
    for (const kept of this.#kept) {
      if (kept.seq <= this.#sent) continue
      if (batch.length === limits.brokerEventsPerMessage || bytes + kept.bytes > batchBytes) go()
      batch.push(kept)
      bytes += kept.bytes
      this.#sent = kept.seq
    }
    go()
  }

  #tell(message: FromWorker): void {
    this.#socket?.write(`${JSON.stringify(message)}\n`)
  }

  #end(why: string): void {
    if (this.#why !== undefined) return
    this.#why = why
    for (const timer of [this.#again, this.#alone]) clearTimeout(timer)
    clearInterval(this.#beat)
    this.#socket?.end()
    const error = this.#endError()
    this.#failBegin(error)
    for (const wake of [...this.#levels]) wake()
    const waiting = [...this.#flushes, ...this.#stored.values(), ...this.#loaded.values(), ...this.#cells.values()]
    for (const { reject } of waiting) reject(error)
    this.#tellOver(why)
  }

  #endError(): MeshError {
    return new MeshError('UNREACHABLE', { detail: `this worker ends: ${this.#why}` })
  }
}
