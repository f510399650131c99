/**
 * Many streams over one connection that carries messages (CP66): a worker on another host reaches its sockets at the hub
 * by it. One side opens streams, the other takes them. What is not read on one stream stops that stream alone.
 */
import { Duplex } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export interface TunnelPorts {
  send(message: Uint8Array): void
  /** The other side does not keep to what was agreed: the connection is to be closed. */
  fail(why: string): void
  /** A stream that the other side opened. Absent: it may open none. */
  taken?: (name: string, stream: Duplex) => void
}

const kinds = { open: 1, data: 2, end: 3, reset: 4, more: 5 } as const
/** Before the bytes of a message. */
export const tunnelHeadBytes = 5
const nameBytes = 32
/** What may be on its way on one stream. */
const windowBytes = 256 * 1024

export class Tunnel {
  readonly #ports: TunnelPorts
  readonly #streams = new Map<number, TunnelStream>()
  #last = 0
  #isClosed = false

  constructor(ports: TunnelPorts) {
    this.#ports = ports
  }

  open(name: string): Duplex {
    this.#last += 1
    const id = this.#last
    this.#send(kinds.open, id, Buffer.from(name))
    return this.#add(id)
  }

  take(message: Uint8Array): void {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
    if (this.#isClosed) return
    const isSized = bytes.byteLength >= tunnelHeadBytes && bytes.byteLength <= tunnelHeadBytes + limits.tunnelPieceBytes
    const wrong = isSized
      ? this.#taking(bytes.readUInt8(0), bytes.readUInt32LE(1), bytes.subarray(tunnelHeadBytes))
      : 'its length'
    if (wrong === undefined) return
    this.close()
    this.#ports.fail(`a message of the tunnel is not understood: ${wrong}`)
  }

  /** What is wrong with it. */
  #taking(kind: number, id: number, rest: Buffer): string | undefined {
    if (kind === kinds.open) return this.#taken(id, rest)
    if (kind < kinds.open || kind > kinds.more) return 'its kind'
    if (kind === kinds.more && rest.byteLength !== 4) return 'its count'
    // What was reset here may still be spoken of there.
    const stream = this.#streams.get(id)
    if (!stream) return undefined
    if (kind === kinds.data && !stream.taken(rest)) return 'more than the stream was let'
    if (kind === kinds.end) stream.push(null)
    if (kind === kinds.reset) stream.destroy()
    if (kind === kinds.more) stream.let(rest.readUInt32LE(0))
    return undefined
  }

  /** Ends all streams. */
  close(): void {
    this.#isClosed = true
    for (const stream of this.#streams.values()) stream.destroy()
    this.#streams.clear()
  }

  #taken(id: number, name: Buffer): string | undefined {
    const { taken } = this.#ports
    if (!taken || id <= this.#last || name.byteLength > nameBytes) return 'a stream that may not be opened'
    this.#last = id
    const stream = this.#add(id)
    if (this.#streams.size > limits.brokerConnectionsPerSocket) stream.destroy()
    else taken(name.toString('utf8'), stream)
    return undefined
  }

  #add(id: number): TunnelStream {
    const stream = new TunnelStream({
      data: bytes => this.#send(kinds.data, id, bytes),
      end: () => this.#send(kinds.end, id),
      more: bytes => {
        const count = Buffer.alloc(4)
        count.writeUInt32LE(bytes)
        this.#send(kinds.more, id, count)
      },
    })
    this.#streams.set(id, stream)
    stream.on('error', () => undefined)
    stream.once('close', () => {
      const isWhole = stream.writableFinished && stream.readableEnded
      if (this.#streams.delete(id) && !isWhole) this.#send(kinds.reset, id)
    })
    return stream
  }

  #send(kind: number, id: number, rest: Uint8Array = new Uint8Array()): void {
    if (this.#isClosed) return
    const message = Buffer.allocUnsafe(tunnelHeadBytes + rest.byteLength)
    message.writeUInt8(kind, 0)
    message.writeUInt32LE(id, 1)
    message.set(rest, tunnelHeadBytes)
    this.#ports.send(message)
  }
}

interface StreamPorts {
  data(bytes: Uint8Array): void
  end(): void
  more(bytes: number): void
}

class TunnelStream extends Duplex {
  readonly #ports: StreamPorts
  /** What may still be sent. */
  #room = windowBytes
  #whenRoom: (() => void) | undefined
  /** What came and was not read so far. */
  #unread = 0

  constructor(ports: StreamPorts) {
    super({ allowHalfOpen: true, readableHighWaterMark: windowBytes, writableHighWaterMark: windowBytes })
    this.#ports = ports
  }

  /** False where there was no room for so much. */
  taken(bytes: Buffer): boolean {
    this.#unread += bytes.byteLength
    if (this.#unread > windowBytes) return false
    if (!this.destroyed) this.push(Buffer.from(bytes))
    return true
  }

  let(bytes: number): void {
    this.#room = Math.min(windowBytes, this.#room + bytes)
    this.#whenRoom?.()
  }

  override _read(): void {
    // Asked for more: what was there has been read, but for what is still kept.
    const read = this.#unread - this.readableLength
    if (read <= 0) return
    this.#unread -= read
    this.#ports.more(read)
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const go = (from: number): void => {
      let at = from
      while (at < bytes.byteLength && this.#room > 0 && !this.destroyed) {
        const piece = bytes.subarray(at, at + Math.min(this.#room, limits.tunnelPieceBytes))
        this.#room -= piece.byteLength
        at += piece.byteLength
        this.#ports.data(piece)
      }
      this.#whenRoom = undefined
      if (at >= bytes.byteLength) done()
      else if (this.destroyed) done(new MeshError('UNREACHABLE', { detail: 'the stream was closed' }))
      else this.#whenRoom = () => go(at)
    }
    go(0)
  }

  override _final(done: () => void): void {
    this.#ports.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#whenRoom?.()
    done(error)
  }
}
