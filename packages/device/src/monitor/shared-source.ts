/**
 * One reading of a run's journal for all who follow the run. Who keeps up reads what one of them has just had; who is
 * more than `streamCreditBytes` behind, or begins elsewhere, reads the journal for itself, so that nobody waits for another.
 */
import { limits } from '@meshbook/core/limits.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type { JournalEvent } from '../kernels/port.ts'
import type { RunSource } from './run-source.ts'

export function shared(source: RunSource): RunSource {
  const window = new EventWindow(source)
  return {
    events: (after, signal) => window.events(after, signal),
    asset: id => source.asset(id),
    forget: () => source.forget(),
  }
}

class EventWindow {
  readonly #source: RunSource
  #readers = 0
  #kept: JournalEvent[] = []
  #bytes = 0
  /** The last event before those that are kept. */
  #before = 0
  #reading: { events: AsyncIterator<JournalEvent>; stop: AbortController } | undefined
  #next: Promise<boolean> | undefined

  constructor(source: RunSource) {
    this.#source = source
  }

  async *events(after: number, signal: AbortSignal): AsyncGenerator<JournalEvent> {
    this.#readers++
    try {
      let last = after
      for (let ready = this.#after(last); ready && !signal.aborted; ready = this.#after(last)) {
        for (const event of ready) {
          yield event
          last = event.seq
          if (isTerminal(event.event)) return
        }
        if (ready.length === 0 && !(await this.#more(last, signal))) return
      }
      yield* this.#source.events(last, signal)
    } finally {
      if (--this.#readers === 0) this.#stop()
    }
  }

  /** What is kept behind `last`; undefined if something between is not. */
  #after(last: number): JournalEvent[] | undefined {
    if (this.#reading && last >= this.#before && last <= this.#before + this.#kept.length)
      return this.#kept.slice(last - this.#before)
    return this.#reading ? undefined : []
  }

  /** False when nothing more comes. */
  async #more(last: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#reading) {
      const stop = new AbortController()
      this.#reading = { events: this.#source.events(last, stop.signal)[Symbol.asyncIterator](), stop }
      this.#before = last
    }
    this.#next ??= this.#pull(this.#reading.events).finally(() => {
      this.#next = undefined
    })
    return (await until(this.#next, signal)) ?? false
  }

  async #pull(events: AsyncIterator<JournalEvent>): Promise<boolean> {
    try {
      const { done, value } = await events.next()
      if (!done) this.#keep(value)
      return !done
    } catch (thrown) {
      this.#stop()
      throw thrown
    }
  }

  #keep(event: JournalEvent): void {
    this.#kept.push(event)
    this.#bytes += sizeOf(event.event)
    while (this.#bytes > limits.streamCreditBytes && this.#kept.length > 1) {
      this.#bytes -= sizeOf(this.#kept.shift()!.event)
      this.#before++
    }
  }

  #stop(): void {
    const reading = this.#reading
    this.#reading = undefined
    reading?.stop.abort()
    // It may stand at an event that nobody wants any more.
    reading?.events.return?.().catch(() => undefined)
    this.#kept = []
    this.#bytes = 0
  }
}

/** About. */
function sizeOf(event: RunEvent): number {
  return event.type === 'stdout' || event.type === 'stderr' ? event.text.length : 1_000
}

/** Undefined when the signal was first. */
async function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
  const stop = (): void => resolve(undefined)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
