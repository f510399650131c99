/** A wire's end as programs hold it: the part of the `ws` package's WebSocket that hub and device use. Browsers wrap it. */

import { EventEmitter } from 'node:events'
import { type Duplex, Readable, Writable } from 'node:stream'
import { subprotocol } from '@meshbook/core/frames.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Knock, Network, Parcel, Receiver, WireEnd } from './network.ts'
import type { Process } from './timeline.ts'

const abnormal = 1006

export class NodeSocket extends EventEmitter implements Receiver {
  readonly CONNECTING = 0
  readonly OPEN = 1
  readonly CLOSING = 2
  readonly CLOSED = 3
  readyState: 0 | 1 | 2 | 3 = 0
  protocol = ''
  #end: WireEnd | undefined

  constructor() {
    super()
    // As in Node, an error that nobody listens to would end the process.
    this.on('error', () => undefined)
  }

  /** The server's end of a wire whose client has just knocked. */
  static accept(end: WireEnd, process: Process, extensions: boolean): NodeSocket {
    const socket = new NodeSocket()
    end.attach(process, socket)
    socket.join(end)
    end.send({ kind: 'open' })
    socket.protocol = extensions ? subprotocol : ''
    socket.readyState = socket.OPEN
    return socket
  }

  /** A client's end, which is still to be opened. */
  static knock(network: Network, to: string, process: Process, knock: Knock): NodeSocket {
    const socket = new NodeSocket()
    socket.protocol = knock.extensions ? subprotocol : ''
    socket.join(network.connect(to, process, socket, knock))
    return socket
  }

  join(end: WireEnd): void {
    this.#end = end
  }
  get bufferedAmount(): number {
    return this.#end?.backlogBytes ?? 0
  }
  send(bytes: Uint8Array, done?: () => void): void {
    if (this.readyState === this.OPEN) this.#end!.send({ kind: 'frame', bytes: bytes.slice() })
    if (done) this.#once(done)
  }
  /** Whoever waits for a frame to leave hears of it once there is room for the next. */
  #once(done: () => void): void {
    if (this.readyState !== this.OPEN) return
    if (this.bufferedAmount < limits.channelAheadBytes) setImmediate(done)
    else setTimeout(() => this.#once(done), 10)
  }
  ping(): void {
    this.#end!.send({ kind: 'ping' })
  }
  pause(): void {
    this.#end!.pause()
  }
  resume(): void {
    this.#end!.resume()
  }
  close(code = 1000, reason: string | Uint8Array = ''): void {
    if (this.readyState >= this.CLOSING) return
    if (this.readyState === this.CONNECTING) {
      this.terminate()
      return
    }
    this.readyState = this.CLOSING
    this.#end!.send({ kind: 'close', code, reason: Buffer.from(reason).toString('utf8') })
  }
  terminate(): void {
    if (this.readyState === this.CLOSED) return
    this.#end!.drop()
    setImmediate(() => this.#closed(abnormal, ''))
  }
  take(parcel: Parcel): void {
    if (this.readyState === this.CLOSED) return
    switch (parcel.kind) {
      case 'open':
        this.readyState = this.OPEN
        this.emit('open')
        return
      case 'frame':
        if (this.readyState === this.OPEN) this.emit('message', Buffer.from(parcel.bytes), true)
        return
      case 'ping':
        this.#end!.send({ kind: 'pong' })
        this.emit('ping')
        return
      case 'pong':
        this.emit('pong')
        return
      case 'refusal':
        this.#refusedWith(parcel.status, parcel.body)
        return
      case 'close':
        if (this.readyState === this.OPEN) this.#end!.send(parcel)
        this.#end!.isOver = true
        this.#closed(parcel.code, parcel.reason)
    }
  }
  gone(): void {
    this.#closed(abnormal, '')
  }
  refused(): void {
    this.emit('error', new Error('connect ECONNREFUSED'))
    this.#closed(abnormal, '')
  }
  /** As `ws` tells of an HTTP answer that is no upgrade. */
  #refusedWith(statusCode: number, body: string): void {
    this.#end!.isOver = true
    const response = Object.assign(Readable.from([body]), { statusCode, setEncoding: () => response })
    this.emit('unexpected-response', { destroy: () => this.refused() }, response)
  }
  #closed(code: number, reason: string): void {
    if (this.readyState === this.CLOSED) return
    this.readyState = this.CLOSED
    this.emit('close', code, Buffer.from(reason))
  }
}

const length16 = 126

/** What a server's socket runs over: frames as the hub encodes many of them at once are taken apart and sent one by one. */
export function rawWire(socket: { send(bytes: Uint8Array): void }): Duplex {
  return new Writable({
    write: (bytes: Buffer, _encoding, done) => {
      for (let at = 0; at < bytes.length; ) {
        const short = bytes[at + 1]!
        const head = short < length16 ? 2 : short === length16 ? 4 : 10
        const length =
          short < length16
            ? short
            : short === length16
              ? bytes.readUInt16BE(at + 2)
              : Number(bytes.readBigUInt64BE(at + 2))
        socket.send(bytes.subarray(at + head, at + head + length))
        at += head + length
      }
      done()
    },
  }) as Duplex
}
