/** What the requests of the host do to the shell: one cell at a time, its ending, its input, questions between cells. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { busy } from '../wire/refusal.ts'
import type { KernelEvent, Run, RunLog } from '../wire/run-log.ts'
import type { KernelAdapter, KernelConfig } from '../wire/server.ts'
import { completion, inspection, type Question, variableList } from './questions.ts'
import { BashSaving } from './saving.ts'
import { Shell } from './shell.ts'
import { TypingWatch } from './typing-watch.ts'

const questionMs = 3000
/** For what is not broken off: a session that is saved or made. */
const wholeMs = 120_000

export class BashAdapter implements KernelAdapter {
  readonly version = execFileSync('bash', ['-c', 'printf %s "$BASH_VERSION"'], { encoding: 'utf8' })
  readonly ownProcesses = 1
  readonly kernel = `Bash ${this.version.replace(/\(.*/, '')}`
  readonly saving: BashSaving
  #config: KernelConfig
  #log: RunLog
  #shell: Shell
  #watch: TypingWatch
  #interrupted = false
  #question: { promise: Promise<void>; done: () => void } | undefined

  constructor(config: KernelConfig, log: RunLog) {
    this.#config = config
    this.#log = log
    this.#shell = new Shell({
      scratch: config.scratch,
      cwd: config.cwd,
      events: { text: text => this.#text(text), end: (status, exited) => this.#ended(status, exited) },
    })
    this.#watch = new TypingWatch(
      () => this.#shell.terminal,
      event => log.emit(event),
    )
    log.onRoom = () => this.#shell.resume()
    this.saving = new BashSaving({
      version: this.version,
      scratch: config.scratch,
      cwd: config.cwd,
      ask: code => this.#whole(code),
    })
  }

  execute(run: Run): void {
    this.#interrupted = false
    if (this.#question) void this.#question.promise.then(() => this.#start(run))
    else this.#start(run)
  }

  #start(run: Run): void {
    if (this.#interrupted) {
      this.#log.end({ type: 'cancelled' })
      return
    }
    this.#watch.begin(run.id)
    this.#shell.send(run.code)
  }

  #text(text: string): void {
    if (this.#question) return
    this.#log.text('stdout', text)
    this.#watch.onText(text)
    if (!this.#log.hasRoom) this.#shell.pause()
  }

  #ended(status: number, exited: undefined | { signal: number; kept: boolean }): void {
    if (this.#question) {
      this.#question.done()
      return
    }
    this.#watch.end()
    if (exited) this.#log.text('stderr', exitNotice(status, exited))
    this.#log.end(this.#ending(status, exited?.signal))
  }

  /** `signal` is there if the shell itself has ended: 0 if it exited. */
  #ending(status: number, signal: number | undefined): KernelEvent {
    if (this.#interrupted && (status !== 0 || signal)) return { type: 'cancelled' }
    if (status === 0 && signal === undefined) return { type: 'completed' }
    const shell = signal ? `the shell was ended by signal ${signal}` : `the shell ended with status ${status}`
    const message = signal === undefined ? `exit status ${status}` : shell
    return { type: 'failed', error: { name: 'ExitStatus', message, traceback: [] } }
  }

  input(request: string | undefined, text: string): boolean {
    if (!this.#log.current || !this.#watch.answer(request)) return false
    this.#shell.type(`${text}\n`)
    return true
  }

  interrupt(): void {
    this.#interrupted = true
    this.#shell.interrupt()
  }

  complete(code: string, cursor: number): Promise<unknown> {
    return this.#ask(completion(code, cursor), { from: cursor, to: cursor, items: [] })
  }

  inspect(code: string, cursor: number): Promise<unknown> {
    return this.#ask(inspection(code, cursor), { found: false, text: '' })
  }

  variables(): Promise<unknown> {
    return this.#ask(variableList(this.#initialNames()), { items: [], truncated: false })
  }

  #initialNames(): Set<string> {
    return new Set(readFileSync(join(this.#config.scratch, 'initial'), { encoding: 'utf8', flag: 'a+' }).split('\n'))
  }

  /** The shell itself answers; while a cell has it, the answer is `busy`. */
  async #ask<T>(question: Question<T>, none: T): Promise<T> {
    if (this.#question || this.#log.current) return none
    return question.read((await this.#answer(question.code, questionMs)).toString('utf8'))
  }

  /** As a question, but waited for; a run that comes meanwhile waits. */
  async #whole(code: string): Promise<Buffer> {
    while (this.#question) await this.#question.promise
    if (this.#log.current) throw busy()
    return this.#answer(code, wholeMs)
  }

  async #answer(code: string, ms: number): Promise<Buffer> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#question = { promise, done: resolve }
    const answer = join(this.#config.scratch, 'answer')
    const timer = setTimeout(() => this.#shell.interrupt(), ms)
    this.#shell.send(`{ ${code}\n} >"$__meshbook_scratch/answer" 2>/dev/null`)
    await promise
    clearTimeout(timer)
    this.#question = undefined
    return readFileSync(answer)
  }

  shutdown(): void {
    this.#shell.close()
    setTimeout(() => process.exit(0), 100)
  }
}

function exitNotice(status: number, exited: { signal: number; kept: boolean }): string {
  const how = exited.signal ? `was ended by signal ${exited.signal}` : `exited with status ${status}`
  const after = exited.kept ? 'its variables, functions and folder were kept' : 'its variables are lost'
  return `\n[The shell ${how}. A fresh one goes on; ${after}.]\n`
}
