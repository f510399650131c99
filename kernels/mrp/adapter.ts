/** What the requests of the host do to a runtime at a URL: one run at a time, its stream, its questions, its end. */
import type { IncomingMessage } from 'node:http'
import type { KernelEvent, Run, RunLog } from '../wire/run-log.ts'
import type { KernelAdapter, KernelConfig } from '../wire/server.ts'
import { completionsOf, inspectionOf, variablesOf } from './answers.ts'
import { EventStream } from './event-stream.ts'
import { partOf, RunReader, type Told } from './run-reader.ts'
import { Refused, RuntimeClient, Unreachable } from './runtime-client.ts'

const questionMs = 3_000
const orderMs = 5_000
const assetMs = 20_000
const resetMs = 1_000
/** From the end of the run until its stream has to end. */
const lastWordMs = 5_000

export interface RuntimePlace {
  url: string
  session: string
}

interface ActiveRun {
  run: Run
  reader: RunReader
  abort: AbortController
  question: string | undefined
  questions: number
  interrupted: boolean
}

export class MrpAdapter implements KernelAdapter {
  readonly kernel: string
  readonly version = 'MRP'
  readonly #config: KernelConfig
  readonly #log: RunLog
  readonly #place: RuntimePlace
  readonly #client: RuntimeClient
  #active: ActiveRun | undefined

  constructor(config: KernelConfig, place: RuntimePlace, log: RunLog) {
    this.#config = config
    this.#place = place
    this.#log = log
    this.#client = new RuntimeClient(place.url)
    this.kernel = `MRP at ${this.#client.address}`.slice(0, 100)
  }

  execute(run: Run): void {
    const abort = new AbortController()
    this.#active = {
      run,
      reader: new RunReader(run.id),
      abort,
      question: undefined,
      questions: 0,
      interrupted: false,
    }
    void this.#perform(this.#active).then(event => {
      this.#active = undefined
      this.#log.end(event)
    })
  }

  async #perform(active: ActiveRun): Promise<KernelEvent> {
    const { run, reader, abort } = active
    const id = { execId: run.id, exec_id: run.id }
    const order = { code: run.code, session: this.#place.session, storeHistory: true, ...id }
    try {
      const stream = await this.#client.stream('execute/stream', order, abort.signal)
      await this.#follow(active, stream)
      stream.destroy()
    } catch (thrown) {
      if (!reader.ending) return this.#withoutEnd(active, thrown)
    }
    return this.#ending(active)
  }

  async #follow(active: ActiveRun, stream: IncomingMessage): Promise<void> {
    const events = new EventStream(this.#config.limits.frameBytes)
    let hasEnded = false
    for await (const chunk of stream) {
      for (const event of events.push(chunk as Buffer)) {
        for (const told of active.reader.read(event)) await this.#tell(active, told)
        if (active.reader.ending && !hasEnded) setTimeout(() => stream.destroy(), lastWordMs).unref()
        hasEnded ||= active.reader.ending !== undefined
        if (active.reader.isDone) return
      }
      if (!this.#log.hasRoom) await this.#room()
    }
  }

  /** Until the host has taken what waits (KN14). */
  async #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#log.onRoom = resolve
    await promise
    this.#log.onRoom = () => undefined
  }

  async #tell(active: ActiveRun, told: Told): Promise<void> {
    switch (told.tell) {
      case 'text':
        this.#log.text(told.kind, told.text)
        return
      case 'event':
        this.#log.emit(told.event)
        return
      case 'question':
        active.question = `${active.run.id.slice(0, 100)}-${++active.questions}`
        this.#log.emit({
          type: 'input-request',
          id: active.question,
          prompt: told.prompt.slice(0, 10_000),
          password: told.password,
        })
        return
      case 'asset':
        await this.#showAsset(told.path, told.mimeType)
        return
    }
  }

  /** Only what lies below the runtime's own address is read, whatever address it names. */
  async #showAsset(path: string, mimeType: string): Promise<void> {
    const name = path.replace(/^.*\/assets\//, '').replace(/^\/+/, '')
    const place = `assets/${name.split('/').map(encodeURIComponent).join('/')}`
    try {
      const { displayBytes } = this.#config.limits
      const bytes = await this.#client.bytes('GET', place, undefined, displayBytes, assetMs)
      const isText = partOf(mimeType, '').base64 !== true
      const part = partOf(mimeType, bytes.toString(isText ? 'utf8' : 'base64'))
      this.#log.emit({ type: 'display', parts: [part] })
    } catch (thrown) {
      this.#log.text('stderr', `[${name} was not to be had from the runtime: ${(thrown as Error).message}]\n`)
    }
  }

  #ending({ reader, interrupted }: ActiveRun): KernelEvent {
    const ending = reader.ending
    if (!ending) return disconnected('the stream ended before the run did')
    return interrupted && ending.type === 'failed' ? { type: 'cancelled' } : ending
  }

  #withoutEnd({ interrupted }: ActiveRun, thrown: unknown): KernelEvent {
    const message = (thrown as Error).message
    if (interrupted) return { type: 'cancelled' }
    if (thrown instanceof Unreachable)
      return failed('RuntimeUnreachable', `The runtime cannot be reached, so nothing was run. ${message}`)
    if (thrown instanceof Refused)
      return failed('RuntimeRefused', `The runtime at ${this.#client.address} did not take the run: ${message}`)
    return disconnected(message)
  }

  async input(request: string | undefined, text: string): Promise<boolean> {
    const active = this.#active
    const question = active?.question
    if (!active || question === undefined || (request !== undefined && request !== question)) return false
    active.question = undefined
    if (!(await this.#answer(active, text))) {
      active.question ??= question
      return false
    }
    this.#log.emit({ type: 'input-answered', id: question })
    return true
  }

  async #answer({ reader }: ActiveRun, text: string): Promise<boolean> {
    const id = { execId: reader.id, exec_id: reader.id }
    const answer = await this.#ask('input', { ...id, session: this.#place.session, text: `${text}\n` }, orderMs)
    return typeof answer === 'object' && answer !== null && (answer as { accepted?: unknown }).accepted === true
  }

  interrupt(): void {
    const active = this.#active
    if (!active) return
    active.interrupted = true
    void this.#interrupt(active)
  }

  async #interrupt({ reader, question }: ActiveRun): Promise<void> {
    const body = { execId: reader.id, exec_id: reader.id, session: this.#place.session }
    if (question !== undefined) await this.#ask('input/cancel', body, orderMs)
    await this.#ask('interrupt', body, orderMs)
  }

  /** Undefined where the runtime lacks it, or does not answer in time. */
  async #ask(path: string, body: object, ms: number): Promise<unknown> {
    try {
      return await this.#client.json('POST', path, body, ms)
    } catch {
      return undefined
    }
  }

  #about(code: string, cursor: number): object {
    return { code, cursor, session: this.#place.session }
  }

  async complete(code: string, cursor: number): Promise<unknown> {
    return completionsOf(await this.#ask('complete', this.#about(code, cursor), questionMs), cursor)
  }

  async inspect(code: string, cursor: number): Promise<unknown> {
    return inspectionOf(await this.#ask('inspect', { ...this.#about(code, cursor), detail: 1 }, questionMs))
  }

  async variables(): Promise<unknown> {
    return variablesOf(await this.#ask('variables', { session: this.#place.session }, questionMs))
  }

  shutdown(restart: boolean): void {
    this.#active?.abort.abort()
    const reset = restart ? this.#ask('reset', { session: this.#place.session }, resetMs) : Promise.resolve()
    void reset.then(() => process.exit(0))
  }
}

function failed(name: string, message: string): KernelEvent {
  return { type: 'failed', error: { name, message, traceback: [] } }
}

function disconnected(why: string): KernelEvent {
  return failed(
    'RuntimeDisconnected',
    `The connection to the runtime was lost (${why}). The code may be going on there; it is not run again by itself.`,
  )
}
