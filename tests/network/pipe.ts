/** One direction of a wire: takes bytes from one socket and hands them to the other, later, or never (NW10–NW12). */
import type { Socket } from 'node:net'

/** What one direction may hold, so that a sender is held back like by a full path. */
const mostBytes = 8 * 1024 * 1024

interface Parcel {
  at: number
  bytes: Buffer | 'end'
}

export class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #latencyMs: () => number
  readonly #queue: Parcel[] = []
  #bytes = 0
  #heldUntil = 0
  #timer: NodeJS.Timeout | undefined
  #isBlocked = false
  isSwallowing = false

  constructor(from: Socket, to: Socket, latencyMs: () => number) {
    this.#from = from
    this.#to = to
    this.#latencyMs = latencyMs
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => this.#take('end'))
    to.on('drain', () => this.#unblock())
  }

  /** Nothing leaves for so long; then all of it. */
  stall(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, performance.now() + ms)
  }

  /** From now on what comes is taken and goes nowhere; what is under way too. */
  swallow(): void {
    this.isSwallowing = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#queue.length = 0
    this.#bytes = 0
    this.#from.resume()
  }

  /** The sender was reset: so is the receiver, unless nobody is to learn of it. */
  fail(): void {
    if (!this.isSwallowing) reset(this.#to)
  }

  /** The sender is gone; what is under way still arrives. */
  finish(): void {
    if (!this.isSwallowing && this.#queue.length === 0 && !this.#to.writableEnded) this.#to.end()
    // Whoever reads from a socket that is gone has nothing to wait for.
    else if (this.#to.destroyed) clearTimeout(this.#timer)
  }

  #take(bytes: Buffer | 'end'): void {
    if (this.isSwallowing) return
    const now = performance.now()
    const at = Math.max(now + this.#latencyMs(), this.#heldUntil, this.#queue.at(-1)?.at ?? 0)
    if (at <= now && this.#queue.length === 0 && !this.#isBlocked) {
      this.#hand(bytes)
      return
    }
    this.#queue.push({ at, bytes })
    this.#bytes += bytes === 'end' ? 0 : bytes.byteLength
    if (this.#bytes > mostBytes) this.#from.pause()
    this.#timer ??= setTimeout(() => this.#deliver(), Math.max(0, at - now))
  }

  #deliver(): void {
    this.#timer = undefined
    const now = performance.now()
    while (!this.#isBlocked && this.#queue[0] && Math.max(this.#queue[0].at, this.#heldUntil) <= now) {
      const { bytes } = this.#queue.shift()!
      this.#bytes -= bytes === 'end' ? 0 : bytes.byteLength
      this.#hand(bytes)
    }
    if (this.#bytes <= mostBytes / 2 && !this.#isBlocked) this.#from.resume()
    const next = this.#queue[0]
    if (!next || this.#isBlocked) return
    this.#timer = setTimeout(() => this.#deliver(), Math.max(1, Math.max(next.at, this.#heldUntil) - now))
  }

  #hand(bytes: Buffer | 'end'): void {
    if (this.#to.destroyed) return
    if (bytes === 'end') return void this.#to.end()
    if (this.#to.write(bytes)) return
    this.#isBlocked = true
    this.#from.pause()
  }

  #unblock(): void {
    if (!this.#isBlocked) return
    this.#isBlocked = false
    if (this.#queue.length > 0) this.#deliver()
    else this.#from.resume()
  }
}

/** A socket that was told to end cannot be reset any more: its handle would stay open for ever. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
