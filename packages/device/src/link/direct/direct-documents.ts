/**
 * The documents of one direct connection: a room here and the same room at the other device, joined as the link joins
 * each room to the hub's. A document passes from the first change that is made to it on either device while the
 * connection stands (LAN21). Epochs, durability and authorship stay with the hub: nothing here waits for this path.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { syncFrame } from '@meshbook/core/frames.ts'
import type { DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DirectMessage } from '@meshbook/core/messages.ts'
import type { Connection, Relay } from '@meshbook/relay/relay.ts'
import type { DirectWire } from './wire.ts'

/** A document that this device keeps in step with the hub. */
export interface SharedDocument {
  project: ProjectId
  /** Somebody sends content; called again when it is stored. */
  changed(): void
}

export interface DirectDocumentsPorts {
  relay: Relay
  org: OrgId
  limits: Limits
  wire: DirectWire
  /** Who dialled numbers its streams odd, the other even. */
  isDialer: boolean
  find(document: DocumentId): SharedDocument | undefined
  /** Whether documents of this project may pass now. */
  allows(project: ProjectId): boolean
}

type Open = Extract<DirectMessage, { type: 'OPEN' }>

interface Pipe {
  stream: number
  document: DocumentId
  connection: Connection
  idle: NodeJS.Timeout | undefined
}

/** The name of the other device in the rooms here. */
export const directPeer = 'direct'

export class DirectDocuments {
  readonly #ports: DirectDocumentsPorts
  readonly #pipes = new Map<DocumentId, Pipe>()
  readonly #byStream = new Map<number, Pipe>()
  #lastStream: number

  constructor(ports: DirectDocumentsPorts) {
    this.#ports = ports
    this.#lastStream = ports.isDialer ? -1 : 0
  }

  /** Somebody changed the document here. */
  changed(document: DocumentId): void {
    const known = this.#pipes.get(document)
    if (known?.idle) this.#rest(known)
    if (known || this.#pipes.size >= this.#ports.limits.documentsAwake) return
    const shared = this.#ports.find(document)
    if (!shared || !this.#ports.allows(shared.project)) return
    this.#lastStream += 2
    const stream = this.#lastStream
    this.#ports.wire.send({ type: 'OPEN', stream, project: shared.project, document })
    this.#rest(this.#join(stream, document, shared))
  }

  carries(document: DocumentId): boolean {
    return this.#pipes.has(document)
  }

  receive(message: DirectMessage): void {
    if (message.type === 'OPEN') this.#opened(message)
    else if (message.type === 'CLOSE') this.#leave(this.#byStream.get(message.stream))
    else this.#ports.wire.close(new MeshError('BAD_MESSAGE', { detail: `${message.type} on a direct connection` }))
  }

  sync(stream: number, bytes: Uint8Array): void {
    const pipe = this.#byStream.get(stream)
    // Who is where is told by the hub alone: two ways would contradict each other when one of them ends.
    if (!pipe || isPresence(bytes)) return
    pipe.connection.receive(bytes)
    if (bytes[0] === syncFrame.sync) this.#ports.find(pipe.document)?.changed()
  }

  /** What is not allowed any more ends. */
  review(): void {
    for (const pipe of [...this.#pipes.values()]) {
      const shared = this.#ports.find(pipe.document)
      if (!shared || !this.#ports.allows(shared.project)) this.#end(pipe)
    }
  }

  close(): void {
    for (const pipe of [...this.#pipes.values()]) this.#leave(pipe)
  }

  #opened(open: Open): void {
    const { wire, isDialer } = this.#ports
    const { stream, document } = open
    const isOurs = (stream % 2 === 1) === isDialer
    if (isOurs || this.#byStream.has(stream)) {
      wire.close(new MeshError('BAD_MESSAGE', { detail: `stream ${stream} is not the other device's to open` }))
      return
    }
    const shared = this.#allowed(open)
    const own = this.#pipes.get(document)
    // Both opened it at once: the dialer's stream is the one that stays.
    if (own && !isDialer) this.#end(own)
    const isFull = this.#pipes.size >= this.#ports.limits.documentsAwake
    const code = !shared ? 'NOT_FOUND' : own && isDialer ? 'CONFLICT' : isFull ? 'TOO_MANY' : undefined
    if (shared && !code) this.#join(stream, document, shared)
    else if (code) wire.send({ type: 'CLOSE', stream, code, reason: 'the document does not pass' })
  }

  #allowed({ project, document }: Open): SharedDocument | undefined {
    const shared = this.#ports.find(document)
    return shared?.project === project && this.#ports.allows(project) ? shared : undefined
  }

  #join(stream: number, document: DocumentId, shared: SharedDocument): Pipe {
    const { relay, org, wire } = this.#ports
    const connection = relay.open(
      { org, document },
      {
        name: directPeer,
        access: 'write',
        canRun: false,
        extensions: true,
        get backlogBytes() {
          return wire.backlogOf(stream)
        },
        send: frame => {
          if (isPresence(frame)) return
          wire.sendSync(stream, frame)
          if (frame[0] === syncFrame.durable) setImmediate(() => shared.changed())
        },
        // Of another epoch, or its disk is full: the hub's path settles that, and the next change tries again.
        close: () => this.#end(pipe),
        pause: () => wire.hold(stream),
        resume: () => wire.release(stream),
      },
    )
    const pipe: Pipe = { stream, document, connection, idle: undefined }
    this.#pipes.set(document, pipe)
    this.#byStream.set(stream, pipe)
    return pipe
  }

  /** Who opened a stream lets go of it when nothing was changed for a while. */
  #rest(pipe: Pipe): void {
    clearTimeout(pipe.idle)
    pipe.idle = setTimeout(() => this.#end(pipe), this.#ports.limits.documentIdleMs).unref()
  }

  #end(pipe: Pipe): void {
    if (this.#byStream.get(pipe.stream) !== pipe) return
    this.#ports.wire.send({ type: 'CLOSE', stream: pipe.stream, code: 'CONFLICT', reason: 'it rests' })
    this.#leave(pipe)
  }

  #leave(pipe: Pipe | undefined): void {
    if (!pipe || this.#byStream.get(pipe.stream) !== pipe) return
    clearTimeout(pipe.idle)
    this.#byStream.delete(pipe.stream)
    this.#pipes.delete(pipe.document)
    pipe.connection.close()
  }
}

function isPresence(frame: Uint8Array): boolean {
  return frame[0] === syncFrame.awareness || frame[0] === syncFrame.queryAwareness
}
