/**
 * Turns the events of a kernel into the numbered events of a run (I5): time, duration, caps, joined text. It decides
 * what is recorded; that it becomes durable, and the order in which, is the session's.
 */
import type { MeshError } from '@meshbook/core/errors.ts'
import type { Now, Seq } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import { type RunError, type RunEvent, runEventSchema } from '@meshbook/core/run.ts'
import * as v from 'valibot'
import type { DisplayParts } from './display-parts.ts'
import type { KernelEvent, NumberedKernelEvent } from './kernel-client.ts'
import type { JournalRecord, RunEntry } from './run-entry.ts'

const nameUnits = 200
const tracebackLines = 400
const lineUnits = 4000

type EventRecord = JournalRecord & { t: 'event' }
type TextEvent = RunEvent & { type: 'stdout' | 'stderr' }

export class Recorder {
  #limits: Limits
  #now: Now
  #parts: DisplayParts

  constructor(limits: Limits, now: Now, parts: DisplayParts) {
    this.#limits = limits
    this.#now = now
    this.#parts = parts
  }

  /** An event of the host itself. */
  own(entry: RunEntry, event: Unclocked, after = entry.lastSeq): EventRecord {
    return { t: 'event', seq: (after + 1) as Seq, n: 0, event: this.#clock(entry, event) }
  }

  #clock(entry: RunEntry, event: Unclocked): RunEvent {
    const at = this.#now()
    const durationMs = Math.max(0, Math.round(at - (entry.startedAt ?? at)))
    const ends =
      event.type === 'completed' ||
      event.type === 'failed' ||
      event.type === 'cancelled' ||
      event.type === 'interrupted'
    return v.parse(runEventSchema, { ...event, at, ...(ends ? { durationMs } : {}) })
  }

  /** The records of some kernel events of one run, numbered from the entry's last. Neighbouring text is joined. */
  async convert(entry: RunEntry, events: NumberedKernelEvent[]): Promise<EventRecord[]> {
    const records: EventRecord[] = []
    for (const { n, event } of joined(events, this.#limits.runEventBytes)) {
      if (n <= entry.lastN) continue
      for (const made of await this.#events(entry, event)) {
        records.push({
          t: 'event',
          seq: (entry.lastSeq + records.length + 1) as Seq,
          n,
          event: this.#safe(entry, made),
        })
      }
    }
    return records
  }

  /** What a kernel sends is the user's program's: an event that breaks the schema becomes a note about it. */
  #safe(entry: RunEntry, event: Unclocked): RunEvent {
    try {
      return this.#clock(entry, event)
    } catch (error) {
      const why = error instanceof v.ValiError ? explainIssues(error.issues) : String(error)
      return this.#clock(entry, { type: 'stderr', text: `[A ${event.type} was left out: ${why.slice(0, 1000)}]\n` })
    }
  }

  async #events(entry: RunEntry, event: KernelEvent): Promise<Unclocked[]> {
    switch (event.type) {
      case 'started':
        return []
      case 'stdout':
      case 'stderr':
        return this.#text(event as TextEvent, entry.seen)
      case 'display':
        return this.#display(event, entry.seen)
      case 'result':
        return [{ type: 'result', parts: await this.#parts.convert(event.parts) }]
      case 'input-request':
        return [{ ...event, id: event.id.slice(0, nameUnits), prompt: event.prompt.toWellFormed() }]
      case 'cancelled':
        return [ending(entry, { type: 'cancelled', reason: 'interrupted' })]
      case 'completed':
        return [ending(entry, event)]
      case 'failed':
        return [ending(entry, { type: 'failed', error: shorten(event.error) })]
      default:
        return [event]
    }
  }

  /** Beyond the cap the text is counted, not kept, and that is said once. */
  #text(event: Unclocked & { type: 'stdout' | 'stderr' }, counts: { bytes: number }): Unclocked[] {
    const { runOutputBytes } = this.#limits
    const before = counts.bytes
    counts.bytes += Buffer.byteLength(event.text)
    if (counts.bytes <= runOutputBytes) return [event]
    if (before > runOutputBytes) return []
    return [
      {
        type: 'stderr',
        text: `\n[More than ${runOutputBytes} bytes of output: the rest is not recorded. The run goes on.]\n`,
      },
    ]
  }

  async #display(event: KernelEvent & { type: 'display' }, counts: { displays: number }): Promise<Unclocked[]> {
    const { displaysPerRun } = this.#limits
    if (!event.update) counts.displays++
    if (counts.displays > displaysPerRun + 1) return []
    if (counts.displays > displaysPerRun)
      return [{ type: 'stderr', text: `[More than ${displaysPerRun} displays: the rest is not shown.]\n` }]
    const { id, update } = event
    const named = id === undefined ? {} : { id: id.slice(0, nameUnits), ...(update ? { update } : {}) }
    return [{ type: 'display', ...named, parts: await this.#parts.convert(event.parts) }]
  }
}

/** A run that was cancelled ends as cancelled, whatever its code made of the interrupt. */
function ending(entry: RunEntry, event: Unclocked): Unclocked {
  return entry.cancelReason === undefined ? event : { type: 'cancelled', reason: entry.cancelReason }
}

type Distribute<E> = E extends RunEvent ? Omit<E, 'at' | 'durationMs'> : never
/** An event before it has its time. */
export type Unclocked = Distribute<RunEvent>

function shorten({ name, message, traceback }: RunError): RunError {
  const line = (text: string, units: number) => text.slice(0, units).toWellFormed()
  return {
    name: line(name, nameUnits),
    message: line(message, 16 * lineUnits),
    traceback: traceback.slice(0, tracebackLines).map(text => line(text, lineUnits)),
  }
}

/** Joins text events that follow each other, as long as they stay within `maxBytes` of UTF-8. */
function joined(events: NumberedKernelEvent[], maxBytes: number): NumberedKernelEvent[] {
  const result: NumberedKernelEvent[] = []
  for (const each of events) {
    const last = result.at(-1)
    const fits = last && canJoin(last.event, each.event, maxBytes)
    if (fits) result[result.length - 1] = { ...each, event: fits }
    else result.push(each)
  }
  return result
}

function canJoin(a: KernelEvent, b: KernelEvent, maxBytes: number): KernelEvent | undefined {
  if ((a.type !== 'stdout' && a.type !== 'stderr') || b.type !== a.type) return undefined
  // Three bytes are the most that one UTF-16 unit takes.
  if ((a.text.length + b.text.length) * 3 > maxBytes) return undefined
  return { type: a.type, text: a.text + b.text }
}

/** The terminal event of a run that Meshbook itself ends. */
export function failure(error: MeshError): Unclocked {
  return {
    type: 'failed',
    error: { name: error.code, message: error.message.slice(0, 4000), traceback: [], code: error.code },
  }
}
