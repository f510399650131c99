/**
 * Takes the events of the kernel into the journal: while one group is written the next gathers, so that what comes fast
 * is joined and what comes slowly leaves at once. It acknowledges to the kernel only what is durable (I1).
 */
import type { Journal } from './journal.ts'
import type { KernelClient, NumberedKernelEvent } from './kernel-client.ts'
import type { Recorder } from './recorder.ts'
import type { RunEntry } from './run-entry.ts'

/** Bytes of events that may wait for the disk before the kernel is no longer read. */
const backlogBytes = 8 * 1024 * 1024
/** How much the kernel may keep for an image of it, and for how long. */
const keptBytes = 8 * 1024 * 1024
const keptMs = 60_000

export interface IntakeOptions {
  journal: Journal
  recorder: Recorder
  active(): RunEntry | undefined
  client(): KernelClient | undefined
  /** New events of the run are durable. */
  onEvents(entry: RunEntry): void
  /** The run in progress has had its terminal event. */
  onEnded(entry: RunEntry): void
}

export class EventIntake {
  #options: IntakeOptions
  #events: NumberedKernelEvent[] = []
  #bytes = 0
  #recording: Promise<void> | undefined
  #kept: { bytes: number; last: { run: string; n: number } | undefined; timer: NodeJS.Timeout } | undefined

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  take(event: NumberedKernelEvent): void {
    this.#events.push(event)
    this.#bytes += event.bytes
    if (this.#bytes > backlogBytes) this.#options.client()?.pause()
    this.#recording ??= this.#record()
  }

  /** Resolves when everything taken so far is in the journal. */
  async settled(): Promise<void> {
    await this.#recording
  }

  /**
   * The kernel keeps what it says from now on: an image of it that is taken soon has every event after those that are
   * durable now (KH46).
   */
  keepInKernel(): void {
    clearTimeout(this.#kept?.timer)
    const timer = setTimeout(() => this.#letGo(), keptMs)
    this.#kept = { bytes: 0, last: this.#kept?.last, timer }
  }

  #letGo(): void {
    clearTimeout(this.#kept?.timer)
    const last = this.#kept?.last
    this.#kept = undefined
    if (last) this.#options.client()?.ack(last.run, last.n)
  }

  #acknowledge(events: NumberedKernelEvent[], isOver: boolean): void {
    const { run, n } = events.at(-1)!
    if (!this.#kept) {
      this.#options.client()?.ack(run, n)
      return
    }
    this.#kept.last = { run, n }
    for (const { bytes } of events) this.#kept.bytes += bytes
    if (isOver || this.#kept.bytes > keptBytes) this.#letGo()
  }

  async #record(): Promise<void> {
    while (this.#events.length > 0) {
      const events = this.#events.splice(0)
      this.#bytes = 0
      this.#options.client()?.resume()
      await this.#group(events)
    }
    this.#recording = undefined
  }

  async #group(all: NumberedKernelEvent[]): Promise<void> {
    const entry = this.#options.active()
    const events = entry ? all.filter(({ run }) => run === entry.order.run) : []
    if (entry && !entry.ended && events.length > 0) await this.#write(entry, events)
    this.#acknowledge(all, !entry || entry.ended)
    if (entry?.ended && this.#options.active() === entry) this.#options.onEnded(entry)
  }

  async #write(entry: RunEntry, events: NumberedKernelEvent[]): Promise<void> {
    const records = await this.#options.recorder.convert(entry, events)
    if (records.length === 0) return
    await this.#options.journal.append(entry, ...records)
    this.#options.onEvents(entry)
  }
}
