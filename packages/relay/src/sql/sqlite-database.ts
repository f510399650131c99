/**
 * The embedded database: one writer thread and one reader thread over a WAL file. It owns group commit, the lock
 * against a second process, and what happens when the disk fails: nothing is acknowledged until reopening succeeds.
 */
import type { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Database, StorageHealth } from './database.ts'
import { SqliteWorker } from './sqlite-worker.ts'
import type { Procedures } from './tx.ts'

export interface SqliteOptions {
  file: string
  /** Modules that export `schema` and `procedures` (see SqlModule); names of procedures are unique over all of them. */
  modules: readonly URL[]
  onHealth?: (health: StorageHealth) => void
  /** How long after a failure, and after each failed attempt, the file is opened again. */
  reopenMs?: number
}

const well: StorageHealth = { ok: true, detail: '' }

export class SqliteDatabase<P extends Procedures> implements Database<P> {
  readonly file: string
  readonly #writer: SqliteWorker
  readonly #reader: SqliteWorker
  readonly #reopenMs: number
  readonly #onHealth: ((health: StorageHealth) => void) | undefined
  #failure: MeshError | undefined
  #retry: NodeJS.Timeout | undefined
  #closing = false

  private constructor(options: SqliteOptions, writer: SqliteWorker, reader: SqliteWorker) {
    this.file = options.file
    this.#writer = writer
    this.#reader = reader
    this.#reopenMs = options.reopenMs ?? limits.reconnectMinMs
    this.#onHealth = options.onHealth
    writer.onFailure = error => this.#fail(error)
    writer.onReopened = () => this.#recover()
  }

  /**
   * Opens or makes the file and brings its tables up to date. Throws READ_ONLY_FOLDER, DISK_FULL, DATA_IN_USE,
   * DATA_TOO_NEW (nothing is changed then) or STORAGE_FAILED.
   */
  static async open<P extends Procedures>(options: SqliteOptions): Promise<SqliteDatabase<P>> {
    const modules = options.modules.map(url => url.href)
    const data = {
      file: options.file,
      modules,
      groupCommitMs: limits.groupCommitMs,
      groupCalls: limits.groupCommitCalls,
    }
    const writer = await SqliteWorker.start({ ...data, role: 'writer' })
    try {
      return new SqliteDatabase(options, writer, await SqliteWorker.start({ ...data, role: 'reader' }))
    } catch (thrown) {
      await writer.close()
      throw thrown
    }
  }

  call: Database<P>['call'] = async (name, ...args) => {
    if (this.#failure) throw this.#failure
    return (await this.#writer.call(name, args[0])) as never
  }

  query: Database<P>['query'] = async (name, ...args) => (await this.#reader.call(name, args[0])) as never

  health(): StorageHealth {
    return this.#failure ? { ok: false, detail: `${this.#failure.message}. ${this.#failure.entry.hint}` } : well
  }

  async close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#retry)
    await this.#reader.close()
    await this.#writer.close()
  }

  #fail(error: MeshError): void {
    const first = !this.#failure
    this.#failure = error
    if (this.#closing) return
    if (first) this.#onHealth?.(this.health())
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#writer.reopen(), this.#reopenMs).unref()
  }

  #recover(): void {
    this.#failure = undefined
    this.#onHealth?.(well)
  }
}
