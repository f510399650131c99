/**
 * An open document: its Yjs document, kept in this browser and in step with the hub. It owns the answer to "is it
 * saved?" and knows nothing of what the document means.
 */
import { closeCodes, errors, MeshError } from '@meshbook/core/errors.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { readSyncFrame } from '@meshbook/relay/sync-frames.ts'
import { type Signal, signal } from '@preact/signals'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { ApiError } from '../api/http.ts'
import type { DocumentKeeper, LinkPorts, StoredMeta } from './link-ports.ts'
import { type Peer, peersOf } from './peers.ts'
import { LastingSocket } from './socket.ts'
import { losesWork, type SyncFacts } from './sync-status.ts'

export interface LinkOptions {
  document: string
  /** `<owner>/<project>/<path>` */
  address: string
  user: string
  /** The document was replaced by another one while edits of this browser had not reached the hub; this is its text. */
  onOrphan(text: string): Promise<void>
}

const firstFacts: SyncFacts = {
  connected: false,
  caughtUp: false,
  unacked: 0,
  unstored: 0,
  storeFailed: false,
  refused: undefined,
}

export class DocumentLink {
  readonly doc = new Y.Doc()
  readonly awareness = new Awareness(this.doc)
  readonly facts: Signal<SyncFacts> = signal(firstFacts)
  readonly peers: Signal<readonly Peer[]> = signal([])
  readonly #options: LinkOptions
  readonly #ports: LinkPorts
  readonly #store: DocumentKeeper
  readonly #stopWarning: () => void
  readonly #ready = Promise.withResolvers<void>()
  #socket: LastingSocket | undefined
  #client: SyncClient | undefined
  #meta: StoredMeta | undefined
  #epochSeen = false

  constructor(options: LinkOptions, ports: LinkPorts) {
    this.#options = options
    this.#ports = ports
    this.#store = ports.keep(options.document, ({ pending, failed }) =>
      this.#learn({ unstored: pending, storeFailed: failed }),
    )
    this.awareness.setLocalStateField('user', { name: options.user })
    this.awareness.on('change', this.#showPeers)
    this.#stopWarning = ports.page.onLeave(() => losesWork(this.facts.peek()))
  }

  /** Resolves when there is something to show: what this browser has, or else what the hub has. */
  async open(): Promise<void> {
    const stored = await this.#loadStored()
    this.doc.on('update', this.#keep)
    this.#client = new SyncClient({
      doc: this.doc,
      awareness: this.awareness,
      send: frame => this.#socket?.send(frame),
      // What was loaded from this browser is no new edit; it counts only if some of it had not reached the hub.
      onStatus: ({ connected, synced, unacked }) => {
        this.#learn({ connected, caughtUp: synced, unacked: this.#meta?.dirty === false ? 0 : (unacked ?? 1) })
        this.#cleanIfSaved()
      },
      onEpoch: () => this.#replaced(),
    })
    this.#connect()
    if (!stored) await this.#ready.promise
  }

  async #loadStored(): Promise<boolean> {
    try {
      const stored = await this.#store.load()
      this.#meta = stored?.meta
      if (stored) Y.applyUpdate(this.doc, stored.update, this.#store)
      return stored !== undefined
    } catch {
      // This browser stores nothing (private window, blocked, full): said by the indicator.
      this.#learn({ storeFailed: true })
      return false
    }
  }

  #connect(): void {
    this.#socket = new LastingSocket(
      this.#options.address,
      {
        onOpen: extensions => {
          this.#epochSeen = !extensions
          // What this browser has is offered only once the epoch of the hub's document is known to be the same.
          if (!extensions) this.#client?.opened({ extensions })
        },
        onFrame: frame => this.#receive(frame),
        onClose: () => this.#client?.closed(),
        onRefused: (code, reason) => this.#refused(code, reason),
      },
      this.#ports,
    )
  }

  #receive(frame: Uint8Array): void {
    const message = this.#epochSeen ? undefined : readSyncFrame(frame)
    if (message?.type === 'epoch') {
      if (this.#meta && this.#meta.epoch !== message.epoch) {
        this.#replaced()
        return
      }
      this.#epochSeen = true
      this.#remember({ epoch: message.epoch, dirty: this.#meta?.dirty ?? false })
      this.#client?.opened({ extensions: true })
    }
    this.#client?.receive(frame)
  }

  /** The hub's document is another one than this browser's: never merged, because that doubles the text (I2). */
  #replaced(): void {
    this.#socket?.close()
    const text = this.doc.getText('content').toString()
    const orphan = this.#meta?.dirty === true
    this.#learn({
      connected: false,
      refused: 'The document was replaced on the hub. Reload the page to see the new one.',
    })
    this.#store
      .clear()
      .then(() => (orphan ? this.#options.onOrphan(text) : undefined))
      .then(() => this.#ports.page.reload())
      .catch(() => this.#learn({ storeFailed: true }))
  }

  #refused(code: number, reason: string): void {
    const entry = Object.values(errors).find(candidate => candidate.close === code)
    if (code === closeCodes.epoch) {
      this.#replaced()
      return
    }
    const text = `${entry?.message ?? 'The hub refused the connection'}. ${entry?.hint ?? reason}`
    this.#learn({ connected: false, refused: text })
    this.#ready.reject(
      new ApiError(
        code === closeCodes.notFound
          ? 'NOT_FOUND'
          : code === closeCodes.unauthenticated
            ? 'UNAUTHENTICATED'
            : 'FORBIDDEN',
        reason,
      ),
    )
  }

  readonly #keep = (update: Uint8Array, origin: unknown): void => {
    if (origin === this.#store) return
    if (origin !== this.#client && this.#meta) this.#remember({ ...this.#meta, dirty: true })
    this.#store.append(update)
  }

  #learn(facts: Partial<SyncFacts>): void {
    const next = { ...this.facts.peek(), ...facts }
    this.facts.value = next
    if (next.caughtUp) this.#ready.resolve()
  }

  /** Only where the client says so: the store's own news may come before the client has counted an edit. */
  #cleanIfSaved(): void {
    const { connected, caughtUp, unacked } = this.facts.peek()
    if (this.#meta?.dirty && connected && caughtUp && unacked === 0) this.#remember({ ...this.#meta, dirty: false })
  }

  #remember(meta: StoredMeta): void {
    if (this.#meta?.epoch === meta.epoch && this.#meta.dirty === meta.dirty) return
    this.#meta = meta
    this.#store.remember(meta).catch(() => this.#learn({ storeFailed: true }))
  }

  readonly #showPeers = (): void => {
    this.peers.value = peersOf(this.awareness.getStates(), this.doc.clientID)
  }

  close(): void {
    this.#stopWarning()
    this.awareness.off('change', this.#showPeers)
    this.awareness.destroy()
    this.#socket?.close()
    this.#client?.destroy(new MeshError('SHUTTING_DOWN'))
    this.doc.off('update', this.#keep)
    this.doc.destroy()
  }
}

export async function openDocument(options: LinkOptions, ports: LinkPorts): Promise<DocumentLink> {
  const link = new DocumentLink(options, ports)
  try {
    await link.open()
    return link
  } catch (thrown) {
    link.close()
    throw thrown
  }
}
