/** Counts who is in a place, up to a cap (S24). */
import { MeshError } from '@meshbook/core/errors.ts'

export class Seats {
  readonly #taken = new Map<string, number>()

  /** Returns the function that gives the seat back; it may be called again. */
  take(place: string, most: number): () => void {
    const count = this.#taken.get(place) ?? 0
    if (count >= most) throw new MeshError('TOO_MANY', { detail: `${count} sockets in one place` })
    this.#taken.set(place, count + 1)
    let taken = true
    return () => {
      if (taken) this.#giveBack(place)
      taken = false
    }
  }

  #giveBack(place: string): void {
    const left = (this.#taken.get(place) ?? 1) - 1
    if (left > 0) this.#taken.set(place, left)
    else this.#taken.delete(place)
  }
}
