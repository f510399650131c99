/**
 * A session inside its kernel host: the queue of runs, one at a time, each written down before it is done and before
 * anything of it is told (I1, I5). It owns the kernel and the journal; who listens is the server's business.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Fence, Now, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { DisplayParts } from './display-parts.ts'
import { EventIntake } from './event-intake.ts'
import { dropIdleNote, idleNotice, minutesInWords, readIdleNote, writeIdleNote } from './idle-note.ts'
import type { Journal } from './journal.ts'
import type { KernelClient, KernelHandlers, NumberedKernelEvent } from './kernel-client.ts'
import { type KernelPlace, LiveKernel } from './live-kernel.ts'
import type { ExecuteOrder, SessionSpec } from './port.ts'
import { failure, megabytes, Recorder, type Unclocked } from './recorder.ts'
import type { JournalRecord, RunEntry, StopCode } from './run-entry.ts'
import { SessionBounds } from './session-bounds.ts'

const attachedSchema = v.union([
  v.object({ known: v.literal(false) }),
  v.object({ known: v.literal(true), ended: v.boolean(), last: v.number() }),
])

export interface HostSessionOptions {
  spec: SessionSpec
  place: KernelPlace
  journal: Journal
  assets: string
  limits: Limits
  now: Now
  /** New events of the run are durable. */
  onEvents(entry: RunEntry): void
  /** The kernel has ended by itself. */
  onDown(reason: string): void
}

export class HostSession {
  spec: SessionSpec
  #options: HostSessionOptions
  #journal: Journal
  #limits: Limits
  #parts: DisplayParts
  #recorder: Recorder
  #kernel: LiveKernel | undefined
  #current: KernelHandlers | undefined
  #starting: Promise<LiveKernel> | undefined
  #queue: RunEntry[] = []
  #active: RunEntry | undefined
  #intake: EventIntake
  #bounds: SessionBounds
  /** What the next run says before anything else. */
  #notice: string | undefined
  #hasRested = false
  #grace: NodeJS.Timeout | undefined
  #orders = 0
  /** Changes of the session's state that wait for something are done one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: HostSessionOptions) {
    this.spec = options.spec
    this.#options = options
    this.#journal = options.journal
    this.#limits = options.limits
    this.#parts = new DisplayParts(options.assets, options.limits)
    this.#recorder = new Recorder(options.limits, options.now, this.#parts)
    this.#intake = new EventIntake({
      journal: options.journal,
      recorder: this.#recorder,
      active: () => this.#active,
      client: () => this.#kernel?.client,
      onEvents: options.onEvents,
      onEnded: entry => this.#leave(entry),
    })
    this.#bounds = new SessionBounds({
      ...options.place,
      limits: options.limits,
      now: options.now,
      pid: () => this.#kernel?.pid,
      isIdle: () => this.isIdle,
      onOver: (entry, code, detail) => void this.#inTurn(() => this.#over(entry, code, detail)),
      onIdle: minutes => void this.#inTurn(() => this.#rest(minutes)),
    })
    for (const entry of options.journal.runs.values()) this.#orders = Math.max(this.#orders, entry.order.number)
  }

  get kernelName(): string {
    return this.#kernel?.name ?? this.spec.language
  }

  get isAlive(): boolean {
    return this.#kernel !== undefined
  }

  get isIdle(): boolean {
    return !this.#active && this.#queue.length === 0
  }

  /** Nobody used it, its kernel has ended, and nothing of it is waited for: the host may go. */
  get isOver(): boolean {
    return this.#hasRested && !this.#kernel && !this.#starting && this.isIdle && this.#journal.runs.size === 0
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** After the host was replaced: goes on with a living kernel, closes what a dead one has left (I9). */
  async recover(): Promise<void> {
    const open = [...this.#journal.runs.values()].filter(entry => !entry.ended)
    this.#kernel = await LiveKernel.takeUp(this.#options.place, this.#handlers())
    for (const entry of open) {
      if (this.#kernel && (entry.kernel === undefined || entry.kernel === this.#kernel.id)) this.#queue.push(entry)
      else await this.#write(entry, { type: 'interrupted', reason: 'The kernel ended while its host was away.' })
    }
    await this.#next()
  }

  start(spec: SessionSpec): Promise<void> {
    return this.#inTurn(() => this.#start(spec))
  }

  async #start(spec: SessionSpec): Promise<void> {
    if (spec.fence < this.spec.fence)
      throw new MeshError('STALE_FENCE', { detail: `the session is held under fence ${this.spec.fence}` })
    this.spec = spec
    this.#bounds.used()
    await this.#ensureKernel()
  }

  #ensureKernel(): Promise<LiveKernel> {
    if (this.#kernel) return Promise.resolve(this.#kernel)
    this.#starting ??= LiveKernel.start(
      { ...this.#options.place, projectFolder: this.spec.projectFolder, kernelspec: this.spec.kernelspec },
      this.#handlers(),
    )
      .then(kernel => this.#began(kernel))
      .finally(() => (this.#starting = undefined))
    return this.#starting
  }

  async #began(kernel: LiveKernel): Promise<LiveKernel> {
    const note = await readIdleNote(this.#options.place.folder)
    this.#notice = note && idleNotice(note)
    this.#hasRested = false
    this.#kernel = kernel
    return kernel
  }

  /** Of one kernel: the end of an earlier one's connection must not be taken for the end of this one. */
  #handlers(): KernelHandlers {
    const handlers = {
      onEvent: (event: NumberedKernelEvent) => this.#intake.take(event),
      onClose: () => void this.#inTurn(async () => this.#current === handlers && this.#onClose()),
    }
    this.#current = handlers
    return handlers
  }

  /** Resolves when the order is durable. Idempotent by run id. */
  execute(order: ExecuteOrder): Promise<void> {
    return this.#inTurn(() => this.#execute(order))
  }

  async #execute(order: ExecuteOrder): Promise<void> {
    const known = this.#journal.runs.get(order.run)
    if (known) return this.#again(known, order)
    if (this.#journal.wasForgotten(order.run)) return
    if (this.#queue.length >= this.#limits.runQueuePerSession)
      throw new MeshError('TOO_MANY', { detail: 'runs wait in this session' })
    if (this.#journal.bytes > this.#limits.journalBytes)
      throw new MeshError('JOURNAL_FULL', { detail: megabytes(this.#journal.bytes) })
    const record = { t: 'order', number: ++this.#orders, ...order } as const
    const kernel = this.#kernel
    if (!kernel || !this.isIdle) {
      this.#queue.push(await this.#journal.create(record))
      if (!this.#active) void this.#inTurn(() => this.#next())
      return
    }
    // The usual case is one write: the order, the intent, and that it has started.
    const entry = await this.#journal.create(record, ...(await this.#opening(kernel)))
    this.#options.onEvents(entry)
    this.#run(entry, kernel)
  }

  async #again(known: RunEntry, { code, fence }: ExecuteOrder): Promise<void> {
    if (known.order.code !== code) throw new MeshError('RUN_EXISTS', { detail: known.order.run })
    if (fence < known.fence)
      throw new MeshError('STALE_FENCE', { detail: `run ${known.order.run} is held under fence ${known.fence}` })
    if (fence > known.fence) await this.#journal.append(known, { t: 'fence', fence })
  }

  #started(kernel: LiveKernel): Unclocked & { type: 'started' } {
    const { notice, name } = kernel
    kernel.notice = undefined
    const { device, language } = this.spec
    return { type: 'started', device, language, kernel: name, ...(notice !== undefined && { notice }) }
  }

  /** What stands at the beginning of every run's journal. */
  async #opening(kernel: LiveKernel): Promise<JournalRecord[]> {
    const at = this.#options.now()
    const event = (seq: number, said: object) => ({ t: 'event', seq, n: 0, event: { ...said, at } }) as never
    const notice = this.#notice === undefined ? [] : [event(2, { type: 'stderr', text: this.#notice })]
    this.#notice = undefined
    if (notice.length > 0) await dropIdleNote(this.#options.place.folder)
    return [{ t: 'intent', kernel: kernel.id }, event(1, this.#started(kernel)), ...notice]
  }

  /** Takes up the next run of the queue. */
  async #next(): Promise<void> {
    if (this.#active) return
    const entry = this.#queue.shift()
    if (!entry) return
    if (entry.cancelReason !== undefined && entry.kernel === undefined) {
      await this.#finish(entry, { type: 'cancelled', reason: entry.cancelReason })
      return
    }
    try {
      const kernel = await this.#ensureKernel()
      if (entry.kernel === undefined) await this.#intend(entry, kernel)
      else await this.#write(entry, { type: 'reattached', lost: 0 })
      this.#run(entry, kernel)
    } catch (error) {
      const mesh =
        error instanceof MeshError ? error : new MeshError('KERNEL_START', { detail: String(error), cause: error })
      await this.#finish(entry, failure(mesh))
    }
  }

  async #intend(entry: RunEntry, kernel: LiveKernel): Promise<void> {
    await this.#journal.append(entry, ...(await this.#opening(kernel)))
    this.#options.onEvents(entry)
  }

  #run(entry: RunEntry, kernel: LiveKernel): void {
    this.#active = entry
    this.#bounds.runBegins(entry)
    this.#tell(entry, kernel.client).catch(error => {
      // If the kernel has ended, the end of its connection closes the run.
      if (error instanceof MeshError && error.code === 'KERNEL_DIED') return
      void this.#inTurn(() => this.#endKernel(`the kernel did not take the run: ${(error as Error).message}`))
    })
  }

  /** The kernel runs it, or if it knows it already, tells what came after the last that is in the journal. */
  async #tell({ order, lastN, cancelReason, stop }: RunEntry, client: KernelClient): Promise<void> {
    const { run, code, cellName } = order
    const attached = v.parse(
      attachedSchema,
      lastN > 0 ? await client.request('attach', { run, after: lastN }) : { known: false },
    )
    // Not known to a living kernel: the host ended before it was told, so it has had no effects. `execute` itself
    // attaches if it is known.
    if (!attached.known) await client.request('execute', { run, code, name: cellName })
    if (cancelReason !== undefined || stop) this.#interrupt(run)
  }

  #leave(entry: RunEntry): void {
    clearTimeout(this.#grace)
    this.#bounds.runEnds()
    this.#active = undefined
    this.#journal.rest(entry)
    void this.#inTurn(() => this.#next())
  }

  async #write(entry: RunEntry, event: Unclocked): Promise<void> {
    await this.#journal.append(entry, this.#recorder.own(entry, event))
    this.#options.onEvents(entry)
  }

  /** Ends a run from the host's side and goes on with the next. */
  async #finish(entry: RunEntry, event: Unclocked): Promise<void> {
    if (!entry.ended) await this.#write(entry, event)
    this.#journal.rest(entry)
    if (this.#active === entry) {
      clearTimeout(this.#grace)
      this.#bounds.runEnds()
      this.#active = undefined
    }
    if (!this.#active && this.#queue.length > 0) void this.#inTurn(() => this.#next())
  }

  cancel(run: RunId, reason: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#known(run)
      if (entry.ended || entry.cancelReason !== undefined || entry.stop) return
      await this.#journal.append(entry, { t: 'cancel', reason })
      if (this.#active === entry) this.#interrupt(run)
      else {
        this.#queue = this.#queue.filter(queued => queued !== entry)
        await this.#finish(entry, { type: 'cancelled', reason })
      }
    })
  }

  #interrupt(run: RunId): void {
    const kernel = this.#kernel
    // A kernel that does not answer is ended by the timer below.
    kernel?.client.request('interrupt', { run }).catch(() => undefined)
    clearTimeout(this.#grace)
    this.#grace = setTimeout(() => {
      if (this.#active?.order.run === run)
        void this.#inTurn(() => this.#endKernel('the interrupt was ignored, so the kernel was ended'))
    }, this.#limits.interruptGraceMs)
  }

  #known(run: RunId): RunEntry {
    const entry = this.#journal.runs.get(run)
    if (!entry) throw new MeshError('NOT_FOUND', { detail: `run ${run} is not in this session` })
    return entry
  }

  async input(run: RunId, request: string | undefined, text: string): Promise<void> {
    const client = this.#kernel?.client
    if (!client || this.#active?.order.run !== run)
      throw new MeshError('RUN_ENDED', { detail: `run ${run} takes no input now` })
    const answer = await client.request('input', { run, request, text })
    const { accepted } = v.parse(v.object({ accepted: v.boolean() }), answer)
    if (!accepted) throw new MeshError('CONFLICT', { detail: 'the question has been answered, or there is none' })
  }

  /** Completion, documentation, variables: of a kernel that runs; they are nobody's reason to start one. */
  ask(type: 'complete' | 'inspect' | 'variables', fields: object): Promise<unknown> {
    const client = this.#kernel?.client
    this.#bounds.used()
    if (!client) return Promise.reject(new MeshError('KERNEL_DIED', { detail: 'the session has no kernel now' }))
    return client.request(type, fields)
  }

  /** A connection may end without the kernel: then the run goes on over a new one. */
  async #onClose(): Promise<void> {
    const kernel = this.#kernel
    if (!kernel) return
    const again = await kernel.reconnect(this.#handlers())
    if (typeof again === 'string') return this.#endKernel(again)
    this.#kernel = again
    await this.#intake.settled()
    if (this.#active) this.#run(this.#active, again)
  }

  /** The kernel is no more, or must be no more: its run and those that wait for it are closed. */
  async #endKernel(reason: string): Promise<void> {
    const kernel = this.#kernel
    if (!kernel) return
    const active = this.#active
    const isKilled = reason.includes('SIGKILL') || reason === 'the kernel process ended'
    if (active && isKilled && (await this.#bounds.ranOutOfMemory()))
      await this.#stop(active, 'KERNEL_MEMORY', "the machine's memory ran out, and the system ended the kernel")
    await this.#stopKernel(kernel, reason)
    this.#options.onDown(reason)
  }

  /** A bound was reached: a run that takes too long is interrupted first; what takes too much memory is ended at once. */
  async #over(entry: RunEntry | undefined, code: StopCode, detail: string): Promise<void> {
    if (entry !== this.#active) return
    if (entry && code === 'RUN_TIMEOUT' && entry.stop) return
    if (entry) await this.#stop(entry, code, detail)
    if (code === 'KERNEL_MEMORY') await this.#endKernel(new MeshError(code, { detail }).message)
    else if (entry) this.#interrupt(entry.order.run)
  }

  async #stop(entry: RunEntry, code: StopCode, detail: string): Promise<void> {
    if (entry.ended || entry.stop || entry.cancelReason !== undefined) return
    await this.#journal.append(entry, { t: 'stop', code, detail })
  }

  /** Nobody used it for as long as the policy says. */
  async #rest(minutes: number): Promise<void> {
    const kernel = this.#kernel
    if (!kernel || !this.isIdle) return
    await writeIdleNote(this.#options.place.folder, { at: this.#options.now(), minutes })
    const reason = `idle: nobody used it for ${minutesInWords(minutes)}`
    this.#hasRested = true
    await this.#stopKernel(kernel, reason, 'end')
    this.#options.onDown(reason)
  }

  async #stopKernel(kernel: LiveKernel, reason: string, asked?: 'end' | 'restart'): Promise<void> {
    const polite = asked !== undefined
    this.#kernel = this.#current = undefined
    await (polite ? kernel.end(asked === 'restart') : kernel.kill())
    // What has arrived from it still counts.
    await this.#intake.settled()
    const waiting = this.#queue.splice(0)
    const active = this.#active
    if (active) {
      for (const said of this.#recorder.lastWords(active)) await this.#write(active, said)
      await this.#finish(active, this.#lastWord(active, reason, polite))
    }
    for (const entry of waiting)
      await this.#finish(entry, { type: 'interrupted', reason: `It was not started: ${reason}.` })
  }

  #lastWord(entry: RunEntry, reason: string, asked: boolean): Unclocked {
    if (entry.stop) return failure(new MeshError(entry.stop.code, { detail: entry.stop.detail }))
    if (entry.cancelReason !== undefined) return { type: 'cancelled', reason: `${entry.cancelReason} (${reason})` }
    if (asked) return { type: 'cancelled', reason }
    return failure(new MeshError('KERNEL_DIED', { detail: reason }))
  }

  restart(fence: Fence): Promise<void> {
    return this.#inTurn(async () => {
      if (fence < this.spec.fence)
        throw new MeshError('STALE_FENCE', { detail: `the session is held under fence ${this.spec.fence}` })
      this.spec = { ...this.spec, fence }
      if (this.#kernel) await this.#stopKernel(this.#kernel, 'the session was restarted', 'restart')
      await this.#ensureKernel()
    })
  }

  shutdown(): Promise<void> {
    return this.#inTurn(async () => {
      this.#bounds.stop()
      if (this.#kernel) await this.#stopKernel(this.#kernel, 'the session was ended', 'end')
    })
  }

  forget(run: RunId): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#journal.runs.get(run)
      if (!entry) return
      if (!entry.ended) throw new MeshError('CONFLICT', { detail: `run ${run} has not ended` })
      await this.#journal.forget(run)
      const kept = new Set([...this.#journal.runs.values()].flatMap(({ assets }) => [...assets]))
      await this.#parts.remove([...entry.assets].filter(id => !kept.has(id)))
    })
  }
}
