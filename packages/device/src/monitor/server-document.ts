/** One document on a y-websocket server: a Yjs peer over a socket that comes back by itself, visible in awareness. */

import { MeshError } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import type { DocumentId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { step1Frame } from '@meshbook/relay/sync-frames.ts'
import { WebSocket } from 'ws'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import { Claims } from './claims.ts'
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
/** The first bytes of a frame with the answer to a state vector: sync, step 2. */
const isStep2 = (frame: Uint8Array): boolean => frame[0] === 0 && frame[1] === 1

export class ServerDocument {
  readonly peer: DocumentPeer
  readonly claims: Claims
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
  /** Which connection this is, while there is one that has brought the document. */
  #connections = 0
  #asked = 0
  #answered = 0
  #waiting: { asked: number; resolve(): void; reject(error: MeshError): void }[] = []
  #whenBack: () => void = () => undefined

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
    this.claims = new Claims(this.#doc, options.name)
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

  get client(): number {
    return this.#doc.clientID
  }

  /** Names the connection while it holds and the document has come by it. */
  get connection(): number | undefined {
    return this.#isOpen && this.#client.synced ? this.#connections : undefined
  }

  /** Resolves when the server has answered to what is sent now: all that it had taken before has come by then. */
  roundTrip(): Promise<void> {
    const socket = this.#socket
    if (!this.#isOpen || !socket) return Promise.reject(new MeshError('UNREACHABLE', { detail: this.#options.url }))
    const asked = ++this.#asked
    socket.send(step1Frame(Y.encodeStateVector(this.#doc)))
    return new Promise((resolve, reject) => this.#waiting.push({ asked, resolve, reject }))
  }

  #monitors(): number[] {
    return [...this.#awareness.getStates()].filter(([, state]) => state.monitor === true).map(([client]) => client)
  }

  isPresent(client: number): boolean {
    return client === this.client || this.#monitors().includes(client)
  }

  /** What is for one monitor to do, whoever it concerns, is for the one with the smallest client id. */
  isFirst(): boolean {
    return Math.min(...this.#monitors(), this.client) === this.client
  }

  isAlone(): boolean {
    return this.#monitors().every(client => client === this.client)
  }

  /** Calls back when the document has come (again), and when another monitor came or went. */
  onChange(listener: () => void): void {
    this.#whenBack = listener
    let before = ''
    this.#awareness.on('change', () => {
      const now = this.#monitors().sort().join(' ')
      if (now !== before) listener()
      before = now
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
    this.#connections++
    // The client asks for the document itself.
    this.#asked = 1
    this.#answered = 0
    this.#client.opened({ extensions: socket.protocol === subprotocol })
  }

  #receive(socket: WebSocket, frame: Uint8Array): void {
    try {
      this.#client.receive(frame)
      if (isStep2(frame)) this.#step2()
    } catch (thrown) {
      this.#options.log.warn(
        { err: thrown, document: this.#options.path },
        'the server sent something else than a document',
      )
      socket.close(1002)
    }
  }

  #step2(): void {
    const answered = ++this.#answered
    const done = this.#waiting.filter(({ asked }) => asked <= answered)
    this.#waiting = this.#waiting.filter(({ asked }) => asked > answered)
    for (const { resolve } of done) resolve()
    if (answered === 1) this.#whenBack()
  }

  #disconnected(): void {
    clearInterval(this.#ping)
    for (const { reject } of this.#waiting.splice(0))
      reject(new MeshError('UNREACHABLE', { detail: this.#options.url }))
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
