/** What the requests of the host do to a Jupyter kernel, and what its messages are as events of a run (JK6 to JK12). */
import type { KernelEvent, Run, RunLog, TextKind } from '../wire/run-log.ts'
import type { KernelAdapter, KernelConfig } from '../wire/server.ts'
import { partsOf } from './bundle.ts'
import {
  clearSchema,
  contentOf,
  displaySchema,
  errorSchema,
  inputSchema,
  statusSchema,
  streamSchema,
} from './contents.ts'
import type { Faults } from './faults.ts'
import type { JupyterKernel } from './jupyter-kernel.ts'
import type { Message } from './message.ts'
import type { Kernelspec } from './process.ts'
import { Questions } from './questions.ts'
import { type patience, RunInKernel } from './run-in-kernel.ts'
import { JupyterSaving } from './saving.ts'

const promptUnits = 16_384

export interface JupyterConfig extends KernelConfig {
  jupyter: { spec: Kernelspec; startMs: number; messageBytes: number }
}

/** What the adapter is told of its kernel. */
export interface KernelEars {
  onIopub(message: Message): void
  onQuestion(message: Message): void
  onText(kind: TextKind, text: string): void
  onEnd(how: string): void
}

export interface AdapterOptions {
  config: JupyterConfig
  log: RunLog
  faults: Faults
  /** Starts a kernel; also another one in the place of one that a cell has ended. */
  start(ears: KernelEars): Promise<JupyterKernel>
  patience?: typeof patience
  /** The kernel is gone, and with it the session's namespace. */
  end(how: string): void
}

export class JupyterAdapter implements KernelAdapter {
  readonly #options: AdapterOptions
  readonly ownProcesses = 1
  readonly #log: RunLog
  #kernel: JupyterKernel
  #questions: Questions
  saving: JupyterSaving | undefined
  #run: RunInKernel | undefined
  #isClosing = false

  private constructor(options: AdapterOptions, kernel: JupyterKernel) {
    this.#options = options
    this.#log = options.log
    this.#kernel = kernel
    this.#questions = new Questions(kernel)
    this.saving = JupyterSaving.of(kernel, options.config.scratch)
    this.#log.onRoom = () => this.#kernel.go()
  }

  static async start(options: AdapterOptions): Promise<JupyterAdapter> {
    // What arrives before the adapter is there has no run that it could belong to.
    let made: JupyterAdapter | undefined
    const kernel = await options.start({
      onIopub: message => made?.onIopub(message),
      onQuestion: message => made?.onQuestion(message),
      onText: (kind, text) => made?.onText(kind, text),
      onEnd: how => (made ? made.onEnd(how) : options.end(how)),
    })
    made = new JupyterAdapter(options, kernel)
    return made
  }

  get version(): string {
    return this.#kernel.version
  }

  get kernel(): string {
    const { displayName } = this.#options.config.jupyter.spec
    return `${displayName} ${this.#kernel.version}`.trim()
  }

  execute(run: Run): void {
    // The run before may have ended while its kernel stood still.
    this.#kernel.go()
    const ears = {
      notice: (text: string) => this.#text('stderr', text),
      lost: (how: string) => this.onEnd(how),
      leaving: () => void this.#kernel.shutdown(),
      end: (event: KernelEvent) => this.#end(event),
    }
    this.#run = new RunInKernel(run.code, this.#kernel, ears, this.#options.patience)
  }

  #end(event: KernelEvent): void {
    this.#run = undefined
    this.#log.end(event)
  }

  onIopub(message: Message): void {
    if (this.#questions.isOwn(message.parent) || this.saving?.isOwn(message.parent)) return
    const { msg_type: type } = message.header
    if (type === 'status') this.#run?.status(message.parent, contentOf(statusSchema, message)?.execution_state)
    else if (type === 'execute_input') this.#run?.began(message.parent)
    else this.#output(type, message)
    if (!this.#log.hasRoom) this.#kernel.stop()
  }

  #output(type: string, message: Message): void {
    this.#run?.heard()
    switch (type) {
      case 'stream': {
        const stream = contentOf(streamSchema, message)
        if (!stream) this.#bad()
        else if (!this.#run?.isMark(stream.text)) this.#text(stream.name, stream.text)
        return
      }
      case 'display_data':
      case 'update_display_data':
      case 'execute_result':
        this.#display(type, message)
        return
      case 'clear_output':
        this.#log.emit({ type: 'clear', wait: contentOf(clearSchema, message)?.wait ?? false })
        return
      case 'error':
        this.#error(message)
        return
      default:
        // Widgets (`comm_open`, `comm_msg`), debug events and what later versions add (JK10).
        this.#options.faults.note(type.startsWith('comm_') ? 'comm message ignored' : 'message ignored')
    }
  }

  #bad(): void {
    this.#options.faults.note('malformed')
  }

  #text(kind: TextKind, text: string): void {
    this.#log.text(kind, text)
  }

  #display(type: string, message: Message): void {
    const content = contentOf(displaySchema, message)
    if (!content) {
      this.#bad()
      return
    }
    const parts = partsOf(content.data, this.#options.config.limits.displayBytes, content.metadata)
    const id = content.transient?.display_id
    if (type === 'execute_result') this.#log.emit({ type: 'result', parts })
    else
      this.#log.emit({
        type: 'display',
        ...(id !== undefined && { id, ...(type === 'update_display_data' && { update: true }) }),
        parts,
      })
  }

  /** Of the run it is its end, which the reply tells too; of anything else it is output. */
  #error(message: Message): void {
    const error = contentOf(errorSchema, message)
    if (!error) this.#bad()
    else if (!this.#run?.failed(message.parent, error)) this.#text('stderr', `${error.traceback.join('\n')}\n`)
  }

  /** What it wrote past the protocol. */
  onText(kind: TextKind, text: string): void {
    this.#run?.heard()
    this.#text(kind, text)
    if (!this.#log.hasRoom) this.#kernel.stop()
  }

  onQuestion(message: Message): void {
    const { prompt, password } = contentOf(inputSchema, message)!
    const id = message.header.msg_id.slice(0, 200)
    if (!this.#run?.asks(id, message.header)) return
    this.#log.emit({ type: 'input-request', id, prompt: prompt.slice(0, promptUnits), password })
  }

  input(request: string | undefined, text: string): boolean {
    const id = this.#run?.answer(request, text)
    if (id === undefined) return false
    this.#log.emit({ type: 'input-answered', id })
    return true
  }

  interrupt(): void {
    this.#run?.interrupt()
  }

  complete(code: string, cursor: number): Promise<unknown> {
    return this.#questions.complete(code, cursor, this.#log.current !== undefined)
  }

  inspect(code: string, cursor: number): Promise<unknown> {
    return this.#questions.inspect(code, cursor, this.#log.current !== undefined)
  }

  variables(): Promise<unknown> {
    return this.#questions.variables(this.#log.current !== undefined)
  }

  onEnd(how: string): void {
    if (this.#isClosing) return
    if (this.#run?.isLeaving) void this.#replace(this.#run)
    else this.#options.end(how)
  }

  /** The cell has ended its kernel: the run ends, the session goes on with a fresh one (KN22). */
  async #replace(run: RunInKernel): Promise<void> {
    try {
      this.#kernel = await this.#options.start(this.#ears())
    } catch (error) {
      this.#options.end((error as Error).message)
      return
    }
    this.#questions = new Questions(this.#kernel)
    this.saving = JupyterSaving.of(this.#kernel, this.#options.config.scratch)
    this.#text('stderr', '\n[The cell ended its kernel. A fresh one goes on; the variables are lost.]\n')
    run.left()
  }

  #ears(): KernelEars {
    return {
      onIopub: message => this.onIopub(message),
      onQuestion: message => this.onQuestion(message),
      onText: (kind, text) => this.onText(kind, text),
      onEnd: how => this.onEnd(how),
    }
  }

  shutdown(): void {
    this.#isClosing = true
    void this.#kernel.shutdown().then(() => process.exit(0))
  }
}
