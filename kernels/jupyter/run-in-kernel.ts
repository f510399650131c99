/**
 * One run inside a Jupyter kernel: from its request to the moment when both its answer and its `idle` are here, which
 * come on two channels in any order (JK6). It knows the request's id and nothing of what the code prints.
 */
import type { KernelError, KernelEvent } from '../wire/run-log.ts'
import { contentOf, errorSchema, executeReplySchema } from './contents.ts'
import type { JupyterKernel } from './jupyter-kernel.ts'
import type { Header, Message } from './message.ts'

const idleMs = 10_000
const quietMs = 50
const startCheckMs = 10_000
const deafBeats = 5
const beginMs = 200
/** More than the host keeps of them. */
const tracebackLines = 400
const lineUnits = 4000

export interface RunEars {
  /** Something for the user to read beside the output. */
  notice(text: string): void
  /** The kernel does not answer any more. */
  lost(how: string): void
  /** The kernel asks to be ended. */
  leaving(): void
  end(event: KernelEvent): void
}

type JupyterError = { ename: string; evalue: string; traceback: string[] }

export class RunInKernel {
  readonly #kernel: JupyterKernel
  readonly #ears: RunEars
  readonly #id: string
  readonly #startCheck: NodeJS.Timeout
  #state: 'sent' | 'busy' | 'begun' | 'ended' = 'sent'
  #isIdle = false
  #reply: Message | undefined
  #error: JupyterError | undefined
  #isInterrupted = false
  #mustInterrupt = false
  #question: { id: string; header: Header } | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #beginTimer: NodeJS.Timeout | undefined
  isLeaving = false

  constructor(code: string, kernel: JupyterKernel, ears: RunEars) {
    this.#kernel = kernel
    this.#ears = ears
    const { id, reply } = kernel.ask('shell', 'execute_request', {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: true,
      // Runs come one at a time: what follows an error is decided elsewhere, and a kernel that gives up what it has in
      // its queue would take the next run for a part of that.
      stop_on_error: false,
    })
    this.#id = id
    void reply.then(message => this.#replied(message))
    this.#startCheck = setInterval(() => this.#checkStart(), startCheckMs)
  }

  #checkStart(): void {
    if (this.#state !== 'sent') clearInterval(this.#startCheck)
    else if (this.#kernel.unansweredBeats >= deafBeats)
      this.#ears.lost('the kernel did not take the run, and its heartbeat stands still')
  }

  status(parent: string | undefined, state: string | undefined): void {
    if (parent !== this.#id) return
    if (state === 'busy' && this.#state === 'sent') {
      this.#state = 'busy'
      this.#beginTimer = setTimeout(() => this.began(parent), beginMs)
    }
    if (state !== 'idle') return
    this.#isIdle = true
    this.#endIfOver()
  }

  /** From here on an interrupt meets the code; a kernel ignores one that comes before. */
  began(parent: string | undefined): void {
    if (parent !== this.#id || this.#state === 'ended') return
    clearTimeout(this.#beginTimer)
    this.#state = 'begun'
    if (!this.#mustInterrupt) return
    this.#mustInterrupt = false
    this.#kernel.interrupt()
  }

  interrupt(): void {
    this.#isInterrupted = true
    if (this.#state === 'begun') this.#kernel.interrupt()
    else this.#mustInterrupt = true
  }

  /** False if the error is not the run's. */
  failed(parent: string | undefined, error: JupyterError): boolean {
    if (parent !== this.#id) return false
    this.#error = error
    return true
  }

  #replied(message: Message): void {
    this.#reply = message
    const leaves = contentOf(executeReplySchema, message)?.payload?.some(
      each => each.source === 'ask_exit' && each.keepkernel !== true,
    )
    if (leaves) {
      this.isLeaving = true
      this.#ears.leaving()
    }
    this.heard()
  }

  /** Something came from the kernel: what is on its way is waited for again. */
  heard(): void {
    if (!this.#reply || this.#state === 'ended') return
    clearTimeout(this.#idleTimer)
    if (this.#isIdle) this.#endIfOver()
    else this.#idleTimer = setTimeout(() => this.#neverIdle(), idleMs)
  }

  #neverIdle(): void {
    if (!this.isLeaving) this.#ears.notice('\n[The kernel did not say that it is done: some output may be missing.]\n')
    this.#isIdle = true
    this.#endIfOver()
  }

  #endIfOver(): void {
    if (!this.#reply || !this.#isIdle || this.isLeaving) return
    clearTimeout(this.#idleTimer)
    // What its children wrote is in the pipes by now: it is read before the end is told.
    if (this.#kernel.isIdleLast) setImmediate(() => setImmediate(() => this.left()))
    else this.#idleTimer = setTimeout(() => this.left(), quietMs)
  }

  /** Tells the end, once. */
  left(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    clearTimeout(this.#idleTimer)
    clearTimeout(this.#beginTimer)
    clearInterval(this.#startCheck)
    this.#ears.end(this.#ending())
  }

  #ending(): KernelEvent {
    const status = this.#reply && contentOf(executeReplySchema, this.#reply)?.status
    if (status === 'ok') return { type: 'completed' }
    if (this.#isInterrupted) return { type: 'cancelled' }
    return { type: 'failed', error: this.#errorOf(status) }
  }

  #errorOf(status: string | undefined): KernelError {
    const told = this.#reply && status === 'error' ? contentOf(errorSchema, this.#reply) : undefined
    const error = told?.traceback.length ? told : (this.#error ?? told)
    if (!error) return { name: 'NotExecuted', message: `The kernel answered "${status}".`, traceback: [] }
    const lines = error.traceback.flatMap(text => text.split('\n')).slice(0, tracebackLines)
    const traceback = lines.map(line => line.slice(0, lineUnits))
    return { name: error.ename.slice(0, lineUnits), message: error.evalue.slice(0, 16 * lineUnits), traceback }
  }

  /** False if the run can ask nothing any more. */
  asks(id: string, header: Header): boolean {
    if (this.#state === 'ended') return false
    this.#question = { id, header }
    return true
  }

  /** The id of the question that was answered; undefined if there is none, or another one. */
  answer(request: string | undefined, text: string): string | undefined {
    const question = this.#question
    if (!question || (request !== undefined && request !== question.id)) return undefined
    this.#question = undefined
    this.#kernel.answer(question.header, text)
    return question.id
  }
}
