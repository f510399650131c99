/** How many calls are under way, and how large their bodies are together (GW3). */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export class CallSeats {
  readonly #ofBudget = new Map<string, number>()
  #calls = 0
  #bytes = 0

  /** Returns what gives the seat back, once. Throws SLOW_DOWN. */
  take(budget: string, bytes: number): () => void {
    const own = this.#ofBudget.get(budget) ?? 0
    if (own >= limits.modelCallsPerBudget || this.#calls >= limits.modelCallsPerHub)
      throw new MeshError('SLOW_DOWN', { detail: 'too many calls of models are under way' })
    if (this.#bytes + bytes > limits.modelRequestsBytes)
      throw new MeshError('SLOW_DOWN', { detail: 'the calls of models that are under way are too large together' })
    this.#ofBudget.set(budget, own + 1)
    this.#calls++
    this.#bytes += bytes
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      this.#calls--
      this.#bytes -= bytes
      const left = (this.#ofBudget.get(budget) ?? 1) - 1
      if (left > 0) this.#ofBudget.set(budget, left)
      else this.#ofBudget.delete(budget)
    }
  }
}
