/**
 * The channel of one device: control messages to the part that owns each, and documents as streams in the relay's rooms.
 * It decides nothing; what may be done was decided by the proof at the upgrade and by the store.
 */

import { asMeshError, type ErrorCode, errors, isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { type ChannelFrame, decodeFrame } from '@meshbook/core/frames.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  type DownMessage,
  encodeMessage,
  frameTypes,
  parseUp,
  protocolVersion,
  SyncJoiner,
  splitSync,
  type UpMessage,
} from '@meshbook/core/messages.ts'
import type { Connection, DocumentKey, Peer } from '@meshbook/relay/relay.ts'
import type { RawData, WebSocket } from 'ws'
import { everyScope, type Principal } from '../auth/principal.ts'
import type { DeviceLink } from '../devices/fleet.ts'
import { writes } from '../documents/touches.ts'
import type { Parts } from '../parts.ts'
import type { DeviceRow } from '../store/identity.ts'
import { LiveSocket } from './live-socket.ts'

export function serveChannel(parts: Parts, socket: WebSocket, device: DeviceRow): void {
  const channel = new ChannelSocket(parts, socket, device)
  channel.start()
}

type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>

interface Stream {
  connection: Connection
  key: DocumentKey
}

class ChannelSocket implements DeviceLink {
  readonly #parts: Parts
  readonly #device: DeviceRow
  readonly #live: LiveSocket
  readonly #joiner = new SyncJoiner()
  readonly #streams = new Map<number, Stream | 'opening'>()
  /** Frames of streams that are being opened. */
  readonly #early = new Map<number, Uint8Array[]>()
  #earlyBytes = 0
  #registered = false
  /** Why the socket is not read at the moment. */
  readonly #pauses = new Set<string>()
  /** Control work in the order of its messages; run events do not wait for one another, the store keeps their order. */
  #order: Promise<void> = Promise.resolve()
  #unstoredBytes = 0

  constructor(parts: Parts, socket: WebSocket, device: DeviceRow) {
    this.#parts = parts
    this.#device = device
    this.#live = new LiveSocket(socket, parts.times, parts.now)
  }

  start(): void {
    const { socket } = this.#live
    const forget = this.#enter()
    if (!forget) return
    const timer = setTimeout(() => {
      if (!this.#registered) this.#fail(new MeshError('TIMEOUT', { detail: 'no REGISTER' }))
    }, limits.handshakeMs)
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.once('close', () => {
      clearTimeout(timer)
      forget()
      this.#closed()
    })
  }

  send(message: DownMessage): boolean {
    return this.#sendFrames([encodeMessage(message)])
  }

  close(code: 'REVOKED' | 'CONFLICT' | 'TIMEOUT'): void {
    if (code === 'REVOKED') this.send({ type: 'REVOKED' })
    this.#live.close(errors[code].close ?? 1001, code)
  }

  lastFrameAt(): number {
    return this.#live.lastFrameAt
  }

  #enter(): (() => void) | undefined {
    try {
      return this.#parts.doors.open(this.#principal(), 'socket', limits.socketsPerUser, error =>
        this.#live.closeFor(error),
      )
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #principal(): Principal {
    const { org, user, userName, id } = this.#device
    return { org, user, name: userName, can: everyScope, credential: { kind: 'device', id } }
  }

  /** False when the socket is closing, or was so slow that it had to be closed (I10). */
  #sendFrames(frames: Uint8Array[]): boolean {
    const { socket } = this.#live
    if (!this.#live.open) return false
    if (socket.bufferedAmount > 2 * limits.socketBacklogBytes) {
      this.#fail(new MeshError('SLOW_DOWN', { detail: 'the device does not read' }))
      return false
    }
    for (const frame of frames) socket.send(frame)
    return true
  }

  #receive(data: RawData, isBinary: boolean): void {
    try {
      if (!isBinary) throw new MeshError('BAD_MESSAGE', { detail: 'a text frame' })
      const frame = decodeFrame(new Uint8Array(data as Buffer))
      if (frame.type === frameTypes.SYNC || frame.type === frameTypes.SYNC_PART) this.#receiveSync(frame)
      else this.#receiveControl(parseUp(frame), frame.payload.byteLength)
    } catch (error) {
      this.#fail(error)
    }
  }

  #receiveSync(frame: ChannelFrame): void {
    const bytes = this.#joiner.add(frame)
    const stream = bytes && this.#streams.get(frame.stream)
    if (stream === undefined || !bytes) return
    if (stream === 'opening') this.#keepEarly(frame.stream, bytes)
    else this.#pass(stream, bytes)
  }

  #keepEarly(stream: number, bytes: Uint8Array): void {
    this.#earlyBytes += bytes.byteLength
    if (this.#earlyBytes > limits.channelCreditBytes + limits.syncFrameBytes)
      throw new MeshError('SLOW_DOWN', { detail: 'too much for streams that are not open yet' })
    this.#early.set(stream, [...(this.#early.get(stream) ?? []), bytes])
  }

  #pass({ connection, key }: Stream, frame: Uint8Array): void {
    if (writes(frame)) this.#parts.documents.touched(key)
    connection.receive(frame)
  }

  #receiveControl(message: UpMessage, bytes: number): void {
    if (message.type === 'RUN_EVENT') this.#appendEvents(message, bytes)
    else if (message.type === 'MRP_RESPONSE') this.#parts.sessionRequests.answered(this.#device.id, message)
    else this.#enqueue(message)
  }

  #enqueue(message: Exclude<UpMessage, { type: 'RUN_EVENT' | 'MRP_RESPONSE' }>): void {
    if (message.type === 'OPEN') this.#reserve(message.stream)
    this.#order = this.#order.then(() => this.#handle(message)).catch((error: unknown) => this.#fail(error))
  }

  async #handle(message: Exclude<UpMessage, { type: 'RUN_EVENT' | 'MRP_RESPONSE' }>): Promise<void> {
    if (!this.#live.open) return
    if (message.type === 'REGISTER') return this.#register(message)
    if (!this.#registered) throw new MeshError('BAD_MESSAGE', { detail: `${message.type} before REGISTER` })
    switch (message.type) {
      case 'HEARTBEAT':
        return this.#heartbeat(message)
      case 'RUNTIME_UP':
      case 'RUNTIME_DOWN':
        return this.#runtimeChanged(message)
      case 'OPEN':
        return this.#open(message)
      case 'CLOSE':
        return this.#closeStream(message.stream)
      case 'CLAIM':
        return this.#parts.claims.answer(this.#device, message, this)
      case 'BYE':
        return this.#leave()
    }
  }

  async #register(message: Up<'REGISTER'>): Promise<void> {
    const { store, runs, fleet, times, now, sessionsChanged } = this.#parts
    const { org, id } = this.#device
    if (message.device !== id)
      throw new MeshError('FORBIDDEN', { detail: 'REGISTER names another device than the proof' })
    const { os, runtimes, metrics, projects } = message
    await store.call('describeDevice', { org, id, os, runtimes, projects, now: now() })
    const found = await runs.reconcile(org, id, message)
    if (!this.#live.open) return
    this.#registered = true
    this.send({
      type: 'WELCOME',
      version: protocolVersion,
      pingMs: times.pingMs,
      heartbeatMs: times.heartbeatMs,
      projects: await store.query('listProjects', { org }),
      runs: found.runs,
      lost: found.lost,
    })
    if (!fleet.connect(id, this, { os, runtimes, metrics, projects })) return this.close('REVOKED')
    for (const lease of found.resend) this.send({ type: 'LEASE', lease })
    for (const { run, reason } of found.cancel) this.send({ type: 'RUN_CANCEL', run, reason })
    sessionsChanged(org)
  }

  async #heartbeat({ metrics, heads }: Up<'HEARTBEAT'>): Promise<void> {
    const { store, fleet, now, times } = this.#parts
    const { org, id } = this.#device
    const at = now()
    fleet.heartbeat(id, metrics)
    await store.call('renewHeads', { org, device: id, heads, expiresAt: at + times.leaseMs })
    await store.call('sawDevice', { org, id, now: at })
  }

  async #runtimeChanged(message: Up<'RUNTIME_UP'> | Up<'RUNTIME_DOWN'>): Promise<void> {
    const { store, now, runs, sessionsChanged } = this.#parts
    const { org, id: device } = this.#device
    const { head, fence } = message
    const changed =
      message.type === 'RUNTIME_UP'
        ? await store.call('runtimeUp', { org, device, head, fence, kernel: message.kernel })
        : await store.call('runtimeDown', { org, device, head, fence, reason: message.reason, now: now() })
    if (!changed) return
    sessionsChanged(org)
    runs.placeSoon(org, message.session)
  }

  async #leave(): Promise<void> {
    const { store, fleet, now } = this.#parts
    await store.call('giveBackHeads', { org: this.#device.org, device: this.#device.id, now: now() })
    fleet.leave(this.#device.id)
  }

  /** Events of one device go to the store in the order they came; answers come back in that order too. */
  #appendEvents(message: Up<'RUN_EVENT'>, bytes: number): void {
    if (!this.#registered) throw new MeshError('BAD_MESSAGE', { detail: 'RUN_EVENT before REGISTER' })
    this.#unstoredBytes += bytes
    if (this.#unstoredBytes > limits.channelCreditBytes) this.#pause('events')
    this.#parts.runs
      .append(this.#device.org, this.#device.id, message)
      .then(ack => this.send(ack))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#unstoredBytes -= bytes
        if (this.#unstoredBytes < limits.channelCreditBytes / 2) this.#resume('events')
      })
  }

  /** At once, so that frames of the stream that follow on the heels of its OPEN are kept. */
  #reserve(stream: number): void {
    if (this.#streams.has(stream)) throw new MeshError('BAD_MESSAGE', { detail: `stream ${stream} is open already` })
    if (this.#streams.size >= limits.channelStreams)
      throw new MeshError('TOO_MANY', { detail: `${limits.channelStreams} open streams` })
    this.#streams.set(stream, 'opening')
  }

  async #open({ stream, project, document }: Up<'OPEN'>): Promise<void> {
    const { org } = this.#device
    const own = await this.#parts.documents.adopt(org, project, document)
    if (this.#streams.get(stream) !== 'opening') return
    if (!own) return this.#refuseStream(stream, 'FORBIDDEN', 'the document is not one of the project')
    const connection = this.#parts.relay.open({ org, document }, this.#peerOf(stream))
    const opened = { connection, key: { org, document } }
    this.#streams.set(stream, opened)
    const early = this.#early.get(stream) ?? []
    this.#early.delete(stream)
    for (const frame of early) {
      this.#earlyBytes -= frame.byteLength
      this.#pass(opened, frame)
    }
  }

  #peerOf(stream: number): Peer {
    const { socket } = this.#live
    return {
      name: this.#device.name,
      access: 'write',
      canRun: true,
      extensions: true,
      get backlogBytes() {
        return socket.bufferedAmount
      },
      tag: { requestedBy: this.#device.userName },
      send: frame => void this.#sendFrames(splitSync(stream, frame)),
      close: (code, reason) => this.#refuseStream(stream, codeOfReason(code, reason), reason),
      pause: () => this.#pause(`stream ${stream}`),
      resume: () => this.#resume(`stream ${stream}`),
    }
  }

  #refuseStream(stream: number, code: ErrorCode, reason: string): void {
    this.#forgetStream(stream)
    this.send({ type: 'CLOSE', stream, code, reason })
  }

  #closeStream(stream: number): void {
    const opened = this.#streams.get(stream)
    this.#forgetStream(stream)
    if (opened !== undefined && opened !== 'opening') opened.connection.close()
  }

  #forgetStream(stream: number): void {
    for (const frame of this.#early.get(stream) ?? []) this.#earlyBytes -= frame.byteLength
    this.#early.delete(stream)
    this.#streams.delete(stream)
    this.#resume(`stream ${stream}`)
  }

  #pause(why: string): void {
    this.#pauses.add(why)
    this.#live.socket.pause()
  }

  #resume(why: string): void {
    if (this.#pauses.delete(why) && this.#pauses.size === 0 && this.#live.open) this.#live.socket.resume()
  }

  #fail(thrown: unknown): void {
    const error = asMeshError(thrown)
    if (error.code === 'INTERNAL' || error.code === 'BAD_MESSAGE')
      this.#parts.log.warn({ err: error, device: this.#device.id }, 'a channel was closed for an error')
    this.#live.closeFor(error)
  }

  #closed(): void {
    const { store, fleet, sessionRequests, log } = this.#parts
    const { org, id } = this.#device
    for (const stream of this.#streams.values()) if (stream !== 'opening') stream.connection.close()
    this.#streams.clear()
    fleet.disconnect(id, this)
    if (fleet.link(id) === undefined) sessionRequests.disconnected(id)
    store
      .call('sawDevice', { org, id, now: this.#live.lastFrameAt })
      .catch((error: unknown) => log.debug({ err: error }, 'when a device left was not stored'))
  }
}

/** The relay's reasons begin with the error's code; a close code alone stands for several, of which the first is the general one. */
function codeOfReason(code: number, reason: string): ErrorCode {
  const named = reason.split(':', 1)[0]
  if (isErrorCode(named)) return named
  const found = (Object.keys(errors) as ErrorCode[]).find(name => errors[name].close === code)
  return found ?? 'INTERNAL'
}
