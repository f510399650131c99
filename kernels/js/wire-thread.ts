/**
 * The thread of the wire: the server, the reader of the ring, and the interrupt. The user's program is on the main
 * thread; this one never waits for it.
 */
import { constants, existsSync, openSync, readSync, rmSync } from 'node:fs'
import { Session } from 'node:inspector'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { type MessagePort, workerData } from 'node:worker_threads'
import * as v from 'valibot'
import { type KernelEvent, type Run, RunLog, type TextKind } from '../wire/run-log.ts'
import { loadedSchema, readAnswer, savedSchema } from '../wire/saved-answer.ts'
import { checkFolder, writeManifest } from '../wire/saved-folder.ts'
import {
  type KernelAdapter,
  type KernelConfig,
  type KernelSaving,
  KernelServer,
  type LoadedAnswer,
  type SavedAnswer,
} from '../wire/server.ts'
import type { Order, Told } from './program.ts'
import { kinds, type RecordKind, type RingMemory, RingReader } from './ring.ts'

interface ThreadData {
  config: KernelConfig
  ring: RingMemory
  answered: SharedArrayBuffer
  orders: MessagePort
  answers: MessagePort
}

const politeMs = 30
const againMs = 200
const questionMs = 2000
const wholeMs = 600_000
const language = 'javascript'
const pauseSchema = v.object({ pauseMs: v.number() })

class JsAdapter implements KernelAdapter, KernelSaving {
  readonly saving = this
  readonly version = process.versions.node
  readonly kernel = `Node.js ${this.version}`
  #data: ThreadData
  #log: RunLog
  #inspector = new Session()
  #answered: Int32Array
  #open: string | undefined
  #timer: NodeJS.Timeout | undefined
  #questions = new Map<number, (result: unknown) => void>()
  #count = 0
  #pipes: ChildPipe[]
  #read: () => void

  constructor(data: ThreadData, log: RunLog) {
    this.#data = data
    this.#log = log
    this.#answered = new Int32Array(data.answered)
    this.#inspector.connectToMainThread()
    this.#pipes = (['stdout', 'stderr'] as const).flatMap(kind => ChildPipe.open(data.config.scratch, kind, log) ?? [])
    const reader = new RingReader(data.ring, (kind, message) => this.#take(kind, message))
    this.#read = () => reader.drain(() => log.hasRoom)
    data.orders.on('message', this.#read)
    log.onRoom = () => {
      for (const pipe of this.#pipes) pipe.resume()
      this.#read()
    }
    this.#read()
  }

  #send(order: Order): void {
    this.#data.orders.postMessage(order)
  }

  execute(run: Run): void {
    this.#send({ type: 'execute', run: run.id, code: run.code, name: run.name })
  }

  #take(kind: RecordKind, message: string): void {
    if (kind === kinds.stdout) this.#log.text('stdout', message)
    else if (kind === kinds.stderr) this.#log.text('stderr', message)
    else if (kind === kinds.children) for (const pipe of this.#pipes) pipe.drain()
    else this.#told(JSON.parse(message) as Told)
  }

  #told(told: Told): void {
    if ('answer' in told) this.#questions.get(told.answer)?.(told.result)
    else if (!('ended' in told)) this.#event(told.event)
    else if (told.ended === this.#log.current?.id) this.#end(told.event)
  }

  #event(event: KernelEvent): void {
    if (event.type === 'input-request') this.#open = event.id
    this.#log.emit(event)
  }

  #end(event: KernelEvent): void {
    for (const pipe of this.#pipes) pipe.end()
    clearInterval(this.#timer)
    this.#open = undefined
    this.#log.end(event)
  }

  input(request: string | undefined, text: string): boolean {
    if (this.#open === undefined || (request !== undefined && request !== this.#open)) return false
    this.#data.answers.postMessage({ id: this.#open, text })
    this.#open = undefined
    Atomics.add(this.#answered, 0, 1)
    Atomics.notify(this.#answered, 0)
    return true
  }

  /**
   * First a request, which ends a run that only awaits something. Code that keeps the thread busy does not see it, and
   * is terminated. The request is repeated, as the termination may have hit its handler.
   */
  interrupt(): void {
    const run = this.#log.current!.id
    clearInterval(this.#timer)
    this.#send({ type: 'interrupt', run })
    this.#timer = setTimeout(() => {
      this.#terminate(run)
      this.#timer = setInterval(() => this.#terminate(run), againMs)
    }, politeMs)
  }

  #terminate(run: string): void {
    this.#interruptChildren()
    this.#inspector.post('Runtime.terminateExecution', () => this.#read())
    this.#send({ type: 'interrupt', run })
  }

  /** Children that the main thread waits for; itself and the shell around it do not mind the signal. */
  #interruptChildren(): void {
    try {
      process.kill(0, 'SIGINT')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  #question(ask: 'complete' | 'inspect' | 'variables', code: string, cursor: number, busy: unknown): Promise<unknown> {
    const id = ++this.#count
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const timer = setTimeout(() => resolve(busy), questionMs)
    this.#questions.set(id, resolve)
    this.#send({ type: 'question', id, ask, code, cursor })
    return promise.finally(() => {
      clearTimeout(timer)
      this.#questions.delete(id)
    })
  }

  complete(code: string, cursor: number): Promise<unknown> {
    return this.#question('complete', code, cursor, { from: cursor, to: cursor, items: [] })
  }

  inspect(code: string, cursor: number): Promise<unknown> {
    return this.#question('inspect', code, cursor, { found: false, text: '' })
  }

  variables(): Promise<unknown> {
    return this.#question('variables', '', 0, { items: [], truncated: false })
  }

  async save(folder: string): Promise<SavedAnswer> {
    const answer = await this.#asked({ type: 'save', folder })
    const saved = { ...readAnswer(pauseSchema, answer), ...readAnswer(savedSchema, answer) }
    await writeManifest(folder, { language, version: this.version })
    return saved
  }

  async load(folder: string): Promise<LoadedAnswer> {
    await checkFolder(folder, language)
    return readAnswer(loadedSchema, await this.#asked({ type: 'load', folder }))
  }

  async #asked(order: { type: 'save' | 'load'; folder: string }): Promise<unknown> {
    const id = ++this.#count
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const timer = setTimeout(() => resolve({ failed: 'it took too long' }), wholeMs)
    this.#questions.set(id, resolve)
    this.#send({ ...order, id })
    return promise.finally(() => {
      clearTimeout(timer)
      this.#questions.delete(id)
    })
  }

  shutdown(): void {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20)
  }
}

/** What children print on file descriptors 1 and 2, which the launcher has made named pipes. */
class ChildPipe {
  #fd: number
  #socket: Socket
  #decoder = new TextDecoder()
  #write: (text: string) => void

  static open(scratch: string, kind: TextKind, log: RunLog): ChildPipe | undefined {
    const path = join(scratch, kind)
    if (!existsSync(path)) return undefined
    const pipe = new ChildPipe(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), kind, log)
    rmSync(path)
    return pipe
  }

  constructor(fd: number, kind: TextKind, log: RunLog) {
    this.#fd = fd
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#write = text => log.text(kind, text)
    this.#socket.on('data', (chunk: Buffer) => {
      this.#write(this.#decoder.decode(chunk, { stream: true }))
      if (!log.hasRoom) this.#socket.pause()
    })
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Takes what is in the pipe now; children that ended have written all of theirs. */
  drain(): void {
    while (this.#socket.readableLength > 0) this.#socket.read()
    const buffer = Buffer.alloc(65_536)
    for (;;) {
      const length = readNow(this.#fd, buffer)
      if (length === 0) return
      this.#write(this.#decoder.decode(buffer.subarray(0, length), { stream: true }))
    }
  }

  /** The run is over: what is left of a character is not the next one's. */
  end(): void {
    this.drain()
    const rest = this.#decoder.decode()
    if (rest) this.#write(rest)
  }
}

function readNow(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}

const data = workerData as ThreadData
const log = new RunLog(data.config.limits.unackedBytes)
new KernelServer(data.config, log, new JsAdapter(data, log)).listen()
