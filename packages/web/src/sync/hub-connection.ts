/**
 * The leading tab's connection of a document to the hub: comes back by itself, offers nothing before the epoch is known
 * to be the same (I2), and says which edits the hub acknowledged. It must not know who else is in the browser.
 */
import { closeCodes, MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { readSyncFrame } from '@meshbook/relay/sync-frames.ts'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { covers, type EditVector } from './edit-vector.ts'
import type { LinkPorts } from './link-ports.ts'
import { LastingSocket } from './socket.ts'

/** `connecting`: for the first time. `receiving`: connected, but the hub's content has not arrived yet. */
export type HubState = 'connecting' | 'offline' | 'receiving' | 'live'

export interface HubConnectionOptions {
  address: string
  doc: Y.Doc
  awareness: Awareness
  ports: LinkPorts
  /** The epoch of what the document holds; undefined while it holds nothing. */
  epoch: number | undefined
  /** The edits that the document holds now. */
  have(): EditVector
  onState(state: HubState): void
  onEpoch(epoch: number): void
  /** The hub's document is another one. */
  onReplaced(epoch: number): void
  onAcked(acked: EditVector): void
  onRefused(code: number, reason: string): void
}

export class HubConnection {
  readonly client: SyncClient
  readonly #options: HubConnectionOptions
  #socket: LastingSocket
  #epoch: number | undefined
  #epochSeen = false
  #state: HubState = 'connecting'
  #waiting = false
  #closed = false

  constructor(options: HubConnectionOptions) {
    this.#options = options
    this.#epoch = options.epoch
    this.client = new SyncClient({
      doc: options.doc,
      awareness: options.awareness,
      send: frame => this.#socket.send(frame),
      onStatus: ({ connected, synced }) => connected && this.#tell(synced ? 'live' : 'receiving'),
      onEpoch: theirs => this.#replaced(theirs),
    })
    this.#socket = this.#dial()
    this.edited()
  }

  /** The document has edits that may not be acknowledged. */
  edited(): void {
    // After all listeners of the document: the client counts the edit before it is asked when all are durable.
    if (!this.#waiting) queueMicrotask(() => this.#awaitDurable())
  }

  close(): void {
    this.#closed = true
    this.#socket.close()
    this.client.destroy(new MeshError('SHUTTING_DOWN'))
  }

  #awaitDurable(): void {
    if (this.#waiting || this.#closed) return
    this.#waiting = true
    const mark = { ...this.#options.have() }
    const done = () => {
      this.#waiting = false
      if (this.#closed) return
      this.#options.onAcked(mark)
      if (!covers(mark, this.#options.have())) this.#awaitDurable()
    }
    this.client.saved().then(done, () => {
      this.#waiting = false
    })
  }

  #dial(): LastingSocket {
    return new LastingSocket(
      this.#options.address,
      {
        onOpen: extensions => this.#opened(extensions),
        onFrame: frame => this.#receive(frame),
        onClose: () => {
          this.client.closed()
          this.#tell('offline')
        },
        onRefused: (code, reason) => this.#refused(code, reason),
      },
      this.#options.ports,
    )
  }

  #opened(extensions: boolean): void {
    this.#epochSeen = false
    this.#tell('receiving')
    if (!extensions) this.#meet(0, false)
  }

  #receive(frame: Uint8Array): void {
    if (!this.#epochSeen) {
      const message = readSyncFrame(frame)
      if (message.type !== 'epoch' || !this.#meet(message.epoch, true)) return
    }
    this.client.receive(frame)
  }

  /** Whether this is the document that we have, or the first that we see. */
  #meet(epoch: number, extensions: boolean): boolean {
    if (this.#epoch !== undefined && this.#epoch !== epoch) {
      this.#replaced(epoch)
      return false
    }
    this.#epoch = epoch
    this.#epochSeen = true
    this.#options.onEpoch(epoch)
    this.client.opened({ extensions })
    return true
  }

  #replaced(epoch: number): void {
    if (this.#closed) return
    this.close()
    this.#options.onReplaced(epoch)
  }

  #refused(code: number, reason: string): void {
    if (code !== closeCodes.epoch) {
      this.#options.onRefused(code, reason)
      return
    }
    // Which epoch it has now is the first that it says to a new connection.
    this.#options.ports.after(limits.reconnectMinMs, () => {
      if (!this.#closed) this.#socket = this.#dial()
    })
  }

  #tell(state: HubState): void {
    if (state === this.#state || this.#closed) return
    this.#state = state
    this.#options.onState(state)
  }
}
