/**
 * Clients of a document whose every edit carries a mark of its own, so that each can be looked for afterwards. A mark has
 * a fixed width and is inserted only between marks: no edit tears another one's.
 */
import { once } from 'node:events'
import { MeshError } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { readSyncFrame, step1Frame, step2Frame } from '@meshbook/relay/sync-frames.ts'
import { WebSocket } from 'ws'
import * as Y from 'yjs'

const markBytes = 9
const marker = /#([0-9a-z]{7});/g
export const textName = 'content'
export const markOf = (n: number): string => `#${n.toString(36).padStart(7, '0')};`

export function marksIn(text: string | Uint8Array): number[] {
  const plain =
    typeof text === 'string' ? text : Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1')
  return Array.from(plain.matchAll(marker), match => Number.parseInt(match[1]!, 36))
}

export interface Dial {
  url: string
  token: string
}

function dialled({ url, token }: Dial): WebSocket {
  return new WebSocket(url, [subprotocol], {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
    handshakeTimeout: 20_000,
  })
}

/** Knows of each mark that it inserted or deleted whether the server has said that this is durable. */
export class MarkingClient {
  readonly doc = new Y.Doc()
  readonly #made: { insert?: number; remove?: number }[] = []
  readonly #client: SyncClient
  #socket: WebSocket | undefined
  closeCode: number | undefined

  constructor() {
    this.#client = new SyncClient({
      doc: this.doc,
      send: frame => this.isOpen && this.#socket!.send(frame),
    })
  }

  /** May be called again after a cut: everything that was not acknowledged is brought again. */
  async connect(dial: Dial): Promise<boolean> {
    const socket = dialled(dial)
    this.#socket = socket
    this.closeCode = undefined
    socket.on('open', () => this.#client.opened({ extensions: true }))
    socket.on('message', data => this.#client.receive(new Uint8Array(data as Buffer)))
    socket.on('error', () => socket.terminate())
    socket.on('close', code => {
      if (this.#socket !== socket) return
      this.closeCode = code
      this.#client.closed()
    })
    await Promise.race([once(socket, 'open'), once(socket, 'close')]).catch(() => socket.terminate())
    return this.isOpen
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }
  get synced(): boolean {
    return this.#client.synced
  }
  get unacked(): number {
    return this.#client.unacked ?? 0
  }
  /** Edits of this client that are acknowledged, over all its connections. */
  get acknowledged(): number {
    return this.#made.length - this.unacked
  }

  insert(mark: number, share: number): void {
    const text = this.doc.getText(textName)
    const places = text.length / markBytes
    this.#made.push({ insert: mark })
    text.insert(Math.floor(share * (places + 1)) * markBytes, markOf(mark))
  }

  /** Deletes the mark that stands at this share of the text; undefined when there is none. */
  remove(share: number): number | undefined {
    const text = this.doc.getText(textName)
    const places = text.length / markBytes
    if (places === 0) return undefined
    const at = Math.floor(share * places) * markBytes
    const [mark] = marksIn(text.toString().slice(at, at + markBytes))
    this.#made.push({ remove: mark! })
    text.delete(at, markBytes)
    return mark
  }

  acknowledgedMarks(): { inserted: number[]; removed: number[] } {
    const durable = this.#made.slice(0, this.acknowledged)
    return {
      inserted: durable.flatMap(({ insert }) => (insert === undefined ? [] : [insert])),
      removed: durable.flatMap(({ remove }) => (remove === undefined ? [] : [remove])),
    }
  }

  cut(): void {
    this.#socket?.terminate()
  }

  /** It never comes back: what was not acknowledged is lost with it. */
  end(): void {
    this.cut()
    this.#client.destroy(new MeshError('SHUTTING_DOWN'))
    this.doc.destroy()
  }
}

/** Never reconnects, keeps no document, answers that it has nothing: it heals nothing. It only notes the marks it was sent. */
export class Onlooker {
  readonly seen = new Set<number>()
  readonly #socket: WebSocket
  /** Marks that came as edits of others, not with the document. */
  live = 0
  synced = false

  constructor(dial: Dial) {
    this.#socket = dialled(dial)
    this.#socket.on('open', () => this.#socket.send(step1Frame(new Uint8Array([0]))))
    this.#socket.on('message', data => this.#receive(new Uint8Array(data as Buffer)))
    this.#socket.on('error', () => this.#socket.terminate())
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  end(): void {
    this.#socket.terminate()
  }

  #receive(frame: Uint8Array): void {
    const message = readSyncFrame(frame)
    if (message.type === 'step1') this.#socket.send(step2Frame(new Uint8Array([0, 0])))
    if (message.type !== 'update' && message.type !== 'step2') return
    const marks = marksIn(message.update)
    if (message.type === 'step2') this.synced = true
    else this.live += marks.length
    for (const mark of marks) this.seen.add(mark)
  }
}

/** What a client that has nothing is given: the text of the document. */
export async function readBack(dial: Dial): Promise<string> {
  const doc = new Y.Doc()
  const socket = dialled(dial)
  const late = setTimeout(() => socket.terminate(), 20_000)
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.on('open', () => socket.send(step1Frame(new Uint8Array([0]))))
      socket.on('error', reject)
      socket.on('close', code => reject(new Error(`closed with ${code} before the document came`)))
      socket.on('message', data => {
        const message = readSyncFrame(new Uint8Array(data as Buffer))
        if (message.type !== 'step2') return
        Y.applyUpdate(doc, message.update)
        if (doc.store.pendingStructs) reject(new Error('the document came with a gap'))
        else resolve(doc.getText(textName).toString())
      })
    })
  } finally {
    clearTimeout(late)
    socket.terminate()
    doc.destroy()
  }
}
