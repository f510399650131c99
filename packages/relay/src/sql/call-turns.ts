/**
 * The order in which calls go to a single writer: those without a `turn` at once, and of those that have one no more
 * than `turnBytes` at a time, a call of each name after the other. It must not know what a call does.
 */
import { limits } from '@meshbook/core/limits.ts'
import type { Turn } from './tx.ts'

interface Call {
  args: unknown
}

/** The turn that a call says it takes. */
export function turnOf({ args }: Call): Turn | undefined {
  return typeof args === 'object' && args !== null && 'turn' in args ? (args.turn as Turn | undefined) : undefined
}

export class CallTurns<C extends Call> {
  #now: C[] = []
  /** In the order of their turns. */
  readonly #lanes = new Map<string, C[]>()
  #underWay = { now: 0, turns: 0, bytes: 0 }

  add(call: C): void {
    const turn = turnOf(call)
    if (!turn) {
      this.#now.push(call)
      return
    }
    const lane = this.#lanes.get(turn.of)
    if (lane) lane.push(call)
    else this.#lanes.set(turn.of, [call])
  }

  /** What is to go next: what has no turn as soon as at most `ahead` of it are under way, and whoever's turn it is. */
  take(ahead: number): C[] {
    const calls = this.#underWay.now <= ahead ? this.#now.splice(0) : []
    this.#underWay.now += calls.length
    for (let call = this.#nextTurn(); call; call = this.#nextTurn()) calls.push(call)
    return calls
  }

  #nextTurn(): C | undefined {
    const next = this.#lanes.entries().next().value
    if (!next) return undefined
    const [name, lane] = next
    const { bytes } = turnOf(lane[0]!)!
    const isFree = this.#underWay.turns === 0 || this.#underWay.bytes + bytes <= limits.turnBytes
    if (!isFree) return undefined
    this.#lanes.delete(name)
    const call = lane.shift()!
    if (lane.length > 0) this.#lanes.set(name, lane)
    this.#underWay.turns++
    this.#underWay.bytes += bytes
    return call
  }

  answered(call: C): void {
    const turn = turnOf(call)
    if (!turn) this.#underWay.now--
    else {
      this.#underWay.turns--
      this.#underWay.bytes -= turn.bytes
    }
  }

  /** All that waits, which is forgotten here. */
  drain(): C[] {
    const rest = [...this.#now.splice(0), ...[...this.#lanes.values()].flat()]
    this.#lanes.clear()
    return rest
  }
}
