/**
 * The one place where a WebSocket can be opened, default deny (S5): Host, Origin, address, route, credential, in this
 * order. What fails before the document or device is known is refused with an HTTP answer; a `/sync` client whose
 * credential is not good gets its close code instead, because stock clients cannot see HTTP answers.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { asMeshError, closeCodes, MeshError } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import { isId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { checkCookiePage, checkPage, type Visit, visitOf } from '@meshbook/relay/serve/doorway.ts'
import {
  closeSockets,
  newSocketServer,
  refuseUpgrade,
  type SyncPath,
  syncPathOf,
} from '@meshbook/relay/serve/upgrades.ts'
import type { WebSocket } from 'ws'
import type { Principal } from '../auth/principal.ts'
import { networkName } from '../devices/network-name.ts'
import type { Parts } from '../parts.ts'
import { serveChannel } from './channel-socket.ts'
import { serveSync } from './sync-socket.ts'

interface SyncVisit {
  visit: Visit
  path: SyncPath
  ticket: string | null
  /** To be called once it is clear whose socket it is. */
  known: () => void
}

/** The first segments under which a WebSocket can be opened; whatever is not here is 404. */
export const socketRoutes: readonly string[] = ['channel', 'sync', 'task-broker']

export class Upgrades {
  readonly #parts: Parts
  readonly #sync = newSocketServer(limits.syncFrameBytes)
  readonly #channel = newSocketServer(limits.channelFrameBytes)
  readonly #brokers = newSocketServer(limits.tunnelPieceBytes + 1_024)
  #closing = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Without a listener a reset during the checks, or while a refusal is written, would end the process.
    socket.on('error', () => socket.destroy())
    this.#open(request, socket, head).catch((error: unknown) => refuseUpgrade(socket, asMeshError(error)))
  }

  /** Closes every socket as going away; those that do not answer are cut. */
  async close(): Promise<void> {
    this.#closing = true
    await closeSockets([...this.#sync.clients, ...this.#channel.clients, ...this.#brokers.clients])
  }

  async #open(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (this.#closing) throw new MeshError('SHUTTING_DOWN')
    const visit = visitOf(request, this.#parts.config)
    checkPage(visit, request.headers)
    const url = URL.parse(request.url ?? '', visit.origin)
    if (!url) throw new MeshError('BAD_REQUEST')
    if (!socketRoutes.includes(url.pathname.split('/')[1] ?? '')) throw new MeshError('NOT_FOUND')
    const known = this.#parts.seats.take(`strangers of ${visit.address}`, limits.strangersPerAddress)
    socket.once('close', known)
    if (url.pathname === '/channel') return this.#openChannel(request, socket, head, visit, known)
    if (url.pathname === '/task-broker') return this.#openBroker(request, socket, head, known)
    const path = syncPathOf(url.pathname)
    if (!path) throw new MeshError('NOT_FOUND')
    await this.#openSync(request, socket, head, { visit, path, ticket: url.searchParams.get('ticket'), known })
  }

  async #openChannel(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    visit: Visit,
    known: () => void,
  ): Promise<void> {
    const device = await this.#parts.authenticator.byProof(visit, request.headers.authorization)
    known()
    if (!request.headers['sec-websocket-protocol']?.split(',').some(name => name.trim() === subprotocol))
      throw new MeshError('BAD_REQUEST', { detail: `the channel needs the subprotocol ${subprotocol}` })
    this.#channel.handleUpgrade(request, socket, head, webSocket => {
      this.#count(webSocket, 'channel')
      serveChannel(this.#parts, webSocket, device, networkName(device.org, visit.address))
    })
  }

  /** Of a worker for an agent task on another host: what it shows is looked at before it may say anything. */
  async #openBroker(request: IncomingMessage, socket: Duplex, head: Buffer, known: () => void): Promise<void> {
    const [, worker, token = ''] = /^Worker ([^:\s]+):(\S+)$/.exec(request.headers.authorization ?? '') ?? []
    if (!isId('worker', worker) || request.headers.origin !== undefined) throw new MeshError('UNAUTHENTICATED')
    this.#brokers.handleUpgrade(request, socket, head, webSocket => {
      webSocket.pause()
      this.#parts.openTasks
        .admit({ worker, token }, webSocket)
        .then(isAdmitted => {
          known()
          if (!isAdmitted) webSocket.close(closeCodes.unauthenticated, 'UNAUTHENTICATED')
          // Also to hear that it has been closed.
          webSocket.resume()
        })
        .catch(() => webSocket.terminate())
    })
  }

  async #openSync(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { visit, path, ticket, known }: SyncVisit,
  ): Promise<void> {
    const shown = await this.#shown(request, visit, ticket)
    this.#sync.handleUpgrade(request, socket, head, webSocket => {
      this.#count(webSocket, 'sync')
      const agent = request.headers['user-agent'] ?? ''
      serveSync(this.#parts, webSocket, { wire: socket, visit, path, agent, known }, shown)
    })
  }

  /** What the request shows; an error is carried into the socket, to be told by its close code. */
  async #shown(
    request: IncomingMessage,
    visit: Visit,
    ticket: string | null,
  ): Promise<Principal | MeshError | undefined> {
    try {
      if (ticket !== null) return await this.#parts.authenticator.byTicket(ticket, visit.address)
      const who = await this.#parts.authenticator.byHeaders(visit, request.headers, false)
      if (who?.credential.kind === 'session') checkCookiePage(request.headers)
      if (who?.credential.kind === 'device')
        throw new MeshError('FORBIDDEN', { detail: 'a device syncs over its channel' })
      return who
    } catch (error) {
      const known = asMeshError(error)
      if (known.code === 'UNAUTHENTICATED') return known
      throw known
    }
  }

  #count(socket: WebSocket, kind: 'sync' | 'channel'): void {
    const { sockets } = this.#parts.metrics
    sockets.inc({ kind })
    socket.once('close', () => sockets.dec({ kind }))
  }
}
