/** Which structs and which deletions a document has, without its content: enough to tell what an update adds. */
import { MeshError } from '@meshbook/core/errors.ts'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { Ranges, UpdateFacts } from './update-facts.ts'

export class KnownState {
  readonly clocks = new Map<number, number>()
  readonly #deletes = new Map<number, RangeSet>()

  hasStruct(client: number, clock: number): boolean {
    return clock < (this.clocks.get(client) ?? 0)
  }

  newClients(facts: UpdateFacts): number {
    return facts.structs.reduce((count, [client]) => count + (this.clocks.has(client) ? 0 : 1), 0)
  }

  hasNewStructs(facts: UpdateFacts): boolean {
    return facts.structs.some(([client, , to]) => to > (this.clocks.get(client) ?? 0))
  }

  hasNewDeletes(facts: UpdateFacts): boolean {
    for (const [client, ranges] of facts.deletes) {
      const known = this.#deletes.get(client)
      if (!known?.covers(ranges)) return true
    }
    return false
  }

  add(facts: UpdateFacts): void {
    addClocks(this.clocks, facts)
    for (const [client, ranges] of facts.deletes) {
      const known = this.#deletes.get(client) ?? new RangeSet()
      this.#deletes.set(client, known)
      known.add(ranges)
    }
  }

  stateVector(): Uint8Array {
    return encodeClocks(this.clocks)
  }
}

export function addClocks(clocks: Map<number, number>, facts: UpdateFacts): void {
  for (const [client, , to] of facts.structs) {
    if (to > (clocks.get(client) ?? 0)) clocks.set(client, to)
  }
}

/** A Yjs state vector. */
export function encodeClocks(clocks: ReadonlyMap<number, number>): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, clocks.size)
  for (const [client, clock] of clocks) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
  }
  return encoding.toUint8Array(encoder)
}

/** Throws BAD_MESSAGE for what is no state vector. */
export function decodeClocks(stateVector: Uint8Array): Map<number, number> {
  try {
    return Y.decodeStateVector(stateVector)
  } catch (cause) {
    throw new MeshError('BAD_MESSAGE', { detail: 'a state vector that ends too early', cause })
  }
}

/** Whole numbers as disjoint, sorted, non-touching ranges. */
class RangeSet {
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  covers(ranges: Ranges): boolean {
    for (let i = 0; i < ranges.length; i += 2) {
      const at = this.#lastStartingAtOrBefore(ranges[i]!)
      if (at < 0 || ranges[i + 1]! > this.#ends[at]!) return false
    }
    return true
  }

  add(ranges: Ranges): void {
    for (let i = 0; i < ranges.length; i += 2) this.#addOne(ranges[i]!, ranges[i + 1]!)
  }

  #addOne(from: number, to: number): void {
    let first = this.#lastStartingAtOrBefore(from)
    if (first < 0 || this.#ends[first]! < from) first++
    let after = first
    let [start, end] = [from, to]
    while (after < this.#starts.length && this.#starts[after]! <= end) {
      start = Math.min(start, this.#starts[after]!)
      end = Math.max(end, this.#ends[after]!)
      after++
    }
    this.#starts.splice(first, after - first, start)
    this.#ends.splice(first, after - first, end)
  }

  #lastStartingAtOrBefore(clock: number): number {
    let low = 0
    let high = this.#starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#starts[middle]! <= clock) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
