/** Keeps a WebSocket honest: pings it, ends it when it is dead, and closes it with a code of the catalogue. */

import { closeCodes, type MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { WebSocket } from 'ws'

/** How long a peer has to answer the closing handshake before the connection is cut. */
const closingMs = 1_000
/** The same for one that was shut out, and has no say in it (RV2). */
const shutOutMs = 100

export class LiveSocket {
  readonly socket: WebSocket
  lastFrameAt: number
  readonly #ping: NodeJS.Timeout

  constructor(socket: WebSocket, times: Limits, now: Now) {
    this.socket = socket
    this.lastFrameAt = now()
    const heard = (): void => {
      this.lastFrameAt = now()
    }
    socket.on('message', heard)
    socket.on('pong', heard)
    // An error of the socket is followed by its close, where everything is cleaned up.
    socket.on('error', () => socket.terminate())
    this.#ping = setInterval(() => this.#check(now() - this.lastFrameAt, times), times.pingMs)
    socket.once('close', () => clearInterval(this.#ping))
  }

  get open(): boolean {
    return this.socket.readyState === this.socket.OPEN
  }

  close(code: number, reason: string): void {
    if (this.socket.readyState >= this.socket.CLOSING) return
    this.socket.close(
      code,
      Buffer.from(reason)
        .subarray(0, 120)
        .toString('utf8')
        .replace(/\ufffd+$/, ''),
    )
    setTimeout(() => this.socket.terminate(), reason === 'REVOKED' ? shutOutMs : closingMs).unref()
  }

  closeFor(error: MeshError): void {
    this.close(error.entry.close ?? closeCodes.goingAway, error.code)
  }

  #check(silentMs: number, times: Limits): void {
    if (silentMs >= times.offlineMs) this.socket.terminate()
    else if (this.open) this.socket.ping()
  }
}
