/**
 * An interpreter as a child process: its orders, its signals, its end. What it is told and what it says is the
 * adapter's; this knows files, pipes and processes (KN31).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { makePipe } from './output-pipe.ts'

export interface InterpreterOptions {
  command: readonly string[]
  env: NodeJS.ProcessEnv
  stdin: 'null' | 'ended-pipe'
  cwd: string
  scratch: string
  /** The paths of the named pipes that are its standard output and error. */
  stdout: string
  stderr: string
  onExit(code: number | null, signal: NodeJS.Signals | null): void
}

export class Interpreter {
  #scratch: string
  #orders: number
  #count = 0
  #child: ChildProcess

  constructor(options: InterpreterOptions) {
    this.#scratch = options.scratch
    const path = join(options.scratch, 'orders')
    makePipe(path)
    // Opened for both, so that it neither waits for a reader nor breaks when there is none.
    this.#orders = openSync(path, constants.O_RDWR)
    const outputs = [options.stdout, options.stderr].map(pipe => openSync(pipe, constants.O_WRONLY))
    const [program, ...args] = options.command
    // A session of its own: its group, with the children that it waits for, can be interrupted without the kernel.
    this.#child = spawn(program!, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: [options.stdin === 'null' ? 'ignore' : 'pipe', ...outputs],
    })
    this.#child.stdin?.destroy()
    for (const fd of outputs) closeSync(fd)
    this.#child.once('error', () => options.onExit(127, null)).once('exit', options.onExit)
  }

  /** The order is a file, and its number in the pipe says that it is complete. */
  order(...fields: string[]): void {
    const text = fields.map(field => field.replaceAll('\0', '\ufffd').toWellFormed()).join('\0')
    writeFileSync(join(this.#scratch, `o${++this.#count}`), text, { mode: 0o600 })
    writeSync(this.#orders, `${this.#count}\n`)
  }

  /**
   * Ctrl-C as a terminal would give it, to the whole group. A program that waits for a child as `system()` of C does
   * ignores it meanwhile: it finds the file when the child has ended (KN35).
   */
  interrupt(): void {
    const pid = this.#child.pid
    if (pid === undefined) return
    if (ignoresInterrupt(pid)) writeFileSync(join(this.#scratch, 'interrupted'), '', { mode: 0o600 })
    signal(-pid)
  }

  /** Ends it with the children of its group; nothing can be ordered any more. */
  async kill(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child
    if (pid !== undefined) signal(-pid, 'SIGKILL')
    if (pid !== undefined && exitCode === null && signalCode === null) await once(this.#child, 'exit')
    closeSync(this.#orders)
  }
}

function signal(pid: number, name: NodeJS.Signals = 'SIGINT'): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Whether the process ignores SIGINT now. Where the system does not tell, it is taken to listen. */
function ignoresInterrupt(pid: number): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return mask !== null && (BigInt(`0x${mask[1]}`) & 2n) !== 0n
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
