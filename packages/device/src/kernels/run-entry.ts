/** What the journal knows of one run: its order, how far it went, and where its events stand in its file. */
import type { AssetId, Fence, RunId, Seq } from '@meshbook/core/ids.ts'
import { isTerminal, type MimePart, type RunEvent } from '@meshbook/core/run.ts'
import { readRecords } from './journal-file.ts'

export type JournalRecord =
  /** `number` counts the orders of a session: the order of its queue. */
  | {
      t: 'order'
      number: number
      run: RunId
      fence: Fence
      code: string
      cellName: string
      timeoutMs?: number | undefined
    }
  /** Written before the kernel is told: from here on only that kernel knows whether the run has had effects. */
  | { t: 'intent'; kernel: string }
  | { t: 'cancel'; reason: string }
  | { t: 'fence'; fence: Fence }
  /** It reached a limit, and ends as failed with this code whatever its code makes of the interrupt. */
  | { t: 'stop'; code: StopCode; detail: string }
  /** It printed more than is kept: from here on text is only counted. */
  | { t: 'capped' }
  /** `n` is the number of the last kernel event that is part of it; 0 where the host made it by itself. */
  | { t: 'event'; seq: Seq; n: number; event: RunEvent }

export type StopCode = 'KERNEL_MEMORY' | 'RUN_TIMEOUT'

export interface SeqEvent {
  seq: Seq
  event: RunEvent
}

export type Order = JournalRecord & { t: 'order' }

export function partBytes(parts: readonly MimePart[]): number {
  return parts.reduce((sum, part) => sum + (part.at === 'inline' ? Buffer.byteLength(part.data) : part.bytes), 0)
}

const tailBytes = 256 * 1024
const indexBytes = 64 * 1024

export class RunEntry {
  readonly path: string
  readonly order: Order
  fence: Fence
  /** The kernel that was told to run it. */
  kernel: string | undefined
  cancelReason: string | undefined
  stop: { code: StopCode; detail: string } | undefined
  isCapped = false
  lastSeq = 0
  lastN = 0
  ended = false
  /** The last number of its log elsewhere, if it went on here in its middle. */
  resumedAfter: number | undefined
  startedAt: number | undefined
  /** What the kernel has sent so far, whether or not it was recorded. */
  readonly seen = { bytes: 0, dropped: 0, displays: 0, displayBytes: 0 }
  readonly assets = new Set<AssetId>()
  /** Durable bytes of the file. */
  size = 0
  #tail: { seq: Seq; event: RunEvent; bytes: number }[] = []
  #tailBytes = 0
  #index: { seq: number; offset: number }[] = []

  constructor(path: string, order: Order) {
    this.path = path
    this.order = order
    this.fence = order.fence
  }

  /** Undefined if not even the order is whole: then nothing of the run was ever acknowledged. */
  static async load(path: string): Promise<RunEntry | undefined> {
    let entry: RunEntry | undefined
    for await (const { record, end } of readRecords(path, 0, Number.MAX_SAFE_INTEGER)) {
      const known = record as JournalRecord
      if (known.t === 'order') entry ??= new RunEntry(path, known)
      entry?.add(known, end)
      if (known.t === 'event') entry?.see(known.event)
    }
    return entry
  }

  /** Takes in a record that is durable; `end` is where it ends in the file. */
  add(record: JournalRecord, end: number): void {
    const start = this.size
    this.size = end
    if (record.t === 'intent') this.kernel = record.kernel
    else if (record.t === 'cancel') this.cancelReason = record.reason
    else if (record.t === 'fence') this.fence = record.fence
    else if (record.t === 'stop') this.stop ??= { code: record.code, detail: record.detail }
    else if (record.t === 'capped') this.isCapped = true
    else if (record.t === 'event') this.#addEvent(record, start, end)
  }

  #addEvent({ seq, n, event }: JournalRecord & { t: 'event' }, start: number, end: number): void {
    this.lastSeq = seq
    this.lastN = Math.max(this.lastN, n)
    this.ended ||= isTerminal(event)
    if (event.type === 'started' || event.type === 'resumed') this.startedAt ??= event.at
    if (event.type === 'resumed') this.resumedAfter = event.lostAfter
    if (event.type === 'display' || event.type === 'result') {
      for (const part of event.parts) if (part.at === 'asset') this.assets.add(part.asset as AssetId)
    }
    const last = this.#index.at(-1)
    if (!last || start - last.offset >= indexBytes) this.#index.push({ seq, offset: start })
    this.#keepTail(seq, event, end - start)
  }

  see(event: RunEvent): void {
    if (event.type === 'stdout' || event.type === 'stderr') this.seen.bytes += Buffer.byteLength(event.text)
    if (event.type === 'display' && !event.update) this.seen.displays++
    if (event.type === 'display') this.seen.displayBytes += partBytes(event.parts)
  }

  #keepTail(seq: Seq, event: RunEvent, bytes: number): void {
    this.#tail.push({ seq, event, bytes })
    this.#tailBytes += bytes
    while (this.#tailBytes > tailBytes && this.#tail.length > 1) this.#tailBytes -= this.#tail.shift()!.bytes
  }

  /** The newest events, if all those after `after` are among them. */
  newest(after: number): SeqEvent[] | undefined {
    const first = this.#tail[0]
    if (first && first.seq > after + 1) return undefined
    return this.#tail.filter(({ seq }) => seq > after)
  }

  /** Events after `after`, in order, about `maxBytes` of them. */
  async read(after: number, maxBytes: number): Promise<SeqEvent[]> {
    const start = this.#index.findLast(({ seq }) => seq <= after + 1)?.offset ?? 0
    const events: SeqEvent[] = []
    let from: number | undefined
    for await (const { record, end } of readRecords(this.path, start, this.size)) {
      const known = record as JournalRecord
      if (known.t !== 'event' || known.seq <= after) continue
      events.push({ seq: known.seq, event: known.event })
      from ??= end
      if (end - from > maxBytes) break
    }
    return events
  }
}
