/** The host's door for the daemon: a loopback listener, one daemon at a time, its requests, its readers of events. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import { encodeFrame, encodeJson, FrameReader } from '@meshbook/kernels/wire/frames.ts'
import * as v from 'valibot'
import {
  creditBytes,
  type HostRequest,
  type HostState,
  helloSchema,
  hostFrameBytes,
  numberedRequestSchema,
} from './host-protocol.ts'
import type { HostSession } from './host-session.ts'
import type { Journal } from './journal.ts'
import type { RunEntry } from './run-entry.ts'

const helloBytes = 4096
const batchBytes = 256 * 1024

interface Reader {
  sub: number
  run: RunId
  after: number
  credit: number
  reading: boolean
}

interface Daemon {
  socket: Socket
  readers: Map<number, Reader>
}

export class HostServer {
  #token: string
  #limits: Limits
  #journal: Journal
  #session: HostSession
  #onShutdown: () => void
  #now: Now
  #server: Server
  #daemon: Daemon | undefined
  /** When the last daemon left; undefined while one is there. */
  aloneSince: number | undefined

  constructor(options: {
    token: string
    limits: Limits
    journal: Journal
    session: HostSession
    now: Now
    onShutdown: () => void
  }) {
    this.#token = options.token
    this.#limits = options.limits
    this.#journal = options.journal
    this.#session = options.session
    this.#onShutdown = options.onShutdown
    this.#now = options.now
    this.aloneSince = options.now()
    this.#server = createServer({ noDelay: true }, socket => this.#accept(socket))
  }

  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', () => {
        const address = this.#server.address()
        resolve(typeof address === 'object' && address ? address.port : 0)
      })
    })
  }

  #accept(socket: Socket): void {
    const reader = new FrameReader(helloBytes)
    const daemon: Daemon = { socket, readers: new Map() }
    socket.setTimeout(this.#limits.handshakeMs, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#left(daemon))
    socket.on('data', chunk => {
      try {
        for (const message of reader.push(chunk)) this.#take(daemon, reader, message)
      } catch {
        // No frame, no JSON, or not what the protocol says: nothing of it can be trusted.
        socket.destroy()
      }
    })
  }

  #left(daemon: Daemon): void {
    if (this.#daemon !== daemon) return
    this.#daemon = undefined
    this.aloneSince = this.#now()
  }

  #take(daemon: Daemon, reader: FrameReader, message: unknown): void {
    if (daemon.socket.destroyed) return
    if (this.#daemon === daemon) {
      void this.#answer(daemon, message)
      return
    }
    if (!sameText(v.parse(helloSchema, message).hello.token, this.#token)) throw new MeshError('UNAUTHENTICATED')
    this.#daemon?.socket.destroy()
    this.#daemon = daemon
    this.aloneSince = undefined
    daemon.socket.setTimeout(0)
    reader.maxBytes = hostFrameBytes
    this.#send(daemon, { id: 0, ok: true, result: this.#state() })
  }

  #send(daemon: Daemon, message: object): void {
    if (!daemon.socket.destroyed) daemon.socket.write(encodeFrame(message))
  }

  async #answer(daemon: Daemon, message: unknown): Promise<void> {
    const parsed = v.safeParse(numberedRequestSchema, message)
    if (!parsed.success) {
      const id = v.is(v.object({ id: v.number() }), message) ? message.id : 0
      this.#send(daemon, { id, ok: false, code: 'BAD_REQUEST', detail: explainIssues(parsed.issues) })
      return
    }
    const { id, request } = parsed.output
    try {
      const result = await this.#handle(daemon, request)
      if (id !== undefined) this.#send(daemon, { id, ok: true, result: result ?? null })
    } catch (thrown) {
      const error = asMeshError(thrown)
      const detail = error.detail ?? (error.cause === undefined ? undefined : String(error.cause))
      if (id !== undefined) this.#send(daemon, { id, ok: false, code: error.code, detail })
    }
    if (request.type === 'shutdown') this.#onShutdown()
  }

  async #handle(daemon: Daemon, request: HostRequest): Promise<unknown> {
    switch (request.type) {
      case 'start':
        await this.#session.start(request.spec, request.saved)
        return this.#state()
      case 'execute':
        return this.#session.execute(request.order)
      case 'events':
        return this.#subscribe(daemon, request)
      case 'credit':
        return this.#credit(daemon, request.sub, request.bytes)
      case 'no-more-events':
        return void daemon.readers.delete(request.sub)
      case 'input':
        return this.#session.input(request.run, request.request, request.text)
      case 'cancel':
        return this.#session.cancel(request.run, request.reason)
      case 'complete':
      case 'inspect':
        return this.#session.ask(request.type, { code: request.code, cursor: request.cursor })
      case 'variables':
        return this.#session.ask('variables', {})
      case 'restart':
        await this.#session.restart(request.fence)
        return this.#state()
      case 'shutdown':
        return this.#session.shutdown()
      case 'forget':
        return this.#session.forget(request.run)
      case 'shape':
        return this.#session.shape()
      case 'fork':
        return this.#session.fork()
      case 'save':
        return this.#session.save(request.folder)
      case 'hold':
        return this.#session.hold(request.hold, request.maxMs)
      case 'release':
        return this.#session.release(request.hold)
      case 'state':
        return this.#state()
    }
  }

  #state(): HostState {
    const runs = [...this.#journal.runs.values()].map(({ order, fence, lastSeq, ended }) => ({
      run: order.run,
      fence,
      seq: lastSeq,
      ended,
    }))
    return { alive: this.#session.isAlive, kernel: this.#session.kernelName, spec: this.#session.spec, runs }
  }

  #subscribe(daemon: Daemon, { run, after, sub }: HostRequest & { type: 'events' }): void {
    if (!this.#journal.runs.has(run)) throw new MeshError('NOT_FOUND', { detail: `run ${run} is not in this session` })
    const reader = { sub, run, after, credit: creditBytes, reading: false }
    daemon.readers.set(sub, reader)
    void this.#pump(daemon, reader)
  }

  #credit(daemon: Daemon, sub: number, bytes: number): void {
    const reader = daemon.readers.get(sub)
    if (!reader) return
    reader.credit += bytes
    void this.#pump(daemon, reader)
  }

  /** New events of the run are durable. */
  wake(entry: RunEntry): void {
    const daemon = this.#daemon
    for (const reader of daemon?.readers.values() ?? [])
      if (reader.run === entry.order.run) void this.#pump(daemon!, reader)
  }

  down(reason: string): void {
    if (this.#daemon) this.#send(this.#daemon, { down: reason })
  }

  /** Sends what the reader has credit for. What is new comes from memory, without a turn of the event loop. */
  async #pump(daemon: Daemon, reader: Reader): Promise<void> {
    if (reader.reading) return
    reader.reading = true
    while (reader.credit > 0 && daemon.readers.get(reader.sub) === reader && !daemon.socket.destroyed) {
      const entry = this.#journal.runs.get(reader.run)
      const events = entry ? (entry.newest(reader.after) ?? (await entry.read(reader.after, batchBytes))) : []
      if (events.length === 0) {
        if (!entry || entry.ended) this.#end(daemon, reader)
        break
      }
      reader.after = events.at(-1)!.seq
      const body = JSON.stringify(events)
      reader.credit -= body.length
      const head = JSON.stringify({ sub: reader.sub, fence: entry!.fence, bytes: body.length })
      daemon.socket.write(encodeJson(`${head.slice(0, -1)},"events":${body}}`))
    }
    reader.reading = false
  }

  #end(daemon: Daemon, reader: Reader): void {
    daemon.readers.delete(reader.sub)
    this.#send(daemon, { sub: reader.sub, end: true })
  }

  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    const socket = this.#daemon?.socket
    socket?.end()
    setTimeout(() => socket?.destroy(), 200).unref()
    await closed
  }
}

/** Compares digests, so that the time tells neither content nor length. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
