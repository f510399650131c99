/**
 * The half of a broker that is with a worker on another host (CP66): the four sockets of the worker, and one connection to
 * the hub that carries what is said on them. It decides nothing and keeps nothing; while there is no connection it takes
 * nobody.
 */
import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brokerSockets, tokenFile } from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import { limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { Tunnel } from '@meshbook/engine/tunnel.ts'
import { WebSocket } from 'ws'

export interface BrokerOptions {
  hubUrl: string
  worker: string
  tokenFile: string
  /** Where the worker's runner, and its tools, look for their sockets. */
  own: string
  shared: string
  /** Where runner and tools have pipes between them, if they are in containers of their own. */
  pipes?: string | undefined
  random: () => number
  log(line: string): void
}

const places = [
  ['own', brokerSockets.channel],
  ['own', brokerSockets.models],
  ['shared', brokerSockets.git],
  ['shared', brokerSockets.packages],
] as const
const run = promisify(execFile)

export interface RunningBroker {
  /** Resolves with why it ended: the hub could not be reached for too long, or refused it. */
  over: Promise<string>
  close(): Promise<void>
}

export async function runBroker(options: BrokerOptions): Promise<RunningBroker> {
  const token = (await readFile(options.tokenFile, 'utf8')).trim()
  for (const folder of [options.own, options.shared]) await mkdir(folder, { recursive: true })
  // Who may come to this folder at all is the runner; the token is also what it says on its channel.
  await rm(join(options.own, tokenFile), { force: true })
  await writeFile(join(options.own, tokenFile), token, { mode: 0o444 })
  const far = new FarSide(options, token)
  const servers: Server[] = []
  for (const [half, name] of places)
    servers.push(await listening(join(options[half], name), socket => far.carry(name, socket)))
  if (options.pipes !== undefined) await makePipes(options.pipes)
  far.connect()
  return {
    over: far.over,
    async close() {
      far.close()
      for (const server of servers) server.close()
    },
  }
}

class FarSide {
  readonly over: Promise<string>
  readonly #options: BrokerOptions
  readonly #token: string
  #tellOver!: (why: string) => void
  #tunnel: Tunnel | undefined
  #socket: WebSocket | undefined
  #attempt = 0
  #again: NodeJS.Timeout | undefined
  #alone: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: BrokerOptions, token: string) {
    this.#options = options
    this.#token = token
    this.over = new Promise(resolve => {
      this.#tellOver = resolve
    })
  }

  carry(name: string, near: Socket): void {
    near.on('error', () => near.destroy())
    if (!this.#tunnel) {
      near.destroy()
      return
    }
    const far = this.#tunnel.open(name)
    far.on('error', () => near.destroy())
    far.once('close', () => near.destroy())
    near.once('close', () => far.destroy())
    near.pipe(far)
    far.pipe(near)
  }

  connect(): void {
    const { hubUrl, worker } = this.#options
    this.#alone ??= setTimeout(() => this.#end('the hub could not be reached'), limits.workerAloneMs)
    const url = new URL('/task-broker', hubUrl)
    url.protocol = url.protocol.replace('http', 'ws')
    const socket = new WebSocket(url, subprotocol, {
      headers: { authorization: `Worker ${worker}:${this.#token}` },
      handshakeTimeout: limits.requestMs,
      maxPayload: limits.tunnelPieceBytes + 1_024,
      perMessageDeflate: false,
    })
    this.#socket = socket
    const tunnel = new Tunnel({
      send(message) {
        socket.send(message)
        if (socket.bufferedAmount > limits.tunnelUnsentBytes) socket.terminate()
      },
      fail: why => socket.close(1002, why.slice(0, 100)),
    })
    socket.once('open', () => {
      clearTimeout(this.#alone)
      this.#alone = undefined
      this.#tunnel = tunnel
    })
    socket.on('message', (data: Buffer) => {
      this.#attempt = 0
      tunnel.take(data)
    })
    socket.on('error', () => socket.terminate())
    socket.once('close', code => {
      tunnel.close()
      if (this.#tunnel === tunnel) this.#tunnel = undefined
      if (code === 4401) this.#end('the hub refused it')
      else this.#comeBack()
    })
  }

  close(): void {
    this.#end('it was told to')
  }

  #comeBack(): void {
    if (this.#isClosed) return
    this.#attempt += 1
    const bounds = { minMs: limits.reconnectMinMs, maxMs: limits.reconnectMaxMs, random: this.#options.random }
    this.#again = setTimeout(() => this.connect(), backoffMs({ attempt: this.#attempt, ...bounds }))
  }

  #end(why: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#again)
    clearTimeout(this.#alone)
    this.#socket?.close()
    this.#tunnel?.close()
    this.#tellOver(why)
  }
}

async function listening(path: string, onSocket: (socket: Socket) => void): Promise<Server> {
  await rm(path, { force: true })
  const server = createServer({ allowHalfOpen: true }, onSocket)
  server.maxConnections = limits.brokerConnectionsPerSocket
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause => reject(new MeshError('BAD_CONFIG', { detail: `${path}: ${cause.message}`, cause })))
    server.listen(path, resolve)
  })
  await chmod(path, 0o666)
  return server
}

async function makePipes(folder: string): Promise<void> {
  for (const name of ['asked', 'answered']) {
    const path = join(folder, name)
    await rm(path, { force: true })
    await run('mkfifo', ['-m', '666', path])
  }
}
