/**
 * The runs of a session in their order: which one is at work, which wait, and how each ends in the journal. It knows that
 * there is a kernel, and leaves it to the session. Called in the session's turns.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Journal } from './journal.ts'
import type { ExecuteOrder } from './port.ts'
import { failure, megabytes, type Recorder, type Unclocked } from './recorder.ts'
import type { Order, RunEntry, StopCode } from './run-entry.ts'
import type { SessionBounds } from './session-bounds.ts'

export interface RunLinePorts {
  journal: Journal
  recorder: Recorder
  limits: Limits
  bounds: Pick<SessionBounds, 'runBegins' | 'runEnds'>
  /** New events of the run are durable. */
  onEvents(entry: RunEntry): void
  /** The next one may be taken up. */
  goOn(): void
  interrupt(run: RunId): void
  /** The run at work did not mind the interrupt. */
  onIgnored(): void
}

export class RunLine {
  readonly #ports: RunLinePorts
  #queue: RunEntry[] = []
  #active: RunEntry | undefined
  #grace: NodeJS.Timeout | undefined
  #orders = 0
  #lastRun: RunId | undefined

  constructor(ports: RunLinePorts) {
    this.#ports = ports
    this.#lastRun = ports.journal.lastForgotten
    for (const entry of ports.journal.runs.values()) {
      this.#orders = Math.max(this.#orders, entry.order.number)
      this.#noteEnd(entry)
    }
  }

  /** The run that the kernel ended last. */
  get lastRun(): RunId | undefined {
    return this.#lastRun
  }

  #noteEnd({ ended, kernel, order }: RunEntry): void {
    if (ended && kernel !== undefined) this.#lastRun = order.run
  }

  get active(): RunEntry | undefined {
    return this.#active
  }

  get isIdle(): boolean {
    return !this.#active && this.#queue.length === 0
  }

  /** The order has been here before; throws if there is no room for a new one. */
  async knows(order: ExecuteOrder): Promise<boolean> {
    const { journal, limits } = this.#ports
    const known = journal.runs.get(order.run)
    if (known) await this.#again(known, order)
    if (known || journal.wasForgotten(order.run)) return true
    if (this.#queue.length >= limits.runQueuePerSession)
      throw new MeshError('TOO_MANY', { detail: 'runs wait in this session' })
    if (journal.bytes > limits.journalBytes) throw new MeshError('JOURNAL_FULL', { detail: megabytes(journal.bytes) })
    return false
  }

  numbered(order: ExecuteOrder): Order {
    return { t: 'order', number: ++this.#orders, ...order }
  }

  wait(entry: RunEntry): void {
    this.#queue.push(entry)
  }

  /** The next one, unless another is at work. */
  shift(): RunEntry | undefined {
    return this.#active ? undefined : this.#queue.shift()
  }

  begin(entry: RunEntry): void {
    this.#active = entry
    this.#ports.bounds.runBegins(entry)
  }

  /** The kernel is no more: so is what it did, and what waited for it. */
  async endAll(reason: string, asked: boolean): Promise<void> {
    const waiting = this.#queue.splice(0)
    await this.endActive(reason, asked)
    for (const entry of waiting)
      await this.finish(entry, { type: 'interrupted', reason: `It was not started: ${reason}.` })
  }

  /** What waits has another kernel to wait for. */
  async endActive(reason: string, asked: boolean): Promise<void> {
    const active = this.#active
    if (!active) return
    for (const said of this.#ports.recorder.lastWords(active)) await this.write(active, said)
    await this.finish(active, this.#lastWord(active, reason, asked))
  }

  async #again(known: RunEntry, { code, fence }: ExecuteOrder): Promise<void> {
    if (known.order.code !== code) throw new MeshError('RUN_EXISTS', { detail: known.order.run })
    if (fence < known.fence)
      throw new MeshError('STALE_FENCE', { detail: `run ${known.order.run} is held under fence ${known.fence}` })
    if (fence > known.fence) await this.#ports.journal.append(known, { t: 'fence', fence })
  }

  leave(entry: RunEntry): void {
    clearTimeout(this.#grace)
    this.#ports.bounds.runEnds()
    this.#active = undefined
    this.#noteEnd(entry)
    this.#ports.journal.rest(entry)
    this.#ports.goOn()
  }

  async write(entry: RunEntry, event: Unclocked): Promise<void> {
    await this.#ports.journal.append(entry, this.#ports.recorder.own(entry, event))
    this.#ports.onEvents(entry)
  }

  /** Ends a run from the host's side and goes on with the next. */
  async finish(entry: RunEntry, event: Unclocked): Promise<void> {
    if (!entry.ended) await this.write(entry, event)
    this.#noteEnd(entry)
    this.#ports.journal.rest(entry)
    if (this.#active === entry) {
      clearTimeout(this.#grace)
      this.#ports.bounds.runEnds()
      this.#active = undefined
    }
    if (!this.#active && this.#queue.length > 0) this.#ports.goOn()
  }

  async cancel(run: RunId, reason: string): Promise<void> {
    const entry = this.#known(run)
    if (entry.ended || entry.cancelReason !== undefined || entry.stop) return
    await this.#ports.journal.append(entry, { t: 'cancel', reason })
    if (this.#active === entry) this.interrupt(run)
    else {
      this.#queue = this.#queue.filter(queued => queued !== entry)
      await this.finish(entry, { type: 'cancelled', reason })
    }
  }

  /** If the code goes on all the same, it is told after a while. */
  interrupt(run: RunId): void {
    this.#ports.interrupt(run)
    clearTimeout(this.#grace)
    this.#grace = setTimeout(() => {
      if (this.#active?.order.run === run) this.#ports.onIgnored()
    }, this.#ports.limits.interruptGraceMs)
  }

  #known(run: RunId): RunEntry {
    const entry = this.#ports.journal.runs.get(run)
    if (!entry) throw new MeshError('NOT_FOUND', { detail: `run ${run} is not in this session` })
    return entry
  }

  async stop(entry: RunEntry, code: StopCode, detail: string): Promise<void> {
    if (entry.ended || entry.stop || entry.cancelReason !== undefined) return
    await this.#ports.journal.append(entry, { t: 'stop', code, detail })
  }

  #lastWord(entry: RunEntry, reason: string, asked: boolean): Unclocked {
    if (entry.stop) return failure(new MeshError(entry.stop.code, { detail: entry.stop.detail }))
    if (entry.cancelReason !== undefined) return { type: 'cancelled', reason: `${entry.cancelReason} (${reason})` }
    if (asked) return { type: 'cancelled', reason }
    return failure(new MeshError('KERNEL_DIED', { detail: reason }))
  }
}
