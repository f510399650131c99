/**
 * What the requests of the host do to an interpreter that is a child of this program: one cell at a time, its ending,
 * its input, questions between cells. What a language means by them is on the other side of the pipes (KN30 to KN36).
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { busy } from '../wire/refusal.ts'
import type { KernelEvent, KernelPart, Run, RunLog, TextKind } from '../wire/run-log.ts'
import type { KernelAdapter, KernelConfig } from '../wire/server.ts'
import type { ChildLanguage } from './child-language.ts'
import { Interpreter } from './interpreter.ts'
import { OutputPipe } from './output-pipe.ts'
import { PairedStreams } from './paired-streams.ts'
import { Questions, topicAt, wholeMs } from './questions.ts'
import { ChildSaving } from './saving.ts'
import { partsOf, readTold, type Told } from './told.ts'

const shutdownMs = 500
/** What was printed may still reach the host before this program ends with its interpreter. */
const lastWordsMs = 200
const freeLookMs = 15
const promptUnits = 1000
const heldUnits = 256 * 1024
const gatheredUnits = 128 * 1024
/** Taken beyond the limit after an interrupt, so that a blocked write can end (KN35). */
const afterInterruptUnits = 8 * 1024 * 1024

export class ChildAdapter implements KernelAdapter {
  readonly kernel: string
  readonly version: string
  readonly ownProcesses = 1
  readonly saving: ChildSaving | undefined
  #language: ChildLanguage
  #config: KernelConfig
  #log: RunLog
  #pipes: Record<TextKind, OutputPipe>
  #streams: PairedStreams
  #interpreter: Interpreter
  #state: 'starting' | 'idle' | 'sent' | 'begun' = 'starting'
  #waiting: Run | undefined
  #interruptAtBegin = false
  #roomAfterInterrupt = 0
  #gathered: string | undefined
  /** What stands in the last line of the output: the prompt of a question that has none. */
  #line = ''
  #open: { id: string; ask: number } | undefined
  #questions: Questions
  #closing = false
  #left = Promise.withResolvers<void>()

  constructor(language: ChildLanguage, config: KernelConfig, log: RunLog) {
    this.#language = language
    this.kernel = language.kernel
    this.version = language.version
    this.#config = config
    this.#log = log
    const nonce = randomBytes(12).toString('hex')
    this.#streams = new PairedStreams(nonce, {
      text: (kind, text) => this.#text(kind, text),
      word: word => this.#word(word),
      hasRoom: () => log.hasRoom || this.#roomAfterInterrupt > 0,
    })
    const pipe = (kind: TextKind) => new OutputPipe(join(config.scratch, kind), chunk => this.#chunk(kind, chunk))
    this.#pipes = { stdout: pipe('stdout'), stderr: pipe('stderr') }
    this.#interpreter = new Interpreter({
      command: language.command(config.scratch, nonce),
      env: language.env,
      stdin: language.stdin,
      cwd: config.cwd,
      scratch: config.scratch,
      stdout: this.#pipes.stdout.path,
      stderr: this.#pipes.stderr.path,
      onExit: (code, signal) => this.#exited(code, signal),
    })
    this.#questions = new Questions(this.#interpreter)
    const { saves, version } = language
    const ask = (name: string, ...fields: string[]) => this.#whole(name, ...fields)
    if (saves !== undefined) this.saving = new ChildSaving({ language: saves, version, scratch: config.scratch, ask })
    log.onRoom = () => this.#goOn()
  }

  #chunk(kind: TextKind, chunk: Buffer): void {
    this.#streams.push(kind, chunk)
    this.#flow()
  }

  #goOn(): void {
    this.#streams.advance()
    this.#flow()
  }

  #flow(): void {
    const room = this.#log.hasRoom || this.#roomAfterInterrupt > 0
    for (const kind of ['stdout', 'stderr'] as const)
      this.#pipes[kind].flowing = room && this.#streams.heldUnits(kind) < heldUnits
  }

  #text(kind: TextKind, text: string): void {
    this.#roomAfterInterrupt = Math.max(0, this.#roomAfterInterrupt - text.length)
    if (kind === 'stdout') this.#line = lastLine(this.#line + text)
    if (kind === 'stderr' || this.#gathered === undefined) {
      this.#log.text(kind, text)
      return
    }
    this.#gathered += text
    if (this.#gathered.length > gatheredUnits) this.#ungather()
  }

  /** What was gathered is no value: it is output like any other. */
  #ungather(): void {
    const text = this.#gathered
    this.#gathered = undefined
    if (text) this.#log.text('stdout', text)
  }

  #word(word: string): void {
    if (word === 'v') this.#gathered = ''
    else if (/^m\d+$/.test(word)) this.#told(readTold(this.#config.scratch, word.slice(1)))
  }

  #told(told: Told): void {
    switch (told.told) {
      case 'ready':
        this.#idle()
        break
      case 'begun':
        this.#begun()
        break
      case 'event':
        this.#log.emit(told.event)
        break
      case 'display':
        this.#display(told)
        break
      case 'value':
        this.#value(told)
        break
      case 'ask':
        this.#ask(told)
        break
      case 'answer':
        this.#questions.answered(told.question, told.result)
        break
      case 'ended':
        this.#ended(told.event)
        break
    }
  }

  #display({ as, id, update, parts }: Extract<Told, { told: 'display' }>): void {
    const loaded = partsOf(this.#config.scratch, parts, this.#config.limits.displayBytes)
    const named = { ...(id === undefined ? {} : { id }), ...(update ? { update } : {}) }
    if (loaded.length > 0 && as === 'result') this.#log.emit({ type: 'result', parts: loaded })
    else if (loaded.length > 0) this.#log.emit({ type: 'display', ...named, parts: loaded })
    else this.#log.text('stderr', '[What was to be displayed is larger than can be shown.]\n')
  }

  #value({ as, parts }: Extract<Told, { told: 'value' }>): void {
    const rich = partsOf(this.#config.scratch, parts, this.#config.limits.displayBytes)
    if (as === 'stdout' || (this.#gathered === undefined && rich.length === 0)) this.#ungather()
    else this.#show(as, rich)
  }

  #show(as: 'result' | 'display', rich: KernelPart[]): void {
    const data = this.#gathered?.replace(/\n$/, '') ?? ''
    this.#gathered = undefined
    if (data === '' && rich.length === 0) return
    this.#log.emit({ type: as, parts: [...rich, { mimeType: 'text/plain', data }] })
  }

  execute(run: Run): void {
    this.#interruptAtBegin = false
    if (this.#questions.isOpen || this.#state === 'starting') this.#waiting = run
    else this.#send(run)
  }

  #send(run: Run): void {
    this.#waiting = undefined
    if (this.#interruptAtBegin) {
      this.#log.end({ type: 'cancelled' })
      return
    }
    this.#state = 'sent'
    this.#interpreter.order('execute', run.name, run.code)
  }

  #idle(): void {
    this.#state = 'idle'
    if (this.#waiting) this.#send(this.#waiting)
  }

  #begun(): void {
    this.#state = 'begun'
    if (this.#interruptAtBegin) this.#interruptNow()
  }

  #ended(event: KernelEvent): void {
    this.#ungather()
    this.#open = undefined
    this.#roomAfterInterrupt = 0
    this.#state = 'idle'
    this.#log.end(event)
  }

  #ask({ ask, prompt, password }: Extract<Told, { told: 'ask' }>): void {
    const run = this.#log.current?.id.slice(0, 100)
    this.#open = { id: `${run}-${ask}`, ask }
    const printed = prompt === '' && this.#line !== ''
    const asked = printed ? { prompt: this.#line, printed } : { prompt }
    this.#log.emit({ type: 'input-request', id: this.#open.id, ...asked, password })
  }

  input(request: string | undefined, text: string): boolean {
    const open = this.#open
    if (!open || (request !== undefined && request !== open.id)) return false
    this.#open = undefined
    this.#log.emit({ type: 'input-answered', id: open.id })
    this.#interpreter.order('input', String(open.ask), text)
    return true
  }

  /** Before the code has begun, the interpreter would lose it: then it waits for the beginning. */
  interrupt(): void {
    if (this.#state === 'begun') this.#interruptNow()
    else this.#interruptAtBegin = true
  }

  #interruptNow(): void {
    this.#interruptAtBegin = false
    this.#interpreter.interrupt()
    // The one who waits for an order does not hear the signal.
    if (this.#open) this.#interpreter.order('cancel', String(this.#open.ask))
    this.#open = undefined
    this.#roomAfterInterrupt = afterInterruptUnits
    this.#goOn()
  }

  complete(code: string, cursor: number): Promise<unknown> {
    const none = { token: '', items: [] }
    return this.#answer(none, 'complete', code.slice(0, cursor)).then(({ token, items }) => ({
      from: cursor - token.length,
      to: cursor,
      items,
    }))
  }

  inspect(code: string, cursor: number): Promise<unknown> {
    return this.#answer({ found: false, text: '' }, 'inspect', topicAt(code, cursor))
  }

  variables(): Promise<unknown> {
    return this.#answer({ items: [], truncated: false }, 'variables')
  }

  /** The interpreter itself answers; while a cell has it, or another question, the answer is `none` (KN11). */
  async #answer<T>(none: T, name: string, ...fields: string[]): Promise<T> {
    if (this.#questions.isOpen || this.#state !== 'idle') return none
    const result = await this.#questions.ask(name, ...fields)
    if (this.#waiting) this.#send(this.#waiting)
    return (result as T | null) ?? none
  }

  /** As a question, but waited for; a run that comes meanwhile waits. */
  async #whole(name: string, ...fields: string[]): Promise<unknown> {
    while (this.#questions.isOpen || this.#state === 'starting') await sleep(freeLookMs)
    if (this.#state !== 'idle') throw busy()
    const result = await this.#questions.askFor(wholeMs, name, ...fields)
    if (this.#waiting) this.#send(this.#waiting)
    return result
  }

  /** Without its interpreter the kernel is nothing: it ends, after what was printed has been handed on. */
  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.#left.resolve()
    if (this.#closing) return
    for (const pipe of Object.values(this.#pipes)) pipe.drain()
    this.#roomAfterInterrupt = Number.POSITIVE_INFINITY
    this.#streams.release()
    this.#ungather()
    this.#log.flush()
    setTimeout(() => this.#language.onDeath(code, signal), lastWordsMs)
  }

  /** The interpreter is asked to leave, so that it can close its files, and then ended. */
  async close(): Promise<void> {
    if (!this.#closing) this.#interpreter.order('quit')
    this.#closing = true
    await Promise.race([this.#left.promise, sleep(shutdownMs)])
    await this.#interpreter.kill()
    for (const pipe of Object.values(this.#pipes)) pipe.close()
  }

  shutdown(): void {
    void this.close().finally(() => process.exit(0))
  }
}

function lastLine(text: string): string {
  return text.slice(Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1).slice(-promptUnits)
}
