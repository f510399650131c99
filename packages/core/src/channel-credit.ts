/**
 * The receiving end of a channel's flow control: says when the sender of a stream may go on. What a stream brought
 * counts as taken unless the stream is held, so that one slow document holds up nobody but itself.
 */
import { limits } from './limits.ts'

export class ChannelCredit {
  readonly #give: (stream: number, bytes: number) => void
  readonly #taken = new Map<number, number>()
  readonly #held = new Set<number>()

  constructor(give: (stream: number, bytes: number) => void) {
    this.#give = give
  }

  took(stream: number, bytes: number): void {
    this.#taken.set(stream, (this.#taken.get(stream) ?? 0) + bytes)
    this.#giveBack(stream)
  }

  hold(stream: number): void {
    this.#held.add(stream)
  }

  release(stream: number): void {
    if (this.#held.delete(stream)) this.#giveBack(stream)
  }

  forget(stream: number): void {
    this.#taken.delete(stream)
    this.#held.delete(stream)
  }

  #giveBack(stream: number): void {
    const bytes = this.#taken.get(stream) ?? 0
    if (bytes < limits.streamCreditBytes / 4 || this.#held.has(stream)) return
    this.#taken.delete(stream)
    this.#give(stream, bytes)
  }
}
