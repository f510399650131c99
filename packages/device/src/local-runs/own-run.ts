/** One run that this device took while the hub could not be asked: its record, its log and how it is shown. */
import type { Run } from '@meshbook/core/api.ts'
import { type DeviceId, parseFence, parseSeq, type SessionId } from '@meshbook/core/ids.ts'
import { canonicalLanguage, runtimeFor } from '@meshbook/core/languages.ts'
import { hasEnded, type NumberedEvent, queued, type RunEvent, type RunState, stepRun } from '@meshbook/core/run.ts'
import type { LogReport } from '../monitor/log-report.ts'
import { failureOf, type RunSource } from '../monitor/run-source.ts'
import type { LocalRun } from '../store/local-runs.ts'
import type { Wanted } from './local-sessions.ts'

export class OwnRun {
  record: LocalRun
  source: RunSource | undefined
  report: LogReport | undefined
  /** Whether its log is being read. */
  isFollowed = false
  /** Whoever asked for it waits for the hub's answer. */
  isPassing = false
  /** Resolves when its lease is durable. */
  leased: Promise<void> | undefined
  /** The hub has been told of it on this connection. */
  isTold = false
  readonly #waiting = new Set<() => void>()

  constructor(record: LocalRun) {
    this.record = record
  }

  get id(): LocalRun['request']['id'] {
    return this.record.request.id
  }
  get hasEnded(): boolean {
    return hasEnded(this.record.state.status)
  }
  /** Its session may not run another one yet. */
  get isGoing(): boolean {
    return this.record.lease !== null && !this.hasEnded
  }

  change(change: Partial<LocalRun>): void {
    this.record = { ...this.record, ...change }
    this.wake()
  }

  /** Takes the next event of its log; false where that changes nothing that is shown in lists. */
  take({ seq, event }: NumberedEvent): boolean {
    const { state } = this.record
    const fence = 'fence' in state ? state.fence : parseFence(1)
    const next = stepRun(state, { type: 'event', fence, seq, event })
    if ('refused' in next) return false
    this.change({ state: next, bytes: (this.record.bytes ?? 0) + JSON.stringify(event).length })
    return next.status !== state.status
  }

  /** The next change of it. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        this.#waiting.delete(done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done, { once: true })
      if (signal.aborted) done()
    })
  }

  wake(): void {
    for (const each of [...this.#waiting]) each()
  }

  /** The log from behind `after`, from the moment when there is one; ends after its last event. */
  async *events(after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    while (!this.source && !signal.aborted) await this.changed(signal)
    if (!signal.aborted) for await (const { seq, event } of this.source!.events(after, signal)) yield { seq, event }
  }
}

/** As it is before anybody has it. */
export function newRecord(
  request: LocalRun['request'],
  about: Pick<LocalRun, 'project' | 'path' | 'by' | 'againOf' | 'stage'>,
): LocalRun {
  return {
    ...about,
    request,
    lease: null,
    head: null,
    state: queued,
    reasons: [],
    asks: null,
    refused: null,
    only: null,
  }
}

/** A run that ended before any kernel had it: its log is this one event. */
export function endedBy(record: LocalRun, event: RunEvent, stage: LocalRun['stage']): LocalRun {
  const leased = stepRun(queued, { type: 'leased', fence: parseFence(1) }) as RunState
  const seq = parseSeq(1)
  const state = stepRun(leased, { type: 'event', fence: parseFence(1), seq, event }) as RunState
  return { ...record, stage, only: event, state, asks: null }
}

export function sourceOfOnly({ request, only }: LocalRun): RunSource | undefined {
  return only ? failureOf({ run: request.id, fence: parseFence(1) }, only) : undefined
}

/** As the API shows a run. */
export function shown(run: OwnRun, device: { id: DeviceId; name: string }, session: SessionId, position: number): Run {
  const { request, project, path, by, state, lease, reasons, asks, againOf, refused } = run.record
  const [startedAt, endedAt, durationMs] = timesOf(state)
  const isHere = lease !== null
  return {
    id: request.id,
    kind: 'cell',
    status: state.status,
    project,
    document: request.document,
    path,
    session: lease?.session ?? session,
    language: canonicalLanguage(request.language),
    code: request.code,
    codeHash: request.codeHash,
    ...(request.cell ? { cell: request.cell } : {}),
    requestedBy: by,
    requestedAt: request.askedAt,
    startedAt,
    endedAt,
    durationMs,
    device: isHere ? device.id : null,
    deviceName: isHere ? device.name : null,
    fence: lease?.fence ?? null,
    seq: state.seq,
    reasons: refused ? [...reasons, `The hub did not take it: ${refused.reason}. It is kept on this device.`] : reasons,
    position: state.status === 'queued' ? position : null,
    error: 'error' in state ? (state.error ?? null) : null,
    asks,
    againOf,
    afterwards: null,
    logExpiredAt: null,
    result: null,
  }
}

function timesOf(state: RunState): [number | null, number | null, number | null] {
  if ('endedAt' in state) return [state.endedAt - state.durationMs, state.endedAt, state.durationMs]
  return ['startedAt' in state ? state.startedAt : null, null, null]
}

export function wantedOf({ project, request }: Pick<LocalRun, 'project' | 'request'>): Wanted {
  return { project, runtime: runtimeFor(request.language), name: request.session }
}
