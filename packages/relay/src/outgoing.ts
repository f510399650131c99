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
  /** Connections of the room, who share what may wait to be sent. */
  readonly readers: number
  /** What the durable content has beyond a state vector. */
  diff(stateVector: Uint8Array): Uint8Array | Promise<Uint8Array>
}

const drainMs = 100
/** What a frame that waits costs beyond its bytes: many small ones are as much memory as a few large ones. */
const waitingFrameBytes = 512

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
  /** Frames sent since nothing waited, and the backlog at which the reader fell behind. */
  #queued = 0
  #fullBytes = 0
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
    if (!this.#closed) this.#guarded(() => this.#peer.send(frame))
  }

  #guarded(send: () => void): void {
    this.#queued++
    try {
      send()
    } catch (thrown) {
      this.#onError(thrown)
    }
  }

  /** Durable updates of others; called before `published` counts them. */
  deliver(frames: readonly Uint8Array[]): void {
    if (!this.#subscribed || this.#closed || frames.length === 0) return
    if (this.#peer.sendAll) this.#deliver(frames.length, () => this.#peer.sendAll!(frames))
    else for (const frame of frames) this.#deliver(1, () => this.#peer.send(frame))
  }

  #deliver(count: number, send: () => void): void {
    if (!this.#behind && this.#isFull()) this.#fallBehind()
    if (this.#behind) {
      this.#missed = true
      return
    }
    this.delivery.sent += count
    this.#guarded(send)
  }

  sendAwareness(frame: Uint8Array): void {
    if (this.#subscribed && !this.#behind && !this.#isFull()) this.send(frame)
  }

  /** Answers the client's step 1: what the document has beyond its state vector. */
  answer(stateVector: Uint8Array): void | Promise<void> {
    // Who asks again and again without reading must not fill the memory with answers.
    if (this.#isFull()) return this.#drained().then(() => (this.#closed ? undefined : this.answer(stateVector)))
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
    const { backlogBytes } = this.#peer
    if (backlogBytes === 0) this.#queued = 0
    return backlogBytes + this.#queued * waitingFrameBytes > this.#mostBytes()
  }

  #mostBytes(): number {
    const { socketBacklogBytes, socketBacklogLeastBytes, documentBacklogBytes } = this.#room.limits
    const share = Math.max(socketBacklogLeastBytes, documentBacklogBytes / Math.max(1, this.#room.readers))
    return Math.min(socketBacklogBytes, share)
  }

  #sendUpdate(frame: Uint8Array): void {
    this.delivery.sent++
    this.send(frame)
  }

  /** From here on updates are only noted; the difference that is being made has all that is published by now. */
  #holdBack(): void {
    this.#behind = new Map(this.#room.published)
    this.#missed = false
  }

  #fallBehind(): void {
    this.#holdBack()
    this.#fullBytes = this.#peer.backlogBytes
    this.#waitForDrain()
  }

  #waitForDrain(): void {
    this.#cancelDrain?.()
    this.#cancelDrain = this.#room.after(drainMs, () => {
      if (this.#closed) return
      if (this.#peer.backlogBytes > Math.min(this.#fullBytes, this.#mostBytes()) / 2) {
        this.#waitForDrain()
        return
      }
      this.#queued = 0
      this.#catchUp().catch(this.#onError)
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
      if (this.#isFull()) {
        this.#fullBytes = this.#peer.backlogBytes
        return this.#waitForDrain()
      }
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
