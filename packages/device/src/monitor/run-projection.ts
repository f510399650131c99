/**
 * Shows one run in its document while it goes on (follow one run, steps 4 to 7). The whole view is rebuilt from the
 * journal and the block is made equal to it, so that a projection that was cut off anywhere is simply done again.
 */

import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import type { AssetId, Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import { RunView } from '@meshbook/core/output/run-view.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type { DocumentPeer } from '../document-peer.ts'
import { EntryView } from './execution-entry.ts'
import { asForeign } from './foreign-entry.ts'
import {
  anchorByCode,
  anchorOf,
  dropEmptyTwins,
  findOutput,
  hasTwins,
  makeOutput,
  updateOutput,
} from './output-block.ts'
import { RedrawPace } from './redraw-pace.ts'
import type { RunSource } from './run-source.ts'
import { updateEarlier } from './update-earlier.ts'

export const runtimeUrlNotice = 'The runtimeUrl of the request was ignored: a document cannot choose an address.'

export interface ProjectionPorts {
  limits: Limits
  now: Now
  /** This device, for the pill below the output. */
  ranOn: { device: string; name: string }
  claimedBy: number | string
  /** Every entry is answered in the shapes of pages that know nothing of Meshbook, not only plain objects (HM3). */
  isForeign?: boolean
  /** The event with what is too large to stand in a document put into assets. */
  slim(event: RunEvent, source: RunSource, inlineBytes: number): Promise<RunEvent>
  /** Keeps text that is too long for the document. */
  keepText(pieces: AsyncIterable<Uint8Array>): Promise<{ asset: AssetId; bytes: number }>
}

/** What a program can do ten thousand times a second. */
const paced = new Set<RunEvent['type']>(['stdout', 'stderr', 'display', 'clear'])
const leastInlineBytes = 512

export class RunProjection {
  readonly #peer: DocumentPeer
  readonly #lease: Lease
  readonly #ports: ProjectionPorts
  readonly #entry: EntryView
  readonly #view = new RunView()
  /** Gone: there is no place for it, or somebody deleted it, and then it stays deleted. */
  #block: 'there' | 'gone' | undefined
  #waiting: 'entry' | 'block' | undefined
  #waitTimer: NodeJS.Timeout | undefined
  #claimTimer: NodeJS.Timeout | undefined
  #flushTimer: NodeJS.Timeout | undefined
  #flushedAt = Number.NEGATIVE_INFINITY
  readonly #pace: RedrawPace
  #seen = 0
  #guarded = 0
  #muted = false

  constructor(peer: DocumentPeer, lease: Lease, ports: ProjectionPorts) {
    this.#peer = peer
    this.#lease = lease
    this.#ports = ports
    this.#entry = new EntryView(peer.doc, lease.run)
    this.#pace = new RedrawPace(ports.limits)
  }

  /** The last event that was gone through. */
  get seen(): number {
    return this.#seen
  }

  /** Shows soon that the run is taken; together with its first output, should that come sooner. */
  claim(): void {
    this.#claimTimer = setTimeout(() => this.#begin(), this.#ports.limits.claimShownMs)
  }

  #begin(): void {
    this.#peer.doc.transact(() => {
      this.#claimNow()
      if (this.#seen > 0) this.#flush()
    }, this)
  }

  /** Once, and when the requester's entry is here. */
  #claimNow(): void {
    if (this.#claimTimer === undefined) return
    clearTimeout(this.#claimTimer)
    this.#claimTimer = undefined
    const { cell } = this.#lease
    if (!this.#entry.exists && cell?.by === 'anchor' && cell.alone !== true) this.#waitFor('entry')
    else this.#take()
  }

  /** Marks the entry as claimed, and makes the output block unless the requester is to. */
  #take(): void {
    const { doc } = this.#peer
    const { run, cell } = this.#lease
    doc.transact(() => {
      if (!this.#entry.exists) this.#entry.create({ ...this.#newEntry(), ...this.#claimFields() })
      else if (['requested', 'refused'].includes(String(this.#entry.get('status'))))
        this.#entry.patch(this.#claimFields())
      if (findOutput(doc, run, this.#entry.get('outputPosition'))) this.#block = 'there'
      else if (this.#entry.get('outputBlockReady') === true) this.#block = 'gone'
      else if (cell?.by === 'index' || this.#entry.get('outputBy') === 'monitor') this.#makeBlock()
    }, this)
    if (this.#block === undefined) this.#waitFor('block')
  }

  #claimFields(): Partial<ExecutionEntry> {
    const foreign = (this.#entry.get('runtimeUrl') ?? undefined) !== undefined
    return {
      status: 'claimed',
      claimedBy: this.#ports.claimedBy,
      claimedAt: this.#ports.now(),
      ranOn: this.#ports.ranOn,
      ...(foreign ? { reason: runtimeUrlNotice } : this.#entry.get('reason') ? { reason: '' } : {}),
    }
  }

  #newEntry(): ExecutionEntry {
    const { run, code, language, sessionName, requestedAt, cell } = this.#lease
    const anchor = anchorOf(this.#peer.doc, cell, code)
    return {
      id: run,
      status: 'claimed',
      code,
      language,
      session: sessionName,
      requestedAt,
      outputBy: 'monitor',
      ...(anchor ? { cell: anchor } : {}),
    }
  }

  /** Nothing more is written: another one shows the run. */
  mute(): void {
    this.#muted = true
    this.#stop()
  }

  /** The entry changed: what was waited for may be here, or what was set is undone (HM5). */
  noticeEntry(): void {
    this.#await()
    if (this.#waiting !== undefined || this.#block === undefined || this.#muted) return
    if (this.#guarded++ > this.#ports.limits.entryGuardTries) return
    if (this.#entry.get('status') === 'requested') this.#entry.patch(this.#claimFields())
    if (this.#seen > 0) this.#flushTimer ??= setTimeout(() => this.#flush())
  }

  #await(): void {
    if (this.#waiting === 'entry' && this.#entry.exists) {
      this.#stopWaiting()
      this.#take()
    }
    const isReady = this.#waiting === 'block' && this.#entry.get('outputBlockReady') === true
    if (!isReady || !findOutput(this.#peer.doc, this.#lease.run, this.#entry.get('outputPosition'))) return
    this.#stopWaiting()
    this.#block = 'there'
    this.#flush()
  }

  #waitFor(what: 'entry' | 'block'): void {
    this.#waiting = what
    this.#waitTimer = setTimeout(() => this.#waitedLongEnough(), this.#ports.limits.outputBlockWaitMs)
  }

  #waitedLongEnough(): void {
    const what = this.#waiting
    this.#stopWaiting()
    if (what === 'entry') this.#take()
    else this.#peer.doc.transact(() => this.#makeBlock(), this)
    this.#flush()
  }

  #makeBlock(): void {
    const { doc } = this.#peer
    const { run, code } = this.#lease
    if (findOutput(doc, run, this.#entry.get('outputPosition'))) {
      this.#block = 'there'
      return
    }
    const anchor = this.#entry.get('cell') ?? anchorByCode(doc, code)
    const cell =
      this.#lease.cell ??
      (typeof anchor === 'object' && anchor !== null
        ? { by: 'anchor' as const, anchor: anchor as Record<string, unknown> }
        : undefined)
    const position = makeOutput(doc, run, cell, code)
    this.#block = position ? 'there' : 'gone'
    if (!position) {
      this.#entry.patch({ reason: 'The cell is no longer in the document; the output is in the log of the run.' })
      return
    }
    this.#block = 'there'
    this.#entry.patch({
      outputPosition: position,
      outputBlockReady: true,
      ...(this.#entry.get('status') === 'claimed' ? { status: 'ready' as const } : {}),
    })
  }

  #stopWaiting(): void {
    clearTimeout(this.#waitTimer)
    this.#waiting = undefined
  }

  /**
   * Projects from the first event to the last; true once the end is durable in the document, false when stopped by the
   * signal. Up to `known` the events have been shown before: nothing is written until they have all been gone through.
   */
  async follow(source: RunSource, known: number, signal: AbortSignal): Promise<boolean> {
    for await (const { seq, event } of source.events(0, signal)) {
      if (signal.aborted) break
      this.#view.add(await this.#ports.slim(event, source, this.#inlineBytes()))
      this.#seen = seq
      if (isTerminal(event)) {
        await this.#finish(source, signal)
        return true
      }
      if (seq >= known && (event.type !== 'started' || this.#claimTimer === undefined)) this.#flushSoon(event)
    }
    this.#stop()
    return false
  }

  /** What a part may have and still stand in the entry, which is written anew with each thing displayed. */
  #inlineBytes(): number {
    const { entryInlineBytes, displayInlineBytes } = this.#ports.limits
    return Math.max(leastInlineBytes, Math.min(displayInlineBytes, entryInlineBytes - this.#view.inlineChars))
  }

  async #finish(source: RunSource, signal: AbortSignal): Promise<void> {
    this.#claimNow()
    await this.#requesterOrTime()
    const extra = this.#view.truncated ? { fullOutput: await this.#ports.keepText(wholeText(source, signal)) } : {}
    this.#flush(extra)
    this.#stop()
    await this.#peer.durable()
  }

  /** A short run may be over before its requester has written the entry or made the block. */
  async #requesterOrTime(): Promise<void> {
    while (this.#waiting !== undefined) await new Promise(resolve => setTimeout(resolve, 10))
  }

  /**
   * The first output is shown at once, later output at most every `projectionMs`, and what only redraws its last lines
   * more and more rarely; what is not output never waits.
   */
  #flushSoon(event: RunEvent): void {
    const isOutput = paced.has(event.type)
    if (!isOutput) this.#flush()
    if (!isOutput || this.#flushTimer !== undefined) return
    const wait = this.#flushedAt + this.#ports.limits.projectionMs - performance.now()
    if (wait <= 0) this.#onTimer()
    else this.#flushTimer = setTimeout(() => this.#onTimer(), wait)
  }

  #onTimer(): void {
    const now = performance.now()
    const wait = this.#pace.waitFor(this.#view.text, now)
    if (wait > 0) {
      this.#flushTimer = setTimeout(() => this.#onTimer(), Math.min(wait, this.#ports.limits.projectionMs))
      return
    }
    this.#flushedAt = now
    this.#flush()
  }

  #flush(extra: Partial<ExecutionEntry> = {}): void {
    clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
    const { doc } = this.#peer
    const { run } = this.#lease
    if (this.#muted) return
    doc.transact(() => {
      this.#claimNow()
      // The requester is about to write the entry.
      if (this.#waiting === 'block') return
      this.#entry.patch(this.#fields(extra))
      updateEarlier(doc, run, this.#view.elsewhere)
      if (this.#block !== 'there') return
      // Looked for before the text changes: what has changed is read whole (DV131).
      const twins = this.#guarded > 0 && hasTwins(doc, run)
      const shown = updateOutput(doc, run, this.#entry.get('outputPosition'), this.#view.text, this.#view.images)
      if (!shown) this.#block = 'gone'
      else if (twins) dropEmptyTwins(doc, run)
      this.#pace.shown(this.#view.text, performance.now())
    }, this)
  }

  #fields(extra: Partial<ExecutionEntry>): Record<string, unknown> {
    const { status, ...entry } = { ...this.#view.entry, ...extra, ranOn: this.#ports.ranOn }
    // Somebody wants it to stop: that stays to be seen until it has.
    const isStopping = this.#entry.get('status') === 'cancelled' && status === 'running'
    const fields = { ...entry, ...(status && !isStopping ? { status } : {}) }
    return this.#ports.isForeign || this.#entry.isPlain ? asForeign(fields) : fields
  }

  #stop(): void {
    clearTimeout(this.#claimTimer)
    this.#stopWaiting()
    clearTimeout(this.#flushTimer)
  }
}

async function* wholeText(source: RunSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const { event } of source.events(0, signal))
    if (event.type === 'stdout' || event.type === 'stderr') yield Buffer.from(event.text, 'utf8')
  signal.throwIfAborted()
}
