/** The documents of one device's channel: each stream is one place in the room of a document. It knows no control message. */
import { type ErrorCode, errors, isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { ChannelFrame } from '@meshbook/core/frames.ts'
import type { DocumentId, ProjectId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { SyncJoiner, splitSync, type UpMessage } from '@meshbook/core/messages.ts'
import type { Connection, DocumentKey, Peer } from '@meshbook/relay/relay.ts'
import type { Place } from '../auth/access.ts'
import { deviceOwner, type Principal } from '../auth/principal.ts'
import { writes } from '../documents/touches.ts'
import { deviceAuthor } from '../history/authors.ts'
import type { Parts } from '../parts.ts'
import type { DeviceRow } from '../store/identity.ts'

/** What the streams need of the channel under them. */
export interface StreamCarrier {
  /** Of all that waits. */
  readonly backlogBytes: number
  backlogOf(stream: number): number
  /** The frames of one payload. */
  sendFrames(stream: number, frames: Uint8Array[]): void
  /** Tells the device that a stream has ended. */
  ended(stream: number, code: ErrorCode, reason: string): void
  pause(why: string): void
  resume(why: string): void
  /** The sender of this stream alone has to wait. */
  hold(stream: number): void
  release(stream: number): void
  forget(stream: number): void
}

interface Stream {
  connection: Connection
  key: DocumentKey
}

const drainMs = 50

export class ChannelStreams {
  readonly #parts: Parts
  readonly #device: DeviceRow
  readonly #carrier: StreamCarrier
  readonly #joiner = new SyncJoiner()
  readonly #streams = new Map<number, Stream | 'opening'>()
  /** Frames of streams that are being opened. */
  readonly #early = new Map<number, Uint8Array[]>()
  /** What forgets that a stream is open. */
  readonly #doors = new Map<number, () => void>()
  #earlyBytes = 0
  #draining: NodeJS.Timeout | undefined

  constructor(parts: Parts, device: DeviceRow, carrier: StreamCarrier) {
    this.#parts = parts
    this.#device = device
    this.#carrier = carrier
  }

  /** False for what still comes on a stream that has just been closed here. */
  receive(frame: ChannelFrame): boolean {
    const stream = this.#streams.get(frame.stream)
    if (stream === undefined) return false
    const bytes = this.#joiner.add(frame)
    if (bytes && stream === 'opening') this.#keepEarly(frame.stream, bytes)
    else if (bytes && stream !== 'opening') this.#pass(stream, bytes)
    return true
  }

  /** At once, so that frames of the stream that follow on the heels of its OPEN are kept. */
  reserve(stream: number): void {
    if (this.#streams.has(stream)) throw new MeshError('BAD_MESSAGE', { detail: `stream ${stream} is open already` })
    if (this.#streams.size >= limits.channelStreams)
      throw new MeshError('TOO_MANY', { detail: `${limits.channelStreams} open streams` })
    this.#streams.set(stream, 'opening')
  }

  /** Of a document that is none of the device's business: as if it were not there. */
  refuse(stream: number): void {
    this.#refuse(stream, 'NOT_FOUND', 'there is no such project')
  }

  /** The rights are read after the door is noted, so that a change either is in them or ends the stream (ME8). */
  async open({ stream, project, document }: Extract<UpMessage, { type: 'OPEN' }>): Promise<void> {
    const { access, doors } = this.#parts
    const who = deviceOwner(this.#device)
    this.#doors.set(
      stream,
      doors.enter(project, who.user, error => this.#shut(stream, error)),
    )
    const place = await access.find(who, { kind: 'project', id: project })
    const own = place && (await this.#isOf(place, project, document))
    if (this.#streams.get(stream) !== 'opening') return
    if (!place) return this.#refuse(stream, 'NOT_FOUND', 'there is no such project')
    if (!place.rights.has('read') || !own)
      return this.#refuse(stream, 'FORBIDDEN', 'the document is not one of the project')
    const key = { org: place.org, document }
    const opened = { connection: this.#parts.relay.open(key, this.#peerOf(stream, who, place)), key }
    this.#streams.set(stream, opened)
    for (const frame of this.#takeEarly(stream)) this.#pass(opened, frame)
  }

  /** With the right to write, a document that nobody knows yet becomes one of the project. */
  async #isOf({ org, rights }: Place, project: ProjectId, document: DocumentId): Promise<boolean> {
    const { access, documents } = this.#parts
    if (rights.has('write')) return documents.adopt(org, project, document)
    const found = await access.find(deviceOwner(this.#device), { kind: 'document', id: document })
    return found?.project === project
  }

  /** From here on nothing is taken on the stream. */
  #shut(stream: number, error: MeshError): void {
    const known = this.#streams.get(stream)
    if (known === undefined) return
    if (known !== 'opening') known.connection.close()
    this.#refuse(stream, error.code, error.detail ?? error.message)
  }

  close(stream: number): void {
    const known = this.#streams.get(stream)
    this.#forget(stream)
    if (known !== undefined && known !== 'opening') known.connection.close()
  }

  closeAll(): void {
    clearInterval(this.#draining)
    for (const stream of [...this.#streams.keys()]) this.close(stream)
  }

  #peerOf(stream: number, who: Principal, { rights }: Place): Peer {
    const carrier = this.#carrier
    return {
      name: this.#device.name,
      access: rights.has('write') ? 'write' : 'read',
      canRun: rights.has('run') && rights.has('write'),
      extensions: true,
      get backlogBytes() {
        return carrier.backlogOf(stream)
      },
      tag: { who, author: deviceAuthor(this.#device) },
      send: frame => carrier.sendFrames(stream, splitSync(stream, frame)),
      close: (code, reason) => this.#refuse(stream, codeOfReason(code, reason), reason),
      pause: () => carrier.hold(stream),
      resume: () => carrier.release(stream),
    }
  }

  #pass({ connection, key }: Stream, frame: Uint8Array): void {
    if (writes(frame)) this.#parts.documents.touched(key)
    connection.receive(frame)
    if (this.#carrier.backlogBytes > limits.socketBacklogBytes) this.#waitForDrain()
  }

  /** A device that asks for many documents at once is heard no further until it has read what it asked for (S24). */
  #waitForDrain(): void {
    if (this.#draining) return
    this.#carrier.pause('drain')
    this.#draining = setInterval(() => {
      if (this.#carrier.backlogBytes > limits.socketBacklogBytes / 2) return
      clearInterval(this.#draining)
      this.#draining = undefined
      this.#carrier.resume('drain')
    }, drainMs)
  }

  #keepEarly(stream: number, bytes: Uint8Array): void {
    this.#earlyBytes += bytes.byteLength
    if (this.#earlyBytes > limits.channelCreditBytes + limits.syncFrameBytes)
      throw new MeshError('SLOW_DOWN', { detail: 'too much for streams that are not open yet' })
    const early = this.#early.get(stream) ?? []
    early.push(bytes)
    this.#early.set(stream, early)
  }

  #takeEarly(stream: number): Uint8Array[] {
    const early = this.#early.get(stream) ?? []
    this.#early.delete(stream)
    for (const frame of early) this.#earlyBytes -= frame.byteLength
    return early
  }

  #refuse(stream: number, code: ErrorCode, reason: string): void {
    // Behind what was sent on the stream before.
    this.#carrier.ended(stream, code, reason)
    this.#forget(stream)
  }

  #forget(stream: number): void {
    this.#takeEarly(stream)
    this.#streams.delete(stream)
    this.#doors.get(stream)?.()
    this.#doors.delete(stream)
    this.#joiner.forget(stream)
    this.#carrier.forget(stream)
  }
}

/** The relay's reasons begin with the error's code; a close code alone stands for several, of which the first is the general one. */
function codeOfReason(code: number, reason: string): ErrorCode {
  const named = reason.split(':', 1)[0]
  if (isErrorCode(named)) return named
  return (Object.keys(errors) as ErrorCode[]).find(name => errors[name].close === code) ?? 'INTERNAL'
}
