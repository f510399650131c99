/**
 * Virtual time: every event of the world, in order of time and, at one time, of when it was asked for. Each belongs to a
 * process; what a process does between its events (promises) is done before the next event begins, so that a process can
 * be killed exactly between two of its steps. The events of a dead process never happen.
 */
import type { Chance } from './chance.ts'
import { real, type Taken, takeOver } from './take-over.ts'

/** A program that runs somewhere; killed, it does nothing more, whatever promises it still holds. */
export class Process {
  readonly name: string
  readonly chance: Chance
  alive = true
  /** What its clock shows beyond the true time. */
  clockOffsetMs = 0
  readonly #onDeath: (() => void)[] = []

  constructor(name: string, chance: Chance) {
    this.name = name
    this.chance = chance
  }
  atDeath(action: () => void): void {
    this.#onDeath.push(action)
  }
  kill(): void {
    if (!this.alive) return
    this.alive = false
    for (const action of this.#onDeath) action()
  }
}

interface Event {
  at: number
  order: number
  process: Process
  task: () => void
}

/** Some morning. */
const startAt = Date.UTC(2027, 0, 4, 8)
/** A world that does so much has gone round in circles. */
const mostEvents = 400_000

export class Timeline implements Taken {
  /** Milliseconds since the world began. */
  time = 0
  events = 0
  /** As real clocks do, where what they show goes over a wire that demands it. */
  showsWholeMs = false
  /** Errors that nobody caught. */
  readonly uncaught: string[] = []
  readonly outside: Process
  current: Process
  readonly #heap: Event[] = []
  #order = 0

  constructor(chance: Chance) {
    this.outside = new Process('outside', chance)
    this.current = this.outside
  }

  /** What a clock shows that is right. */
  get trueTime(): number {
    return startAt + this.time
  }

  now(): number {
    const shown = this.trueTime + this.current.clockOffsetMs
    return this.showsWholeMs ? Math.floor(shown) : shown
  }
  random(): number {
    return this.current.chance.fraction()
  }
  fill(bytes: Uint8Array): void {
    this.current.chance.fill(bytes)
  }
  after(ms: number, task: () => void): () => void {
    return this.schedule(this.current, ms, task)
  }

  schedule(process: Process, ms: number, task: () => void): () => void {
    const event = { at: this.time + ms, order: this.#order++, process, task }
    push(this.#heap, event)
    return () => {
      event.task = nothing
    }
  }

  /** Lets the world go on for so long. */
  async run(ms: number): Promise<void> {
    const until = this.time + ms
    for (let next = this.#heap[0]; next && next.at <= until; next = this.#heap[0]) {
      pop(this.#heap)
      if (next.task === nothing || !next.process.alive) continue
      this.time = Math.max(this.time, next.at)
      await this.#do(next.process, next.task)
    }
    this.time = until
  }

  /** Does something in a process at once. */
  async in(process: Process, task: () => void): Promise<void> {
    if (process.alive) await this.#do(process, task)
  }

  async #do(process: Process, task: () => void): Promise<void> {
    if (++this.events > mostEvents) throw new Error(`more than ${mostEvents} events`)
    this.current = process
    try {
      task()
    } catch (thrown) {
      this.reportUncaught(thrown)
    }
    await new Promise<void>(resolve => real.setImmediate(resolve))
    this.current = this.outside
  }

  reportUncaught(thrown: unknown): void {
    const what = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    this.uncaught.push(`${this.current.name} at ${this.time}: ${what}`)
  }
}

/** Runs `body` with its timeline as the clock, timers and chance of this thread. */
export async function withTimeline<T>(timeline: Timeline, body: () => Promise<T>): Promise<T> {
  const onUncaught = (thrown: unknown): void => timeline.reportUncaught(thrown)
  process.on('unhandledRejection', onUncaught)
  takeOver(timeline)
  try {
    return await body()
  } finally {
    takeOver(undefined)
    process.off('unhandledRejection', onUncaught)
  }
}

const nothing = (): void => undefined

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(event, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): void {
  const last = heap.pop()!
  if (heap.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
}
