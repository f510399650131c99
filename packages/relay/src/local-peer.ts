/**
 * A Yjs document inside this process as a peer of a room: for the hub and the device to read and write documents
 * themselves. When the room goes away because the disk failed, it comes back by itself with all its edits.
 */
import { asMeshError, closeCodes, MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as Y from 'yjs'
import type { Connection, DocumentKey, Peer, Relay } from './relay.ts'
import { SyncClient } from './sync-client.ts'

export interface LocalPeerOptions {
  name: string
  canRun?: boolean
  tag?: unknown
  /** Each time the room ended this peer's connection; `final` when it does not come back. */
  onError?: (error: MeshError, final: boolean) => void
  /** Each time that the room's content is here, at first and after an error. */
  onSynced?: () => void
}

export interface LocalPeer {
  readonly doc: Y.Doc
  /** Resolves when the document's content is there. */
  readonly ready: Promise<void>
  /** Resolves when every edit made here so far is fsynced (I1). */
  durable(): Promise<void>
  close(): void
}

const finalCodes = new Map<number, MeshError>([
  [closeCodes.notFound, new MeshError('NOT_FOUND')],
  [closeCodes.forbidden, new MeshError('FORBIDDEN')],
  [closeCodes.epoch, new MeshError('EPOCH')],
  [closeCodes.tooLarge, new MeshError('TOO_LARGE')],
  [closeCodes.hostile, new MeshError('HOSTILE_UPDATE')],
  [closeCodes.goingAway, new MeshError('SHUTTING_DOWN')],
])

export function openLocalPeer(relay: Relay, key: DocumentKey, options: LocalPeerOptions): LocalPeer {
  return new InProcessPeer(relay, key, options)
}

class InProcessPeer implements LocalPeer {
  readonly doc = new Y.Doc()
  readonly ready: Promise<void>
  readonly #relay: Relay
  readonly #key: DocumentKey
  readonly #options: LocalPeerOptions
  readonly #client: SyncClient
  #connection: Connection | undefined
  /** Frames from the room; taken in a later turn, because the room may be in the middle of telling others. */
  #inbox: Uint8Array[] = []
  #retryMs: number = limits.reconnectMinMs
  #cancelRetry: (() => void) | undefined
  #ended = false
  readonly #isReady = Promise.withResolvers<void>()

  constructor(relay: Relay, key: DocumentKey, options: LocalPeerOptions) {
    this.#relay = relay
    this.#key = key
    this.#options = options
    this.doc.clientID = clientIdFrom(relay.random(4))
    this.ready = this.#isReady.promise
    // Nobody need wait for it; an error is told by `onError` too.
    this.ready.catch(() => undefined)
    this.#client = new SyncClient({
      doc: this.doc,
      send: frame => this.#connection?.receive(frame),
      onStatus: status => status.synced && this.#onSynced(),
    })
    this.#connect()
  }

  durable(): Promise<void> {
    return this.#client.saved()
  }

  close(): void {
    this.#end(new MeshError('SHUTTING_DOWN', { detail: 'the local peer was closed' }))
    this.#connection?.close()
    this.#connection = undefined
  }

  #onSynced(): void {
    this.#retryMs = limits.reconnectMinMs
    this.#isReady.resolve()
    this.#options.onSynced?.()
  }

  #connect(): void {
    const inbox: Uint8Array[] = []
    this.#inbox = inbox
    this.#connection = this.#relay.open(this.#key, this.#peerWith(inbox))
    this.#client.opened({ extensions: true })
  }

  #peerWith(inbox: Uint8Array[]): Peer {
    return {
      name: this.#options.name,
      access: 'write',
      canRun: this.#options.canRun ?? false,
      extensions: true,
      backlogBytes: 0,
      tag: this.#options.tag,
      send: frame => {
        if (inbox.push(frame) === 1) queueMicrotask(() => this.#drain(inbox))
      },
      close: (code, reason) => {
        if (this.#inbox === inbox) this.#onClosed(code, reason)
      },
    }
  }

  #drain(inbox: Uint8Array[]): void {
    const frames = inbox.splice(0)
    if (this.#inbox !== inbox || this.#ended) return
    try {
      for (const frame of frames) this.#client.receive(frame)
    } catch (thrown) {
      this.#options.onError?.(asMeshError(thrown), false)
      this.#connection?.close()
      this.#retryLater()
    }
  }

  #onClosed(code: number, reason: string): void {
    const final = finalCodes.get(code)
    this.#options.onError?.(final ?? new MeshError('STORAGE_FAILED', { detail: reason }), final !== undefined)
    if (final) this.#end(final)
    else this.#retryLater()
  }

  #retryLater(): void {
    this.#connection = undefined
    this.#inbox = []
    this.#client.closed()
    if (this.#ended) return
    this.#cancelRetry = this.#relay.after(this.#retryMs, () => this.#connect())
    this.#retryMs = Math.min(this.#retryMs * 2, limits.reconnectMaxMs)
  }

  #end(error: MeshError): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelRetry?.()
    this.#client.destroy(error)
    this.#isReady.reject(error)
  }
}

/** A Yjs client id: 32 random bits. */
function clientIdFrom(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}
