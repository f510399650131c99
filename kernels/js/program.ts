/**
 * The user's thread: runs cells one at a time and tells what happens through the ring. What it is doing may be
 * terminated anywhere by the other thread; the run is then ended by the `interrupt` order that follows.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { receiveMessageOnPort } from 'node:worker_threads'
import type { KernelEvent, KernelPart } from '../wire/run-log.ts'
import type { KernelConfig } from '../wire/server.ts'
import { describeError } from './errors.ts'
import { Evaluator, Terminated } from './evaluator.ts'
import { CellExit, installGlobals } from './globals.ts'
import { KnownValues } from './known-values.ts'
import { findPackagesIn } from './packages.ts'
import { Questions } from './questions.ts'
import { partsOf, partsOfBundle } from './rich.ts'
import { kinds, type RingWriter } from './ring.ts'
import { RunTimers } from './run-timers.ts'
import { Saving } from './saving.ts'
import { prepare } from './source.ts'

export type Order =
  | { type: 'execute'; run: string; code: string; name: string }
  | { type: 'interrupt'; run: string }
  | { type: 'question'; id: number; ask: 'complete' | 'inspect' | 'variables'; code: string; cursor: number }
  | { type: 'save' | 'load'; id: number; folder: string }

/** What goes through the ring as JSON besides the events. */
export type Told = { event: KernelEvent } | { ended: string; event: KernelEvent } | { answer: number; result: unknown }

export interface AnswerBox {
  port: MessagePort
  answered: Int32Array
}

export class Program {
  #config: KernelConfig
  #ring: RingWriter
  #answers: AnswerBox
  #evaluator: Evaluator
  #timers = new RunTimers()
  #questions: Questions
  readonly #saving: Saving
  #between: Promise<void> | undefined
  #run: string | undefined
  #inputs = 0
  /** Values whose own display takes its time. */
  #showing: Promise<void>[] = []
  readonly #endText: () => void

  constructor(config: KernelConfig, ring: RingWriter, answers: AnswerBox) {
    this.#config = config
    this.#ring = ring
    this.#answers = answers
    if (config.packages !== undefined) findPackagesIn(config.packages, config.cwd)
    const known = new KnownValues(config.cwd, createRequire(join(config.cwd, 'cell.js')).cache)
    this.#endText = installGlobals({
      cwd: config.cwd,
      write: (kind, text) => this.#ring.writeText(kinds[kind], text),
      settle: () => this.#ring.settle(),
      childrenPrinted: () => this.#ring.write(kinds.children, ' '),
      ask: (prompt, password) => this.#ask(prompt, password),
      show: (value, options) => this.#show(value, options),
      clear: wait => this.#tell({ event: { type: 'clear', wait } }),
      imported: (name, namespace) => known.imported(name, namespace),
    })
    this.#evaluator = new Evaluator()
    this.#questions = new Questions(this.#evaluator)
    this.#saving = new Saving(this.#evaluator, known)
    process.on('uncaughtException', error => this.#uncaught(error))
    process.on('SIGINT', () => undefined)
  }

  take(order: Order): void {
    if (order.type === 'execute') void this.#execute(order.run, order.code, order.name)
    else if (order.type === 'interrupt') this.#interrupt(order.run)
    else if (order.type === 'question') this.#tell({ answer: order.id, result: this.#questions.answer(order) })
    else this.#between = this.#saveOrLoad(order)
  }

  #tell(told: Told): void {
    this.#ring.write(kinds.json, JSON.stringify(told))
  }

  async #saveOrLoad({ type, id, folder }: Order & { type: 'save' | 'load' }): Promise<void> {
    const begun = performance.now()
    try {
      const result = type === 'save' ? this.#saving.save(folder) : await this.#saving.load(folder)
      this.#tell({ answer: id, result: { pauseMs: performance.now() - begun, ...result } })
    } catch (error) {
      this.#tell({ answer: id, result: { failed: describeError(error).message } })
    } finally {
      this.#between = undefined
    }
  }

  async #execute(run: string, code: string, name: string): Promise<void> {
    if (this.#between) await this.#between
    this.#run = run
    this.#timers.begin()
    this.#showing = []
    const event = await this.#outcome(code, name)
    // An interrupted run has been ended; what its code still does is nobody's.
    if (event && this.#run === run) this.#end(event)
  }

  #end(event: KernelEvent): void {
    this.#endText()
    this.#tell({ ended: this.#run!, event })
    this.#run = undefined
  }

  async #outcome(code: string, name: string): Promise<KernelEvent | undefined> {
    const file = `cell:${name.replaceAll(/\s/g, '_')}`
    try {
      const value = await this.#evaluator.evaluate(prepare(code), file)
      const result = await value
      await Promise.all(this.#showing)
      if (result !== undefined) {
        this.#tell({ event: { type: 'result', parts: await partsOf(result, this.#config.limits.displayBytes) } })
      }
      return { type: 'completed' }
    } catch (error) {
      if (error instanceof Terminated) return undefined
      if (error instanceof CellExit && error.status === 0) return { type: 'completed' }
      return { type: 'failed', error: describeError(error) }
    }
  }

  #interrupt(run: string): void {
    if (this.#run !== run) return
    this.#timers.clear()
    this.#end({ type: 'cancelled' })
  }

  #uncaught(error: unknown): void {
    const { name, message, traceback } = describeError(error)
    const text = traceback.length > 0 ? traceback.join('\n') : `${name}: ${message}`
    this.#ring.writeText(kinds.stderr, `Uncaught ${text}\n`)
  }

  #show(value: unknown, options: { id?: string; update?: boolean; raw?: boolean }): void {
    const { displayBytes } = this.#config.limits
    const send = (parts: KernelPart[]) => {
      const named = options.id === undefined ? {} : { id: options.id, ...(options.update ? { update: true } : {}) }
      this.#tell({ event: { type: 'display', ...named, parts } })
    }
    const parts = options.raw
      ? partsOfBundle(value as Record<string, unknown>, displayBytes)
      : partsOf(value, displayBytes)
    // At once where that can be: what is printed next stands below it.
    if (!(parts instanceof Promise)) send(parts)
    else this.#showLater(parts.then(send))
  }

  #showLater(shown: Promise<void>): void {
    this.#showing.push(shown)
    // The run ends with it; until then it is no rejection that nobody minds.
    shown.catch(() => undefined)
  }

  /** Blocks the thread, as `prompt` does in a browser; an interrupt terminates the wait. */
  #ask(prompt: string, password: boolean): string {
    if (!this.#run) throw new Error('Input is only possible while a cell runs')
    const id = `${this.#run.slice(0, 100)}-${++this.#inputs}`
    this.#tell({ event: { type: 'input-request', id, prompt: prompt.slice(0, 10_000), password } })
    for (;;) {
      const seen = Atomics.load(this.#answers.answered, 0)
      const received = receiveMessageOnPort(this.#answers.port) as { message: { id: string; text: string } } | undefined
      if (received?.message.id === id) {
        this.#tell({ event: { type: 'input-answered', id } })
        return received.message.text
      }
      if (!received) Atomics.wait(this.#answers.answered, 0, seen, 1000)
    }
  }
}
