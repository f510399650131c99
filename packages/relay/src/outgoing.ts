/**
 * What a room sends to one connection. A reader that is too slow gets nothing more until its backlog has drained, then
 * one difference from where it stopped, so that it costs a bounded amount of memory (S24).
 */
import type { Limits } from '@meshbook/core/limits.ts'
import { encodeClocks } from './known-state.ts'
import type { Delivery, Peer } from './peer.ts'
import { step2Frame, updateFrame } from './sync-frames.ts'
import type { After } from './timers.ts'

export interface OutgoingContext {
  readonly limits: Limits
  readonly after: After
  /** Clocks of what is durable, and so may be sent. */
  readonly published: ReadonlyMap<number, number>
  /** What the durable content has beyond a state vector. */
  diff(stateVector: Uint8Array): Uint8Array | Promise<Uint8Array>
}

const drainMs = 100

export class Outgoing {
  readonly delivery: Delivery = { sent: 0, durable: 0 }
  readonly #peer: Peer
  readonly #room: OutgoingContext
  readonly #onError: (thrown: unknown) => void
  /** Nothing is sent before the client has said what it has. */
  #subscribed = false
  /** What the reader has, while it is behind. */
  #behind: ReadonlyMap<number, number> | undefined
  #missed = false
  #cancelDrain: (() => void) | undefined
  #closed = false

  constructor(peer: Peer, room: OutgoingContext, onError: (thrown: unknown) => void) {
    this.#peer = peer
    this.#room = room
    this.#onError = onError
  }

  get settled(): boolean {
    return this.#subscribed && !this.#behind && this.delivery.durable === this.delivery.sent
  }

  /** A peer that cannot send is ended; it must not keep a room from telling the others. */
  send(frame: Uint8Array): void {
    if (this.#closed) return
    try {
      this.#peer.send(frame)
    } catch (thrown) {
      this.#onError(thrown)
    }
  }

  /** Durable updates of others; called before `published` counts them. */
  deliver(frames: readonly Uint8Array[]): void {
    if (!this.#subscribed || this.#closed || frames.length === 0) return
    if (!this.#behind && this.#isFull()) this.#fallBehind()
    if (this.#behind) this.#missed = true
    else this.#sendUpdates(frames)
  }

  sendAwareness(frame: Uint8Array): void {
    if (this.#subscribed && !this.#behind && !this.#isFull()) this.send(frame)
  }

  /** Answers the client's step 1: what the document has beyond its state vector. */
  answer(stateVector: Uint8Array): void | Promise<void> {
    // Who asks again and again without reading must not fill the memory with answers.
    if (this.#isFull()) return this.#drained().then(() => this.answer(stateVector))
    const diff = this.#room.diff(stateVector)
    this.#subscribed = true
    if (diff instanceof Uint8Array) return this.#sendUpdate(step2Frame(diff))
    this.#holdBack()
    return diff.then(update => {
      this.#sendUpdate(step2Frame(update))
      return this.#catchUp()
    })
  }

  close(): void {
    this.#closed = true
    this.#cancelDrain?.()
  }

  #isFull(): boolean {
    return this.#peer.backlogBytes > this.#room.limits.socketBacklogBytes
  }

  #sendUpdate(frame: Uint8Array): void {
    this.delivery.sent++
    this.send(frame)
  }

  #sendUpdates(frames: readonly Uint8Array[]): void {
    if (!this.#peer.sendAll) {
      for (const frame of frames) this.#sendUpdate(frame)
      return
    }
    this.delivery.sent += frames.length
    try {
      this.#peer.sendAll(frames)
    } catch (thrown) {
      this.#onError(thrown)
    }
  }

  /** From here on updates are only noted; the difference that is being made has all that is published by now. */
  #holdBack(): void {
    this.#behind = new Map(this.#room.published)
    this.#missed = false
  }

  #fallBehind(): void {
    this.#holdBack()
    this.#waitForDrain()
  }

  #waitForDrain(): void {
    this.#cancelDrain?.()
    this.#cancelDrain = this.#room.after(drainMs, () => {
      if (this.#closed) return
      if (this.#peer.backlogBytes > this.#room.limits.socketBacklogBytes / 2) this.#waitForDrain()
      else this.#catchUp().catch(this.#onError)
    })
  }

  #drained(): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (this.#isFull() && !this.#closed) this.#room.after(drainMs, look)
        else resolve()
      }
      look()
    })
  }

  async #catchUp(): Promise<void> {
    while (this.#behind && !this.#closed) {
      if (this.#isFull()) return this.#waitForDrain()
      if (!this.#missed) {
        this.#behind = undefined
        return
      }
      const diff = this.#room.diff(encodeClocks(this.#behind))
      this.#holdBack()
      const frame = updateFrame(diff instanceof Uint8Array ? diff : await diff)
      this.#sendUpdate(frame)
    }
  }
}
