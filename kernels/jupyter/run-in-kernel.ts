/**
 * One run inside a Jupyter kernel: from its request to the moment when both its answer and its `idle` are here, which
 * come on two channels in any order (JK6). It knows the request's id and nothing of what the code prints.
 */
import { randomUUID } from 'node:crypto'
import type { KernelError, KernelEvent } from '../wire/run-log.ts'
import { contentOf, errorSchema, executeReplySchema } from './contents.ts'
import type { JupyterKernel } from './jupyter-kernel.ts'
import type { Header, Message } from './message.ts'

/** How long is waited for what may never come. */
export const patience = { idleMs: 10_000, startCheckMs: 10_000 }
const quietMs = 50
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
  readonly #idleMs: number
  #state: 'sent' | 'busy' | 'begun' | 'ended' = 'sent'
  #isIdle = false
  #reply: Message | undefined
  #error: JupyterError | undefined
  #isInterrupted = false
  #mustInterrupt = false
  #question: { id: string; header: Header } | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #beginTimer: NodeJS.Timeout | undefined
  #mark: { text: string; request: string } | undefined
  isLeaving = false

  constructor(code: string, kernel: JupyterKernel, ears: RunEars, { idleMs, startCheckMs } = patience) {
    this.#kernel = kernel
    this.#ears = ears
    this.#idleMs = idleMs
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
    const isDeaf = this.#state === 'sent' && this.#kernel.unansweredBeats >= deafBeats
    if (isDeaf || this.#state !== 'sent') clearInterval(this.#startCheck)
    if (isDeaf) this.#ears.lost('the kernel did not take the run, and its heartbeat stands still')
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
    if (parent !== undefined && parent === this.#mark?.request) return true
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
    if (this.#isIdle) this.#endIfOver()
    else this.#after(this.#idleMs, () => this.#endWithout())
  }

  /** Unless something is heard before. A kernel that stands still, or whose messages are not read yet, is waited for. */
  #after(ms: number, then: () => void): void {
    clearTimeout(this.#idleTimer)
    const isNewest = () => this.#idleTimer === timer
    const timer = setTimeout(() => {
      if (this.#kernel.isStopped) this.#after(ms, then)
      else setImmediate(() => setImmediate(() => isNewest() && then()))
    }, ms)
    this.#idleTimer = timer
  }

  #endWithout(): void {
    if (this.isLeaving || this.#state === 'ended') return
    this.#ears.notice('\n[The kernel did not say that it is done: some output may be missing.]\n')
    this.left()
  }

  #endIfOver(): void {
    if (!this.#reply || !this.#isIdle || this.isLeaving) return
    clearTimeout(this.#idleTimer)
    switch (this.#kernel.outputEnd) {
      case 'idle':
        // What its children wrote is in the pipes by now: it is read before the end is told.
        setImmediate(() => setImmediate(() => this.left()))
        return
      case 'mark':
        this.#mark ??= this.#askForMark()
        this.#after(this.#idleMs, () => this.#endWithout())
        return
      case 'quiet':
        this.#after(quietMs, () => this.left())
    }
  }

  /** Deno sends output by a queue of its own, which its `idle` overtakes. What is put into that queue now comes last. */
  #askForMark(): { text: string; request: string } {
    const text = `end ${randomUUID()}`
    const { id, reply } = this.#kernel.ask('shell', 'execute_request', {
      code: `await Deno.jupyter.broadcast("stream", { name: "stdout", text: "${text}" }); undefined`,
      silent: true,
      store_history: false,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: false,
    })
    void reply.then(message => {
      // The cell has changed what the mark is printed with.
      if (contentOf(executeReplySchema, message)?.status !== 'ok') this.#after(quietMs, () => this.left())
    })
    return { text, request: id }
  }

  /** Whether the text is the end of the run's output, and nobody's output. */
  isMark(text: string): boolean {
    if (text !== this.#mark?.text) return false
    this.left()
    return true
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
