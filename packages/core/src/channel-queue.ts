/**
 * What one side of a channel has to send, in the order in which it goes: control first, then streams and runs one frame
 * each in turn, those with little to say before the bulk. Only `channelAheadBytes` are given to the socket at a time, and
 * of one stream no more than its receiver has said that it takes. No I/O of its own; it does not know what a frame means.
 */
import { limits } from './limits.ts'

/** The sending end of a socket. */
export interface QueueSocket {
  readonly bufferedAmount: number
  /** `done` is called once the frame has left this process, or never will. */
  send(frame: Uint8Array, done: () => void): void
}

/** A stream's number, or a name for what is no stream and needs no credit. */
export type LaneName = number | string

interface Lane {
  frames: Uint8Array[]
  bytes: number
  /** How much may still be sent. */
  credit: number
  /** The frames of one payload of several, of which the first is sent and the last is not. */
  payloads: number[]
  isMidway: boolean
  isEnded: boolean
}

/** Payloads of several frames that are under way at once, so that what the receiver has unfinished is bounded. */
const mostMidway = 3

export class ChannelQueue {
  readonly #socket: QueueSocket
  readonly #control: Uint8Array[] = []
  readonly #lanes = new Map<LaneName, Lane>()
  /** Those that have something to say, in the order of their turns. */
  readonly #ready = new Map<LaneName, Lane>()
  #creditBytes = Number.POSITIVE_INFINITY
  #bytes = 0
  #midway = 0
  /** What went before the bulk since the bulk had its last turn. */
  #overtaken = 0

  constructor(socket: QueueSocket) {
    this.#socket = socket
  }

  /** All that waits here and in the socket. */
  get bytes(): number {
    return this.#bytes + this.#socket.bufferedAmount
  }

  /** What waits of one stream, and of everything once that is too much. */
  backlogOf(lane: LaneName): number {
    return this.bytes > limits.socketBacklogBytes ? this.bytes : (this.#lanes.get(lane)?.bytes ?? 0)
  }

  /** The receiver gives credit: so many bytes of each stream may be under way. */
  limitStreams(bytes: number): void {
    const more = bytes - this.#creditBytes
    this.#creditBytes = bytes
    for (const [name, lane] of this.#lanes)
      if (typeof name === 'number') lane.credit = more === Number.NEGATIVE_INFINITY ? bytes : lane.credit + more
  }

  control(frame: Uint8Array): void {
    this.#control.push(frame)
    this.#bytes += frame.byteLength
    this.pump()
  }

  /** The frames of one payload, which arrive in this order, though not side by side. */
  add(name: LaneName, frames: readonly Uint8Array[]): void {
    const lane = this.#lane(name)
    for (const frame of frames) {
      lane.frames.push(frame)
      lane.bytes += frame.byteLength
      this.#bytes += frame.byteLength
    }
    lane.payloads.push(frames.length)
    this.#ready.set(name, lane)
    this.pump()
  }

  credit(stream: number, bytes: number): void {
    const lane = this.#lanes.get(stream)
    if (lane) lane.credit = Math.min(lane.credit + bytes, this.#creditBytes)
    this.pump()
  }

  /** The stream has ended: nothing is added any more, and what waits is sent without credit, since none will come. */
  end(name: LaneName): void {
    const lane = this.#lanes.get(name)
    if (!lane) return
    lane.credit = Number.POSITIVE_INFINITY
    lane.isEnded = true
    if (lane.frames.length === 0) this.#lanes.delete(name)
    else this.pump()
  }

  pump(): void {
    while (this.#control.length > 0) this.#write(this.#control.shift()!)
    while (this.#socket.bufferedAmount < limits.channelAheadBytes) {
      const next = this.#next()
      if (!next) return
      this.#take(...next)
    }
  }

  #lane(name: LaneName): Lane {
    const known = this.#lanes.get(name)
    if (known) return known
    const credit = typeof name === 'number' ? this.#creditBytes : Number.POSITIVE_INFINITY
    const lane: Lane = { frames: [], bytes: 0, credit, payloads: [], isMidway: false, isEnded: false }
    this.#lanes.set(name, lane)
    return lane
  }

  /** The bulk has a turn at the latest after as many bytes of others as one frame of it has. */
  #next(): [LaneName, Lane] | undefined {
    let bulk: [LaneName, Lane] | undefined
    for (const [name, lane] of this.#ready) {
      if (!this.#mayGo(lane)) continue
      const isSmall = lane.bytes <= limits.channelSmallBytes
      if (isSmall && this.#overtaken < limits.channelChunkBytes) return [name, lane]
      if (!isSmall) bulk ??= [name, lane]
      if (bulk && this.#overtaken >= limits.channelChunkBytes) return bulk
    }
    if (bulk || this.#overtaken === 0) return bulk
    this.#overtaken = 0
    return this.#next()
  }

  #mayGo({ frames, credit, isMidway, payloads }: Lane): boolean {
    const frame = frames[0]
    if (!frame || credit <= 0) return false
    return isMidway || payloads[0] === 1 || this.#midway < mostMidway
  }

  #take(name: LaneName, lane: Lane): void {
    const frame = lane.frames.shift()!
    const isBulk = lane.bytes > limits.channelSmallBytes
    this.#overtaken = isBulk ? 0 : this.#overtaken + frame.byteLength
    lane.bytes -= frame.byteLength
    lane.credit -= frame.byteLength
    lane.payloads[0]!--
    const wasMidway = lane.isMidway
    lane.isMidway = lane.payloads[0]! > 0
    if (!lane.isMidway) lane.payloads.shift()
    this.#midway += Number(lane.isMidway) - Number(wasMidway)
    // Its next turn comes after everybody else's.
    this.#ready.delete(name)
    if (lane.frames.length > 0) this.#ready.set(name, lane)
    else if (typeof name === 'string' || lane.isEnded) this.#lanes.delete(name)
    this.#write(frame)
  }

  #write(frame: Uint8Array): void {
    this.#bytes -= frame.byteLength
    this.#socket.send(frame, () => this.pump())
  }
}
