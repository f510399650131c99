/**
 * What an update says about itself, and whether it may be taken (S2, S3, S4, S14). Pure and linear in the size of the
 * update; it decodes V1 only and applies nothing. Anything a Yjs client never writes is hostile: it could make every
 * reader of the document slow, or keep its history from ever being merged again.
 */
import { limits } from '@meshbook/core/limits.ts'
import * as Y from 'yjs'

export interface DeletedRange {
  clock: number
  len: number
}
export interface UpdateFacts {
  /** For each client the first clock of the update and the clock after its last struct. */
  structs: [client: number, from: number, to: number][]
  deletes: Map<number, DeletedRange[]>
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

type Decoded = ReturnType<typeof Y.decodeUpdate>
type Struct = Decoded['structs'][number]
type Clocks = ReadonlyMap<number, number>

class Hostile extends Error {}

export function inspectUpdate(update: Uint8Array, known: Clocks): Verdict {
  try {
    const { structs, ds } = Y.decodeUpdate(update)
    checkContents(structs)
    const queues = queuesOf(structs)
    checkDeletes(ds.clients)
    const state = new Map<number, number>()
    const stateOf = (client: number) => state.get(client) ?? known.get(client) ?? 0
    const gap = findStructGap(structs, queues, state, stateOf) ?? findDeleteGap(ds.clients, stateOf)
    return gap ? { type: 'gap', gap } : { type: 'fine', facts: factsOf(queues, ds.clients) }
  } catch (thrown) {
    return { type: 'hostile', reason: thrown instanceof Hostile ? thrown.message : 'it cannot be decoded' }
  }
}

/** The facts of an update from the store, which was inspected before it was stored. */
export function readFacts(update: Uint8Array): UpdateFacts {
  const { structs, ds } = Y.decodeUpdate(update)
  return factsOf(queuesOf(structs), ds.clients)
}

function factsOf(queues: Map<number, Queue>, deletes: UpdateFacts['deletes']): UpdateFacts {
  return { structs: [...queues].map(([client, { from, to }]) => [client, from, to]), deletes }
}

interface Queue {
  structs: Struct[]
  next: number
  from: number
  to: number
}

/** The structs of each client in order. Each client comes once, and clocks stay exact numbers. */
function queuesOf(structs: Struct[]): Map<number, Queue> {
  const queues = new Map<number, Queue>()
  let queue: Queue | undefined
  let current = -1
  for (const struct of structs) {
    const { client, clock } = struct.id
    const to = clock + struct.length
    if (struct.length < 1 || !Number.isSafeInteger(to)) throw new Hostile('a struct of impossible length')
    if (!queue || client !== current) {
      if (queues.has(client)) throw new Hostile('a client that comes twice')
      queue = { structs: [], next: 0, from: clock, to }
      current = client
      queues.set(client, queue)
    }
    queue.structs.push(struct)
    queue.to = to
  }
  return queues
}

/** Overlapping ranges would cost every reader the product of their number and length. */
function checkDeletes(deletes: UpdateFacts['deletes']): void {
  for (const ranges of deletes.values()) {
    let end = 0
    for (const { clock, len } of ranges) {
      if (len < 1 || clock < end) throw new Hostile('deleted ranges out of order')
      end = clock + len
    }
    if (!Number.isSafeInteger(end)) throw new Hostile('a deleted range of impossible length')
  }
}

type StateOf = (client: number) => number

/** What keeps a struct from being integrated: its own predecessor, its origins or its parent. */
function missingOf(struct: Struct, stateOf: StateOf): Gap | undefined {
  const { client, clock } = struct.id
  if (clock > stateOf(client)) return { client, clock: clock - 1 }
  if (!(struct instanceof Y.Item)) return undefined
  for (const id of [struct.origin, struct.rightOrigin, struct.parent]) {
    if (id instanceof Y.ID && id.clock >= stateOf(id.client)) return id
  }
  return undefined
}

function advance(struct: Struct, state: Map<number, number>, stateOf: StateOf): void {
  if (struct instanceof Y.Skip) return
  const { client, clock } = struct.id
  state.set(client, Math.max(stateOf(client), clock + struct.length))
}

/** Structs usually stand in an order in which each finds what it needs; only then is the general search not needed. */
function findStructGap(
  structs: Struct[],
  queues: Map<number, Queue>,
  state: Map<number, number>,
  stateOf: StateOf,
): Gap | undefined {
  for (const struct of structs) {
    if (missingOf(struct, stateOf)) {
      state.clear()
      return searchGap(queues, state, stateOf)
    }
    advance(struct, state, stateOf)
  }
  return undefined
}

/**
 * Integrates clocks only, as Yjs would integrate the structs: where one waits for another client of the same update,
 * that client's structs go first. A circle is a gap: Yjs would keep such structs as pending for ever.
 */
function searchGap(queues: Map<number, Queue>, state: Map<number, number>, stateOf: StateOf): Gap | undefined {
  for (const start of queues.keys()) {
    const stack = [start]
    const waiting = new Set(stack)
    while (stack.length > 0) {
      const client = stack.at(-1)!
      const queue = queues.get(client)!
      const struct = queue.structs[queue.next]
      const gap = struct && missingOf(struct, stateOf)
      if (gap) {
        const other = queues.get(gap.client)
        if (!other || waiting.has(gap.client) || other.next >= other.structs.length) return gap
        stack.push(gap.client)
        waiting.add(gap.client)
        continue
      }
      if (struct) advance(struct, state, stateOf)
      if (struct) queue.next++
      // One step for a waiting client, then it is asked again: so each struct is visited a bounded number of times.
      if (!struct || stack.length > 1) waiting.delete(stack.pop()!)
    }
  }
  return undefined
}

function findDeleteGap(deletes: UpdateFacts['deletes'], stateOf: StateOf): Gap | undefined {
  for (const [client, ranges] of deletes) {
    const last = ranges.at(-1)
    if (last && last.clock + last.len > stateOf(client)) return { client, clock: last.clock + last.len - 1 }
  }
  return undefined
}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

function checkContents(structs: Struct[]): void {
  for (const struct of structs) {
    if (!(struct instanceof Y.Item)) continue
    const { parent, parentSub, content } = struct
    if (typeof parent === 'string' && forbiddenKeys.has(parent)) throw new Hostile('a forbidden name')
    if (parentSub !== null && forbiddenKeys.has(parentSub)) throw new Hostile('a forbidden key')
    checkContent(content)
  }
}

function checkContent(content: Y.Item['content']): void {
  if (content instanceof Y.ContentAny || content instanceof Y.ContentJSON) checkValue(content.arr)
  else if (content instanceof Y.ContentEmbed) checkValue(content.embed)
  else if (content instanceof Y.ContentFormat) {
    if (forbiddenKeys.has(content.key)) throw new Hostile('a forbidden format')
    checkValue(content.value)
  } else if (content instanceof Y.ContentDoc) checkValue(content.opts)
}

/** A `__proto__` key shows as an own key (from JSON) or as a strange prototype (from the binary form). */
function checkValue(root: unknown): void {
  const open: [value: unknown, depth: number][] = [[root, 0]]
  for (let next = open.pop(); next; next = open.pop()) {
    const [value, depth] = next
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue
    // Deeper values overflow the stack of whoever writes them again.
    if (depth > limits.valueDepth) throw new Hostile('a value nested too deeply')
    const prototype = Object.getPrototypeOf(value)
    if ((prototype !== Object.prototype && prototype !== Array.prototype) || Object.hasOwn(value, '__proto__'))
      throw new Hostile('a forbidden key in a value')
    for (const child of Object.values(value)) open.push([child, depth + 1])
  }
}
