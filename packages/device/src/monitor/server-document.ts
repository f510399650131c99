/** One document on a y-websocket server: a Yjs peer over a socket that comes back by itself, visible in awareness. */

import { MeshError } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import type { DocumentId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { WebSocket } from 'ws'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import type { MonitorLog } from './run-store.ts'

export interface ServerDocumentOptions {
  id: DocumentId
  path: string
  url: string
  name: string
  headers: Record<string, string>
  limits: Limits
  random: RandomBytes
  log: MonitorLog
  connected(isConnected: boolean): void
}

/** At a server that never says what is durable, an edit counts as kept once it is on its way. */
const handOverMs = 1_000

export class ServerDocument {
  readonly peer: DocumentPeer
  readonly #options: ServerDocumentOptions
  readonly #doc = new Y.Doc()
  readonly #awareness = new Awareness(this.#doc)
  readonly #client: SyncClient
  readonly #synced = Promise.withResolvers<void>()
  #socket: WebSocket | undefined
  #attempt = 0
  #retry: NodeJS.Timeout | undefined
  #ping: NodeJS.Timeout | undefined
  #closed = false
  #isOpen = false
  #wasMyTurn = false

  constructor(options: ServerDocumentOptions) {
    this.#options = options
    this.#synced.promise.catch(() => undefined)
    this.#awareness.setLocalState({ user: { name: options.name }, monitor: true })
    this.#client = new SyncClient({
      doc: this.#doc,
      awareness: this.#awareness,
      send: frame => this.#socket?.send(frame),
      onStatus: ({ synced }) => synced && this.#synced.resolve(),
    })
    const synced = this.#synced.promise
    this.peer = {
      id: options.id,
      doc: this.#doc,
      ready: synced,
      synced,
      durable: () => this.#durable(),
      isShared: () => false,
      close: () => Promise.resolve(),
    }
  }

  start(): void {
    this.#connect()
  }

  /** Of several monitors the one with the smallest client id acts: without a hub there is nobody else to decide. */
  isMyTurn(): boolean {
    const monitors = [...this.#awareness.getStates()]
      .filter(([, state]) => state.monitor === true)
      .map(([client]) => client)
    return Math.min(...monitors) === this.#doc.clientID
  }

  /** Calls back when this monitor becomes the one that acts. */
  onTurn(listener: () => void): void {
    this.#awareness.on('change', () => {
      const isMine = this.isMyTurn()
      if (isMine && !this.#wasMyTurn) listener()
      this.#wasMyTurn = isMine
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    clearInterval(this.#ping)
    this.#awareness.setLocalState(null)
    this.#client.destroy(new MeshError('SHUTTING_DOWN'))
    this.#awareness.destroy()
    this.#synced.reject(new MeshError('SHUTTING_DOWN'))
    this.#socket?.close()
    const socket = this.#socket
    setTimeout(() => socket?.terminate(), 1_000).unref()
  }

  async #durable(): Promise<void> {
    if (this.#client.unacked === undefined) return
    await Promise.race([this.#client.saved(), new Promise(resolve => setTimeout(resolve, handOverMs).unref())])
  }

  #connect(): void {
    const { url, path, headers, limits } = this.#options
    const address = `${url.replace(/\/$/, '')}/${path.split('/').map(encodeURIComponent).join('/')}`
    // A stock server takes no subprotocol, and one that is asked for and not chosen ends the connection: ours is asked for by sight.
    const protocols = /\/sync\/[^/]+\/[^/]+/.test(address) ? [subprotocol] : []
    const socket = new WebSocket(address, protocols, {
      headers,
      maxPayload: limits.syncFrameBytes,
      handshakeTimeout: limits.handshakeMs,
      perMessageDeflate: false,
    })
    this.#socket = socket
    socket.on('open', () => this.#opened(socket))
    socket.on('message', (data, isBinary) => isBinary && this.#receive(socket, new Uint8Array(data as Buffer)))
    socket.on('error', thrown =>
      this.#options.log.warn({ err: thrown, document: path }, 'the server cannot be reached'),
    )
    socket.on('close', () => this.#disconnected())
  }

  #opened(socket: WebSocket): void {
    this.#attempt = 0
    this.#options.connected(true)
    this.#isOpen = true
    let heard = true
    socket.on('pong', () => {
      heard = true
    })
    this.#ping = setInterval(() => {
      if (!heard) return socket.terminate()
      heard = false
      socket.ping()
    }, this.#options.limits.pingMs)
    this.#client.opened({ extensions: socket.protocol === subprotocol })
  }

  #receive(socket: WebSocket, frame: Uint8Array): void {
    try {
      this.#client.receive(frame)
    } catch (thrown) {
      this.#options.log.warn(
        { err: thrown, document: this.#options.path },
        'the server sent something else than a document',
      )
      socket.close(1002)
    }
  }

  #disconnected(): void {
    clearInterval(this.#ping)
    this.#client.closed()
    if (this.#isOpen) this.#options.connected(false)
    this.#isOpen = false
    this.#socket = undefined
    if (this.#closed) return
    const { limits, random } = this.#options
    this.#attempt++
    const fraction = () => new DataView(random(4).slice().buffer).getUint32(0) / 2 ** 32
    this.#retry = setTimeout(
      () => this.#connect(),
      backoffMs({
        attempt: this.#attempt,
        minMs: limits.reconnectMinMs,
        maxMs: limits.reconnectMaxMs,
        random: fraction,
      }),
    )
  }
}
