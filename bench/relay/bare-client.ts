/**
 * A client of the sync protocol that can heal nothing: it never reconnects, keeps no store, and answers the server's
 * question for what it has with what its document holds, by default nothing.
 */
import { readSyncFrame, step1Frame, step2Frame, updateFrame } from '@meshbook/relay/sync-frames.ts'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import type { Dial } from './server-process.ts'

const openMs = 20_000
/** Hocuspocus sends some sync messages under a number of its own. */
const syncReply = 4

export class BareClient {
  readonly doc: Y.Doc
  /** When the socket was open, and when the last byte of the first answer had come (`performance.now`). */
  openedAt = 0
  answeredAt = 0
  readonly #socket: WebSocket
  readonly #prefix: Uint8Array
  readonly #onUpdate: (update: Uint8Array) => void
  #synced: (() => void) | undefined

  private constructor(dial: Dial, doc: Y.Doc, onUpdate: (update: Uint8Array) => void) {
    this.doc = doc
    this.#prefix = dial.prefix
    this.#onUpdate = onUpdate
    this.#socket = new WebSocket(dial.url, { headers: dial.headers, perMessageDeflate: false })
    this.#socket.once('open', () => {
      this.openedAt = performance.now()
      if (dial.hello) this.#sendFrame(dial.hello)
      this.#sendFrame(step1Frame(Y.encodeStateVector(this.doc)))
    })
    this.#socket.on('message', data => this.#receive(new Uint8Array(data as Buffer)))
  }

  /** Resolves when the server has answered with what it has. */
  static async open(dial: Dial, onUpdate: (update: Uint8Array) => void, doc = new Y.Doc()): Promise<BareClient> {
    const client = new BareClient(dial, doc, onUpdate)
    await client.#opened()
    return client
  }

  /** A client that keeps the document. */
  static reading(dial: Dial): Promise<BareClient> {
    const doc = new Y.Doc()
    return BareClient.open(dial, update => Y.applyUpdate(doc, update), doc)
  }

  get connected(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  send(update: Uint8Array): void {
    if (this.connected) this.#sendFrame(updateFrame(update))
  }

  /** Asks again; resolves when the server has answered, and so has read what was sent before. */
  synced(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#synced = resolve
      this.#socket.once('close', code => reject(new Error(`closed with ${code} before it answered`)))
      this.#sendFrame(step1Frame(Y.encodeStateVector(this.doc)))
    })
  }

  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return
    const closed = new Promise<void>(resolve => this.#socket.once('close', () => resolve()))
    this.#socket.terminate()
    await closed
  }

  #opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#socket.terminate(), openMs)
      this.#synced = () => {
        clearTimeout(late)
        resolve()
      }
      this.#socket.once('close', code => {
        clearTimeout(late)
        reject(new Error(`closed with ${code} before it was synced`))
      })
      this.#socket.on('error', reject)
    })
  }

  #sendFrame(frame: Uint8Array): void {
    this.#socket.send(this.#prefix.byteLength ? Buffer.concat([this.#prefix, frame]) : frame)
  }

  #receive(bytes: Uint8Array): void {
    const frame = bytes.subarray(this.#prefix.byteLength)
    if (this.#prefix.byteLength && frame[0] === syncReply) frame[0] = 0
    if (frame[0] !== 0) return
    const message = readSyncFrame(frame)
    if (message.type === 'step2') this.answeredAt ||= performance.now()
    if (message.type === 'step1') this.#sendFrame(step2Frame(Y.encodeStateAsUpdate(this.doc, message.stateVector)))
    if (message.type === 'update' || message.type === 'step2') this.#onUpdate(message.update)
    if (message.type === 'step2') this.#synced?.()
  }
}
