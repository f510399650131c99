/** A run's log as server-sent events: from the durable log, then as it grows, each event once and in order (I5). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import { eventOfText, type NextChunk } from '@meshbook/relay/serve/sse.ts'
import { Wake } from '@meshbook/relay/serve/wake.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Grown, RunFeeds } from './run-feeds.ts'

/** What is read from the log at a time, and so what a slow viewer holds. */
const chunkChars = 512 * 1024

export interface RunReader {
  next: NextChunk
  stop(): void
}

/** Undefined when there is nothing after `after` and never will be. Watches before it reads: no growth is missed. */
export async function readRun(
  store: HubStore,
  feeds: RunFeeds,
  org: OrgId,
  id: RunId,
  after: number,
): Promise<RunReader | undefined> {
  const growth = new Growth(after)
  const stop = feeds.watch(org, id, grown => growth.note(grown))
  const read = async (): Promise<Chunk> => {
    const after = growth.startReading()
    const page = await store.query('readEvents', { org, id, after, mostBytes: chunkChars })
    if (!page) throw new MeshError('NOT_FOUND', { detail: `run ${id}` })
    const last = page.events.at(-1)?.seq ?? after
    growth.haveRead(last, page.seq)
    return { text: page.events.map(({ seq, text }) => eventOfText(seq, text)).join(''), ended: page.ended }
  }
  let first: Chunk | undefined
  try {
    first = await read()
  } finally {
    if (!first || isNothing(first)) stop()
  }
  if (isNothing(first)) return undefined
  let isOver = false
  const next: NextChunk = async signal => {
    while (!isOver && !signal.aborted) {
      const { text, ended } = first ?? (growth.isBehind ? await read() : growth.take())
      first = undefined
      isOver = ended
      if (text !== '') return text
      if (!ended) await growth.more(signal)
    }
    return undefined
  }
  return { next, stop }
}

interface Chunk {
  text: string
  ended: boolean
}

const isNothing = ({ text, ended }: Chunk): boolean => ended && text === ''

/** What came since the last read: kept while it goes on from there without a gap and is not too much, else only noted. */
class Growth {
  /** Whether the log may hold more than what is kept here. */
  isBehind = true
  #kept: Grown[] = []
  #chars = 0
  /** The last event that was read or is kept. */
  #last: number
  #isReading = false
  #cameMeanwhile = false
  readonly #wake = new Wake()

  constructor(after: number) {
    this.#last = after
  }

  note(grown: Grown | undefined): void {
    if (this.#isReading) this.#cameMeanwhile = true
    else if (!this.isBehind) this.#keep(grown)
    this.#wake.wake()
  }

  #keep(grown: Grown | undefined): void {
    const chars = grown?.texts.reduce((sum, text) => sum + text.length, 0) ?? 0
    if (grown?.first !== this.#last + 1 || this.#chars + chars > chunkChars) {
      this.isBehind = true
      this.#last = (this.#kept[0]?.first ?? this.#last + 1) - 1
      this.#empty()
      return
    }
    this.#kept.push(grown)
    this.#chars += chars
    this.#last += grown.texts.length
  }

  #empty(): void {
    this.#kept = []
    this.#chars = 0
  }

  take(): Chunk {
    const text = this.#kept
      .map(({ first, texts }) => texts.map((each, index) => eventOfText(first + index, each)).join(''))
      .join('')
    const ended = this.#kept.at(-1)?.ended ?? false
    this.#empty()
    return { text, ended }
  }

  /** Where to read on from. */
  startReading(): number {
    this.#isReading = true
    this.#cameMeanwhile = false
    return this.#last
  }

  /** Everything up to `last`, in a log that went to `end` then. */
  haveRead(last: number, end: number): void {
    this.#isReading = false
    this.#last = last
    this.isBehind = this.#cameMeanwhile || last < end
  }

  /** Resolves when there is something to take or to read. */
  async more(signal: AbortSignal): Promise<void> {
    if (this.isBehind || this.#kept.length > 0 || signal.aborted) return
    await this.#wake.sleep(signal)
  }
}
