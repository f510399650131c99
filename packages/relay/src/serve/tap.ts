/** Reads a socket only while nobody has a reason against it: the disk, the rate of its user, or its document not being open yet. */
import type { WebSocket } from 'ws'

export type HoldReason = 'opening' | 'relay' | 'rate'

export class Tap {
  readonly #socket: WebSocket
  readonly #reasons = new Set<HoldReason>()

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  hold(reason: HoldReason): void {
    this.#reasons.add(reason)
    this.#socket.pause()
  }

  release(reason: HoldReason): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#socket.resume()
  }

  /** Whatever the reasons were: a socket that is closed must be read, or it never hears that it is. */
  open(): void {
    this.#reasons.clear()
    this.#socket.resume()
  }
}
