/**
 * Turns the events of a kernel into the numbered events of a run (I5): time, duration, caps, joined text. It decides
 * what is recorded; that it becomes durable, and the order in which, is the session's.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, Seq } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import { type RunError, type RunEvent, runEventSchema } from '@meshbook/core/run.ts'
import * as v from 'valibot'
import type { DisplayParts } from './display-parts.ts'
import type { KernelEvent, NumberedKernelEvent } from './kernel-client.ts'
import { type JournalRecord, partBytes, type RunEntry } from './run-entry.ts'

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

  /** An event of the host itself at a place of its own. */
  numbered(seq: number, n: number, event: Unclocked): EventRecord {
    return { t: 'event', seq: seq as Seq, n, event: v.parse(runEventSchema, { ...event, at: this.#now() }) }
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
  async convert(entry: RunEntry, events: NumberedKernelEvent[]): Promise<JournalRecord[]> {
    const records: EventRecord[] = []
    const wasCapped = entry.isCapped
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
    return entry.isCapped && !wasCapped ? [...records, { t: 'capped' }] : records
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
        return this.#text(event as TextEvent, entry)
      case 'display':
        return this.#display(event, entry)
      case 'result':
        return [{ type: 'result', parts: await this.#parts.convert(event.parts) }]
      case 'input-request':
        return [{ ...event, id: event.id.slice(0, nameUnits), prompt: event.prompt.toWellFormed() }]
      case 'cancelled':
        return [...this.lastWords(entry), ending(entry, { type: 'cancelled', reason: 'interrupted' })]
      case 'completed':
        return [...this.lastWords(entry), ending(entry, event)]
      case 'failed':
        return [...this.lastWords(entry), ending(entry, { type: 'failed', error: shorten(event.error) })]
      default:
        return [event]
    }
  }

  /** Beyond the cap the text is counted, not kept, and that is said at once, and how much it was at the end. */
  #text(event: Unclocked & { type: 'stdout' | 'stderr' }, entry: RunEntry): Unclocked[] {
    const { runOutputBytes } = this.#limits
    const { seen } = entry
    const bytes = Buffer.byteLength(event.text)
    seen.bytes += bytes
    const isWithin = seen.bytes <= runOutputBytes && entry.size <= journalShare * runOutputBytes
    if (isWithin && !entry.isCapped) return [event]
    seen.dropped += bytes
    if (entry.isCapped) return []
    entry.isCapped = true
    const text = `\n[Output stopped at ${megabytes(seen.bytes - bytes)}: the rest is not recorded. The run goes on.]\n`
    return [{ type: 'stderr', text }]
  }

  /** What has to be said before the end. */
  lastWords({ isCapped, seen }: RunEntry): Unclocked[] {
    if (!isCapped || seen.dropped === 0) return []
    return [{ type: 'stderr', text: `[${megabytes(seen.dropped)} more were printed and not kept.]\n` }]
  }

  async #display(event: KernelEvent & { type: 'display' }, { seen }: RunEntry): Promise<Unclocked[]> {
    const { displaysPerRun, runDisplayBytes } = this.#limits
    if (!event.update) seen.displays++
    if (seen.displays > displaysPerRun + 1 || seen.displayBytes > runDisplayBytes) return []
    if (seen.displays > displaysPerRun)
      return [{ type: 'stderr', text: `[More than ${displaysPerRun} displays: the rest is not shown.]\n` }]
    const { id, update } = event
    const named = id === undefined ? {} : { id: id.slice(0, nameUnits), ...(update ? { update } : {}) }
    const parts = await this.#parts.convert(event.parts)
    seen.displayBytes += partBytes(parts)
    const last = `[More than ${megabytes(runDisplayBytes)} of displays: the rest is not shown.]\n`
    const note: Unclocked[] = seen.displayBytes > runDisplayBytes ? [{ type: 'stderr', text: last }] : []
    return [{ type: 'display', ...named, parts }, ...note]
  }
}

/** Text with many control characters takes more room in the journal than it has bytes. */
const journalShare = 2

export function megabytes(bytes: number): string {
  const mega = bytes / 2 ** 20
  return `${mega < 10 ? mega.toFixed(1) : Math.round(mega)} MB`
}

/** A run that was cancelled, or reached a limit, ends so, whatever its code made of the interrupt. */
function ending(entry: RunEntry, event: Unclocked): Unclocked {
  if (entry.stop) return failure(new MeshError(entry.stop.code, { detail: entry.stop.detail }))
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
export function failure({ code, message, entry }: MeshError): Unclocked {
  const text = `${message.slice(0, 4000)}. ${entry.hint}`
  return { type: 'failed', error: { name: code, message: text, traceback: [], code } }
}
