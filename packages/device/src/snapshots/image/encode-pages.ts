/**
 * Pages of a dump as parts: all of them, or what differs from the capture before. Runs in a thread of its own, where it
 * may block.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { readFully } from './blob-parts.ts'
import { compress, levels } from './compression.ts'
import { type PageMap, type PageRun, pageBytes } from './criu-images.ts'
import { InFlight } from './in-flight.ts'
import { encodePart, type PartRun, partPages, runKinds, xorInto } from './page-parts.ts'
import { placed, type Segment, segmentsOf } from './page-runs.ts'
import { storeFile } from './page-store.ts'
import type { Answers } from './part-calls.ts'

/** Whole captures are cut at addresses that are multiples of this, so that a later one finds the same parts. */
const windowPages = 1000
/** Windows with fewer pages share a part. */
const fewPages = 64
const blockPages = 256
const middlePages = 16
const flights = 4

export interface ProcessPages {
  /** Its number in the chain, and its name in the store. */
  process: number
  key: string
  map: PageMap
  path: string
}

type Put = Pick<Answers, 'put' | 'progress'>

/** Gathers runs and their pages until there are enough for a part. */
class PartWriter {
  readonly #put: Put
  readonly #level: number
  readonly #capture: number
  readonly #flight = new InFlight(flights)
  readonly #parts: string[] = []
  #runs: PartRun[] = []
  #pages: Buffer[] = []
  #count = 0
  #index = 0
  bytes = 0

  /** `capture` 0 is a whole one. */
  constructor(put: Put, level: number, capture: number) {
    this.#put = put
    this.#level = level
    this.#capture = capture
  }

  /** The bytes are the writer's from now on. */
  async add(run: PartRun, bytes: Buffer): Promise<void> {
    if (this.#count + run.count > partPages) await this.flush()
    const last = this.#runs.at(-1)
    const follows =
      last && last.process === run.process && last.kind === run.kind && last.start + last.count === run.start
    if (follows) last.count += run.count
    else this.#runs.push({ ...run })
    this.#pages.push(bytes)
    this.#count += run.count
  }

  async flush(): Promise<void> {
    if (this.#count === 0) return
    const index = this.#index++
    const place = { capture: this.#capture, index: this.#capture === 0 ? 0 : index }
    const part = encodePart(this.#runs, Buffer.concat(this.#pages), place)
    this.#runs = []
    this.#pages = []
    this.#count = 0
    await this.#flight.add(async () => {
      const small = await compress(part, this.#level)
      this.bytes += small.length
      this.#parts[index] = await this.#put.put(small)
    })
  }

  async end(): Promise<string[]> {
    await this.flush()
    await this.#flight.end()
    return this.#parts
  }
}

export async function encodeWhole(
  processes: readonly ProcessPages[],
  put: Put,
): Promise<{ parts: string[]; bytes: number }> {
  const large = new PartWriter(put, levels.fast, 0)
  const small = new PartWriter(put, levels.fast, 0)
  const total = processes.reduce((sum, { map }) => sum + map.pages, 0)
  let done = 0
  for (const { process, map, path } of processes) {
    const file = openSync(path, 'r')
    try {
      for (const window of windowsOf(map.runs)) {
        const pages = window.reduce((sum, { count }) => sum + count, 0)
        const writer = pages < fewPages ? small : large
        for (const { start, count, at } of window)
          await writer.add({ process, kind: runKinds.whole, start, count }, pagesFrom(file, at, count))
        if (writer === large) await writer.flush()
        done += pages
        put.progress(done, total)
      }
    } finally {
      closeSync(file)
    }
  }
  const parts = [...(await large.end()), ...(await small.end())]
  return { parts: [...new Set(parts)], bytes: large.bytes + small.bytes }
}

function* windowsOf(runs: readonly PageRun[]): Generator<PageRun[]> {
  let window: PageRun[] = []
  let current = -1
  for (const run of runs)
    for (let done = 0; done < run.count; ) {
      const start = run.start + done
      const number = Math.floor(start / windowPages)
      if (number !== current && window.length > 0) {
        yield window
        window = []
      }
      current = number
      const count = Math.min(run.count - done, (number + 1) * windowPages - start)
      window.push({ start, count, at: run.at + done })
      done += count
    }
  if (window.length > 0) yield window
}

function pagesFrom(file: number, at: number, count: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(count * pageBytes)
  readFully(file, bytes, at * pageBytes)
  return bytes
}

/** Pages of now that the store has otherwise, or not at all. */
interface Change {
  start: number
  count: number
  at: number
}

export interface Difference {
  parts: string[]
  bytes: number
  /** Brings the store to what is now; returns where its pages then are. */
  apply(): Map<string, PageRun[]>
}

export async function encodeDifference(
  processes: readonly ProcessPages[],
  before: ReadonlyMap<string, PageRun[]>,
  { store, capture }: { store: string; capture: number },
  put: Put,
): Promise<Difference> {
  const writer = new PartWriter(put, levels.close, capture)
  const found: { pages: ProcessPages; segments: Segment[]; changes: Change[] }[] = []
  for (const pages of processes) {
    const old = before.get(pages.key) ?? []
    const segments = [...segmentsOf(pages.map.runs, old)]
    found.push({ pages, segments, changes: await differencesOf(pages, segments, store, writer) })
  }
  const parts = await writer.end()
  const apply = () =>
    new Map(
      found.map(({ pages, segments, changes }) => {
        const runs = placed(segments, before.get(pages.key) ?? [])
        writeChanges(pages, changes, runs, storeFile(store, pages.key))
        return [pages.key, runs]
      }),
    )
  return { parts, bytes: writer.bytes, apply }
}

async function differencesOf(
  { process, key, path }: ProcessPages,
  segments: readonly Segment[],
  store: string,
  writer: PartWriter,
): Promise<Change[]> {
  const changes: Change[] = []
  const now = openSync(path, 'r')
  const old = segments.some(({ before }) => before !== undefined) ? openSync(storeFile(store, key), 'r') : undefined
  const note = (start: number, count: number, at: number) => {
    const last = changes.at(-1)
    if (last && last.start + last.count === start && last.at + last.count === at) last.count += count
    else changes.push({ start, count, at })
  }
  const [fresh, stale] = [blockBuffer(), blockBuffer()]
  try {
    for (const segment of segments)
      for (let done = 0; done < segment.count; done += blockPages) {
        const count = Math.min(blockPages, segment.count - done)
        const [start, at] = [segment.start + done, segment.at + done]
        const bytes = fresh.subarray(0, count * pageBytes)
        readFully(now, bytes, at * pageBytes)
        if (segment.before === undefined) {
          note(start, count, at)
          await writer.add({ process, kind: runKinds.whole, start, count }, Buffer.from(bytes))
          continue
        }
        const other = stale.subarray(0, count * pageBytes)
        readFully(old!, other, (segment.before + done) * pageBytes)
        for (const piece of changedIn(bytes, other)) {
          note(start + piece.page, piece.count, at + piece.page)
          const end = (piece.page + piece.count) * pageBytes
          const mixed = Buffer.from(bytes.subarray(piece.page * pageBytes, end))
          xorInto(mixed, other.subarray(piece.page * pageBytes, end))
          await writer.add({ process, kind: runKinds.xor, start: start + piece.page, count: piece.count }, mixed)
        }
      }
  } finally {
    closeSync(now)
    if (old !== undefined) closeSync(old)
  }
  return changes
}

/** Runs of pages that differ; what is equal is passed over in large pieces. */
function* changedIn(a: Buffer, b: Buffer): Generator<{ page: number; count: number }> {
  if (a.equals(b)) return
  const pages = a.length / pageBytes
  let from = -1
  for (let page = 0; page < pages; ) {
    const far = Math.min(pages, page + middlePages)
    if (page % middlePages === 0 && isSame(a, b, page, far)) {
      if (from >= 0) yield { page: from, count: page - from }
      from = -1
      page = far
      continue
    }
    const same = isSame(a, b, page, page + 1)
    if (same && from >= 0) yield { page: from, count: page - from }
    if (same) from = -1
    else if (from < 0) from = page
    page++
  }
  if (from >= 0) yield { page: from, count: pages - from }
}

function isSame(a: Buffer, b: Buffer, from: number, to: number): boolean {
  return a.compare(b, from * pageBytes, to * pageBytes, from * pageBytes, to * pageBytes) === 0
}

function blockBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(blockPages * pageBytes)
}

function writeChanges(pages: ProcessPages, changes: readonly Change[], runs: readonly PageRun[], path: string): void {
  const from = openSync(pages.path, 'r')
  const store = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  const block = blockBuffer()
  try {
    for (const segment of segmentsOf(changes, runs))
      for (let done = 0; done < segment.count; done += blockPages) {
        const bytes = block.subarray(0, Math.min(blockPages, segment.count - done) * pageBytes)
        readFully(from, bytes, (segment.at + done) * pageBytes)
        writeFully(store, bytes, (segment.before! + done) * pageBytes)
      }
  } finally {
    closeSync(from)
    closeSync(store)
  }
}

export function writeFully(file: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done)
}
