/** A connection to one address that comes back by itself, with jittered waits. Knows nothing of documents. */
import { closeCodes } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import type { LinkPorts, Wire } from './link-ports.ts'

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
  readonly #address: string
  readonly #handlers: SocketHandlers
  readonly #ports: Pick<LinkPorts, 'dial' | 'after' | 'random' | 'page'>
  readonly #stopWaking: () => void
  #wire: Wire | undefined
  #attempts = 0
  #cancelRetry: (() => void) | undefined
  #cancelSilence: (() => void) | undefined
  #ended = false

  constructor(address: string, handlers: SocketHandlers, ports: Pick<LinkPorts, 'dial' | 'after' | 'random' | 'page'>) {
    this.#address = address
    this.#handlers = handlers
    this.#ports = ports
    this.#stopWaking = ports.page.onWake(() => this.#hurry())
    this.#connect()
  }

  send(frame: Uint8Array): void {
    if (!this.#wire?.open) return
    this.#wire.send(frame)
    this.#cancelSilence ??= this.#ports.after(silenceMs, () => this.drop())
  }

  /** Ends this connection; another one is made. */
  drop(): void {
    if (!this.#wire || this.#ended) return
    this.#wire.close()
    this.#closed(closeCodes.goingAway, '')
  }

  close(): void {
    this.#ended = true
    this.#cancelRetry?.()
    this.#cancelSilence?.()
    this.#stopWaking()
    this.#wire?.close()
  }

  #connect(): void {
    if (this.#ended) return
    this.#cancelRetry = undefined
    this.#wire = this.#ports.dial(this.#address, {
      opened: extensions => this.#handlers.onOpen(extensions),
      frame: frame => {
        this.#attempts = 0
        this.#heard()
        this.#handlers.onFrame(frame)
      },
      closed: (code, reason) => this.#closed(code, reason),
    })
  }

  #heard(): void {
    this.#cancelSilence?.()
    this.#cancelSilence = undefined
  }

  #closed(code: number, reason: string): void {
    this.#wire = undefined
    this.#heard()
    if (this.#ended) return
    this.#handlers.onClose()
    if (final.has(code)) {
      this.close()
      this.#handlers.onRefused(code, reason)
      return
    }
    const [minMs, maxMs] = [limits.reconnectMinMs, limits.reconnectMaxMs]
    const wait = backoffMs({ attempt: ++this.#attempts, minMs, maxMs, random: this.#ports.random })
    this.#cancelRetry = this.#ports.after(wait, () => this.#connect())
  }

  /** The network or the user is back: no reason to wait. */
  #hurry(): void {
    if (!this.#cancelRetry) return
    this.#cancelRetry()
    this.#connect()
  }
}
