/**
 * Sends a run's events to the hub in order until the hub says that they are durable (I5). What is not acknowledged is
 * sent again after every reconnect; the hub drops what it has.
 */

import { textOfEvent } from '@meshbook/core/event-text.ts'
import type { Seq } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Lease, UpMessage } from '@meshbook/core/messages.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type { JournalEvent } from '../kernels/port.ts'
import type { RunSource } from './run-source.ts'

export interface ForwarderPorts {
  limits: Limits
  /** False when there is no connection: it is started again with the next one. */
  send(message: UpMessage): boolean
}

/** Room in a frame for all but the events. */
const overheadBytes = 1_024

interface Batch {
  first: Seq
  events: RunEvent[]
  bytes: number
}

export class RunForwarder {
  readonly #lease: Lease
  readonly #source: RunSource
  readonly #ports: ForwarderPorts
  readonly #inFlight: { seq: number; bytes: number }[] = []
  #bytes = 0
  #batch: Batch | undefined
  #wake: () => void = () => undefined
  #end: number | undefined
  /** When the batch goes: at the end of this turn of the loop, or a moment later. */
  #due: NodeJS.Immediate | undefined
  #wait: NodeJS.Timeout | undefined

  constructor(lease: Lease, source: RunSource, ports: ForwarderPorts) {
    this.#lease = lease
    this.#source = source
    this.#ports = ports
  }

  /** Sends what comes after `after`; resolves when all is sent or the signal is aborted. */
  async run(after: number, signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    for await (const event of this.#source.events(after, signal)) {
      if (signal.aborted) return
      this.#add(event, signal)
      while (this.#bytes > this.#ports.limits.streamCreditBytes && !signal.aborted) await this.#room()
    }
    if (!signal.aborted) this.#send()
  }

  /** The hub's log is durable up to here. */
  acked(seq: number): void {
    while (this.#inFlight[0] && this.#inFlight[0].seq <= seq) this.#bytes -= this.#inFlight.shift()!.bytes
    this.#wake()
  }

  /** Whether the log up to here is the whole of it. */
  isWhole(seq: number): boolean {
    return this.#end !== undefined && seq >= this.#end
  }

  async #room(): Promise<void> {
    this.#send()
    await new Promise<void>(resolve => {
      this.#wake = resolve
    })
    this.#wake = () => undefined
  }

  /** Events of one turn of the loop share a frame; that a run has started waits a moment for its first output. */
  #add({ seq, event }: JournalEvent, signal: AbortSignal): void {
    const fitting = fit(event, this.#ports.limits.channelFrameBytes - overheadBytes)
    const bytes = sizeOf(fitting)
    const batch = this.#batch
    const fits =
      batch &&
      batch.events.length < this.#ports.limits.runEventBatch &&
      batch.bytes + bytes <= this.#ports.limits.channelChunkBytes
    if (!fits) this.#send()
    if (fits) {
      batch.events.push(fitting)
      batch.bytes += bytes
    } else this.#batch = { first: seq, events: [fitting], bytes }
    if (isTerminal(event)) this.#end = seq
    this.#bytes += bytes
    this.#inFlight.push({ seq, bytes })
    this.#sendSoon(event.type === 'started', signal)
  }

  #sendSoon(mayWait: boolean, signal: AbortSignal): void {
    const go = (): void => {
      if (!signal.aborted) this.#send()
    }
    if (mayWait) this.#wait ??= setTimeout(go, this.#ports.limits.startSentMs)
    else this.#due ??= setImmediate(go)
  }

  #send(): void {
    if (this.#due) clearImmediate(this.#due)
    clearTimeout(this.#wait)
    this.#due = this.#wait = undefined
    const batch = this.#batch
    if (!batch) return
    this.#batch = undefined
    this.#ports.send({
      type: 'RUN_EVENT',
      run: this.#lease.run,
      fence: this.#lease.fence,
      first: batch.first,
      events: batch.events,
    })
  }
}

function sizeOf(event: RunEvent): number {
  return Buffer.byteLength(textOfEvent(event))
}

/** An event of control characters can be six times as long on the wire; what does not fit is cut, its number stays. */
function fit(event: RunEvent, bytes: number): RunEvent {
  if (sizeOf(event) <= bytes) return event
  const note = '… [cut]'
  if (event.type === 'stdout' || event.type === 'stderr')
    return { ...event, text: event.text.slice(0, Math.floor(bytes / 8)).toWellFormed() + note }
  if (event.type === 'failed')
    return { ...event, error: { ...event.error, message: event.error.message.slice(0, 10_000), traceback: [note] } }
  if (event.type === 'display' || event.type === 'result')
    return { ...event, parts: [{ at: 'inline', mimeType: 'text/plain', data: note }] }
  return event
}
