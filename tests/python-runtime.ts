/** A real Python for servers in tests: one interpreter, one cell at a time, told as plain events. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Completions, Inspection, Variables } from '@meshbook/core/api.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { KernelClient, type KernelEvent, type NumberedKernelEvent } from '@meshbook/device/kernels/kernel-client.ts'
import { type Launched, launch } from '@meshbook/device/kernels/launch.ts'
import { killTree } from '@meshbook/device/kernels/process-tree.ts'

export type RuntimeEvent =
  | { type: 'stdout' | 'stderr'; text: string }
  | { type: 'display'; data: Record<string, string> }
  | { type: 'question'; prompt: string; password: boolean }
  | { type: 'result'; text: string }
  | { type: 'completed' }
  | { type: 'failed'; error: { type: string; message: string; traceback: string[] } }

const few = { ...limits, kernelUnackedBytes: 1_000_000 }

export class PythonRuntime {
  readonly #cwd: string
  readonly #folder: string
  readonly #mark = `mrp-${Buffer.from(systemRandom(6)).toString('hex')}`
  #launched: Launched | undefined
  #client: KernelClient | undefined
  #take: (event: NumberedKernelEvent | undefined) => void = () => undefined
  #run: string | undefined
  #runs = 0

  private constructor(cwd: string, folder: string) {
    this.#cwd = cwd
    this.#folder = folder
  }

  static async start(t: TestContext, cwd: string): Promise<PythonRuntime> {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-runtime-'))
    const runtime = new PythonRuntime(cwd, folder)
    t.after(async () => {
      await runtime.#end()
      await rm(folder, { recursive: true, force: true })
    })
    await runtime.#begin()
    return runtime
  }

  async #begin(): Promise<void> {
    this.#launched = await launch({
      folder: this.#folder,
      mark: this.#mark,
      language: 'python',
      projectFolder: this.#cwd,
      env: process.env,
      limits: few,
      nodePath: process.execPath,
      random: systemRandom,
    })
    const handlers = { onEvent: (event: NumberedKernelEvent) => this.#take(event), onClose: () => this.#closed() }
    this.#client = await KernelClient.connect(this.#launched, few, handlers, AbortSignal.timeout(20_000))
  }

  #closed(): void {
    this.#client = undefined
    this.#take(undefined)
  }

  async #end(): Promise<void> {
    this.#client?.close()
    await killTree(this.#mark, this.#launched?.pid)
  }

  async restart(): Promise<void> {
    await this.#end()
    await this.#begin()
  }

  async *execute(code: string): AsyncGenerator<RuntimeEvent> {
    if (!this.#client) await this.#begin()
    const client = this.#client!
    const run = `r${++this.#runs}`
    const events: (NumberedKernelEvent | undefined)[] = []
    let wake = Promise.withResolvers<void>()
    this.#take = event => {
      events.push(event)
      wake.resolve()
    }
    this.#run = run
    await client.request('execute', { run, code, name: 'cell' })
    for (;;) {
      while (events.length === 0) await wake.promise
      wake = Promise.withResolvers()
      for (const each of events.splice(0)) {
        if (!each)
          return yield { type: 'failed', error: { type: 'RuntimeError', message: 'Python ended', traceback: [] } }
        const told = toldOf(each.event)
        if (told && isEnd(told)) this.#run = undefined
        if (told) yield told
        client.ack(run, each.n)
        if (told && isEnd(told)) return
      }
    }
  }

  async input(text: string): Promise<boolean> {
    const answer = await this.#client?.request('input', { run: this.#run ?? '', text })
    return (answer as { accepted?: boolean } | undefined)?.accepted === true
  }

  async interrupt(): Promise<boolean> {
    const answer = await this.#client?.request('interrupt', { run: this.#run ?? '' })
    return (answer as { running?: boolean } | undefined)?.running === true
  }

  async #ask(type: string, about: object = {}): Promise<unknown> {
    if (!this.#client) throw new Error('Python has ended')
    return this.#client.request(type, about)
  }

  async complete(about: object): Promise<Record<string, unknown>> {
    const { from, to, items } = (await this.#ask('complete', about)) as Completions
    return { matches: items, cursorStart: from, cursorEnd: to, source: 'runtime' }
  }

  async inspect(about: object): Promise<Record<string, unknown>> {
    const { found, text } = (await this.#ask('inspect', about)) as Inspection
    return { found, source: 'runtime', name: null, docstring: text }
  }

  async variables(): Promise<Record<string, unknown>> {
    const { items, truncated } = (await this.#ask('variables')) as Variables
    const variables = items.map(({ name, type, preview }) => ({ name, type, value: preview, expandable: false }))
    return { variables, count: variables.length, truncated }
  }
}

function isEnd({ type }: RuntimeEvent): boolean {
  return type === 'completed' || type === 'failed'
}

function toldOf(event: KernelEvent): RuntimeEvent | undefined {
  switch (event.type) {
    case 'stdout':
    case 'stderr':
      return { type: event.type, text: event.text }
    case 'display':
      return { type: 'display', data: Object.fromEntries(event.parts.map(({ mimeType, data }) => [mimeType, data])) }
    case 'result': {
      const image = event.parts.find(({ mimeType }) => mimeType.startsWith('image/'))
      if (image) return { type: 'display', data: { [image.mimeType]: image.data } }
      return { type: 'result', text: event.parts.find(({ mimeType }) => mimeType === 'text/plain')?.data ?? '' }
    }
    case 'input-request':
      return { type: 'question', prompt: event.prompt, password: event.password }
    case 'completed':
      return { type: 'completed' }
    case 'failed':
      return { type: 'failed', error: { type: event.error.name, ...event.error } }
    case 'cancelled':
      return { type: 'failed', error: { type: 'KeyboardInterrupt', message: '', traceback: ['KeyboardInterrupt'] } }
    default:
      return undefined
  }
}
