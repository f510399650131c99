/**
 * What an update says about itself, and whether it may be taken (S2, S3, S4, S14). Pure; time and memory are in
 * proportion to the size of the update; nothing is applied. Anything a Yjs client never writes is hostile: it could
 * make every reader of the document slow, or keep its history from ever being merged again.
 */
import { limits } from '@meshbook/core/limits.ts'
import { HostileUpdate, UpdateReader } from './update-reader.ts'

/** Sorted ranges that do not touch, as start, end, start, end … (ends are exclusive). */
export type Ranges = number[]

export interface UpdateFacts {
  /** For each client the first clock of the update and the clock after its last struct. */
  structs: [client: number, from: number, to: number][]
  deletes: Map<number, Ranges>
}
/** The first struct id that the update needs and neither the document nor the update has. */
export interface Gap {
  client: number
  clock: number
}
export type Verdict =
  | { type: 'fine'; facts: UpdateFacts }
  | { type: 'gap'; gap: Gap }
  | { type: 'hostile'; reason: string }

type Clocks = ReadonlyMap<number, number>

/** The structs of one client, and where they stand in the update. */
interface Block {
  client: number
  from: number
  to: number
  count: number
  offset: number
}

export function inspectUpdate(update: Uint8Array, known: Clocks): Verdict {
  try {
    const order = new Integration(known)
    const { blocks, deletes } = readUpdate(update, order)
    const gap = (order.gap && searchGap(update, blocks, known)) ?? findDeleteGap(deletes, blocks, known)
    return gap ? { type: 'gap', gap } : { type: 'fine', facts: factsOf(blocks, deletes) }
  } catch (thrown) {
    return { type: 'hostile', reason: thrown instanceof HostileUpdate ? thrown.message : 'it cannot be decoded' }
  }
}

/** The facts of an update from the store, which was inspected before it was stored. */
export function readFacts(update: Uint8Array): UpdateFacts {
  const { blocks, deletes } = readUpdate(update, new Integration(new Map()))
  return factsOf(blocks, deletes)
}

function factsOf(blocks: Map<number, Block>, deletes: Map<number, Ranges>): UpdateFacts {
  return { structs: [...blocks.values()].map(({ client, from, to }) => [client, from, to]), deletes }
}

/** Which structs are there while those of an update are integrated, counted by clocks only. */
class Integration {
  /** The first struct that was missing where it was needed. */
  gap: Gap | undefined
  readonly #known: Clocks
  readonly #clocks = new Map<number, number>()

  constructor(known: Clocks) {
    this.#known = known
  }

  clockOf(client: number): number {
    return this.#clocks.get(client) ?? this.#known.get(client) ?? 0
  }

  /** Integrates the struct that the reader has read, or says what it waits for: its predecessor, origins or parent. */
  tryAdd(reader: UpdateReader, client: number, clock: number): Gap | undefined {
    const has = this.clockOf(client)
    if (clock > has) return { client, clock: clock - 1 }
    const { needs } = reader
    for (let i = 0; i < needs.length; i += 2) {
      if (needs[i + 1]! >= this.clockOf(needs[i]!)) return { client: needs[i]!, clock: needs[i + 1]! }
    }
    const to = clock + reader.length
    if (!reader.isSkip && to > has) this.#clocks.set(client, to)
    return undefined
  }
}

/** Reads the whole update. As long as the structs stand in an order in which each finds what it needs, `order` has no gap. */
function readUpdate(
  update: Uint8Array,
  order: Integration,
): { blocks: Map<number, Block>; deletes: Map<number, Ranges> } {
  const reader = new UpdateReader(update)
  const blocks = new Map<number, Block>()
  for (let left = readClientCount(reader); left > 0; left--) {
    const block = readBlock(reader, order)
    if (blocks.has(block.client)) throw new HostileUpdate('a client that comes twice')
    if (block.count > 0) blocks.set(block.client, block)
  }
  const deletes = readDeletes(reader)
  if (!reader.atEnd) throw new HostileUpdate('bytes after its end')
  return { blocks, deletes }
}

function readClientCount(reader: UpdateReader): number {
  const count = reader.readNumber()
  if (count > limits.clientsPerDocument) throw new HostileUpdate('too many clients')
  return count
}

function readBlock(reader: UpdateReader, order: Integration): Block {
  const [count, client, from] = [reader.readNumber(), reader.readNumber(), reader.readNumber()]
  const { offset } = reader
  let to = from
  for (let i = 0; i < count; i++) {
    reader.readStruct()
    if (!order.gap) order.gap = order.tryAdd(reader, client, to)
    to += checkLength(reader.length, to)
  }
  return { client, from, to, count, offset }
}

/** No struct is empty, and clocks stay exact numbers. */
function checkLength(length: number, from: number): number {
  if (length < 1 || !Number.isSafeInteger(from + length))
    throw new HostileUpdate('a struct or deletion of impossible length')
  return length
}

/** Overlapping ranges would cost every reader the product of their number and length: Yjs writes them sorted and merged. */
function readDeletes(reader: UpdateReader): Map<number, Ranges> {
  const deletes = new Map<number, Ranges>()
  for (let left = readClientCount(reader); left > 0; left--) {
    const client = reader.readNumber()
    if (deletes.has(client)) throw new HostileUpdate('a client that comes twice')
    const ranges = readRanges(reader)
    if (ranges.length > 0) deletes.set(client, ranges)
  }
  return deletes
}

function readRanges(reader: UpdateReader): Ranges {
  const ranges: Ranges = []
  let end = -1
  for (let left = reader.readNumber(); left > 0; left--) {
    const start = reader.readNumber()
    if (start < end) throw new HostileUpdate('deletions out of order')
    if (start === end) ranges.pop()
    else ranges.push(start)
    end = start + checkLength(reader.readNumber(), start)
    ranges.push(end)
  }
  return ranges
}

/** A place in one client's structs, from which they are read again, one at a time. */
class BlockCursor {
  readonly #reader: UpdateReader
  readonly #client: number
  #clock: number
  #left: number
  #isRead = false

  constructor(update: Uint8Array, { client, from, count, offset }: Block) {
    this.#reader = new UpdateReader(update, offset)
    this.#client = client
    this.#clock = from
    this.#left = count
  }

  get atEnd(): boolean {
    return this.#left === 0
  }

  /** Integrates the next struct, or says what it waits for. */
  tryNext(order: Integration): Gap | undefined {
    if (!this.#isRead) this.#reader.readStruct()
    this.#isRead = true
    const gap = order.tryAdd(this.#reader, this.#client, this.#clock)
    if (gap) return gap
    this.#isRead = false
    this.#clock += this.#reader.length
    this.#left--
    return undefined
  }
}

/**
 * Integrates clocks only, as Yjs would integrate the structs: where one waits for another client of the same update,
 * that client's structs go first. A circle is a gap: Yjs would keep such structs as pending for ever.
 */
function searchGap(update: Uint8Array, blocks: Map<number, Block>, known: Clocks): Gap | undefined {
  const order = new Integration(known)
  const cursors = new Map([...blocks].map(([client, block]) => [client, new BlockCursor(update, block)]))
  for (const start of cursors.keys()) {
    const stack = [start]
    const waiting = new Set(stack)
    while (stack.length > 0) {
      const cursor = cursors.get(stack.at(-1)!)!
      const gap = cursor.atEnd ? undefined : cursor.tryNext(order)
      if (gap) {
        const other = cursors.get(gap.client)
        if (!other || other.atEnd || waiting.has(gap.client)) return gap
        stack.push(gap.client)
        waiting.add(gap.client)
      } else if (cursor.atEnd || stack.length > 1) {
        // One step for who waits, then it is asked again: so each struct is looked at a bounded number of times.
        waiting.delete(stack.pop()!)
      }
    }
  }
  return undefined
}

function findDeleteGap(deletes: Map<number, Ranges>, blocks: Map<number, Block>, known: Clocks): Gap | undefined {
  for (const [client, ranges] of deletes) {
    const end = ranges.at(-1)!
    if (end > Math.max(known.get(client) ?? 0, blocks.get(client)?.to ?? 0)) return { client, clock: end - 1 }
  }
  return undefined
}
