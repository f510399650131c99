/**
 * The process of a Jupyter kernel: started from its kernelspec in a group of its own, with what it writes past the
 * protocol. What is said on the channels it does not know.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { constants } from 'node:os'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import type { TextKind } from '../wire/run-log.ts'

const tailUnits = 4000
const irkernelMain = 'IRkernel::main()'
const irkernelCare = join(import.meta.dirname, 'irkernel.R')

/** What the device found: a kernelspec, checked. */
export interface Kernelspec {
  name: string
  displayName: string
  language: string
  argv: string[]
  env: Record<string, string>
  resourceDir: string
  interruptMode: 'signal' | 'message'
}

export interface ProcessOptions {
  spec: Kernelspec
  connectionFile: string
  cwd: string
  onText(kind: TextKind, text: string): void
  /** Once, in words. */
  onExit(how: string): void
}

export class KernelProcess {
  readonly #child: ChildProcess
  readonly #spec: Kernelspec
  #tail = ''
  #stopped = false
  #ended = false

  constructor(options: ProcessOptions) {
    const { spec, connectionFile, cwd, onText, onExit } = options
    this.#spec = spec
    const [program, ...args] = argvOf(spec).map(part => filled(part, spec, connectionFile))
    const env = { ...process.env, ...environmentOf(spec, connectionFile), JPY_PARENT_PID: String(process.pid) }
    this.#child = spawn(program!, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#read('stdout', onText)
    this.#read('stderr', onText)
    const ended = (how: string) => {
      if (this.#ended) return
      this.#ended = true
      onExit(this.#words(how))
    }
    this.#child.once('error', error => ended(`could not be started: ${error.message}`))
    // A child of its own may hold the pipes for longer.
    this.#child.once('exit', (code, signal) =>
      setImmediate(() => ended(signal ? `was ended by ${signal}` : `exited with status ${code}`)),
    )
  }

  #read(kind: TextKind, onText: (kind: TextKind, text: string) => void): void {
    const decoder = new StringDecoder('utf8')
    this.#child[kind]?.on('data', (chunk: Buffer) => {
      const text = decoder.write(chunk)
      if (kind === 'stderr') this.#tail = (this.#tail + text).slice(-tailUnits)
      onText(kind, text)
    })
  }

  #words(how: string): string {
    const last = this.#tail.trim()
    return `the kernel ${this.#spec.name} (${this.#spec.argv[0]}) ${how}${last ? `; its last words: ${last}` : ''}`
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get hasEnded(): boolean {
    return this.#ended
  }

  /** As at a terminal: whatever the kernel has started in its group gets it too. */
  interrupt(): void {
    this.#signal('SIGINT')
  }

  /** The whole program stands still, and so does what it prints (JK7). */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#signal('SIGSTOP')
  }

  get isStopped(): boolean {
    return this.#stopped
  }

  go(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#signal('SIGCONT')
  }

  kill(): void {
    this.#signal('SIGKILL')
  }

  #signal(name: keyof typeof constants.signals): void {
    if (this.#ended || this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, name)
    } catch (error) {
      // It has ended in the meantime.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/**
 * Two kernels are started with something of ours. ipykernel reads what children and libraries write by a thread of its
 * own, and tells it up to 200 ms later: often after the run that it belongs to. Without that it comes through the pipes
 * here, in time (JK8). Its history of all notebooks of this user is a database that would go along with an image of the
 * session; ours is the log of runs. IRkernel would end by an interrupt that comes in a moment when it does not expect one (JK11).
 */
const ipykernelCare = ['--IPKernelApp.capture_fd_output=False', '--HistoryManager.enabled=False']

function argvOf({ argv }: Kernelspec): string[] {
  if (argv.includes('ipykernel_launcher')) return [...argv, ...ipykernelCare]
  const before = `sys.source(${JSON.stringify(irkernelCare)}, new.env()); `
  return argv.map(part => (part === irkernelMain ? before + part : part))
}

function filled(text: string, { resourceDir }: Kernelspec, connectionFile: string): string {
  return text.replaceAll('{connection_file}', connectionFile).replaceAll('{resource_dir}', resourceDir)
}

/** Values may name what is in the environment, as `$NAME` or `${NAME}`. */
function environmentOf(spec: Kernelspec, connectionFile: string): Record<string, string> {
  const value = (text: string) =>
    filled(text, spec, connectionFile).replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, plain?: string, braced?: string) =>
      whole === '$$' ? '$' : (process.env[plain ?? braced ?? ''] ?? whole),
    )
  return Object.fromEntries(Object.entries(spec.env).map(([name, text]) => [name, value(text)]))
}
