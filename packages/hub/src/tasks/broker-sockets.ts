/**
 * The sockets of one worker on the side of the hub (BROKER.md, BS1-BS6): files with the right owners, lines of the channel
 * parsed and one at a time, and plain HTTP servers for the rest. What is said on them is meant for others; it is decided
 * elsewhere.
 */
import { chmod, chown, mkdir, rm } from 'node:fs/promises'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { brokerSockets } from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { canMount } from '../compute/mounting.ts'
import { taskUsers } from '../compute/task-users.ts'
import type { WorkerLines } from './places.ts'

export interface BrokerPorts {
  /** A worker is there; the one before it has been closed. */
  accept(lines: WorkerLines): void
  models: RequestListener
  git: RequestListener
  packages: PackagesPort
}

export interface PackagesPort {
  request: RequestListener
  connect(request: Parameters<RequestListener>[0], socket: Duplex, head: Buffer): void
}

export interface OpenSockets {
  /** What drivers mount. */
  folder: string
  /** From now on it is answered; until then a worker on its channel waits, and everything else is told to come later. */
  serve(ports: BrokerPorts): void
  /** A connection that came another way, as if it had come on the socket of this name. */
  connect(name: string, stream: Duplex): void
  /** Ends what is open and leaves the folder, for a hub that comes after this one. */
  leave(): Promise<void>
  close(): Promise<void>
}

/** The longest path of a unix socket, without its end. */
const pathBytes = 107
const doors = [
  ['runner', 'channel'],
  ['runner', 'models'],
  ['tools', 'git'],
  ['tools', 'packages'],
] as const
const notYet = 'This worker has no task so far.\n'

/** `folder`: the worker's own; made, or cleared and used again (BS2). */
export async function openBrokerSockets(folder: string): Promise<OpenSockets> {
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const end of closers.splice(0)) await end()
  }
  let ports: BrokerPorts | undefined
  const answering =
    (name: 'models' | 'git'): RequestListener =>
    (request, response) =>
      ports ? ports[name](request, response) : later(response)
  const channel = new ChannelDoor()
  const servers = new Map<string, NetServer>()
  try {
    await mkdir(folder, { recursive: true })
    await chmod(folder, 0o711)
    for (const half of ['runner', 'tools']) {
      await mkdir(join(folder, half), { recursive: true })
      await chmod(join(folder, half), 0o755)
    }
    const proxy = httpServer((request, response) =>
      ports ? ports.packages.request(request, response) : later(response),
    )
    proxy.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (ports) ports.packages.connect(request, socket, head)
      else socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n')
    })
    servers.set(brokerSockets.channel, channel.server)
    servers.set(brokerSockets.models, httpServer(answering('models')))
    servers.set(brokerSockets.git, httpServer(answering('git')))
    servers.set(brokerSockets.packages, proxy)
    const at = (half: string, name: keyof typeof brokerSockets): string => join(folder, half, brokerSockets[name])
    for (const [half, name] of doors)
      closers.push(await listen(servers.get(brokerSockets[name])!, at(half, name), half))
  } catch (thrown) {
    await close()
    throw thrown
  }
  return {
    folder,
    serve(given) {
      ports = given
      channel.serve(lines => given.accept(lines))
    },
    connect(name, stream) {
      const server = servers.get(name)
      if (server) server.emit('connection', stream)
      else stream.destroy()
    },
    leave: close,
    async close() {
      await close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function later(response: Parameters<RequestListener>[1]): void {
  response.writeHead(503, { 'content-type': 'text/plain', 'retry-after': '1' }).end(notYet)
}

function httpServer(listener: RequestListener): Server {
  const server = createHttpServer({ maxHeaderSize: limits.brokerHeaderBytes }, listener)
  server.requestTimeout = limits.modelAnswerMs
  server.headersTimeout = limits.requestMs
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

async function listen(server: NetServer, path: string, whose: 'runner' | 'tools'): Promise<() => Promise<void>> {
  if (Buffer.byteLength(path) > pathBytes)
    throw new MeshError('BAD_CONFIG', { detail: `${path} is too long for a socket; choose a shorter data folder` })
  await rm(path, { force: true })
  const open = new Set<Socket>()
  server.maxConnections = limits.brokerConnectionsPerSocket
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause =>
      reject(new MeshError('COMPUTE_UNAVAILABLE', { detail: `${path}: ${cause.message}`, cause })),
    )
    server.listen(path, resolve)
  })
  if (canMount) await chown(path, taskUsers[whose].uid, taskUsers[whose].gid)
  // Without root the sockets belong to the hub; the folder that they are mounted in keeps others out.
  await chmod(path, canMount ? 0o600 : 0o666)
  return async () => {
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    for (const socket of open) socket.destroy()
    await closed
  }
}

/** One worker at a time: one that comes again has lost the connection before (BS3). */
class ChannelDoor {
  readonly server: NetServer
  #accept: ((lines: WorkerLines) => void) | undefined
  #current: Socket | undefined

  constructor() {
    this.server = createServer(socket => {
      this.#current?.destroy()
      this.#current = socket
      if (this.#accept) this.#accept(workerLines(socket))
      // What it says meanwhile stays with the system, up to what that keeps.
      else socket.pause()
    })
  }

  serve(accept: (lines: WorkerLines) => void): void {
    this.#accept = accept
    if (this.#current && !this.#current.destroyed) accept(workerLines(this.#current))
  }
}

function workerLines(socket: Socket): WorkerLines {
  let room: Promise<void> | undefined
  return {
    lines: linesOf(socket),
    async send(line) {
      if (socket.destroyed) throw new MeshError('UNREACHABLE', { detail: 'the worker has gone' })
      if (socket.write(`${line}\n`)) return
      // It comes back, and is told again what it did not read.
      if (socket.writableLength > limits.brokerUnreadBytes) socket.destroy()
      room ??= roomIn(socket).finally(() => {
        room = undefined
      })
      await room
    },
    close: () => void socket.destroy(),
  }
}

/** Until it has read; one that does not is closed (BS4). */
async function roomIn(socket: Socket): Promise<void> {
  if (socket.destroyed) return
  await new Promise<void>(resolve => {
    const timer = setTimeout(() => socket.destroy(), limits.taskSilentMs)
    const done = (): void => {
      clearTimeout(timer)
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.once('drain', done)
    socket.once('close', done)
  })
}

/** Reads on only when the line before has been taken. Ends when the worker goes, however, and at a line that is too long. */
async function* linesOf(socket: Socket): AsyncGenerator<string> {
  try {
    yield* wholeLines(socket)
  } catch (thrown) {
    // A reset is how killed workers leave.
    if (!socket.destroyed) throw thrown
  } finally {
    socket.destroy()
  }
}

async function* wholeLines(socket: Socket): AsyncGenerator<string> {
  let pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of socket as AsyncIterable<Buffer>) {
    for (let from = 0; from < piece.byteLength; ) {
      const end = piece.indexOf(10, from)
      const part = piece.subarray(from, end < 0 ? piece.byteLength : end)
      bytes += part.byteLength
      if (bytes > limits.brokerLineBytes) return
      pieces.push(part)
      if (end < 0) break
      const line = Buffer.concat(pieces).toString('utf8')
      pieces = []
      bytes = 0
      from = end + 1
      yield line
    }
  }
}
