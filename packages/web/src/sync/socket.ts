/** A WebSocket to one address that comes back by itself, with jittered waits. Knows nothing of documents. */
import { closeCodes } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import { limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'

export interface SocketHandlers {
  onOpen(extensions: boolean): void
  onFrame(frame: Uint8Array): void
  onClose(): void
  /** The server will not have us again: why. */
  onRefused(code: number, reason: string): void
}

const final = new Set<number>([
  closeCodes.unauthenticated,
  closeCodes.forbidden,
  closeCodes.notFound,
  closeCodes.epoch,
  closeCodes.tooLarge,
  closeCodes.hostile,
])
/** A server that says nothing for so long after something was sent is taken for dead. */
const silenceMs = limits.handshakeMs * 1.5

export class LastingSocket {
  readonly #url: string
  readonly #handlers: SocketHandlers
  readonly #random: () => number
  #socket: WebSocket | undefined
  #attempts = 0
  #retry: ReturnType<typeof setTimeout> | undefined
  #silence: ReturnType<typeof setTimeout> | undefined
  #ended = false

  constructor(url: string, handlers: SocketHandlers, random: () => number) {
    this.#random = random
    this.#url = url
    this.#handlers = handlers
    addEventListener('online', this.#hurry)
    document.addEventListener('visibilitychange', this.#hurry)
    this.#connect()
  }

  send(frame: Uint8Array): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return
    this.#socket.send(frame as Uint8Array<ArrayBuffer>)
    this.#silence ??= setTimeout(() => this.#socket?.close(), silenceMs)
  }

  /** Ends this connection; another one is made. */
  drop(): void {
    this.#socket?.close()
  }

  close(): void {
    this.#ended = true
    clearTimeout(this.#retry)
    clearTimeout(this.#silence)
    removeEventListener('online', this.#hurry)
    document.removeEventListener('visibilitychange', this.#hurry)
    this.#socket?.close()
  }

  #connect(): void {
    if (this.#ended) return
    const socket = new WebSocket(this.#url, [subprotocol])
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    socket.onopen = () => {
      this.#handlers.onOpen(socket.protocol === subprotocol)
    }
    socket.onmessage = message => {
      this.#attempts = 0
      clearTimeout(this.#silence)
      this.#silence = undefined
      if (message.data instanceof ArrayBuffer) this.#handlers.onFrame(new Uint8Array(message.data))
    }
    socket.onclose = event => this.#closed(event)
  }

  #closed(event: CloseEvent): void {
    clearTimeout(this.#silence)
    this.#silence = undefined
    if (this.#ended) return
    this.#handlers.onClose()
    if (final.has(event.code)) {
      this.close()
      this.#handlers.onRefused(event.code, event.reason)
      return
    }
    const { reconnectMinMs: minMs, reconnectMaxMs: maxMs } = limits
    const wait = backoffMs({ attempt: ++this.#attempts, minMs, maxMs, random: this.#random })
    this.#retry = setTimeout(() => this.#connect(), wait)
  }

  /** The network or the user is back: no reason to wait. */
  readonly #hurry = (): void => {
    if (this.#ended || document.hidden || this.#socket?.readyState !== WebSocket.CLOSED) return
    clearTimeout(this.#retry)
    this.#connect()
  }
}
