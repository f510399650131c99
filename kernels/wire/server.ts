/**
 * The TCP listener of a kernel written in TypeScript: one authenticated client, requests, events (KN1 to KN16).
 * What a request does to the user's program is the adapter's.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { encodeFrame, FrameReader } from './frames.ts'
import { processesBelow } from './processes-below.ts'
import { busy, Refusal } from './refusal.ts'
import { Run, type RunLog } from './run-log.ts'
import { Damaged } from './saved-folder.ts'

const helloBytes = 4096
const helloMs = 10_000
const waitingClients = 8
const socketBytes = 1 << 20
const closeMs = 1000
const protocol = 1

export interface KernelConfig {
  address: string
  port: number
  token: string
  cwd: string
  /** A folder of the kernel's own, for pipes and the like. */
  scratch: string
  /** Where packages that the project's lock file asks for were installed. */
  packages?: string
  limits: { frameBytes: number; unackedBytes: number; inputBytes: number; displayBytes: number }
}

/** What a language does with the requests of the host. */
export interface KernelAdapter {
  readonly kernel: string
  readonly version: string
  execute(run: Run): void
  /** False if nothing of the run takes input. Without `request` the open question is meant. */
  input(request: string | undefined, text: string): boolean | Promise<boolean>
  interrupt(): void
  complete(code: string, cursor: number): Promise<unknown>
  inspect(code: string, cursor: number): Promise<unknown>
  variables(): Promise<unknown>
  /** Absent where a kernel cannot save its variables. Never called while a run is in progress (KN51, KN52). */
  readonly saving?: KernelSaving | undefined
  /** `restart`: another kernel takes its place. */
  shutdown(restart: boolean): void
  /** Processes that the user's program runs in or beside, and that are not the user's; none if absent. */
  readonly ownProcesses?: number
}

export interface KernelSaving {
  save(folder: string): Promise<SavedAnswer>
  load(folder: string): Promise<LoadedAnswer>
}

export interface Lost {
  name: string
  reason: string
}

export interface SavedAnswer {
  pauseMs: number
  variables: { name: string; type: string; bytes?: number | undefined }[]
  more: number
  lost: Lost[]
}

export interface LoadedAnswer {
  names: string[]
  lost: Lost[]
}

interface Client {
  socket: Socket
  /** Per attached run, the number of the last event that was handed to the socket. */
  sent: Map<string, number>
}

type Message = Record<string, unknown>

export class KernelServer {
  #config: KernelConfig
  #log: RunLog
  #adapter: KernelAdapter
  #client: Client | undefined
  #waiting = new Set<Socket>()

  constructor(config: KernelConfig, log: RunLog, adapter: KernelAdapter) {
    this.#config = config
    this.#log = log
    this.#adapter = adapter
    log.onFrame = (run, frame) => this.#onFrame(run, frame)
  }

  listen(): void {
    createServer({ noDelay: true }, socket => this.#accept(socket)).listen(this.#config.port, this.#config.address)
  }

  /** Resolves when the client has what was sent to it, or is gone, or does not read. */
  close(): Promise<void> {
    const socket = this.#client?.socket
    if (!socket || socket.destroyed) return Promise.resolve()
    return new Promise(resolve => {
      socket.once('close', () => resolve()).end()
      setTimeout(resolve, closeMs)
    })
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    if (this.#waiting.size >= waitingClients) {
      socket.destroy()
      return
    }
    this.#waiting.add(socket)
    socket.setTimeout(helloMs, () => this.#waiting.has(socket) && socket.destroy())
    const client: Client = { socket, sent: new Map() }
    const reader = new FrameReader(helloBytes)
    socket.on('data', chunk => this.#read(client, reader, chunk))
    socket.on('drain', () => this.#pump(client))
    socket.on('close', () => {
      this.#waiting.delete(socket)
      if (this.#client === client) this.#client = undefined
    })
  }

  #read(client: Client, reader: FrameReader, chunk: Buffer): void {
    try {
      for (const message of reader.push(chunk)) {
        if (client.socket.destroyed) return
        this.#take(client, reader, message as Message)
      }
    } catch {
      // A frame that is too large or no JSON: the stream cannot be trusted any further.
      client.socket.destroy()
    }
  }

  #take(client: Client, reader: FrameReader, message: Message): void {
    if (this.#client === client) {
      void this.#answer(client, message)
      return
    }
    if (message.type !== 'hello' || !sameText(String(message.token), this.#config.token)) {
      client.socket.destroy()
      return
    }
    this.#waiting.delete(client.socket)
    client.socket.setTimeout(0)
    this.#client?.socket.destroy()
    this.#client = client
    reader.maxBytes = this.#config.limits.frameBytes
    const { kernel, version, saving } = this.#adapter
    this.#reply(client, message, { protocol, kernel, version, forks: false, saves: saving !== undefined })
  }

  #reply(client: Client, message: Message, result: unknown): void {
    if ('id' in message) client.socket.write(encodeFrame({ id: message.id, ok: true, result }))
  }

  async #answer(client: Client, message: Message): Promise<void> {
    try {
      const result = this.#handle(client, message)
      this.#reply(client, message, result instanceof Promise ? await result : result)
    } catch (thrown) {
      const code = thrown instanceof Refusal ? thrown.code : thrown instanceof Damaged ? 'DAMAGED' : 'FAILED'
      client.socket.write(encodeFrame({ id: message.id ?? 0, ok: false, code, detail: String(thrown) }))
    }
  }

  #handle(client: Client, message: Message): unknown {
    const run = String(message.run)
    const code = String(message.code)
    const cursor = Number(message.cursor)
    switch (message.type) {
      case 'execute':
        return this.#execute(client, new Run(run, code, String(message.name)))
      case 'attach':
        return this.#attach(client, run, Number(message.after))
      case 'ack':
        return this.#log.ack(run, Number(message.n))
      case 'input':
        return this.#input(run, message)
      case 'interrupt':
        return { running: this.#interrupt(run) }
      case 'complete':
        return this.#adapter.complete(code, cursor)
      case 'inspect':
        return this.#adapter.inspect(code, cursor)
      case 'variables':
        return this.#adapter.variables()
      case 'state':
        return this.#state()
      case 'save':
        return this.#saving().save(String(message.folder))
      case 'load':
        return this.#saving().load(String(message.folder))
      case 'shutdown':
        setImmediate(() => this.#adapter.shutdown(message.restart === true))
        return {}
      default:
        throw new Refusal('UNKNOWN', `no such request: ${message.type}`)
    }
  }

  #saving(): KernelSaving {
    const { saving } = this.#adapter
    if (!saving) throw new Refusal('UNKNOWN', 'this kernel cannot save its variables')
    if (this.#log.current) throw busy()
    return saving
  }

  /** Threads of these programs are their runtimes' own. */
  async #state(): Promise<{ threads: number; children: number }> {
    const below = await processesBelow()
    return { threads: 0, children: Math.max(0, below - (this.#adapter.ownProcesses ?? 0)) }
  }

  #execute(client: Client, run: Run): unknown {
    const known = this.#log.runs.get(run.id)
    if (known) {
      this.#follow(client, known, 0)
      return { known: true }
    }
    if (this.#log.current) throw new Refusal('BUSY', 'another run is in progress')
    client.sent.set(run.id, 0)
    this.#log.begin(run)
    this.#adapter.execute(run)
    return { known: false }
  }

  #attach(client: Client, id: string, after: number): unknown {
    const run = this.#log.runs.get(id)
    if (!run) return { known: false }
    this.#follow(client, run, after)
    return { known: true, ended: run.ended, last: run.last }
  }

  #follow(client: Client, run: Run, after: number): void {
    const isAskedAgain = run.ended && after < run.last
    client.sent.set(run.id, Math.max(after, isAskedAgain ? Math.min(run.acked, run.last - 1) : run.acked))
    setImmediate(() => this.#pump(client))
  }

  async #input(run: string, message: Message): Promise<{ accepted: boolean }> {
    if (this.#log.current?.id !== run) return { accepted: false }
    const request = message.request === undefined ? undefined : String(message.request)
    const text = String(message.text).slice(0, this.#config.limits.inputBytes)
    return { accepted: await this.#adapter.input(request, text) }
  }

  #interrupt(run: string): boolean {
    const running = this.#log.current?.id === run
    if (running) this.#adapter.interrupt()
    return running
  }

  #onFrame(run: Run, frame: Buffer): void {
    const client = this.#client
    if (!client || client.sent.get(run.id) !== run.last - 1 || client.socket.writableLength > socketBytes) return
    client.sent.set(run.id, run.last)
    client.socket.write(frame)
    if (run.ended) client.sent.delete(run.id)
  }

  /** Sends what is waiting, until the socket is full; `drain` calls it again. */
  #pump(client: Client): void {
    for (const [id, sent] of client.sent) {
      const run = this.#log.runs.get(id)
      for (const { n, frame } of run?.after(sent) ?? []) {
        if (client.socket.writableLength > socketBytes) return
        client.sent.set(id, n)
        client.socket.write(frame)
      }
      if (!run || (run.ended && client.sent.get(id) === run.last)) client.sent.delete(id)
    }
  }
}

/** Compares digests, so that the time tells neither content nor length. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
