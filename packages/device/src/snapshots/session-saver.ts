/**
 * Saves one live session: finds out when it is due, has a backend capture it, and sees that the record is kept (SN40–SN57).
 * How often others are saved, and what becomes of a record afterwards, is not its business.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { SnapshotKind, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { SnapshotAbility } from '@meshbook/core/snapshots-here.ts'
import type { After } from '@meshbook/relay/timers.ts'
import type { LiveHead } from '../monitor/session-table.ts'
import type { CaptureTurns } from './capture-turns.ts'
import { dueAt, dueDuring, failed, freshPace, type Pace, saved } from './pace.ts'
import type { Capture, SnapshotBackend } from './port.ts'
import type { SavedSessions } from './session-snapshots.ts'

export interface SessionSaverPorts {
  head(): LiveHead | undefined
  /** The best first. */
  backends: readonly SnapshotBackend[]
  /** Whether it works on this machine, which may still be measured; `able` waits for that. */
  ability(kind: SnapshotKind): SnapshotAbility['state']
  able(kind: SnapshotKind): Promise<SnapshotBackend | undefined>
  places: Pick<SavedSessions, 'begin'>
  turns: CaptureTurns
  /** Where the backends may leave what they want to find at their next capture. */
  folder: string
  limits: Limits
  now: Now
  after: After
  /** A run of it goes on or waits. */
  isBusy(): boolean
  /** After so long without a use the session ends by the device's policy; 0: never. */
  idleEndMs(): number
  /** A capture has begun. */
  saving(): void
  /** It is durable here. */
  saved(record: SnapshotRecord): void
  /** No kind can save what the session has now. */
  failed(error: MeshError): void
  /** None of the kinds fits the session at all. */
  unfit(words: string): void
  warn(detail: object, message: string): void
}

interface Kind {
  backend: SnapshotBackend
  pace: Pace
  /** Of the state that is in its newest record. */
  state: number
  record: SnapshotRecord | undefined
  tookMs: number
  error: MeshError | undefined
  unfit: string | undefined
}

export interface KindState extends Pick<Kind, 'record' | 'tookMs' | 'error' | 'unfit'> {
  kind: SnapshotKind
}

interface Wish {
  kinds: readonly SnapshotKind[]
  name: string | null
  signal: AbortSignal
}

interface CaptureWish {
  name: string | null
  signal: AbortSignal
  during?: boolean
}

/** How long the end of a run may take to be shown: until then it counts as going on. */
const endShownMs = 500

export class SessionSaver {
  readonly #ports: SessionSaverPorts
  readonly #kinds: Kind[]
  readonly #closed = new AbortController()
  /** Counts what may have changed the session. */
  #state = 0
  #quietAt: number
  #long: { lease: Lease; beganAt: number } | undefined
  #cancelTimer: () => void = () => undefined
  #turn: Promise<unknown> = Promise.resolve()
  #isWorking = false
  #recovering: Promise<void> = Promise.resolve()
  #idle: PromiseWithResolvers<void> = Promise.withResolvers()

  constructor(ports: SessionSaverPorts) {
    this.#ports = ports
    this.#quietAt = ports.now()
    this.#kinds = ports.backends.map(backend => ({
      backend,
      pace: freshPace,
      state: 0,
      record: undefined,
      tookMs: 0,
      error: undefined,
      unfit: undefined,
    }))
  }

  /** Runs that no record has. */
  get behind(): number {
    return this.#state - Math.max(...this.#kinds.map(({ state }) => state))
  }

  /** What it had is in a record of its own, or of the state that it was made of. */
  get isSaved(): boolean {
    return this.behind === 0 && this.#kinds.some(({ record, state }) => record && state === this.#state)
  }

  /** `behind`, also of a kernel that was found again a moment ago. */
  async unsaved(): Promise<number> {
    await this.#recovering
    return this.behind
  }

  kinds(): KindState[] {
    return this.#kinds.map(({ backend, record, tookMs, error, unfit }) => ({
      kind: backend.kind,
      record,
      tookMs,
      error,
      unfit,
    }))
  }

  /** A kernel that was found again: what is kept of it may be all that it has. */
  recovered(records: readonly SnapshotRecord[]): void {
    this.#recovering = this.#recover(records).catch(thrown => {
      // Saved once more, if need be.
      this.#state = Math.max(this.#state, 1)
      this.#ports.warn({ err: asMeshError(thrown) }, 'a kernel that was found again did not say what it has')
    })
  }

  async #recover(records: readonly SnapshotRecord[]): Promise<void> {
    const lastRun = (await this.#ports.head()?.kernel.shape())?.lastRun ?? null
    if (lastRun === null && records.length === 0) return
    this.#state = Math.max(this.#state, 1)
    for (const kind of this.#kinds) {
      const record = records.findLast(each => each.kind === kind.backend.kind)
      kind.record ??= record
      if (record && record.asOf.run === lastRun && record.asOf.during === undefined) kind.state = 1
    }
    this.#look()
  }

  /** It was made of this record: that is what it has. */
  restored(record: SnapshotRecord): void {
    for (const kind of this.#kinds) if (kind.backend.kind === record.kind) kind.record = record
  }

  /** It is known now what works on this machine. */
  measured(): void {
    this.#look()
  }

  began(lease: Lease): void {
    this.#long = { lease, beganAt: this.#ports.now() }
    this.#look()
  }

  ended(): void {
    this.#state++
    this.#quietAt = this.#ports.now()
    this.#long = undefined
    for (const kind of this.#kinds) kind.unfit = undefined
    this.#noteUnfit()
    const { resolve } = this.#idle
    this.#idle = Promise.withResolvers()
    resolve()
    this.#look()
  }

  /** Now, as the first of these kinds that works; waits until no run goes on. */
  async save({ kinds, name, signal }: Wish): Promise<SnapshotRecord> {
    const able = this.#kinds.filter(({ backend }) => kinds.includes(backend.kind))
    if (able.length === 0)
      throw new MeshError('SNAPSHOTS_OFF', { detail: `${kinds.join(' and ')} cannot be saved here` })
    const ended = AbortSignal.any([signal, this.#closed.signal])
    for (;;) {
      await this.#untilIdle(ended)
      const done = await this.#inTurn(() => this.#saveAs(able, { name, signal: ended }))
      if (done) return done
    }
  }

  /** All that has changed, without regard to the pace; as far as it gets. */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#untilIdle(AbortSignal.any([signal, AbortSignal.timeout(endShownMs)])).catch(() => undefined)
    const during = this.#ports.isBusy()
    for (const kind of this.#kinds) {
      const isWanted = during ? this.#isSavedDuring(kind) : this.#isChanged(kind)
      if (signal.aborted || !isWanted || !this.#isAble(kind)) continue
      await this.#inTurn(async () => {
        if (this.#ports.isBusy() === during) await this.#capture(kind, { name: null, signal, during })
      })
    }
  }

  /** What is being saved is given up. */
  async close(): Promise<void> {
    this.#closed.abort(new MeshError('SHUTTING_DOWN'))
    this.#cancelTimer()
    await this.#turn
  }

  /** It is over: nothing of it will be captured again. */
  async forget(): Promise<void> {
    await this.close()
    await rm(this.#ports.folder, { recursive: true, force: true })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #untilIdle(signal: AbortSignal): Promise<void> {
    while (this.#ports.isBusy()) {
      signal.throwIfAborted()
      const given = Promise.withResolvers<void>()
      const stop = () => given.resolve()
      signal.addEventListener('abort', stop, { once: true })
      await Promise.race([this.#idle.promise, given.promise])
      signal.removeEventListener('abort', stop)
    }
    signal.throwIfAborted()
  }

  /** Undefined when a run came in between. */
  async #saveAs(able: Kind[], { name, signal }: CaptureWish): Promise<SnapshotRecord | undefined> {
    const head = this.#ports.head()?.head
    const known = name === null ? able.find(kind => !this.#isChanged(kind) && kind.record?.head === head) : undefined
    if (known) return known.record
    const reasons: string[] = []
    for (const kind of able) {
      await this.#ports.able(kind.backend.kind)
      if (this.#ports.isBusy()) return undefined
      const outcome = await this.#capture(kind, { name, signal })
      if (outcome === 'busy') return undefined
      if (outcome === 'saved') return kind.record
      signal.throwIfAborted()
      reasons.push(kind.unfit ?? kind.error?.detail ?? kind.error?.message ?? 'it could not be saved')
    }
    throw new MeshError('SNAPSHOT_FAILED', { detail: reasons.join('; ') })
  }

  #isAble({ backend }: Kind): boolean {
    return this.#ports.ability(backend.kind) === 'able'
  }

  /** SN55 */
  #isSavedDuring({ backend }: Kind): boolean {
    return backend.kind === 'image' && this.#long?.lease.onLoss === 'resume'
  }

  #isChanged(kind: Kind): boolean {
    return kind.state < this.#state
  }

  /** Whether something is due; if not yet, it looks again then. */
  #look(): void {
    this.#cancelTimer()
    if (this.#closed.signal.aborted || this.#isWorking) return
    const next = this.#next()
    if (!next) return
    const waitMs = next.at - this.#ports.now()
    if (waitMs > 0) this.#cancelTimer = this.#ports.after(waitMs, () => this.#look())
    else this.#begin(next)
  }

  #next(): { kind: Kind; at: number; during: boolean } | undefined {
    const { limits, idleEndMs } = this.#ports
    const possible = this.#kinds.filter(kind => kind.unfit === undefined && this.#isAble(kind))
    if (this.#ports.isBusy()) {
      const image = possible.find(kind => this.#isSavedDuring(kind))
      if (!image || !this.#long) return undefined
      return { kind: image, at: dueDuring(image.pace, this.#long.beganAt, limits), during: true }
    }
    const due = possible
      .filter(kind => this.#isChanged(kind))
      .map(kind => ({ kind, at: dueAt(kind.pace, this.#quietAt, idleEndMs(), limits), during: false }))
    return due.sort((a, b) => a.at - b.at)[0]
  }

  #begin({ kind, during }: { kind: Kind; during: boolean }): void {
    this.#isWorking = true
    const wish = { name: null, signal: this.#closed.signal, during }
    const done = this.#inTurn(async () => {
      // Somebody else may have had it saved meanwhile.
      const isWanted = during || this.#isChanged(kind)
      if (isWanted && this.#ports.isBusy() === during) await this.#capture(kind, wish)
    })
    const over = () => {
      this.#isWorking = false
      this.#look()
    }
    done.then(over, over)
  }

  async #capture(kind: Kind, wish: CaptureWish): Promise<'saved' | 'busy' | 'failed'> {
    const beganAt = this.#ports.now()
    const state = this.#state
    try {
      const record = await this.#record(kind, wish)
      if (!record) return 'failed'
      const at = this.#ports.now()
      kind.tookMs = at - beganAt
      kind.pace = saved({ at, tookMs: kind.tookMs, pauseMs: record.pauseMs })
      kind.error = undefined
      kind.record = record
      if (!wish.during) kind.state = state
      this.#ports.saved(record)
      return 'saved'
    } catch (thrown) {
      return this.#couldNot(kind, wish, thrown)
    }
  }

  #couldNot(kind: Kind, { signal, during }: CaptureWish, thrown: unknown): 'busy' | 'failed' {
    const error = asMeshError(thrown)
    // Of what the kernel refuses only this passes: a run, or another saving, was faster.
    if (error.code === 'CONFLICT' || (this.#ports.isBusy() && !during)) {
      // A run that has begun tells when it ends; what else keeps the kernel busy passes.
      this.#quietAt = this.#ports.now()
      return 'busy'
    }
    if (signal.aborted) return 'failed'
    kind.pace = failed(kind.pace, this.#ports.now())
    kind.error = error
    const { session } = this.#ports.head() ?? {}
    this.#ports.warn({ err: error, session, kind: kind.backend.kind }, 'a session could not be saved')
    const isSaved = this.#kinds.some(other => other !== kind && !this.#isChanged(other))
    const isHopeless = this.#kinds.every(other => other.unfit ?? other.error ?? !this.#isAble(other))
    if (!isSaved && isHopeless) this.#ports.failed(error)
    return 'failed'
  }

  /** Undefined where the kind does not fit the session. */
  async #record(kind: Kind, { name, signal, during = false }: CaptureWish): Promise<SnapshotRecord | undefined> {
    const { places, limits, turns, now } = this.#ports
    const stop = AbortSignal.any([signal, AbortSignal.timeout(limits.snapshotCaptureMs)])
    return turns.run(async () => {
      const head = this.#ports.head()
      if (!head) throw new MeshError('NOT_FOUND', { detail: 'the session is not live here any more' })
      kind.unfit = this.#isAble(kind)
        ? await kind.backend.unfit(head.kernel)
        : `this device saves no ${kind.backend.kind}`
      if (kind.unfit !== undefined) {
        this.#noteUnfit()
        return undefined
      }
      this.#ports.saving()
      const saving = await places.begin()
      try {
        const at = now()
        const workFolder = join(this.#ports.folder, kind.backend.kind)
        await mkdir(workFolder, { recursive: true, mode: 0o700 })
        const capture = await kind.backend.capture(head.kernel, { sink: saving, workFolder, signal: stop, during })
        const { session, head: id, fence } = head
        const about = { session, head: id, fence, kind: kind.backend.kind, name, asOf: asOf(capture, at) }
        return await saving.finish(about, withEvents(capture))
      } finally {
        await saving.abandon()
      }
    }, stop)
  }

  #noteUnfit(): void {
    const unable = ({ backend }: Kind) => this.#ports.ability(backend.kind) === 'unable'
    const reasons = this.#kinds.flatMap(kind => kind.unfit ?? (unable(kind) ? `no ${kind.backend.kind} here` : []))
    if (reasons.length === this.#kinds.length) this.#ports.unfit(reasons.join('; '))
  }
}

function asOf({ lastRun, during }: Capture, at: number): SnapshotRecord['asOf'] {
  const run = lastRun as SnapshotRecord['asOf']['run']
  if (!during) return { at, run }
  return { at, run, during: { run: during.run as NonNullable<typeof run>, seq: during.seq } }
}

/** How far the kernel itself was in the run is known to the image alone, so it goes with the plan (`planOf`). */
function withEvents(capture: Capture): Capture {
  const { plan, during } = capture
  return { ...capture, plan: { backend: plan, ...(during && { kernelEvents: during.kernelEvents }) } }
}
