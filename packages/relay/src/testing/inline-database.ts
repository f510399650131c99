/**
 * A database in this process without a thread, for simulations: the same connection, procedures and groups as
 * `SqliteDatabase`, with the disk as a parameter. What a group wrote is durable once it is performed; what is on the
 * connection survives this object, as a file survives its process.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { CallGroup, proceduresOf, type ThreadCall, type ThreadResult } from '../sql/call-group.ts'
import type { Database, StorageHealth } from '../sql/database.ts'
import type { SqliteConnection } from '../sql/sqlite-connection.ts'
import { fromThreadError } from '../sql/sqlite-error.ts'
import type { Procedures, SqlModule } from '../sql/tx.ts'

/** What stands between a call and the disk. */
export interface InlineDisk {
  /** Runs a group some time later, one after the other; whether it ever does is up to the disk. */
  later(perform: () => Promise<void>): void
  /** Hands an answer back some time after the group was performed. */
  answer(tell: () => void): void
  /** Why the disk takes nothing now. */
  failure(): MeshError | undefined
  /** Whether it does what it is asked and then says that it failed, as a failed fsync may. */
  lies(): boolean
}

interface Waiting extends ThreadCall {
  resolve(value: unknown): void
  reject(error: MeshError): void
}

export class InlineDatabase<P extends Procedures> implements Database<P> {
  readonly #group: CallGroup
  readonly #disk: InlineDisk
  #queue: Waiting[] = []
  #isBusy = false

  constructor(connection: SqliteConnection, modules: readonly SqlModule[], disk: InlineDisk) {
    this.#group = new CallGroup(connection, proceduresOf(modules), 'memory')
    this.#disk = disk
  }

  call: Database<P>['call'] = (name, ...args) =>
    new Promise<never>((resolve, reject) => {
      this.#queue.push({ name, args: args[0], resolve: resolve as (value: unknown) => void, reject })
      if (this.#isBusy) return
      this.#isBusy = true
      this.#disk.later(() => this.#write())
    })

  query: Database<P>['query'] = (name, ...args) =>
    new Promise<never>((resolve, reject) => {
      const waiting = { name, args: args[0], resolve: resolve as (value: unknown) => void, reject }
      this.#disk.later(async () => {
        const result = await this.#group.read(waiting)
        this.#disk.answer(() => tell(waiting, result))
      })
    })

  health(): StorageHealth {
    const failure = this.#disk.failure()
    return { ok: !failure, detail: failure?.message ?? '' }
  }

  async close(): Promise<void> {
    if (this.#isBusy) await new Promise<void>(resolve => this.#disk.later(async () => this.#disk.answer(resolve)))
  }

  async #write(): Promise<void> {
    const calls = this.#queue
    this.#queue = []
    const failure = this.#disk.failure()
    const results = failure ? undefined : await this.#group.perform(calls, () => false)
    const told = this.#disk.lies() ? undefined : results
    this.#disk.answer(() => {
      for (const [i, waiting] of calls.entries()) {
        if (told) tell(waiting, told[i]!)
        else waiting.reject(failure ?? new MeshError('STORAGE_FAILED', { detail: 'fsync' }))
      }
    })
    if (this.#queue.length > 0) this.#disk.later(() => this.#write())
    else this.#isBusy = false
  }
}

function tell({ resolve, reject }: Waiting, result: ThreadResult): void {
  if (result.ok) resolve(result.value)
  else reject(fromThreadError(result.error))
}
