/**
 * The pipes between this device's rooms and the hub's: each open document is one stream of the channel and one
 * connection in the local relay, and what the one sends the other gets. Two relays piped like this are peers of each
 * other, so both sides converge whatever happened while they were apart.
 */
import { asMeshError, closeCodes, type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, type Epoch, type OrgId, type ProjectId, parseEpoch } from '@meshbook/core/ids.ts'
import type { Connection, Relay } from '@meshbook/relay/relay.ts'
import { readSyncFrame, type SyncMessage } from '@meshbook/relay/sync-frames.ts'
import type { Problems } from '../problems.ts'
import type { Uplink, UplinkEvents } from '../uplink.ts'
import type { Channel } from './channel.ts'

/** The hub's name in the rooms here. */
export const hubPeer = 'hub'
const emptyUpdateBytes = 2
const reopenMs = 1_000

interface Piped {
  project: ProjectId
  document: DocumentId
  events: UplinkEvents
  pipe: Pipe | undefined
  /** Its local copy gives way to the hub's document; the stream comes back afterwards. */
  isMoving: boolean
  /** Who waits until the hub has so many frames of a connection. */
  waiting: { connection: Connection; frames: number; act: () => void }[]
  /** The last pipe ended before all that came through it was known to be stored. */
  hasNews: boolean
}

interface Pipe {
  stream: number
  connection: Connection
  /** Update-carrying frames that the hub has sent, and which of them was its answer to what we have. */
  received: number
  answer: number | undefined
  /** The last of them with content that may not be stored here yet; 0 if all is. */
  news: number
  ours: Epoch | undefined
  theirs: Epoch | undefined
}

/** A step 2 without structs may still name deletions, which cannot be told from those that are known. */
function bringsContent(frame: SyncMessage): boolean {
  return (frame.type === 'update' || frame.type === 'step2') && frame.update.byteLength > emptyUpdateBytes
}

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

  open(project: ProjectId, document: DocumentId, events: UplinkEvents): void {
    const piped: Piped = { project, document, events, pipe: undefined, isMoving: false, waiting: [], hasNews: false }
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

  /** A document that is kept in step with the hub. */
  find(document: DocumentId): { project: ProjectId; changed(): void } | undefined {
    const piped = this.#documents.get(document)
    return piped && { project: piped.project, changed: () => piped.events.changed() }
  }

  /** Acts once the hub has all that this device sends it of the document now; never, if it goes out of reach before. */
  whenAtHub(document: DocumentId, act: () => void): void {
    const piped = this.#documents.get(document)
    const connection = piped?.pipe?.connection
    if (!piped || !connection || connection.settled) {
      act()
      return
    }
    // Before the first answer nothing is sent yet.
    piped.waiting.push({ connection, frames: Math.max(1, connection.delivery.sent), act })
  }

  settledAt(document: DocumentId): Epoch | undefined {
    const pipe = this.#documents.get(document)?.pipe
    return pipe?.connection.settled ? pipe.theirs : undefined
  }

  /** The channel is welcome: every open document gets its stream again. */
  up(channel: Channel): void {
    this.#channel = channel
    for (const piped of this.#documents.values()) this.#connect(piped, channel)
  }

  /** What the hub refused before, in projects that it names, is asked for once more: rights may have come. */
  reopen(projects: ReadonlySet<ProjectId>): void {
    for (const piped of this.#documents.values()) if (projects.has(piped.project)) this.#reconnect(piped)
  }

  down(): void {
    this.#channel = undefined
    for (const piped of this.#documents.values()) {
      if (piped.pipe?.connection.settled) piped.events.delivered(true)
      this.#disconnect(piped)
    }
  }

  receive(stream: number, bytes: Uint8Array): void {
    const piped = this.#byStream.get(stream)
    const pipe = piped?.pipe
    // A frame may still come on a stream that has just been closed here.
    if (!pipe) return
    const frame = readSyncFrame(bytes)
    const { type } = frame
    if (frame.type === 'epoch') pipe.theirs = parseEpoch(frame.epoch)
    if (type === 'step2' || type === 'update') pipe.received++
    if (type === 'step2') pipe.answer ??= pipe.received
    const isNews = bringsContent(frame)
    if (isNews) pipe.news = pipe.received
    pipe.connection.receive(bytes)
    if (isNews) piped.events.changed()
  }

  /** The hub has ended a stream. */
  closedByHub(stream: number, code: ErrorCode, reason: string): void {
    const piped = this.#byStream.get(stream)
    if (!piped) return
    const { pipe } = piped
    this.#disconnect(piped)
    const error = new MeshError(code, { detail: `the hub does not sync ${piped.document}: ${reason}` })
    if (code === 'EPOCH') {
      this.#onEpoch(piped, pipe)
      return
    }
    this.#problems.report(`sync ${piped.document}`, error)
    if (error.entry.retry === 'backoff') this.#connectLater(piped)
  }

  #connect(piped: Piped, channel: Channel): void {
    if (piped.isMoving) return
    const stream = ++this.#lastStream
    channel.send({ type: 'OPEN', stream, project: piped.project, document: piped.document })
    const connection = this.#relay.open(
      { org: this.#org, document: piped.document },
      {
        name: hubPeer,
        access: 'write',
        canRun: false,
        extensions: true,
        get backlogBytes() {
          return channel.backlogOf(stream)
        },
        send: frame => {
          channel.sendSync(stream, frame)
          this.#noticeDurable(piped, frame)
        },
        close: (code, reason) => this.#closedByRelay(piped, stream, channel, code, reason),
        pause: () => channel.pause(stream),
        resume: () => channel.resume(stream),
        onDelivery: () => {
          piped.events.delivered(false)
          this.#actAtHub(piped)
        },
      },
    )
    // Whatever came before is stored before the first frame of this one.
    const news = piped.hasNews ? 1 : 0
    piped.hasNews = false
    piped.pipe = { stream, connection, received: 0, answer: undefined, news, ours: undefined, theirs: undefined }
    this.#byStream.set(stream, piped)
    this.#problems.solve(`sync ${piped.document}`)
  }

  #actAtHub(piped: Piped): void {
    const { waiting, pipe } = piped
    const isReady = ({ connection: { settled, delivery }, frames }: (typeof waiting)[number]) =>
      settled || delivery.durable >= frames
    piped.waiting = waiting.filter(one => one.connection === pipe?.connection && !isReady(one))
    for (const one of waiting) if (one.connection === pipe?.connection && isReady(one)) one.act()
  }

  /** Once what the hub sent is durable here, whoever reads the document here has it. */
  #noticeDurable(piped: Piped, frame: Uint8Array): void {
    const { pipe } = piped
    if (!pipe || (pipe.ours !== undefined && !pipe.answer && pipe.news === 0)) return
    const message = readSyncFrame(frame)
    if (message.type === 'epoch') pipe.ours = parseEpoch(message.epoch)
    if (message.type !== 'durable') return
    const { answer, news } = pipe
    // Readers in this process get their frames in a later microtask of this turn.
    const soon = (tell: () => void) => setImmediate(() => piped.pipe === pipe && tell())
    if (answer !== undefined && answer > 0 && message.count >= answer) {
      pipe.answer = 0
      soon(() => piped.events.synced())
    }
    if (news > 0 && message.count >= news) {
      pipe.news = 0
      soon(() => piped.events.changed())
    }
  }

  #closedByRelay(piped: Piped, stream: number, channel: Channel, code: number, reason: string): void {
    const { pipe } = piped
    this.#disconnect(piped)
    channel.send({ type: 'CLOSE', stream })
    if (code === closeCodes.epoch) {
      this.#onEpoch(piped, pipe)
      return
    }
    this.#problems.report(
      `sync ${piped.document}`,
      new MeshError('STORAGE_FAILED', { detail: `${piped.document} is not synced (${code} ${reason})` }),
    )
    // The room comes back with its disk; the stream follows it.
    this.#connectLater(piped)
  }

  #connectLater(piped: Piped): void {
    this.#relay.after(reopenMs, () => this.#reconnect(piped))
  }

  #reconnect(piped: Piped): void {
    if (this.#channel && this.#documents.get(piped.document) === piped && !piped.pipe)
      this.#connect(piped, this.#channel)
  }

  /**
   * One side has another epoch than the other. A document that was renewed just now tells its new epoch to the next
   * stream; where it is known, the local copy is the one that gives way (DV60).
   */
  #onEpoch(piped: Piped, pipe: Pipe | undefined): void {
    const theirs = pipe?.theirs
    if (piped.isMoving) return
    if (theirs === undefined || theirs === pipe?.ours) {
      this.#connectLater(piped)
      return
    }
    piped.isMoving = true
    piped.events.replaced(theirs).then(
      () => {
        piped.isMoving = false
        this.#reconnect(piped)
      },
      thrown => {
        piped.isMoving = false
        this.#problems.report(`sync ${piped.document}`, asMeshError(thrown))
        this.#connectLater(piped)
      },
    )
  }

  #disconnect(piped: Piped): void {
    const { pipe } = piped
    if (!pipe) return
    piped.pipe = undefined
    piped.hasNews ||= pipe.news > 0
    this.#byStream.delete(pipe.stream)
    this.#channel?.resume(pipe.stream)
    pipe.connection.close()
  }
}
