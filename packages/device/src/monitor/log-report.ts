/**
 * Keeps the hub's log of one run in step with the one of this device: sends what it lacks, again after each refusal that
 * passes, and tells how the run ended where the hub has closed its log (I5, RU23).
 */
import { type ErrorCode, errors } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DownMessage, Lease, UpMessage } from '@meshbook/core/messages.ts'
import { isTerminal } from '@meshbook/core/run.ts'
import { RunForwarder } from './run-forwarder.ts'
import type { RunSource } from './run-source.ts'
import type { MonitorLog } from './run-store.ts'

type Ack = Extract<DownMessage, { type: 'RUN_ACK' }>

export interface LogReportPorts {
  limits: Limits
  log: MonitorLog
  /** False when there is no connection: it is started again with the next one. */
  send(message: UpMessage): boolean
  /** The hub needs nothing more of the run: it has the whole log, or refused the rest. */
  done(): void
}

const reportAgainMs = 1_000

export class LogReport {
  readonly #ports: LogReportPorts
  #run: { lease: Lease; source: RunSource } | undefined
  #forwarder: RunForwarder | undefined
  #reporting: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  /** The hub has ended the run: the number of the last event here, once it is known. */
  #afterwards: { end: number | undefined } | undefined

  constructor(ports: LogReportPorts) {
    this.#ports = ports
  }

  /** Sends the log from behind `after`, under the fence of the lease. */
  start(lease: Lease, source: RunSource, after: number): void {
    this.stop()
    const { limits, send, log } = this.#ports
    const abort = new AbortController()
    this.#run = { lease, source }
    this.#reporting = abort
    this.#forwarder = new RunForwarder(lease, source, { limits, send })
    this.#forwarder.run(after, abort.signal).catch(thrown => {
      if (!abort.signal.aborted) log.warn({ err: thrown, run: lease.run }, 'the log of a run could not be read')
    })
  }

  stop(): void {
    this.#afterwards = undefined
    clearTimeout(this.#timer)
    this.#reporting?.abort()
    this.#reporting = undefined
    this.#forwarder = undefined
  }

  acked({ seq, refused }: Ack): void {
    this.#forwarder?.acked(seq)
    const end = this.#afterwards?.end
    if (refused !== undefined) this.#refused(refused, seq)
    else if ((end !== undefined && seq >= end) || this.#forwarder?.isWhole(seq)) this.#ports.done()
  }

  #refused(code: ErrorCode, seq: number): void {
    const run = this.#run
    if (!run) return
    if (errors[code].retry === 'backoff') {
      this.stop()
      const again = () => this.start(run.lease, run.source, seq)
      this.#timer = setTimeout(again, code === 'SEQ_GAP' ? 0 : reportAgainMs)
      return
    }
    if (code === 'RUN_ENDED') {
      if (!this.#afterwards) this.#tellAfterwards(run).catch(thrown => this.#unread(run.lease, thrown))
      return
    }
    this.#ports.log.warn({ run: run.lease.run, code }, 'the hub takes no more events of a run')
    this.stop()
    this.#ports.done()
  }

  #unread({ run }: Lease, thrown: unknown): void {
    this.#ports.log.warn({ err: thrown, run }, 'the log of a run could not be read')
  }

  /** The hub's log is closed; it still learns how the run ended here (RU23). */
  async #tellAfterwards({ lease, source }: { lease: Lease; source: RunSource }): Promise<void> {
    this.stop()
    const abort = new AbortController()
    this.#reporting = abort
    const told: { end: number | undefined } = { end: undefined }
    this.#afterwards = told
    for await (const { seq, event } of source.events(0, abort.signal)) {
      if (abort.signal.aborted) return
      if (!isTerminal(event)) continue
      told.end = seq
      this.#ports.send({ type: 'RUN_AFTERWARDS', run: lease.run, fence: lease.fence, seq, event })
    }
  }
}
