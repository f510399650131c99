/**
 * Asks for runs: the visible intent goes into the document, the authority to the hub, under one run id. A list of cells
 * runs one after the other and stops at the first that does not complete, unless the notebook says otherwise (NB11).
 */
import type { ExecutionStatus } from '@meshbook/core/executions.ts'
import { type Now, newId, type RandomBytes, type RunId } from '@meshbook/core/ids.ts'
import type { CellRef, RunRequest } from '@meshbook/core/messages.ts'
import { codeHash } from '@meshbook/core/notebook/cell-hash.ts'
import { demandsOf } from '@meshbook/core/notebook/demands.ts'
import { effect, type Signal, signal } from '@preact/signals'
import * as Y from 'yjs'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { mayFail, optionsOf } from './cell-options.ts'
import { type ExecutionStore, isActive } from './execution-store.ts'
import type { NotebookStore } from './notebook-store.ts'

export interface RunnerPorts {
  api: RunApi
  /** Who may only read and run leaves it to the device to write the intent. */
  mayWrite: boolean
  now: Now
  random: RandomBytes
}
export interface RunApi {
  startRun(request: RunRequest): Promise<unknown>
}
export interface RunFailure {
  message: string
  hint: string
  /** The hub was not asked: once it answers, nothing stands in the way. */
  away?: true
}

export interface Dropped {
  /** Key of the cell that failed, and of those after it. */
  after: string
  rest: readonly string[]
}

export class Runner {
  /** Keys of cells that wait for the cells above them, in order. */
  readonly waiting: Signal<readonly string[]> = signal([])
  /** How far the list is that is being run. */
  readonly progress: Signal<{ done: number; total: number } | undefined> = signal(undefined)
  /** What a failure kept from being run. */
  readonly dropped: Signal<Dropped | undefined> = signal(undefined)
  /** Why the last request of a cell was not taken, by the cell's key. */
  readonly failures: Signal<ReadonlyMap<string, RunFailure>> = signal(new Map())
  /** The device chosen with "Run on…". */
  readonly on: Signal<string | undefined> = signal(undefined)
  /** The session that this browser forked for itself, instead of the notebook's. */
  readonly session: Signal<string | undefined> = signal(undefined)
  readonly #notebook: NotebookStore
  readonly #executions: ExecutionStore
  readonly #document: string
  readonly #ports: RunnerPorts
  #chain = 0

  constructor(notebook: NotebookStore, executions: ExecutionStore, document: string, ports: RunnerPorts) {
    this.#notebook = notebook
    this.#executions = executions
    this.#document = document
    this.#ports = ports
  }

  get mayWrite(): boolean {
    return this.#ports.mayWrite
  }

  /** Runs cells one after the other; a new call replaces what is still waiting. Resolves when the last has ended. */
  async runAll(keys: readonly string[]): Promise<void> {
    const chain = ++this.#chain
    const cells = keys.filter(key => this.#runsInList(key))
    this.dropped.value = undefined
    this.waiting.value = cells
    for (const [done, key] of cells.entries()) {
      this.progress.value = { done, total: cells.length }
      this.waiting.value = this.waiting.value.filter(other => other !== key)
      const goesOn = await this.#runInList(key)
      if (chain !== this.#chain) return
      if (goesOn) continue
      const rest = this.waiting.value
      if (rest.length > 0) this.dropped.value = { after: key, rest }
      break
    }
    this.waiting.value = []
    this.progress.value = undefined
  }

  /** Whether the list goes on after this cell (NB11). */
  async #runInList(key: string): Promise<boolean> {
    const run = await this.run(key)
    if (run === undefined) return !this.failures.value.has(key)
    const status = await this.ended(run)
    return status === 'completed' || (status === 'error' && this.#goesOnAfterError(key))
  }

  #goesOnAfterError(key: string): boolean {
    const item = this.#notebook.find(key)
    const { stopOnError = true } = this.#notebook.page.notebook.frontMatter ?? {}
    return !stopOnError || (item?.kind === 'cell' && mayFail(item.cell))
  }

  #runsInList(key: string): boolean {
    const item = this.#notebook.find(key)
    return item?.kind === 'cell' && optionsOf(item.cell).runs
  }

  /** Goes on with the cells that were dropped, as far as they still exist. */
  async resume(): Promise<void> {
    const { rest = [] } = this.dropped.value ?? {}
    await this.runAll(rest)
  }

  /** Drops what waits; runs that were already requested go on. */
  stopWaiting(): void {
    this.#chain++
    this.waiting.value = []
    this.progress.value = undefined
  }

  /** Asks for one run. Resolves with its id once the hub has taken it; undefined if there is nothing to run or it refused. */
  async run(key: string): Promise<RunId | undefined> {
    this.#setFailure(key, undefined)
    const item = this.#notebook.find(key)
    if (item?.kind !== 'cell' || item.cell.code.trim() === '') return undefined
    const { code, language, from } = item.cell
    const anchor = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(this.#notebook.text, from))
    const id = newId('run', this.#ports.now(), this.#ports.random) as unknown as RunId
    const { mayWrite } = this.#ports
    if (mayWrite) this.#writeIntent(id, anchor, code, language)
    const cell = mayWrite ? { by: 'anchor', anchor } : { by: 'index', index: item.cell.index }
    return await this.#request(key, { id, code, language, cell: cell as CellRef })
  }

  /** A session of one's own: nobody else knows its name. */
  fork(): void {
    const { now, random } = this.#ports
    this.session.value = `fork-${newId('session', now(), random).slice(-8)}`
  }

  #writeIntent(id: RunId, cell: unknown, code: string, language: string): void {
    const requestedBy = this.#notebook.doc.clientID
    this.#executions.write({
      id,
      status: 'requested',
      cell,
      code,
      language,
      ...this.#session,
      requestedBy,
      requestedAt: this.#ports.now(),
      outputBy: 'monitor',
    })
  }

  get #session(): { session?: string } {
    const session = this.session.value ?? this.#notebook.page.notebook.frontMatter?.session
    return session === undefined ? {} : { session }
  }

  async #request(
    key: string,
    run: { id: RunId; code: string; language: string; cell: CellRef },
  ): Promise<RunId | undefined> {
    try {
      const on = this.on.value
      const request = {
        ...run,
        ...this.#session,
        ...demandsOf(this.#notebook.page.notebook.frontMatter, run.language),
        ...(on !== undefined && { on }),
        document: this.#document,
        codeHash: await codeHash(run.code),
      } as RunRequest
      await this.#ports.api.startRun(request)
      return run.id
    } catch (thrown) {
      const failure = failureOf(asApiError(thrown))
      this.#setFailure(key, failure)
      if (this.#ports.mayWrite) this.#executions.update(run.id, { status: 'refused', reason: failure.message })
      return undefined
    }
  }

  #setFailure(key: string, failure: RunFailure | undefined): void {
    const failures = new Map(this.failures.value)
    if (failure) failures.set(key, failure)
    else failures.delete(key)
    this.failures.value = failures
  }

  /** The status in which a run ends. */
  ended(run: string): Promise<ExecutionStatus | undefined> {
    const entry = this.#executions.entry(run)
    return new Promise(resolve => {
      let stop: (() => void) | undefined
      stop = effect(() => {
        if (isActive(entry.value)) return
        resolve(entry.value?.status)
        queueMicrotask(() => stop?.())
      })
    })
  }
}

/** In the past, for it stands in the document, too, when the hub is long back. */
function failureOf({ code, message, detail, hint }: ApiError): RunFailure {
  if (code !== 'UNREACHABLE') return { message: detail || message, hint }
  return { message: 'Not run: the hub did not answer.', hint: 'Run the cell again when it is back.', away: true }
}
