/**
 * What becomes of this device's own runs when the hub is back (DV124–DV128): those that ran here are imported, and their
 * logs follow; those that wait are sent, and what nobody knows of is asked for again.
 */

import type { ErrorCode } from '@meshbook/core/errors.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, RunId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { DownMessage, RunRequest, UpMessage } from '@meshbook/core/messages.ts'
import { LogReport } from '../monitor/log-report.ts'
import type { Monitor } from '../monitor/monitor.ts'
import type { MonitorLog } from '../monitor/run-store.ts'
import type { HeadLabel } from '../store/local-runs.ts'
import type { LocalRunStore } from './local-run-store.ts'
import { keyOf, type LocalSessions } from './local-sessions.ts'
import { endedBy, type OwnRun, sourceOfOnly, wantedOf } from './own-run.ts'

type Down<T extends DownMessage['type']> = Extract<DownMessage, { type: T }>
type Settled = NonNullable<Down<'RUN_IMPORTED'>['settled']>

/** Unknown: the request went out, and nobody knows what became of it. */
export type HubAnswer =
  | { kind: 'taken'; response: Response }
  | { kind: 'refused'; response: Response; code: ErrorCode; reason: string }
  | { kind: 'not-sent' }
  | { kind: 'unknown' }

export interface HubCatchUpPorts {
  runs: ReadonlyMap<RunId, OwnRun>
  sessions: LocalSessions
  store: LocalRunStore
  limits: Limits
  now: Now
  log: MonitorLog
  monitor(): Monitor
  send(message: UpMessage): boolean
  ask(request: RunRequest): Promise<HubAnswer>
  told(run: OwnRun): void
  gone(run: OwnRun): Promise<void>
  problem(error: MeshError | undefined): void
}

export class HubCatchUp {
  readonly #ports: HubCatchUpPorts
  #isLinked = false
  #takesImports = false
  #isSending = false
  #timer: NodeJS.Timeout | undefined
  /** Runs whose logs the hub has. */
  readonly #reported = new Set<OwnRun>()

  constructor(ports: HubCatchUpPorts) {
    this.#ports = ports
  }

  /** Before the streams of the documents: the hub knows a run before what it wrote comes (DV124). */
  online({ imports, runs }: Down<'WELCOME'>): void {
    this.#isLinked = true
    this.#takesImports = imports === true
    for (const run of this.#ports.runs.values()) {
      const { stage, lease } = run.record
      const known = runs.find(each => each.run === run.id)
      if (stage === 'imported' && lease && known && run.source) this.#report(run, known.seq)
      else if (stage === 'imported' || stage === 'held') this.#import(run)
    }
    this.#tellProblem()
    this.#sendSoon(0)
  }

  offline(): void {
    this.#isLinked = false
    clearTimeout(this.#timer)
    for (const run of this.#ports.runs.values()) {
      run.isTold = false
      run.report?.stop()
    }
  }

  /** A run was placed here while the hub came back. */
  held(run: OwnRun): void {
    if (this.#isLinked) this.#import(run)
  }

  /** Its log can be read now. */
  sourced(run: OwnRun): void {
    if (this.#isLinked && run.record.stage === 'imported' && !run.report) this.#import(run)
  }

  async imported({ run: id, settled, refused }: Down<'RUN_IMPORTED'>): Promise<void> {
    const run = this.#ports.runs.get(id)
    if (!run?.record.lease) return
    if (refused) run.change({ stage: 'refused', refused })
    else if (settled) await this.#settle(run, settled)
    await this.#ports.store.save(run.record)
    this.#ports.told(run)
    this.#tellProblem()
    if (settled && run.source) this.#report(run, settled.seq)
    this.#sendSoon(0)
  }

  /** Looks again for what can be let go: the hub has the log, and the document shows the end (DV128). */
  finish(): void {
    for (const run of this.#reported) {
      if (this.#ports.monitor().holds(run.id)) continue
      this.#reported.delete(run)
      this.#ports
        .gone(run)
        .catch(thrown => this.#ports.log.warn({ err: thrown, run: run.id }, 'a run could not be let go'))
    }
  }

  /** Something may be at the hub, or not. */
  askSoon(): void {
    this.#sendSoon(this.#ports.limits.hubAwayMs)
  }

  #import(run: OwnRun): void {
    const { record } = run
    if (!this.#takesImports || run.isTold || !record.head) return
    const { spareHead, spareSession, session, sessionName, head, fence, kernel } = record.head
    const live = this.#ports.monitor().sessions.all()
    run.isTold = this.#ports.send({
      type: 'RUN_IMPORT',
      project: record.project,
      request: record.request,
      reasons: record.reasons.slice(0, limits.reasonsPerImport).map(reason => reason.slice(0, 1_000)),
      head: {
        ...{ session, sessionName, head, fence, spareSession, spareHead },
        live: live.some(each => each.kernel.spec.session === kernel && each.head === head),
      },
      ...(run.hasEnded && record.state.seq > 0 ? { end: record.state.seq } : {}),
    } as UpMessage)
  }

  /** Where the run is at the hub is where its kernel is from now on, and what waits behind it goes there too. */
  async #settle(run: OwnRun, settled: Settled): Promise<void> {
    const { lease, head } = run.record
    const { session, sessionName, head: newHead, fence } = settled
    const moved = { ...lease!, session, sessionName, head: newHead, fence }
    run.change({ stage: 'imported', lease: moved })
    if (head) await this.#relabel(head, settled)
    await this.#ports.monitor().moved(moved)
    if (sessionName === run.record.request.session) return
    const key = keyOf(wantedOf(run.record))
    for (const other of this.#ports.runs.values())
      if (
        other.record.stage === 'waiting' &&
        other.record.request.on === undefined &&
        keyOf(wantedOf(other.record)) === key
      )
        other.change({ request: { ...other.record.request, session: sessionName } })
  }

  async #relabel(old: HeadLabel, { session, sessionName, head, fence }: Settled): Promise<void> {
    const { monitor, sessions, store } = this.#ports
    sessions.forget(old)
    const label = monitor().sessions.labelOf(old.kernel)
    if (label?.head !== old.head) return
    const isUsed = head === old.spareHead || session === old.spareSession
    const renewed = isUsed ? sessions.renewed(label) : label
    const settled = { ...renewed, session, sessionName, wanted: sessionName, head, fence, given: true }
    if (JSON.stringify(settled) === JSON.stringify(label)) return
    await store.saveLabel(settled)
    monitor().sessions.label(settled)
  }

  #report(run: OwnRun, after: number): void {
    const { limits: times, log, send } = this.#ports
    run.report?.stop()
    run.report = new LogReport({
      limits: times,
      log,
      send,
      done: () => {
        this.#reported.add(run)
        this.finish()
      },
    })
    run.report.start(run.record.lease!, run.source!, after)
  }

  #sendSoon(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#send().catch(thrown => this.#ports.log.warn({ err: thrown }, 'what waited could not be sent to the hub'))
    }, ms).unref()
  }

  /** In order, and after what ran before it is known there (DV127). */
  async #send(): Promise<void> {
    const imports = [...this.#ports.runs.values()].some(({ isTold, record }) => isTold && record.stage === 'held')
    if (this.#isSending || imports) return
    this.#isSending = true
    try {
      for (const run of this.#ports.runs.values()) {
        if (!this.#isLinked) return
        const { stage, asks } = run.record
        if ((stage === 'waiting' || stage === 'asked') && !asks && !run.isPassing && !(await this.#hand(run)))
          return this.#sendSoon(this.#ports.limits.hubAwayMs)
      }
    } finally {
      this.#isSending = false
    }
  }

  /** False when it has to be asked again. */
  async #hand(run: OwnRun): Promise<boolean> {
    const { ask, gone, store, told, now, monitor } = this.#ports
    const before = run.record
    run.change({ stage: 'asked', reasons: ['Waiting to learn whether the hub took it.'] })
    await store.save(run.record)
    const answer = await ask(run.record.request)
    if (answer.kind === 'taken') {
      await gone(run)
      return true
    }
    if (answer.kind === 'not-sent') {
      run.change(before)
      await store.save(run.record)
    }
    if (answer.kind !== 'refused') return false
    const { code, reason } = answer
    const error = { name: code, message: reason, traceback: [], code }
    run.record = endedBy(run.record, { type: 'failed', at: now(), durationMs: 0, error }, 'over')
    run.source = sourceOfOnly(run.record)
    run.wake()
    await store.save(run.record)
    monitor().tell(run.id, { status: 'refused', reason })
    told(run)
    return true
  }

  /** What the hub did not take, or cannot, stays here and is told (DV125). */
  #tellProblem(): void {
    const runs = [...this.#ports.runs.values()]
    const refused = runs.find(({ record }) => record.stage === 'refused')
    const isOld = this.#isLinked && !this.#takesImports && runs.some(({ record }) => record.stage === 'held')
    const old = isOld
      ? new MeshError('HUB_OLD', { detail: 'it does not take runs that were made without it' })
      : undefined
    this.#ports.problem(refused ? problemOf(refused) : old)
  }
}

function problemOf({ id, record }: OwnRun): MeshError {
  const { code, reason } = record.refused!
  return new MeshError(code, { detail: `the hub did not take run ${id}, which is kept here: ${reason}` })
}
