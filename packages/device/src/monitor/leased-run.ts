/**
 * One run that this device holds a lease for, from its execution until its log is the granter's and its end is in the
 * document. Both are followed from the journal, each at its own pace and again after any cut.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { asMeshError } from '@meshbook/core/errors.ts'
import type { Now, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DownMessage, Lease, UpMessage } from '@meshbook/core/messages.ts'
import { timeoutOfText } from '@meshbook/core/notebook/demands.ts'
import type { AssetKeeper } from '../assets/asset-keeper.ts'
import type { DocumentPeer } from '../document-peer.ts'
import type { ExecuteOrder, KernelSession } from '../kernels/port.ts'
import type { HeldRun } from '../store/held-runs.ts'
import type { EntryView, StdinAnswer } from './execution-entry.ts'
import { LogReport } from './log-report.ts'
import { contentOf, keepReading } from './notebook-reading.ts'
import { cellNameOf, hasCell } from './output-block.ts'
import { RunProjection } from './run-projection.ts'
import { failureEvent, failureOf, journalOf, type RunSource, tellingEnd } from './run-source.ts'
import type { MonitorLog, RunStore } from './run-store.ts'
import { shared } from './shared-source.ts'

type Ack = Extract<DownMessage, { type: 'RUN_ACK' }>
type HeldSeq = Extract<UpMessage, { type: 'REGISTER' }>['runs'][number]

export interface LeasedRunPorts {
  limits: Limits
  now: Now
  store: RunStore
  assets: AssetKeeper
  device: { id: string; name: string }
  log: MonitorLog
  send(message: UpMessage): boolean
  online(): boolean
  /** Opens the document of the run. */
  open(): DocumentPeer
  /** How a claim names this monitor, where that is not the device. */
  claimedBy?: (() => number | string) | undefined
  isForeign?: boolean | undefined
  /** The folder of the project, if it is attached here. */
  folder: string | undefined
  /** Somebody else keeps the log, and tells the hub of it. */
  isLogKept: boolean
  /** Where the events of the run come from, once that is known. */
  sourced(source: RunSource): void
  /** Its last event is in the journal: the session may run another. */
  finished(): void
  /** The document shows how it ended. */
  over(run: RunId): void
  /** Nothing is left to do. */
  done(run: RunId): void
}

/** The session of the lease; of a run that goes on in it, with its order. */
export type SessionIn = (folder: string, resumed: ExecuteOrder | undefined) => Promise<KernelSession>

const contentWaitMs = 5_000
const cellWaitMs = 5_000
const passwordRefused =
  'A password is not taken from the document, which keeps everything for ever; it is answered by POST /runs/:id/input.'
const answerRefused = 'The answer was not taken: it is no text, or too long.'

export class LeasedRun {
  readonly #ports: LeasedRunPorts
  #held: HeldRun
  #peer: DocumentPeer
  /** The document gave way to another. */
  #moved = new AbortController()
  #projection: RunProjection
  /** Lets the document's text go, which is kept read while the run is shown in it. */
  #release: () => void = () => undefined
  readonly #abort = new AbortController()
  readonly #answered = new Set<string>()
  readonly #report: LogReport
  #source: RunSource | undefined
  #session: KernelSession | undefined
  #isStarting = false
  #isFinished = false
  #cancelReason: string | undefined
  #working: Promise<unknown> = Promise.resolve()
  #claiming: Promise<void>

  constructor(held: HeldRun, ports: LeasedRunPorts) {
    const before = held.lease.resume?.seq ?? 0
    this.#held = { ...held, ackedSeq: Math.max(held.ackedSeq, before) }
    this.#ports = ports
    this.#report = new LogReport({ ...ports, done: () => this.#work(() => this.#save({ reported: true })) })
    this.#peer = this.#openPeer()
    this.#projection = this.#newProjection()
    this.#claiming = this.#claim()
    // Whoever follows the run meets the failure there.
    this.#claiming.catch(() => undefined)
  }

  #openPeer(): DocumentPeer {
    const peer = this.#ports.open()
    const moved = new AbortController()
    this.#moved = moved
    this.#release = keepReading(peer.doc)
    void peer.replaced?.then(() => {
      moved.abort()
      if (this.#held.projected) void peer.close()
    })
    return peer
  }

  async #closePeer(): Promise<void> {
    this.#release()
    await this.#peer.close()
  }

  #newProjection(): RunProjection {
    const { limits, now, device, assets, folder } = this.#ports
    return new RunProjection(this.#peer, this.lease, {
      limits,
      now,
      ranOn: { device: device.id, name: device.name },
      claimedBy: this.#ports.claimedBy?.() ?? device.id,
      isForeign: this.#ports.isForeign === true,
      slim: (event, source, inlineBytes) =>
        assets.slim(event, id => source.asset(id), folder, this.lease.project, inlineBytes),
      keepText: pieces => assets.keepText(this.lease.run, pieces, this.lease.project),
    })
  }

  get lease(): Lease {
    return this.#held.lease
  }
  get reported(): boolean {
    return this.#held.reported
  }
  get ended(): boolean {
    return this.#held.projected
  }
  /** Nothing more of it happens in the session. */
  get isFinished(): boolean {
    return this.#isFinished || this.#held.projected
  }
  /** It waits for its session's kernel, which may take seconds. */
  get isStarting(): boolean {
    return this.#isStarting
  }
  get heldSeq(): HeldSeq {
    return { run: this.lease.run, fence: this.lease.fence, seq: this.#held.ackedSeq }
  }

  async #claim(): Promise<void> {
    await this.#peer.ready
    // A notebook that was made a moment ago may not have arrived from the hub yet.
    if (contentOf(this.#peer.doc).length === 0)
      await Promise.race([this.#peer.synced, sleep(contentWaitMs, undefined, { ref: false })])
    if (!this.#abort.signal.aborted && !this.#held.projected) this.#projection.claim()
  }

  /** Gives the order to the session. What goes wrong before a kernel has it becomes the end of the run. */
  execute(sessionIn: SessionIn): void {
    this.#isStarting = true
    this.#work(async () => {
      const source = await this.#order(sessionIn)
      await this.#follow(source, this.lease.resume?.seq ?? 0)
    })
  }

  async #order(sessionIn: SessionIn): Promise<RunSource> {
    const { run, resume } = this.lease
    try {
      // One that goes on in a restored kernel has been executed before.
      const resumed = resume && (await this.#orderOf())
      const session = await this.#started(folder => sessionIn(folder, resumed))
      this.#session = session
      if (!resumed) await session.execute(await this.#orderOf())
      if (this.#cancelReason !== undefined) await session.cancel(run, this.#cancelReason)
      return journalOf(session, this.lease)
    } catch (thrown) {
      this.#ports.log.warn({ err: thrown, run }, 'a run could not be started')
      const failure = failureEvent(thrown, this.#ports.now())
      await this.#save({ failure })
      return failureOf(this.lease, failure)
    }
  }

  async #orderOf(): Promise<ExecuteOrder> {
    const { run, fence, code } = this.lease
    const cellName = await this.#cellName()
    const timeoutMs = least(timeoutOfText(contentOf(this.#peer.doc).toString()), this.lease.timeoutMs)
    return { run, fence, code, cellName, ...(timeoutMs !== undefined && { timeoutMs }) }
  }

  async #started(sessionIn: (folder: string) => Promise<KernelSession>): Promise<KernelSession> {
    try {
      return await sessionIn(this.#folder())
    } finally {
      this.#isStarting = false
    }
  }

  /** After a cut the lease may be here before the text of its cell is; a traceback should name the cell all the same. */
  async #cellName(): Promise<string> {
    const { doc } = this.#peer
    const { cell, code } = this.lease
    if (cell !== undefined && !hasCell(doc, cell, code)) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const look = () => hasCell(doc, cell, code) && resolve()
      const timer = setTimeout(resolve, cellWaitMs)
      doc.on('update', look)
      await promise
      doc.off('update', look)
      clearTimeout(timer)
    }
    return cellNameOf(doc, cell, code)
  }

  #folder(): string {
    if (this.#ports.folder !== undefined) return this.#ports.folder
    throw new Error('the project is not attached to a folder on this device')
  }

  /** Goes on with a run that was executed before a restart; up to `known` its events may have been shown. */
  follow(source: RunSource, session: KernelSession | undefined, known: number): void {
    this.#session = session
    this.#work(() => this.#follow(source, known))
  }

  async #follow(journal: RunSource, known: number): Promise<void> {
    const source = shared(tellingEnd(journal, () => this.#finish()))
    this.#source = source
    this.#ports.sourced(source)
    if (this.#ports.online()) this.report(this.#held.ackedSeq)
    for (let shown = known; ; shown = Math.max(shown, this.#projection.seen)) {
      if (this.#moved.signal.aborted) await this.#changeDocument()
      const moved = this.#moved.signal
      await this.#claiming
      if (this.#held.projected) return
      const isWhole = await this.#project(source, shown, moved)
      if (isWhole) return this.#save({ projected: true })
      if (this.#abort.signal.aborted) return
    }
  }

  /** False when it was stopped, or when its document was replaced by another. */
  async #project(source: RunSource, shown: number, moved: AbortSignal): Promise<boolean> {
    try {
      return await this.#projection.follow(source, shown, AbortSignal.any([this.#abort.signal, moved]))
    } catch (thrown) {
      if (moved.aborted) return false
      throw thrown
    }
  }

  /** The output block is found in the new document's text by the id of the run, as after a restart. */
  async #changeDocument(): Promise<void> {
    await this.#closePeer()
    this.#peer = this.#openPeer()
    this.#projection = this.#newProjection()
    this.#claiming = this.#claim()
  }

  /** The lease came again: with its fence, if that is newer, events are sent from now on. */
  renew(lease: Lease): void {
    this.#held = { ...this.#held, lease, reported: false }
    if (this.#ports.online()) this.report(this.#held.ackedSeq)
  }

  /** Where the run is by now; it stays the same run. */
  moved(lease: Lease): void {
    this.#held = { ...this.#held, lease }
  }

  /** Sends the log from behind `after`. */
  report(after: number): void {
    if (this.#source && !this.#held.reported) this.#report.start(this.lease, this.#source, after)
    else this.#report.stop()
  }

  stopReporting(): void {
    this.#report.stop()
  }

  acked(ack: Ack): void {
    this.#held = { ...this.#held, ackedSeq: Math.max(this.#held.ackedSeq, ack.seq) }
    this.#report.acked(ack)
  }

  onEntry(entry: EntryView): void {
    this.#projection.noticeEntry()
    const answer = entry.stdinAnswer()
    if (answer === undefined) return
    const asked = entry.get('stdinRequest') as { id?: unknown; password?: unknown } | null | undefined
    if (answer === false) entry.patch({ stdinResponse: null, reason: answerRefused })
    else if (asked?.password === true) entry.patch({ stdinResponse: null, reason: passwordRefused })
    else if (typeof asked?.id === 'string') this.#answer(asked.id, answer)
  }

  #answer(asked: string, { id, text }: StdinAnswer): void {
    if ((id ?? asked) !== asked || this.#answered.has(asked)) return
    this.#answered.add(asked)
    this.#work(() => this.input(asked, text))
  }

  async input(id: string, text: string): Promise<void> {
    await this.#session?.input(this.lease.run, id, text)
  }

  async cancel(reason: string): Promise<void> {
    this.#cancelReason = reason
    if (this.#source) await this.#session?.cancel(this.lease.run, reason)
  }

  /** Another one has run it too and shows it: here it ends without a word (HM23). */
  async abandon(reason: string): Promise<void> {
    this.#projection.mute()
    await this.cancel(reason)
  }

  async #save(change: Partial<HeldRun>): Promise<void> {
    this.#held = { ...this.#held, ...change }
    const { projected, reported } = this.#held
    const isDone = projected && reported
    if (projected) this.#release()
    if (isDone) await this.#ports.store.drop(this.lease.run)
    else await this.#ports.store.save(this.#held)
    if (change.projected) {
      this.#finish()
      this.#ports.over(this.lease.run)
    }
    if (isDone) await this.#end()
  }

  #finish(): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#ports.finished()
  }

  /** Nothing is left to do. A kernel host that still knows a run which nobody holds is told to forget it at the next start. */
  async #end(): Promise<void> {
    if (!this.#ports.isLogKept) await this.#source?.forget()
    this.#ports.done(this.lease.run)
    await this.#closePeer()
  }

  #work(action: () => Promise<unknown>): void {
    const done = action().catch(thrown => {
      if (!this.#abort.signal.aborted)
        this.#ports.log.warn({ err: asMeshError(thrown), run: this.lease.run }, 'a run could not be followed')
    })
    this.#working = Promise.all([this.#working, done])
  }

  async close(): Promise<void> {
    this.#abort.abort()
    this.stopReporting()
    // A kernel that is just starting is not waited for longer than a stop may take.
    await Promise.race([this.#working, sleep(this.#ports.limits.shutdownMs, undefined, { ref: false })])
    await this.#closePeer()
  }
}

/** The smaller of two bounds that may be missing. */
function least(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.min(a, b)
}
