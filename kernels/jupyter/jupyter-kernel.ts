/**
 * One Jupyter kernel from its connection file to its end: process, channels, requests and their answers, readiness. What
 * its messages mean for a run is the adapter's business.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TextKind } from '../wire/run-log.ts'
import { type Channel, Channels, type Ports, ports, type RequestChannel } from './channels.ts'
import { contentOf, infoSchema } from './contents.ts'
import { type Header, type Message, MessageCodec } from './message.ts'
import { KernelProcess, type Kernelspec } from './process.ts'

const readyRetryMs = 150
const usualBeatMs = 3000
const goodbyeMs = 1000
const versionUnits = 50

/**
 * How it is known that all output of a run is here (JK6): some say that they are idle after it, one prints a mark that
 * comes last, and of others it is only known that nothing comes any more.
 */
export type OutputEnd = 'idle' | 'mark' | 'quiet'
const outputEnds: Record<string, OutputEnd> = { ipython: 'idle', irkernel: 'idle', 'deno kernel': 'mark' }

export interface JupyterKernelOptions {
  spec: Kernelspec
  address: string
  /** The kernel's channels have those above it, where the address is the session's own. */
  port: number
  cwd: string
  scratch: string
  startMs: number
  messageBytes: number
  /** How often it is looked whether its heart beats. */
  beatMs?: number
  date: () => string
  onIopub(message: Message): void
  onQuestion(message: Message): void
  onText(kind: TextKind, text: string): void
  onFault(kind: string): void
  /** It has ended, in words. */
  onEnd(how: string): void
}

export class JupyterKernel {
  readonly #options: JupyterKernelOptions
  readonly #channels: Channels
  readonly #process: KernelProcess
  readonly #waiting = new Map<string, (reply: Message) => void>()
  readonly #ended = Promise.withResolvers<string>()
  readonly #heartbeat: NodeJS.Timeout
  #heard = Promise.withResolvers<void>()
  #isReady = false
  #unansweredBeats = 0
  language = ''
  version = ''
  outputEnd: OutputEnd = 'quiet'
  /** As it names itself, in lower case. */
  implementation = ''

  private constructor(options: JupyterKernelOptions, key: string, connectionFile: string, chosen: Ports) {
    this.#options = options
    const { spec, cwd, address, messageBytes, date, onFault } = options
    this.#process = new KernelProcess({
      spec,
      connectionFile,
      cwd,
      // What it says of its own start is for the case that this fails.
      onText: (kind, text) => this.#isReady && options.onText(kind, text),
      onExit: how => this.#exited(how),
    })
    this.#channels = new Channels({
      address,
      ports: chosen,
      codec: new MessageCodec(key, date),
      messageBytes,
      onMessage: (channel, message) => this.#take(channel, message),
      onFault,
      onBeat: () => (this.#unansweredBeats = 0),
    })
    this.#channels.connect()
    this.#heartbeat = setInterval(() => this.#beat(), options.beatMs ?? usualBeatMs)
  }

  static async start(options: JupyterKernelOptions): Promise<JupyterKernel> {
    const chosen = await choosePorts(options.address, options.port)
    const key = randomBytes(32).toString('hex')
    const connectionFile = join(options.scratch, 'connection.json')
    rmSync(connectionFile, { force: true })
    writeFileSync(connectionFile, connectionText(options, key, chosen), { mode: 0o600, flag: 'wx' })
    const kernel = new JupyterKernel(options, key, connectionFile, chosen)
    try {
      await Promise.race([kernel.#ready(), kernel.#failure(options.startMs)])
    } catch (error) {
      kernel.kill()
      throw error
    }
    return kernel
  }

  async #failure(ms: number): Promise<never> {
    const late = sleep(ms, `the kernel ${this.#options.spec.name} did not answer within ${ms / 1000} s`, { ref: false })
    throw new Error(await Promise.race([this.#ended.promise, late]))
  }

  /**
   * An answer on `shell` is not enough: a subscription takes effect later, and what is published before is lost. So it is
   * asked again until something of it arrived on `iopub` (JK5).
   */
  async #ready(): Promise<void> {
    let info: Message | undefined
    let isHeard = false
    const heard = this.#heard.promise.then(() => (isHeard = true))
    while (!info || !isHeard) {
      if (this.#process.hasEnded) return
      const { reply } = this.ask('shell', 'kernel_info_request', {})
      const answered = reply.then(message => (info = message))
      await Promise.race([Promise.all([heard, answered]), sleep(readyRetryMs)])
    }
    const { implementation, language_info: about } = contentOf(infoSchema, info) ?? {}
    this.implementation = implementation?.toLowerCase() ?? ''
    this.outputEnd = outputEnds[this.implementation] ?? 'quiet'
    this.language = about?.name ?? this.#options.spec.language
    this.version = (about?.version ?? '').slice(0, versionUnits)
    this.#isReady = true
  }

  #take(channel: Channel, message: Message): void {
    if (channel === 'iopub') {
      this.#heard.resolve()
      if (this.#isReady) this.#options.onIopub(message)
    } else if (channel === 'stdin') {
      if (message.header.msg_type === 'input_request') this.#options.onQuestion(message)
    } else {
      const answer = this.#waiting.get(message.parent ?? '')
      this.#waiting.delete(message.parent ?? '')
      answer?.(message)
    }
  }

  /** A request and its answer; one that never comes is nobody's loss but the caller's, who sets the time. */
  ask(channel: RequestChannel, type: string, content: object): { id: string; reply: Promise<Message> } {
    const { promise, resolve } = Promise.withResolvers<Message>()
    const id = this.#channels.send(channel, type, content)
    this.#waiting.set(id, resolve)
    return { id, reply: promise }
  }

  forget(id: string): void {
    this.#waiting.delete(id)
  }

  answer(question: Header, text: string): void {
    this.#channels.send('stdin', 'input_reply', { value: text }, question)
  }

  #beat(): void {
    this.#unansweredBeats++
    this.#channels.beat()
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** How many beats of the heart were not answered in a row. */
  get unansweredBeats(): number {
    return this.#unansweredBeats
  }

  interrupt(): void {
    if (this.#options.spec.interruptMode === 'message') {
      const { id } = this.ask('control', 'interrupt_request', {})
      this.forget(id)
    } else this.#process.interrupt()
    // One that stands still would not notice.
    this.#process.go()
  }

  stop(): void {
    this.#process.stop()
  }

  get isStopped(): boolean {
    return this.#process.isStopped
  }

  go(): void {
    this.#process.go()
  }

  #exited(how: string): void {
    clearInterval(this.#heartbeat)
    this.#ended.resolve(how)
    // What it published last is still on its way.
    if (this.#isReady) setTimeout(() => this.#over(how), 50)
  }

  #over(how: string): void {
    this.#channels.close()
    this.#options.onEnd(how)
  }

  /** Politely, and then not. */
  async shutdown(): Promise<void> {
    this.#process.go()
    this.ask('control', 'shutdown_request', { restart: false })
    await Promise.race([this.#ended.promise, sleep(goodbyeMs)])
    this.kill()
  }

  kill(): void {
    clearInterval(this.#heartbeat)
    this.#process.kill()
    this.#channels.close()
  }
}

function connectionText({ address, spec }: JupyterKernelOptions, key: string, chosen: Ports): string {
  const named = Object.fromEntries(ports.map(name => [`${name}_port`, chosen[name]]))
  return JSON.stringify({
    transport: 'tcp',
    ip: address,
    ...named,
    key,
    signature_scheme: 'hmac-sha256',
    kernel_name: spec.name,
  })
}

/** On an address of its own the session's are free; elsewhere the system names some. */
async function choosePorts(address: string, port: number): Promise<Ports> {
  const isOwn = address !== '127.0.0.1'
  const chosen = isOwn ? ports.map((_, index) => port + 1 + index) : await freePorts(address)
  return Object.fromEntries(ports.map((name, index) => [name, chosen[index]!])) as Ports
}

async function freePorts(address: string): Promise<number[]> {
  const servers = ports.map(() => createServer().listen(0, address))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const found = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return found
}
