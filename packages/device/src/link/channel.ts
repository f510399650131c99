/**
 * One connection of the device channel, from the upgrade to its end: frames in and out, and the signs of life. It knows
 * the form of what is sent, not its meaning.
 */

import { ChannelCredit } from '@meshbook/core/channel-credit.ts'
import { ChannelQueue, type LaneName } from '@meshbook/core/channel-queue.ts'
import { asMeshError, type ErrorCode, errors, MeshError } from '@meshbook/core/errors.ts'
import { type ChannelFrame, decodeFrame, subprotocol } from '@meshbook/core/frames.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import {
  type DownMessage,
  encodeMessage,
  frameTypes,
  parseDown,
  SyncJoiner,
  splitSync,
  type UpMessage,
} from '@meshbook/core/messages.ts'
import { WebSocket } from 'ws'

/** Opens the WebSocket of a channel; where there is no network, something that behaves as one. */
export type OpenSocket = (url: URL, authorization: string, limits: Limits) => WebSocket

export const openWebSocket: OpenSocket = (url, authorization, { channelFrameBytes, handshakeMs }) =>
  new WebSocket(url, subprotocol, {
    headers: { authorization },
    maxPayload: channelFrameBytes,
    handshakeTimeout: handshakeMs,
    perMessageDeflate: false,
    followRedirects: false,
  })

export interface ChannelHandlers {
  opened(): void
  message(message: DownMessage): void
  sync(stream: number, bytes: Uint8Array): void
  /** Called once, also when the connection was never made. */
  closed(error: MeshError): void
}

export class Channel {
  readonly #socket: WebSocket
  readonly #handlers: ChannelHandlers
  readonly #limits: Limits
  readonly #joiner = new SyncJoiner()
  readonly #pauses = new Set<number>()
  readonly #queue: ChannelQueue
  readonly #credit: ChannelCredit
  /** Whether the hub waits for credit; one that does not is paused as a whole. */
  #givesCredit = false
  #error: MeshError | undefined
  #ping: NodeJS.Timeout | undefined
  #heard = true

  constructor(socket: WebSocket, origin: string, handlers: ChannelHandlers, limits: Limits) {
    this.#socket = socket
    this.#handlers = handlers
    this.#limits = limits
    this.#queue = new ChannelQueue({
      get bufferedAmount() {
        return socket.bufferedAmount
      },
      send: (frame, done) => socket.send(frame, done),
    })
    this.#credit = new ChannelCredit((stream, bytes) => void this.send({ type: 'CREDIT', stream, bytes }))
    this.#socket.on('open', () => handlers.opened())
    this.#socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary))
    this.#socket.on('pong', () => this.#alive())
    this.#socket.on('ping', () => this.#alive())
    this.#socket.on('unexpected-response', (request, response) => {
      this.#error ??= new MeshError(codeOfStatus(response.statusCode ?? 0), {
        detail: `the hub answered ${response.statusCode}`,
      })
      request.destroy()
    })
    this.#socket.on('error', cause => {
      this.#error ??= new MeshError('UNREACHABLE', {
        detail: `${origin}: ${cause.message || (cause as NodeJS.ErrnoException).code}`,
        cause,
      })
    })
    this.#socket.on('close', (code, reason) => this.#closed(code, reason.toString('utf8')))
  }

  get backlogBytes(): number {
    return this.#queue.bytes
  }

  backlogOf(stream: number): number {
    return this.#queue.backlogOf(stream)
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** The hub has said how much of one stream it takes at a time. */
  limitStreams(bytes: number): void {
    this.#givesCredit = true
    this.#queue.limitStreams(bytes)
  }

  /** False when the connection is not open, or had to be ended because the hub does not read (I10). */
  send(message: UpMessage): boolean {
    if (!this.#canSend()) return false
    const frame = encodeMessage(message)
    const lane = laneOf(message)
    if (lane === undefined) this.#queue.control(frame)
    else this.#queue.add(lane, [frame])
    if (message.type === 'CLOSE') this.#ended(message.stream)
    return true
  }

  sendSync(stream: number, bytes: Uint8Array): boolean {
    if (!this.#canSend()) return false
    this.#queue.add(stream, splitSync(stream, bytes))
    return true
  }

  #canSend(): boolean {
    if (!this.isOpen) return false
    if (this.backlogBytes <= 2 * this.#limits.socketBacklogBytes + this.#limits.documentBytes) return true
    this.end(new MeshError('SLOW_DOWN', { detail: 'the hub does not read' }))
    return false
  }

  #ended(stream: number): void {
    this.#queue.end(stream)
    this.#credit.forget(stream)
    this.#joiner.forget(stream)
  }

  /** From now on a connection on which nothing comes between two pings is dead. */
  keepAlive(pingMs: number): void {
    clearInterval(this.#ping)
    this.#ping = setInterval(() => {
      if (!this.#heard && this.#pauses.size === 0)
        return this.#cut(new MeshError('TIMEOUT', { detail: 'the hub is silent' }))
      this.#heard = false
      if (this.isOpen) this.#socket.ping()
    }, pingMs)
  }

  /** The machine slept: a connection that does not answer now is dead, whatever it was before. */
  probe(): void {
    this.#heard = false
    if (this.isOpen) this.#socket.ping()
    setTimeout(() => {
      if (!this.#heard) this.#cut(new MeshError('TIMEOUT', { detail: 'the hub does not answer after sleep' }))
    }, this.#limits.wakeAnswerMs).unref()
  }

  /** The disk is slower than the network for this stream: nothing is read until it has caught up. */
  pause(stream: number): void {
    if (this.#givesCredit) {
      this.#credit.hold(stream)
      return
    }
    this.#pauses.add(stream)
    this.#socket.pause()
  }

  resume(stream: number): void {
    this.#credit.release(stream)
    if (this.#pauses.delete(stream) && this.#pauses.size === 0) this.#socket.resume()
  }

  end(error: MeshError): void {
    this.#error ??= error
    if (this.#socket.readyState === WebSocket.CONNECTING) {
      this.#socket.terminate()
      return
    }
    this.#socket.close(error.entry.close ?? 1000, error.code)
    setTimeout(() => this.#socket.terminate(), 1_000).unref()
  }

  #cut(error: MeshError): void {
    this.#error ??= error
    this.#socket.terminate()
  }

  #alive(): void {
    this.#heard = true
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#alive()
    try {
      if (!isBinary) throw new MeshError('BAD_MESSAGE', { detail: 'a text frame' })
      this.#take(decodeFrame(new Uint8Array(data)), data.byteLength)
    } catch (thrown) {
      this.end(asMeshError(thrown))
    }
  }

  #take(frame: ChannelFrame, frameBytes: number): void {
    if (frame.type !== frameTypes.SYNC && frame.type !== frameTypes.SYNC_PART) {
      this.#takeControl(parseDown(frame))
      return
    }
    const bytes = this.#joiner.add(frame)
    if (bytes) this.#handlers.sync(frame.stream, bytes)
    if (this.#givesCredit) this.#credit.took(frame.stream, frameBytes)
  }

  #takeControl(message: DownMessage): void {
    if (message.type === 'CREDIT') {
      this.#queue.credit(message.stream, message.bytes)
      return
    }
    if (message.type === 'CLOSE') this.#ended(message.stream)
    this.#handlers.message(message)
  }

  #closed(code: number, reason: string): void {
    clearInterval(this.#ping)
    this.#handlers.closed(
      this.#error ?? new MeshError(codeOfClose(code), { detail: reason || `the hub closed the connection (${code})` }),
    )
  }
}

/** What takes its turn with others instead of going first: the events of a run, a long answer, the end of a stream. */
function laneOf(message: UpMessage): LaneName | undefined {
  if (message.type === 'RUN_EVENT') return message.run
  if (message.type === 'MRP_RESPONSE') return 'answers'
  return message.type === 'CLOSE' ? message.stream : undefined
}

function codeOfClose(code: number): ErrorCode {
  return (Object.keys(errors) as ErrorCode[]).find(name => errors[name].close === code && code >= 4000) ?? 'UNREACHABLE'
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'UNAUTHENTICATED'
  if (status === 403) return 'FORBIDDEN'
  if (status === 429) return 'SLOW_DOWN'
  return 'UNREACHABLE'
}
