/**
 * Frames of one connection, taken one after the other: while one is being worked on, or the room takes none, the rest
 * wait, up to a cap. It decides when the socket is no longer read; it must not know what a frame means.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'

export interface InboxOwner {
  readonly limits: Limits
  /** The room takes nothing for now. */
  held(): boolean
  take(frame: Uint8Array): void | Promise<void>
  fail(thrown: unknown): void
  pause(): void
  resume(): void
}

/** What a waiting frame costs beyond its bytes: without it a flood of empty frames would be free. */
export const frameOverheadBytes = 128
const compactFrames = 1_024

export class Inbox {
  readonly #owner: InboxOwner
  #frames: Uint8Array[] = []
  #next = 0
  #bytes = 0
  /** Closed at first: nothing is taken before the document is loaded. */
  #busy = true
  #ended = false
  #paused = false

  constructor(owner: InboxOwner) {
    this.#owner = owner
  }

  get paused(): boolean {
    return this.#paused
  }

  add(frame: Uint8Array): void {
    const { syncFrameBytes, socketBacklogBytes, documentUnsavedBytes } = this.#owner.limits
    if (frame.byteLength > syncFrameBytes) {
      this.#owner.fail(new MeshError('TOO_LARGE', { detail: `a frame of ${frame.byteLength} bytes` }))
      return
    }
    this.#frames.push(frame)
    this.#bytes += frame.byteLength + frameOverheadBytes
    this.pump()
    if (this.#bytes > socketBacklogBytes) this.#pause()
    if (this.#bytes <= documentUnsavedBytes) return
    this.#owner.fail(new MeshError('SLOW_DOWN', { detail: `${this.#bytes} bytes wait to be read` }))
  }

  start(): void {
    this.#busy = false
    this.pump()
  }

  end(): void {
    this.#ended = true
    this.#frames = []
  }

  /** Takes frames until there is a reason to wait; called again whenever such a reason may be gone. */
  pump(): void {
    while (!this.#busy && !this.#ended) {
      if (this.#owner.held()) {
        this.#pause()
        return
      }
      const frame = this.#shift()
      if (!frame) {
        this.#resume()
        return
      }
      this.#busy = true
      const later = this.#tryTake(frame)
      if (later) {
        this.#continueAfter(later)
        return
      }
      this.#busy = false
    }
  }

  /** Without moving the rest, which for a long queue would take time by the square of its length. */
  #shift(): Uint8Array | undefined {
    const frame = this.#frames[this.#next]
    if (!frame) {
      this.#frames = []
      this.#next = 0
      return undefined
    }
    this.#next++
    if (this.#next >= compactFrames) this.#next -= this.#frames.splice(0, this.#next).length
    this.#bytes -= frame.byteLength + frameOverheadBytes
    return frame
  }

  #tryTake(frame: Uint8Array): void | Promise<void> {
    try {
      return this.#owner.take(frame)
    } catch (thrown) {
      this.#owner.fail(thrown)
    }
  }

  #continueAfter(later: Promise<void>): void {
    later.then(
      () => this.start(),
      (thrown: unknown) => this.#owner.fail(thrown),
    )
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#owner.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#owner.resume()
  }
}
