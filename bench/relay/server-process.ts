/** A relay as a child process on loopback that can be stopped, killed and started again over the same data. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** How a client reaches one document of a server. */
export interface Dial {
  url: string
  headers: Record<string, string>
  /** What stands before every frame in both directions. */
  prefix: Uint8Array
  /** The first frame of a client, without the prefix. */
  hello?: Uint8Array
}

export interface Launch {
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** The server's HTTP address if this line of its output tells that it listens. */
  ready: (line: string) => string | undefined
}

export interface RelayKind {
  name: string
  launch: () => Promise<Launch>
  dial: (url: string, document: string) => Dial
  /** Once, after the first start. */
  prepare?: (url: string) => Promise<void>
}

const startMs = 30_000
const stopMs = 10_000

export class ServerProcess {
  readonly name: string
  readonly #kind: RelayKind
  #child: ChildProcess | undefined
  #url = ''
  #prepared = false

  constructor(kind: RelayKind) {
    this.name = kind.name
    this.#kind = kind
  }

  get pid(): number {
    return this.#child!.pid!
  }

  dial(document: string): Dial {
    return this.#kind.dial(this.#url, document)
  }

  async start(): Promise<void> {
    const { args, env, ready } = await this.#kind.launch()
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    this.#child = child
    this.#url = await listening(child, ready, this.name)
    if (!this.#prepared) await this.#kind.prepare?.(this.#url)
    this.#prepared = true
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    const cut = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await ended
    clearTimeout(cut)
  }
}

async function listening(child: ChildProcess, ready: Launch['ready'], name: string): Promise<string> {
  const lines = createInterface({ input: child.stdout! })
  const late = setTimeout(() => child.kill('SIGKILL'), startMs)
  let cause: Error | undefined
  child.once('error', error => {
    cause = error
    lines.close()
  })
  try {
    for await (const line of lines) {
      const url = ready(line)
      if (url !== undefined) return url
    }
  } finally {
    clearTimeout(late)
    lines.close()
    child.stdout!.resume()
  }
  throw new Error(`${name} did not start`, { cause })
}
