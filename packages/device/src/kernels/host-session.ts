/**
 * A session inside its kernel host: the queue of runs, one at a time, each written down before it is done and before
 * anything of it is told (I1, I5). It owns the kernel and the journal; who listens is the server's business.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Fence, Now, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { DisplayParts } from './display-parts.ts'
import { EventIntake } from './event-intake.ts'
import type { SavedAndMade } from './host-protocol.ts'
import { idleReason, writeIdleNote } from './idle-note.ts'
import type { Journal } from './journal.ts'
import type { KernelHandlers, NumberedKernelEvent } from './kernel-client.ts'
import { KernelSaving } from './kernel-saving.ts'
import { type KernelPlace, LiveKernel } from './live-kernel.ts'
import type {
  ExecuteOrder,
  ForkedKernel,
  KernelShape,
  ResumedRun,
  SavedKernel,
  SavedVariables,
  SessionSpec,
} from './port.ts'
import { failure, Recorder } from './recorder.ts'
import type { RunEntry, StopCode } from './run-entry.ts'
import { RunHolds } from './run-holds.ts'
import { RunLine } from './run-line.ts'
import { RunOpening } from './run-opening.ts'
import { SessionBounds } from './session-bounds.ts'
import { answerKernel, knowsRun, tellKernel } from './tell-kernel.ts'

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
  #parts: DisplayParts
  #recorder: Recorder
  #kernel: LiveKernel | undefined
  #starting: Promise<LiveKernel> | undefined
  readonly #line: RunLine
  #intake: EventIntake
  #bounds: SessionBounds
  readonly #opening: RunOpening
  readonly #holds: RunHolds
  readonly #saving: KernelSaving
  #hasRested = false
  /** Changes of the session's state that wait for something are done one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: HostSessionOptions) {
    this.spec = options.spec
    this.#options = options
    this.#journal = options.journal
    this.#parts = new DisplayParts(options.assets, options.limits)
    this.#recorder = new Recorder(options.limits, options.now, this.#parts)
    this.#opening = new RunOpening(options.place.folder, options.now)
    this.#intake = new EventIntake({
      journal: options.journal,
      recorder: this.#recorder,
      active: () => this.#line.active,
      client: () => this.#kernel?.client,
      onEvents: options.onEvents,
      onEnded: entry => this.#line.leave(entry),
    })
    this.#bounds = new SessionBounds({
      ...options.place,
      limits: options.limits,
      now: options.now,
      pid: () => this.#kernel?.pid,
      processes: async () => (await this.#kernel?.processes()) ?? [],
      isIdle: () => this.isIdle,
      onOver: (entry, code, detail) => void this.#inTurn(() => this.#over(entry, code, detail)),
      onIdle: minutes => void this.#inTurn(() => this.#rest(minutes)),
    })
    this.#holds = new RunHolds(options.place.folder, options.now, () => void this.#inTurn(() => this.#next()))
    this.#saving = new KernelSaving(options.limits, () => void this.#inTurn(() => this.#next()))
    this.#line = new RunLine({
      journal: options.journal,
      recorder: this.#recorder,
      limits: options.limits,
      bounds: this.#bounds,
      onEvents: options.onEvents,
      goOn: () => void this.#inTurn(() => this.#next()),
      // A kernel that does not answer is ended by what follows.
      interrupt: run => void this.#kernel?.client.request('interrupt', { run }).catch(() => undefined),
      onIgnored: () => void this.#inTurn(() => this.#endKernel('the interrupt was ignored, so the kernel was ended')),
    })
  }

  get kernelName(): string {
    return this.#kernel?.name ?? this.spec.language
  }

  get isAlive(): boolean {
    return this.#kernel !== undefined
  }

  get isIdle(): boolean {
    return this.#line.isIdle
  }

  /** Nobody used it, its kernel has ended, and nothing of it is waited for: the host may go. */
  get isOver(): boolean {
    return this.#hasRested && !this.#kernel && !this.#starting && this.isIdle && this.#journal.runs.size === 0
  }

  /** Over, and whoever asked for the last thing has its answer: unanswered it would be asked again, of a new host. */
  async isOverForAll(): Promise<boolean> {
    if (!this.isOver) return false
    await this.#inTurn(() => new Promise<void>(resolve => setImmediate(resolve)))
    return this.isOver
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** After the host was replaced: goes on with a living kernel, closes what a dead one has left (I9). */
  async recover(): Promise<void> {
    const open = [...this.#journal.runs.values()].filter(entry => !entry.ended)
    await this.#holds.load()
    this.#kernel = await LiveKernel.takeUp(this.#options.place, this.#handlers())
    const hasBegun = [...this.#journal.runs.values()].some(({ kernel }) => kernel === this.#kernel?.id)
    if (hasBegun) await this.#kernel?.noticeSaid()
    for (const entry of open) {
      if (this.#kernel && (entry.kernel === undefined || entry.kernel === this.#kernel.id)) this.#line.wait(entry)
      else await this.#line.write(entry, { type: 'interrupted', reason: 'The kernel ended while its host was away.' })
    }
    await this.#next()
  }

  start(spec: SessionSpec, saved: SavedAndMade | undefined): Promise<void> {
    return this.#inTurn(() => this.#start(spec, saved))
  }

  async #start(spec: SessionSpec, saved: SavedAndMade | undefined): Promise<void> {
    if (spec.fence < this.spec.fence)
      throw new MeshError('STALE_FENCE', { detail: `the session is held under fence ${this.spec.fence}` })
    if (saved) await this.#restore(spec, saved)
    this.spec = spec
    this.#bounds.used()
    if (!saved) await this.#ensureKernel()
  }

  /** Asked again, as after an answer that was lost, it changes nothing (KH44). */
  async #restore(spec: SessionSpec, { from, notice, resume }: SavedAndMade): Promise<void> {
    const before = this.#kernel
    if (from.kind === 'portable' || !before?.isOf(from)) {
      const kernel = await this.#made(spec, from, resume)
      kernel.addNotice([notice, ...((from.kind === 'image' && from.notes) || [])].join('\n'))
      await kernel.takePlaceOf(before)
      this.#kernel = kernel
      this.#hasRested = false
      await this.#opening.kernelRestored()
      if (before) await this.#replaced(before)
    }
    if (resume) await this.#resume(this.#kernel!, spec, resume)
    void this.#inTurn(() => this.#next())
  }

  /** What was there goes on meanwhile, and afterwards if this fails. */
  async #made(spec: SessionSpec, from: SavedKernel, resume: ResumedRun | undefined): Promise<LiveKernel> {
    const place = { ...this.#options.place, projectFolder: spec.projectFolder, kernelspec: spec.kernelspec }
    try {
      const handlers = this.#handlers()
      const kernel = await (from.kind === 'portable'
        ? LiveKernel.load(place, from.folder, handlers)
        : LiveKernel.adopt(place, from, handlers))
      if (!resume || (await knowsRun(kernel.client, resume))) return kernel
      await kernel.kill()
      throw new MeshError('RESTORE_FAILED', { detail: `run ${resume.order.run} is not in what was saved` })
    } catch (cause) {
      if (cause instanceof MeshError && cause.code === 'RESTORE_FAILED') throw cause
      throw new MeshError('RESTORE_FAILED', { detail: (cause as Error).message, cause })
    }
  }

  async #replaced(before: LiveKernel): Promise<void> {
    await before.end(false)
    await this.#intake.settled()
    await this.#line.endActive('a saved state took the place of the session', true)
  }

  /** The run's log goes up to `seq`, so ours begins behind it; what the kernel said up to `kernelEvents` stands in it. */
  async #resume(kernel: LiveKernel, spec: SessionSpec, resume: ResumedRun): Promise<void> {
    const { order, seq, fromSeq, kernelEvents } = resume
    const known = this.#journal.runs.get(order.run)
    if (known?.resumedAfter === seq && known.kernel === kernel.id) return
    const said = this.#recorder.numbered(seq + 1, kernelEvents, {
      type: 'resumed',
      device: spec.device,
      fromSeq,
      lostAfter: seq,
    })
    const entry = await this.#journal.create(this.#line.numbered(order), { t: 'intent', kernel: kernel.id }, said)
    this.#options.onEvents(entry)
    this.#run(entry, kernel)
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
    await this.#opening.kernelBegan()
    this.#hasRested = false
    this.#kernel = kernel
    return kernel
  }

  /** Of one kernel: the end of an earlier one's connection must not be taken for the end of this one. */
  #handlers(): KernelHandlers {
    const handlers = {
      onEvent: (event: NumberedKernelEvent) => this.#intake.take(event),
      onClose: () => void this.#inTurn(async () => this.#kernel?.handlers === handlers && this.#onClose()),
    }
    return handlers
  }

  /** Resolves when the order is durable. Idempotent by run id. */
  execute(order: ExecuteOrder): Promise<void> {
    return this.#inTurn(() => this.#execute(order))
  }

  async #execute(order: ExecuteOrder): Promise<void> {
    if (await this.#line.knows(order)) return
    const record = this.#line.numbered(order)
    const kernel = this.#kernel
    if (!kernel || !this.isIdle || this.#isHeld) {
      this.#line.wait(await this.#journal.create(record))
      if (!this.#line.active) void this.#inTurn(() => this.#next())
      return
    }
    // The usual case is one write: the order, the intent, and that it has started.
    const entry = await this.#journal.create(record, ...(await this.#opening.of(kernel, this.spec)))
    this.#options.onEvents(entry)
    this.#run(entry, kernel)
    await kernel.noticeSaid()
  }

  get #isHeld(): boolean {
    return this.#holds.isHeld || this.#saving.isStanding
  }

  /** Takes up the next run of the queue. */
  async #next(): Promise<void> {
    if (this.#isHeld) return
    const entry = this.#line.shift()
    if (!entry) return
    if (entry.cancelReason !== undefined && entry.kernel === undefined) {
      await this.#line.finish(entry, { type: 'cancelled', reason: entry.cancelReason })
      return
    }
    try {
      const kernel = await this.#ensureKernel()
      if (entry.kernel === undefined) await this.#intend(entry, kernel)
      else await this.#line.write(entry, { type: 'reattached', lost: 0 })
      this.#run(entry, kernel)
      await kernel.noticeSaid()
    } catch (error) {
      const mesh =
        error instanceof MeshError ? error : new MeshError('KERNEL_START', { detail: String(error), cause: error })
      await this.#line.finish(entry, failure(mesh))
    }
  }

  async #intend(entry: RunEntry, kernel: LiveKernel): Promise<void> {
    await this.#journal.append(entry, ...(await this.#opening.of(kernel, this.spec)))
    this.#options.onEvents(entry)
  }

  #run(entry: RunEntry, kernel: LiveKernel): void {
    this.#line.begin(entry)
    const told = tellKernel(kernel.client, entry)
    const interrupted = told.then(() => {
      if (entry.cancelReason !== undefined || entry.stop) this.#line.interrupt(entry.order.run)
    })
    interrupted.catch(error => {
      // If the kernel has ended, the end of its connection closes the run.
      if (error instanceof MeshError && error.code === 'KERNEL_DIED') return
      void this.#inTurn(() => this.#endKernel(`the kernel did not take the run: ${(error as Error).message}`))
    })
  }

  cancel(run: RunId, reason: string): Promise<void> {
    return this.#inTurn(() => this.#line.cancel(run, reason))
  }

  async input(run: RunId, request: string | undefined, text: string): Promise<void> {
    const client = this.#kernel?.client
    if (!client || this.#line.active?.order.run !== run)
      throw new MeshError('RUN_ENDED', { detail: `run ${run} takes no input now` })
    await answerKernel(client, run, request, text)
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
    if (this.#line.active) this.#run(this.#line.active, again)
  }

  /** The kernel is no more, or must be no more: its run and those that wait for it are closed. */
  async #endKernel(reason: string): Promise<void> {
    const kernel = this.#kernel
    if (!kernel) return
    const { active } = this.#line
    const isKilled = reason.includes('SIGKILL') || reason === 'the kernel process ended'
    if (active && isKilled && (await this.#bounds.ranOutOfMemory()))
      await this.#line.stop(active, 'KERNEL_MEMORY', "the machine's memory ran out, and the system ended the kernel")
    await this.#stopKernel(kernel, reason)
    this.#options.onDown(reason)
  }

  /** A bound was reached: a run that takes too long is interrupted first; what takes too much memory is ended at once. */
  async #over(entry: RunEntry | undefined, code: StopCode, detail: string): Promise<void> {
    if (entry !== this.#line.active) return
    if (entry && code === 'RUN_TIMEOUT' && entry.stop) return
    if (entry) await this.#line.stop(entry, code, detail)
    if (code === 'KERNEL_MEMORY') await this.#endKernel(new MeshError(code, { detail }).message)
    else if (entry) this.#line.interrupt(entry.order.run)
  }

  /** Nobody used it for as long as the policy says. */
  async #rest(minutes: number): Promise<void> {
    const kernel = this.#kernel
    if (!kernel || !this.isIdle) return
    await writeIdleNote(this.#options.place.folder, { at: this.#options.now(), minutes })
    const reason = idleReason(minutes)
    this.#hasRested = true
    await this.#stopKernel(kernel, reason, 'end')
    this.#options.onDown(reason)
  }

  async #stopKernel(kernel: LiveKernel, reason: string, asked?: 'end' | 'restart'): Promise<void> {
    const polite = asked !== undefined
    this.#kernel = undefined
    await (polite ? kernel.end(asked === 'restart') : kernel.kill())
    // What has arrived from it still counts.
    await this.#intake.settled()
    await this.#line.endAll(reason, polite)
  }

  /** Runs that are ordered from now on wait. */
  hold(hold: string, maxMs: number): Promise<void> {
    return this.#inTurn(() => this.#holds.take(hold, maxMs))
  }

  release(hold: string): Promise<void> {
    return this.#inTurn(() => this.#holds.release(hold))
  }

  #living(): LiveKernel {
    if (this.#kernel) return this.#kernel
    throw new MeshError('KERNEL_DIED', { detail: 'the session has no kernel now' })
  }

  async shape(): Promise<KernelShape> {
    const kernel = this.#living()
    const { active } = this.#line
    if (active) this.#intake.keepInKernel()
    const running = active && { run: active.order.run, seq: active.lastSeq, kernelEvents: active.lastN }
    const shape = await this.#saving.shapeOf(kernel)
    return { ...shape, lastRun: this.#line.lastRun ?? null, running: running ?? null }
  }

  async fork(): Promise<ForkedKernel> {
    const { lastRun, answer } = await this.#betweenRuns(kernel => this.#saving.fork(kernel))
    return { ...(await answer), lastRun }
  }

  async save(folder: string): Promise<SavedVariables> {
    const { lastRun, answer } = await this.#betweenRuns(kernel => this.#saving.save(kernel, folder))
    return { ...(await answer), lastRun }
  }

  /** The kernel is asked in the session's turn; what it takes then delays nobody else. */
  #betweenRuns<T>(ask: (kernel: LiveKernel) => Promise<T>): Promise<{ lastRun: RunId | null; answer: Promise<T> }> {
    return this.#inTurn(async () => {
      const kernel = this.#living()
      if (this.#line.active) throw new MeshError('CONFLICT', { detail: 'a run is in progress' })
      this.#bounds.used()
      return { lastRun: this.#line.lastRun ?? null, answer: ask(kernel) }
    })
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
