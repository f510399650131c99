/**
 * The embedded database: one writer thread and one reader thread over a WAL file. It owns group commit, the lock
 * against a second process, and what happens when the disk fails or a thread ends: nothing is acknowledged until the
 * file is open again.
 */
import { asMeshError, type MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Database, StorageHealth } from './database.ts'
import type { SqliteThreadData } from './sqlite-thread.ts'
import { SqliteWorker } from './sqlite-worker.ts'
import type { Procedures } from './tx.ts'

export interface SqliteOptions {
  file: string
  /** Modules that export `schema` and `procedures` (see SqlModule); names of procedures are unique over all of them. */
  modules: readonly URL[]
  onHealth?: (health: StorageHealth) => void
  /** How long after a failure the file is opened again; each further attempt waits twice as long as the last, up to a limit. */
  reopenMs?: number
}

const well: StorageHealth = { ok: true, detail: '' }

export class SqliteDatabase<P extends Procedures> implements Database<P> {
  readonly file: string
  readonly #writer: Lane
  readonly #reader: Lane
  readonly #onHealth: ((health: StorageHealth) => void) | undefined
  #closing = false
  #wasWell = true

  private constructor(options: SqliteOptions, writer: Lane, reader: Lane) {
    this.file = options.file
    this.#writer = writer
    this.#reader = reader
    this.#onHealth = options.onHealth
    for (const lane of [writer, reader]) lane.onChange = () => this.#tell()
  }

  /**
   * Opens or makes the file and brings its tables up to date. Throws READ_ONLY_FOLDER, DISK_FULL, DATA_IN_USE,
   * DATA_TOO_NEW (nothing is changed then) or STORAGE_FAILED.
   */
  static async open<P extends Procedures>(options: SqliteOptions): Promise<SqliteDatabase<P>> {
    const data = {
      file: options.file,
      modules: options.modules.map(url => url.href),
      groupCommitMs: limits.groupCommitMs,
      groupCalls: limits.groupCommitCalls,
    }
    const reopenMs = options.reopenMs ?? limits.reconnectMinMs
    const writer = await Lane.start({ ...data, role: 'writer' }, reopenMs)
    try {
      return new SqliteDatabase(options, writer, await Lane.start({ ...data, role: 'reader' }, reopenMs))
    } catch (thrown) {
      await writer.close()
      throw thrown
    }
  }

  call: Database<P>['call'] = async (name, ...args) => (await this.#writer.call(name, args[0])) as never

  query: Database<P>['query'] = async (name, ...args) => (await this.#reader.call(name, args[0])) as never

  health(): StorageHealth {
    const failure = this.#writer.failure ?? this.#reader.failure
    return failure ? { ok: false, detail: `${failure.message}. ${failure.entry.hint}` } : well
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.#reader.close()
    await this.#writer.close()
  }

  #tell(): void {
    const health = this.health()
    if (this.#closing || health.ok === this.#wasWell) return
    this.#wasWell = health.ok
    this.#onHealth?.(health)
  }
}

/** One of the two threads, through all failures: while there is one, every call fails with it. */
class Lane {
  failure: MeshError | undefined
  /** Called when `failure` has changed. */
  onChange: (() => void) | undefined
  readonly #data: SqliteThreadData
  readonly #reopenMs: number
  #worker: SqliteWorker
  #waitMs: number
  #retry: NodeJS.Timeout | undefined
  #starting: Promise<void> | undefined
  #closing = false

  private constructor(data: SqliteThreadData, reopenMs: number, worker: SqliteWorker) {
    this.#data = data
    this.#reopenMs = reopenMs
    this.#waitMs = reopenMs
    this.#worker = worker
    this.#follow(worker)
  }

  static async start(data: SqliteThreadData, reopenMs: number): Promise<Lane> {
    return new Lane(data, reopenMs, await SqliteWorker.start(data))
  }

  async call(name: string, args: unknown): Promise<unknown> {
    if (this.failure) throw this.failure
    return this.#worker.call(name, args)
  }

  async close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#retry)
    await this.#starting
    await this.#worker.close()
  }

  #follow(worker: SqliteWorker): void {
    worker.onFailure = error => this.#fail(error)
    worker.onReopened = () => this.#recover()
  }

  #fail(error: MeshError): void {
    this.failure = error
    if (this.#closing) return
    this.onChange?.()
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#tryAgain(), this.#waitMs).unref()
    this.#waitMs = Math.min(this.#waitMs * 2, limits.storageRetryMaxMs)
  }

  /** A thread that lives opens the file again; one that has ended gets a successor. */
  #tryAgain(): void {
    if (!this.#worker.ended) this.#worker.reopen()
    else this.#starting = this.#replace()
  }

  async #replace(): Promise<void> {
    try {
      this.#worker = await SqliteWorker.start(this.#data)
      this.#follow(this.#worker)
      this.#recover()
    } catch (thrown) {
      this.#fail(asMeshError(thrown))
    }
  }

  #recover(): void {
    this.failure = undefined
    this.#waitMs = this.#reopenMs
    this.onChange?.()
  }
}
