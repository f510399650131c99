/** A SyncClient on a real socket, without reconnecting: what it has after a cut is exactly what the server gave it. */
import { once } from 'node:events'
import { MeshError } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { SyncClient } from '../sync-client.ts'

export class SocketClient {
  readonly doc = new Y.Doc()
  readonly client: SyncClient
  readonly #socket: WebSocket
  /** Edits made here that were told to be durable. */
  durable = 0

  constructor(url: string) {
    this.#socket = new WebSocket(url, [subprotocol])
    let made = 0
    this.doc.on('update', (_update: Uint8Array, origin: unknown) => {
      if (origin !== this.client) made++
    })
    const onStatus = () => {
      this.durable = made - (this.client?.unacked ?? made)
    }
    this.client = new SyncClient({
      doc: this.doc,
      onStatus,
      send: frame => this.#socket.readyState === WebSocket.OPEN && this.#socket.send(frame),
    })
    // In the handler itself: the server's first frames may be handed over in the same turn as the opening.
    this.#socket.on('open', () => this.client.opened({ extensions: true }))
    this.#socket.on('message', (frame: Buffer) => this.client.receive(frame))
    this.#socket.on('error', () => this.#socket.terminate())
  }

  async open(): Promise<void> {
    await once(this.#socket, 'open')
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  close(): void {
    this.#socket.terminate()
    this.client.destroy(new MeshError('SHUTTING_DOWN'))
  }
}
