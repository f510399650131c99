/**
 * The device's own web app on loopback: listens, checks who knocks, answers by the list of routes, and gives each socket
 * of `/sync` its place in the device's room. It knows nothing of files or kernels.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, BlockList } from 'node:net'
import type { Duplex } from 'node:stream'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import { readJson, refuseForm } from '@meshbook/relay/serve/body.ts'
import { checkCookiePage, checkPage, visitOf } from '@meshbook/relay/serve/doorway.ts'
import { type Env, frameApp, isChange, listenerOf } from '@meshbook/relay/serve/http-app.ts'
import { listenAt, stopListening } from '@meshbook/relay/serve/listen.ts'
import { LiveSocket } from '@meshbook/relay/serve/live-socket.ts'
import { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import { roomPeer } from '@meshbook/relay/serve/room-peer.ts'
import { Seats } from '@meshbook/relay/serve/seats.ts'
import { Tap } from '@meshbook/relay/serve/tap.ts'
import {
  closeSockets,
  newSocketServer,
  refuseUpgrade,
  type SyncPath,
  syncPathOf,
} from '@meshbook/relay/serve/upgrades.ts'
import type { Context } from 'hono'
import type { WebSocket } from 'ws'
import type { Doorkeeper, Guest } from './doorkeeper.ts'
import { guestOf } from './guest-peer.ts'
import type { LocalProjects } from './local-projects.ts'
import { json, type LoopbackRoute } from './route.ts'
import { type LoopbackParts, loopbackRoutes } from './routes.ts'

export interface LoopbackOptions {
  /** 0: any that is free. */
  port: number
  /** The built web app; null where there is none. */
  webFolder: string | null
}

export interface LoopbackPorts extends Omit<LoopbackParts, 'me'> {
  me(url: string): ReturnType<LoopbackParts['me']>
  relay: Relay
  org: OrgId
  limits: Limits
  now: Now
  log: { error(detail: object, message: string): void; debug(detail: object, message: string): void }
}

export interface Loopback {
  url: string
  /** A link that signs one browser in, once, and leads it to the page `to` of the app. */
  signInLink(to?: string): string
  /** Of the commands of this machine, until the device stops. */
  token: string
  close(): Promise<void>
}

export async function startLoopback(options: LoopbackOptions, ports: LoopbackPorts): Promise<Loopback> {
  const config = { publicUrl: null, trustedProxies: new BlockList(), webFolder: options.webFolder }
  const tries = new RateLimiter(limits.authTriesPerMinute, ports.now)
  let url = ''
  const routes = loopbackRoutes({ ...ports, me: () => ports.me(url) })
  const app = frameApp({ config, log: ports.log }, routes, (route, c) => serve(ports.doorkeeper, tries, route, c))
  const sockets = new SyncSockets(ports)
  const server = createServer(listenerOf(app))
  server.on('upgrade', (request, socket, head) => sockets.handle(request, socket, head))
  await listenAt(server, { host: '127.0.0.1', port: options.port })
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    token: ports.doorkeeper.token,
    signInLink: to => ports.doorkeeper.newLink(url, to),
    async close() {
      await sockets.close()
      await stopListening(server)
    },
  }
}

/** Default deny: what is not public needs a guest (LO2). */
async function serve(
  doorkeeper: Doorkeeper,
  tries: RateLimiter,
  route: LoopbackRoute,
  c: Context<Env>,
): Promise<Response> {
  const { incoming } = c.env
  const visit = c.get('visit')
  if (route.public && route.method === 'POST') tries.count(visit.address)
  const guest = route.public ? {} : await doorkeeper.admit(visit, incoming.headers, isChange(route.method))
  const request = c.req.raw
  const body = route.body
    ? await readJson(request, route.body, route.bodyBytes ?? limits.requestBodyBytes)
    : refuseForm(request)
  const query = new URL(request.url).searchParams
  const answer = await route.handle({
    incoming,
    request,
    signal: request.signal,
    visit,
    guest,
    params: c.req.param(),
    query,
    body,
  })
  if (answer instanceof Response) return answer
  return answer === undefined ? new Response(null, { status: 204 }) : json(answer)
}

class SyncSockets {
  readonly #ports: LoopbackPorts
  readonly #projects: LocalProjects
  readonly #server = newSocketServer(limits.syncFrameBytes)
  readonly #seats = new Seats()
  #closing = false

  constructor(ports: LoopbackPorts) {
    this.#ports = ports
    this.#projects = ports.projects
  }

  handle(request: IncomingMessage, wire: Duplex, head: Buffer): void {
    // Without a listener a reset during the checks, or while a refusal is written, would end the process.
    wire.on('error', () => wire.destroy())
    this.#open(request, wire, head).catch((error: unknown) => refuseUpgrade(wire, asMeshError(error)))
  }

  async close(): Promise<void> {
    this.#closing = true
    await closeSockets([...this.#server.clients])
  }

  async #open(request: IncomingMessage, wire: Duplex, head: Buffer): Promise<void> {
    if (this.#closing) throw new MeshError('SHUTTING_DOWN')
    const visit = visitOf(request, { publicUrl: null, trustedProxies: new BlockList() })
    checkPage(visit, request.headers)
    wire.once('close', this.#seats.take('knocking', limits.strangersPerAddress))
    const path = syncPathOf(URL.parse(request.url ?? '', visit.origin)?.pathname ?? '')
    if (!path) throw new MeshError('NOT_FOUND')
    const guest = await this.#ports.doorkeeper.admit(visit, request.headers, false)
    if (guest.session !== undefined) checkCookiePage(request.headers)
    this.#server.handleUpgrade(request, wire, head, socket => this.#admit(socket, wire, guest, path))
  }

  #admit(socket: WebSocket, wire: Duplex, guest: Guest, path: SyncPath): void {
    const live = new LiveSocket(socket, this.#ports.limits, this.#ports.now)
    const tap = new Tap(socket)
    // Nothing is read until the document is known; what comes meanwhile waits in the network.
    tap.hold('opening')
    this.#enter(live, tap, wire, guest, path).catch((thrown: unknown) => {
      tap.open()
      live.closeFor(asMeshError(thrown))
    })
  }

  async #enter(live: LiveSocket, tap: Tap, wire: Duplex, guest: Guest, path: SyncPath): Promise<void> {
    const { socket } = live
    const { doorkeeper, relay, org } = this.#ports
    socket.once(
      'close',
      doorkeeper.open(guest, () => live.closeFor(new MeshError('UNAUTHENTICATED'))),
    )
    const document = await this.#projects.enter(path)
    if (!live.open) return document.close()
    const peer = roomPeer(live, tap, wire, guestOf(guest, document.access))
    const connection = relay.open({ org, document: document.id }, peer)
    socket.once('close', () => {
      connection.close()
      void document.close()
    })
    socket.on('message', (data, isBinary) => {
      // Nothing is taken any more from a socket that is closing (LO3).
      if (!live.open) return
      if (isBinary) connection.receive(new Uint8Array(data as Buffer))
      else live.closeFor(new MeshError('BAD_MESSAGE', { detail: 'a text frame' }))
    })
    tap.release('opening')
  }
}
