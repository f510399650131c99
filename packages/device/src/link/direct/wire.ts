/**
 * One direct connection after its TLS handshake: frames of the channel, each behind its length, and the signs of life. An
 * empty frame is a sign of life. It knows the form of what is sent, not its meaning, and not who is on the other side.
 */
import type { TLSSocket } from 'node:tls'
import { ChannelCredit } from '@meshbook/core/channel-credit.ts'
import { ChannelQueue } from '@meshbook/core/channel-queue.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type ChannelFrame, decodeFrame } from '@meshbook/core/frames.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import {
  type DirectMessage,
  encodeMessage,
  frameTypes,
  parseDirect,
  SyncJoiner,
  splitSync,
} from '@meshbook/core/messages.ts'
import { FrameReader, lengthOf } from './frame-reader.ts'

export interface WireEvents {
  message(message: DirectMessage): void
  sync(stream: number, bytes: Uint8Array): void
  /** Called once. */
  closed(error: MeshError): void
}

/** A connection on which nothing came for so many intervals is dead. */
const silentPings = 2

export class DirectWire {
  readonly #socket: TLSSocket
  readonly #limits: Limits
  readonly #reader: FrameReader
  readonly #queue: ChannelQueue
  readonly #credit: ChannelCredit
  readonly #joiner = new SyncJoiner()
  #events: WireEvents | undefined
  #error: MeshError | undefined
  #ping: NodeJS.Timeout | undefined
  #silent = 0
  #isClosed = false

  /** Until `trust` it takes little. */
  constructor(socket: TLSSocket, limits: Limits) {
    this.#socket = socket
    this.#limits = limits
    this.#reader = new FrameReader(limits.lanHelloBytes)
    this.#queue = new ChannelQueue({
      get bufferedAmount() {
        return socket.writableLength
      },
      send: (frame, done) => this.#write(frame, done),
    })
    this.#credit = new ChannelCredit((stream, bytes) => void this.send({ type: 'CREDIT', stream, bytes }))
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', cause => {
      this.#error ??= new MeshError('UNREACHABLE', { detail: `the direct connection: ${cause.message}`, cause })
    })
    socket.on('close', () => this.#closed())
  }

  get traffic(): { sentBytes: number; receivedBytes: number } {
    return { sentBytes: this.#socket.bytesWritten, receivedBytes: this.#socket.bytesRead }
  }

  on(events: WireEvents): void {
    this.#events = events
    if (this.#isClosed) events.closed(this.#error ?? gone())
  }

  /** The other side has shown its nonce: from now on it may say what the channel may, and has to give signs of life. */
  trust(): void {
    this.#reader.limit(this.#limits.channelFrameBytes)
    this.#queue.limitStreams(this.#limits.streamCreditBytes)
    this.#ping = setInterval(() => this.#sign(), this.#limits.pingMs)
  }

  backlogOf(stream: number): number {
    return this.#queue.backlogOf(stream)
  }

  send(message: DirectMessage): boolean {
    if (!this.#canSend()) return false
    const frame = encodeMessage(message)
    if (message.type === 'CLOSE') {
      this.#queue.add(message.stream, [frame])
      this.#ended(message.stream)
    } else this.#queue.control(frame)
    return true
  }

  sendSync(stream: number, bytes: Uint8Array): void {
    if (this.#canSend()) this.#queue.add(stream, splitSync(stream, bytes))
  }

  /** The disk is slower than the network for this stream. */
  hold(stream: number): void {
    this.#credit.hold(stream)
  }

  release(stream: number): void {
    this.#credit.release(stream)
  }

  close(error: MeshError): void {
    this.#error ??= error
    this.#socket.destroy()
  }

  #canSend(): boolean {
    if (this.#isClosed || this.#socket.destroyed) return false
    if (this.#queue.bytes <= 2 * this.#limits.socketBacklogBytes + this.#limits.documentBytes) return true
    this.close(new MeshError('SLOW_DOWN', { detail: 'the other device does not read' }))
    return false
  }

  #write(frame: Uint8Array, done: () => void): void {
    this.#socket.cork()
    this.#socket.write(lengthOf(frame.byteLength))
    this.#socket.write(frame, () => done())
    this.#socket.uncork()
  }

  #sign(): void {
    if (++this.#silent > silentPings) this.close(new MeshError('TIMEOUT', { detail: 'the other device is silent' }))
    else if (this.#canSend()) this.#socket.write(lengthOf(0))
  }

  #receive(chunk: Buffer): void {
    this.#silent = 0
    try {
      for (const frame of this.#reader.add(chunk)) if (!this.#socket.destroyed) this.#take(frame)
    } catch (thrown) {
      this.close(asMeshError(thrown))
    }
  }

  #take(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    if (frame.type === frameTypes.SYNC || frame.type === frameTypes.SYNC_PART) this.#sync(frame, bytes.byteLength)
    else this.#control(parseDirect(frame))
  }

  #sync(frame: ChannelFrame, bytes: number): void {
    const whole = this.#joiner.add(frame)
    if (whole) this.#events?.sync(frame.stream, whole)
    this.#credit.took(frame.stream, bytes)
  }

  #control(message: DirectMessage): void {
    if (message.type === 'CREDIT') {
      this.#queue.credit(message.stream, message.bytes)
      return
    }
    if (message.type === 'CLOSE') this.#ended(message.stream)
    this.#events?.message(message)
  }

  #ended(stream: number): void {
    this.#queue.end(stream)
    this.#credit.forget(stream)
    this.#joiner.forget(stream)
  }

  #closed(): void {
    this.#isClosed = true
    clearInterval(this.#ping)
    this.#events?.closed(this.#error ?? gone())
  }
}

function gone(): MeshError {
  return new MeshError('UNREACHABLE', { detail: 'the other device closed the direct connection' })
}
