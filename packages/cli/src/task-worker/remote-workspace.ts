/**
 * The workspace as the runner has it: asked of the tool host over its pipe (TW10, TW11). What answers is as hostile as
 * the code that runs there: every line is parsed, sizes are capped, and an answer that nobody waits for is dropped.
 */
import type { Duplex, Readable, Writable } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type {
  CommandEnd,
  CommandOutput,
  RunningCommand,
  Workspace,
  WorkspaceCommand,
  WorkspaceEntry,
} from '@meshbook/engine/agent/workspace.ts'
import { Tunnel } from '@meshbook/engine/tunnel.ts'
import * as v from 'valibot'
import { LineReader } from './line-reader.ts'
import { type FromHost, fromHostSchema, type ToHost, toolLineBytes, toolUnreadBytes } from './tool-wire.ts'

type Answer<Is extends FromHost['is']> = Extract<FromHost, { is: Is }>
type Without<T> = T extends { id: number } ? Omit<T, 'id'> : never

interface Waiting {
  resolve(answer: FromHost): void
  reject(error: Error): void
}

const lineSchema = v.pipe(v.string(), v.parseJson(), fromHostSchema)
const replaced = 'what runs the tools has ended and was begun again'

export class RemoteWorkspace implements Workspace {
  readonly root: string
  readonly #to: Writable
  readonly #waiting = new Map<number, Waiting>()
  readonly #commands = new Map<number, RemoteCommand>()
  readonly #before: () => Promise<void>
  #host: Answer<'here'> | undefined
  #whenHere: (() => void)[] = []
  #models: { id: number; tunnel: Tunnel } | undefined
  #last = 0

  /** `before` is waited for before anything that a tool does. */
  constructor(root: string, from: Readable, to: Writable, before: () => Promise<void> = async () => undefined) {
    this.root = root
    this.#to = to
    this.#before = before
    const reader = new LineReader(toolLineBytes, line => {
      const parsed = v.safeParse(lineSchema, line)
      if (parsed.success) this.#take(parsed.output)
    })
    from.on('data', (piece: Buffer) => reader.add(piece))
    from.once('end', () => this.#failAll('its pipe is closed'))
    from.once('error', cause => this.#failAll(cause.message))
    to.once('error', cause => this.#failAll(cause.message))
  }

  /** The same place, for what is done while tools wait. */
  ahead(): Workspace {
    return {
      root: this.root,
      read: path => this.#read(path),
      write: (path, bytes) => this.#write(path, bytes),
      list: (path, options) => this.#list(path, options),
      start: (command, signal) => this.#start(command, signal),
    }
  }

  /** Where the bridge to the repository listens, once there is a host. */
  async gitPort(): Promise<number> {
    await this.#hostIsHere()
    return this.#host!.gitPort
  }

  /** A port where the tools are; whatever connects to it is handed on (TW41). */
  async modelsPort(taken: (connection: Duplex) => void): Promise<number> {
    await this.#hostIsHere()
    this.#models?.tunnel.close()
    const id = this.#next()
    const tunnel = new Tunnel({
      send: message => this.#tell({ do: 'carry', id, base64: Buffer.from(message).toString('base64') }),
      fail: () => undefined,
      taken: (_name, connection) => taken(connection),
    })
    this.#models = { id, tunnel }
    return (await this.#ask('port', { do: 'models' }, id)).port
  }

  async read(path: string): Promise<Uint8Array> {
    await this.#before()
    return this.#read(path)
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#before()
    return this.#write(path, bytes)
  }

  async list(
    path: string,
    options: { depth: number; most: number },
  ): Promise<{ entries: WorkspaceEntry[]; isCut: boolean }> {
    await this.#before()
    return this.#list(path, options)
  }

  async start(command: WorkspaceCommand, signal: AbortSignal): Promise<RunningCommand> {
    await this.#before()
    return this.#start(command, signal)
  }

  async #read(path: string): Promise<Uint8Array> {
    const { base64 } = await this.#ask('bytes', { do: 'read', path })
    return Buffer.from(base64, 'base64')
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > limits.agentFileBytes) throw new MeshError('TOO_LARGE')
    await this.#ask('done', { do: 'write', path, base64: Buffer.from(bytes).toString('base64') })
  }

  async #list(
    path: string,
    { depth, most }: { depth: number; most: number },
  ): Promise<{ entries: WorkspaceEntry[]; isCut: boolean }> {
    const { entries, isCut } = await this.#ask('entries', { do: 'list', path, depth, most })
    return { entries, isCut }
  }

  async #start({ argv, cwd, env }: WorkspaceCommand, signal: AbortSignal): Promise<RunningCommand> {
    signal.throwIfAborted()
    await this.#hostIsHere()
    const id = this.#next()
    const command = new RemoteCommand(message => this.#tell({ ...message, id } as ToHost))
    this.#commands.set(id, command)
    const kill = (): void => command.kill()
    signal.addEventListener('abort', kill)
    const forget = (): void => {
      signal.removeEventListener('abort', kill)
      this.#commands.delete(id)
    }
    command.ended.then(forget, forget)
    try {
      const asked = { do: 'start' as const, argv: [...argv], ...(cwd !== undefined && { cwd }), ...(env && { env }) }
      await this.#ask('started', asked, id)
    } catch (thrown) {
      command.fail(thrown as Error)
      throw thrown
    }
    return command
  }

  async #ask<Is extends FromHost['is']>(is: Is, message: Without<ToHost>, id = this.#next()): Promise<Answer<Is>> {
    await this.#hostIsHere()
    const answer = await new Promise<FromHost>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#tell({ ...message, id } as ToHost)
    })
    if (answer.is === is) return answer as Answer<Is>
    throw new MeshError('BAD_MESSAGE', { detail: `the tools answered with "${answer.is}"` })
  }

  #tell(message: ToHost): void {
    this.#to.write(`${JSON.stringify(message)}\n`)
  }

  #next(): number {
    this.#last += 1
    return this.#last
  }

  #take(message: FromHost): void {
    if (message.is === 'here') {
      this.#hello(message)
      return
    }
    if (message.is === 'carried') {
      if (message.id === this.#models?.id) this.#models.tunnel.take(Buffer.from(message.base64, 'base64'))
      return
    }
    const command = this.#commands.get(message.id)
    if (message.is === 'output') {
      command?.print(message.stream, Buffer.from(message.base64, 'base64'))
      return
    }
    if (message.is === 'ended') {
      command?.end({ code: message.code, signal: message.signal })
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.is !== 'failed') {
      waiting?.resolve(message)
      return
    }
    const error = new MeshError(message.code, { detail: message.detail })
    if (waiting) waiting.reject(error)
    else command?.fail(error)
  }

  #hello(host: Answer<'here'>): void {
    if (this.#host) this.#failAll(replaced)
    // Half a line may be left of what the host before it was asked.
    if (this.#host) this.#to.write('\n')
    this.#host = host
    for (const tell of this.#whenHere.splice(0)) tell()
  }

  async #hostIsHere(): Promise<void> {
    if (this.#host) return
    await new Promise<void>(resolve => this.#whenHere.push(resolve))
  }

  #failAll(why: string): void {
    const error = new MeshError('UNREACHABLE', { detail: why })
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    for (const command of this.#commands.values()) command.fail(error)
    this.#commands.clear()
    this.#models?.tunnel.close()
    this.#models = undefined
  }
}

type Tell = (message: Without<Extract<ToHost, { do: 'input' | 'kill' | 'more' }>>) => void

class RemoteCommand implements RunningCommand {
  readonly output: AsyncIterable<CommandOutput>
  readonly ended: Promise<CommandEnd>
  readonly #tell: Tell
  #end!: (end: CommandEnd) => void
  #fail!: (error: Error) => void
  #pieces: CommandOutput[] = []
  #unread = 0
  #isOver = false
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor(tell: Tell) {
    this.#tell = tell
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve
      this.#fail = reject
    })
    this.ended.catch(() => undefined)
    this.output = this.#read()
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#tell({ do: 'input', base64: Buffer.from(bytes).toString('base64') })
  }

  closeInput(): void {
    this.#tell({ do: 'input', base64: null })
  }

  kill(): void {
    if (!this.#isOver) this.#tell({ do: 'kill' })
  }

  print(stream: CommandOutput['stream'], bytes: Buffer): void {
    this.#unread += bytes.byteLength
    // A host that does not keep to what it was let is cut off.
    if (this.#unread > 2 * toolUnreadBytes) {
      this.fail(new MeshError('TOO_LARGE'))
      return
    }
    this.#pieces.push({ stream, bytes })
    this.#wake?.()
  }

  end(end: CommandEnd): void {
    this.#isOver = true
    this.#wake?.()
    this.#end(end)
  }

  fail(error: Error): void {
    this.#isOver = true
    this.#error = error
    this.#wake?.()
    this.#fail(error)
  }

  async *#read(): AsyncGenerator<CommandOutput> {
    for (;;) {
      const piece = this.#pieces.shift()
      if (piece) {
        this.#unread -= piece.bytes.byteLength
        if (!this.#isOver) this.#tell({ do: 'more', bytes: piece.bytes.byteLength })
        yield piece
      } else if (this.#error) throw this.#error
      else if (this.#isOver) return
      else
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
    }
  }
}
