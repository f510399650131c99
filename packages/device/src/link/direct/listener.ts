/**
 * Where other devices of this network dial: one port on the private addresses of this machine (LAN13). It serves no
 * HTTP, says nothing first, and gives nobody more than a handshake before a nonce was shown (LAN12).
 */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { Server } from 'node:tls'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { SecureIdentity } from './certificate.ts'
import type { Grant } from './grants.ts'
import { secureServer } from './secure-sockets.ts'
import { DirectWire } from './wire.ts'

export interface ListenerPorts {
  identity: SecureIdentity
  limits: Limits
  granted(name: string): Grant | undefined
  /** Whether the nonce is good; it is not a second time. */
  use(grant: Grant, nonce: string): boolean
  /** The one that was granted is there. */
  connected(grant: Grant, wire: DirectWire): void
}

export class Listener {
  readonly addresses: readonly string[]
  readonly port: number
  readonly #servers: readonly Server[]
  readonly #strangers: Strangers

  private constructor(servers: readonly Server[], strangers: Strangers, addresses: readonly string[], port: number) {
    this.#servers = servers
    this.#strangers = strangers
    this.addresses = addresses
    this.port = port
  }

  /** On the addresses that can be had, all with one port; undefined if that is none. */
  static async open(ports: ListenerPorts, wanted: readonly string[]): Promise<Listener | undefined> {
    const strangers = new Strangers(ports.limits)
    const servers: Server[] = []
    const addresses: string[] = []
    let port = 0
    for (const host of wanted) {
      const server = serverOf(ports, strangers)
      // An interface may go while its address is being read: then there is nothing to listen on.
      if (!(await isListening(server, host, port))) continue
      port ||= (server.address() as AddressInfo).port
      servers.push(server)
      addresses.push(host)
    }
    return servers.length === 0 ? undefined : new Listener(servers, strangers, addresses, port)
  }

  /** Those that were let in stay. */
  close(): void {
    for (const server of this.#servers) server.close()
    this.#strangers.close()
  }
}

async function isListening(server: Server, host: string, port: number): Promise<boolean> {
  server.listen({ host, port })
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  }
}

function serverOf(ports: ListenerPorts, strangers: Strangers): Server {
  const { identity, limits, granted } = ports
  const server = secureServer(identity, limits, granted, (socket, grant) => {
    const wire = new DirectWire(socket, limits)
    const refuse = (): void => wire.close(new MeshError('FORBIDDEN', { detail: 'no nonce that is good' }))
    wire.on({
      message: message => {
        if (message.type !== 'LAN_HELLO' || !ports.use(grant, message.nonce)) return refuse()
        strangers.known(nameOf(socket))
        wire.trust()
        wire.send(message)
        ports.connected(grant, wire)
      },
      sync: refuse,
      closed: () => undefined,
    })
  })
  server.on('connection', (socket: Socket) => strangers.take(socket))
  return server
}

/** The two ends, which is what a TLS socket still knows of the one under it. */
function nameOf({ localAddress, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`
}

/** Connections that have not shown a nonce: a few, and each for a short time. */
class Strangers {
  readonly #limits: Limits
  readonly #waiting = new Map<string, { socket: Socket; timer: NodeJS.Timeout }>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  take(socket: Socket): void {
    const name = nameOf(socket)
    if (this.#waiting.size >= this.#limits.lanStrangersPerDevice) {
      socket.destroy()
      return
    }
    const timer = setTimeout(() => socket.destroy(), this.#limits.handshakeMs).unref()
    this.#waiting.set(name, { socket, timer })
    socket.once('close', () => this.known(name))
  }

  known(name: string): void {
    clearTimeout(this.#waiting.get(name)?.timer)
    this.#waiting.delete(name)
  }

  close(): void {
    for (const { socket } of this.#waiting.values()) socket.destroy()
  }
}
