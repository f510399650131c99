/**
 * A bash in a terminal of its own, and a fresh one as soon as it ends. It owns the master side of the terminal; what a
 * cell or a run is, it does not know: it is given code, and tells output, begin and end.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { constants, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type IPty, spawn } from '@lydell/node-pty'
import { MarkScanner } from '../wire/marks.ts'

export interface ShellEvents {
  text(text: string): void
  /** The code has ended. `exited`: the shell with it; `kept`: its variables live on in the fresh one. */
  end(status: number, exited: undefined | { signal: number; kept: boolean }): void
}

const initFile = join(import.meta.dirname, 'init.bash')

export class Shell {
  #scratch: string
  #cwd: string
  #events: ShellEvents
  #nonce = randomBytes(12).toString('hex')
  #control: number
  #pty: IPty
  #paused = false
  #state: 'idle' | 'sent' | 'begun' = 'idle'
  #interruptAtBegin = false
  #closing = false

  constructor(options: { scratch: string; cwd: string; events: ShellEvents }) {
    this.#scratch = options.scratch
    this.#cwd = options.cwd
    this.#events = options.events
    const control = join(this.#scratch, 'control')
    rmSync(control, { force: true })
    execFileSync('mkfifo', ['-m', '600', control], { stdio: 'ignore' })
    // Opened for both, so that it neither waits for a reader nor ends when a shell does.
    this.#control = openSync(control, constants.O_RDWR)
    this.#pty = this.#spawn()
  }

  #spawn(): IPty {
    const env = { ...process.env, __meshbook_scratch: this.#scratch, __meshbook_nonce: this.#nonce }
    const args = ['--noprofile', '--noediting', '--init-file', initFile, '-i']
    const options = { name: 'xterm-256color', cols: 120, rows: 40, cwd: this.#cwd, env, encoding: null }
    const pty = spawn('bash', args, options)
    const scanner = new MarkScanner(this.#nonce)
    pty.onData(data => this.#read(scanner, data as unknown as Buffer))
    pty.onExit(({ exitCode, signal }) => this.#exited(exitCode, signal ?? 0))
    return pty
  }

  #read(scanner: MarkScanner, chunk: Buffer): void {
    for (const piece of scanner.push(chunk)) {
      if ('text' in piece) this.#events.text(piece.text)
      else if (piece.mark === 'begin') this.#begun()
      else if (this.#state === 'begun') this.#ended(Number(piece.mark), undefined)
    }
  }

  #begun(): void {
    this.#state = 'begun'
    if (this.#interruptAtBegin) this.interrupt()
  }

  #ended(status: number, exited: undefined | { signal: number; kept: boolean }): void {
    this.#state = 'idle'
    this.#interruptAtBegin = false
    this.#events.end(status, exited)
  }

  #exited(status: number, signal: number): void {
    if (this.#closing) return
    const kept = existsSync(join(this.#scratch, 'state'))
    const running = this.#state === 'begun'
    this.#pty = this.#spawn()
    if (this.#paused) this.#pty.pause()
    if (running) this.#ended(status, { signal, kept })
  }

  /** The device number of the terminal, once the shell has said which one it is. */
  get terminal(): number | undefined {
    const path = join(this.#scratch, 'tty')
    if (!existsSync(path)) return undefined
    return statSync(readFileSync(path, 'utf8').trim(), { throwIfNoEntry: false })?.rdev
  }

  send(code: string): void {
    this.#state = 'sent'
    writeFileSync(join(this.#scratch, 'cell'), `${code.replaceAll('\0', '')}\0`, { mode: 0o600 })
    writeSync(this.#control, '1\0')
  }

  type(text: string): void {
    this.#pty.write(text)
  }

  /** Ctrl-C at the terminal. Before the code has begun, the shell would lose it: then it waits for the beginning. */
  interrupt(): void {
    if (this.#state === 'begun') this.#pty.write('\x03')
    else this.#interruptAtBegin = this.#state === 'sent'
  }

  pause(): void {
    this.#paused = true
    this.#pty.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#pty.resume()
  }

  close(): void {
    this.#closing = true
    this.#pty.kill('SIGHUP')
  }
}
