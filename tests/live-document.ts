/**
 * Somebody who types: a document held over a real socket that comes back by itself, as a browser's does. Every piece that
 * is typed is different from all others, so that a test can say which are lost and which are doubled.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { WebSocket } from 'ws'
import * as Y from 'yjs'

export class LiveDocument {
  readonly doc = new Y.Doc()
  readonly client: SyncClient
  readonly #url: string
  readonly #token: string
  readonly #name: string
  #socket: WebSocket | undefined
  #retry: NodeJS.Timeout | undefined
  #typing: NodeJS.Timeout | undefined
  #ended = false
  #typed = 0
  /** Pieces of which the hub has said that they are durable: the first so many. */
  durable = 0

  constructor(url: string, token: string, name: string) {
    this.#url = url
    this.#token = token
    this.#name = name
    this.client = new SyncClient({
      doc: this.doc,
      send: frame => this.#socket?.readyState === WebSocket.OPEN && this.#socket.send(frame),
      onStatus: ({ unacked }) => {
        if (unacked === 0) this.durable = this.#typed
      },
    })
    this.#connect()
  }

  get text(): string {
    return this.doc.getText('content').toString()
  }
  get typed(): number {
    return this.#typed
  }

  piece(index: number): string {
    return `${this.#name}:${index}\n`
  }

  type(): void {
    const text = this.doc.getText('content')
    this.#typed++
    text.insert(text.length, this.piece(this.#typed))
  }

  typeEvery(ms: number): void {
    this.#typing = setInterval(() => this.type(), ms)
  }

  stopTyping(): void {
    clearInterval(this.#typing)
  }

  close(): void {
    this.#ended = true
    this.stopTyping()
    clearTimeout(this.#retry)
    this.#socket?.terminate()
    this.client.destroy(new MeshError('SHUTTING_DOWN'))
    this.doc.destroy()
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, [subprotocol], { headers: { authorization: `Bearer ${this.#token}` } })
    this.#socket = socket
    socket.on('open', () => this.client.opened({ extensions: true }))
    socket.on('message', (frame: Buffer) => this.client.receive(new Uint8Array(frame)))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      this.client.closed()
      if (!this.#ended) this.#retry = setTimeout(() => this.#connect(), 200)
    })
  }
}
