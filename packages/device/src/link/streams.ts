/**
 * The pipes between this device's rooms and the hub's: each open document is one stream of the channel and one
 * connection in the local relay, and what the one sends the other gets. Two relays piped like this are peers of each
 * other, so both sides converge whatever happened while they were apart.
 */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Connection, Relay } from '@meshbook/relay/relay.ts'
import { readSyncFrame, type SyncMessage } from '@meshbook/relay/sync-frames.ts'
import type { Uplink } from '../documents.ts'
import type { Problems } from '../problems.ts'
import type { Channel } from './channel.ts'

const emptyUpdateBytes = 2

interface Piped {
  project: ProjectId
  document: DocumentId
  synced(): void
  changed(): void
  pipe: Pipe | undefined
}

interface Pipe {
  stream: number
  connection: Connection
  /** Update-carrying frames that the hub has sent, and which of them was its answer to what we have. */
  received: number
  answer: number | undefined
}

/** A step 2 without structs may still name deletions, which cannot be told from those that are known. */
function bringsContent(frame: SyncMessage): boolean {
  return (frame.type === 'update' || frame.type === 'step2') && frame.update.byteLength > emptyUpdateBytes
}

/** Between the end of a stream that may come back and the next attempt. */
const againMs = 1_000

export class Streams implements Uplink {
  readonly #relay: Relay
  readonly #org: OrgId
  readonly #problems: Problems
  readonly #documents = new Map<DocumentId, Piped>()
  readonly #byStream = new Map<number, Piped>()
  #channel: Channel | undefined
  #lastStream = 0

  constructor(relay: Relay, org: OrgId, problems: Problems) {
    this.#relay = relay
    this.#org = org
    this.#problems = problems
  }

  open(project: ProjectId, document: DocumentId, synced: () => void, changed: () => void): void {
    const piped: Piped = { project, document, synced, changed, pipe: undefined }
    this.#documents.set(document, piped)
    if (this.#channel) this.#connect(piped, this.#channel)
  }

  close(document: DocumentId): void {
    const piped = this.#documents.get(document)
    this.#documents.delete(document)
    this.#problems.solve(`sync ${document}`)
    const stream = piped?.pipe?.stream
    if (!piped || stream === undefined) return
    this.#disconnect(piped)
    this.#channel?.send({ type: 'CLOSE', stream })
  }

  /** The channel is welcome: every open document gets its stream again. */
  up(channel: Channel): void {
    this.#channel = channel
    for (const piped of this.#documents.values()) this.#connect(piped, channel)
  }

  down(): void {
    this.#channel = undefined
    for (const piped of this.#documents.values()) this.#disconnect(piped)
  }

  receive(stream: number, bytes: Uint8Array): void {
    const piped = this.#byStream.get(stream)
    const pipe = piped?.pipe
    // A frame may still come on a stream that has just been closed here.
    if (!pipe) return
    const frame = readSyncFrame(bytes)
    const { type } = frame
    if (type === 'step2' || type === 'update') pipe.received++
    if (type === 'step2') pipe.answer ??= pipe.received
    pipe.connection.receive(bytes)
    if (bringsContent(frame)) piped.changed()
  }

  /** The hub has ended a stream. */
  closedByHub(stream: number, code: ErrorCode, reason: string): void {
    const piped = this.#byStream.get(stream)
    if (!piped) return
    this.#disconnect(piped)
    const error = new MeshError(code, { detail: `the hub does not sync ${piped.document}: ${reason}` })
    this.#problems.report(`sync ${piped.document}`, error)
    if (error.entry.retry === 'backoff') this.#connectLater(piped)
  }

  #connect(piped: Piped, channel: Channel): void {
    const stream = ++this.#lastStream
    channel.send({ type: 'OPEN', stream, project: piped.project, document: piped.document })
    const connection = this.#relay.open(
      { org: this.#org, document: piped.document },
      {
        name: 'hub',
        access: 'write',
        canRun: false,
        extensions: true,
        get backlogBytes() {
          return channel.backlogBytes
        },
        send: frame => {
          channel.sendSync(stream, frame)
          this.#noticeDurable(piped, frame)
        },
        close: (code, reason) => this.#closedByRelay(piped, stream, channel, code, reason),
        pause: () => channel.pause(stream),
        resume: () => channel.resume(stream),
      },
    )
    piped.pipe = { stream, connection, received: 0, answer: undefined }
    this.#byStream.set(stream, piped)
    this.#problems.solve(`sync ${piped.document}`)
  }

  /** Once the hub's answer is durable here, whoever reads the document here has it. */
  #noticeDurable(piped: Piped, frame: Uint8Array): void {
    const answer = piped.pipe?.answer
    if (answer === undefined || answer === 0) return
    const message = readSyncFrame(frame)
    if (message.type !== 'durable' || message.count < answer) return
    piped.pipe!.answer = 0
    // Readers in this process get their frames in a later microtask of this turn.
    setImmediate(() => piped.synced())
  }

  #closedByRelay(piped: Piped, stream: number, channel: Channel, code: number, reason: string): void {
    this.#disconnect(piped)
    channel.send({ type: 'CLOSE', stream })
    this.#problems.report(
      `sync ${piped.document}`,
      new MeshError('STORAGE_FAILED', { detail: `${piped.document} is not synced (${code} ${reason})` }),
    )
    this.#connectLater(piped)
  }

  /** A room comes back with its disk, here as at the hub; the stream follows it. */
  #connectLater(piped: Piped): void {
    const channel = this.#channel
    this.#relay.after(againMs, () => {
      if (channel && this.#channel === channel && this.#documents.get(piped.document) === piped && !piped.pipe)
        this.#connect(piped, channel)
    })
  }

  #disconnect(piped: Piped): void {
    const { pipe } = piped
    if (!pipe) return
    piped.pipe = undefined
    this.#byStream.delete(pipe.stream)
    this.#channel?.resume(pipe.stream)
    pipe.connection.close()
  }
}
