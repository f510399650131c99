/**
 * Procedures on one connection: a group of calls in one transaction, a savepoint each, and single reads. Whoever calls it
 * sees to it that one follows the other, and tells the results only afterwards. It must not know what the procedures do.
 */
import type { SqliteConnection } from './sqlite-connection.ts'
import { storageErrorOf, type ThreadError, toThreadError } from './sqlite-error.ts'
import type { Procedure, SqlModule } from './tx.ts'

export interface ThreadCall {
  name: string
  args: unknown
}
export type ThreadResult = { ok: true; value: unknown } | { ok: false; error: ThreadError }

/** All procedures of the modules by name. */
export function proceduresOf(modules: readonly SqlModule[]): Map<string, Procedure> {
  const procedures = new Map<string, Procedure>()
  for (const module of modules)
    for (const [name, procedure] of Object.entries(module.procedures)) {
      if (procedures.has(name)) throw new Error(`two modules have a procedure "${name}"`)
      procedures.set(name, procedure)
    }
  return procedures
}

export class CallGroup {
  readonly #connection: SqliteConnection
  readonly #procedures: ReadonlyMap<string, Procedure>
  readonly #file: string

  constructor(connection: SqliteConnection, procedures: ReadonlyMap<string, Procedure>, file: string) {
    this.#connection = connection
    this.#procedures = procedures
    this.#file = file
  }

  /**
   * Runs calls in order until `isFull` says that the group has taken its time; at least one. Resolves after COMMIT, which
   * waits for fsync; throws when the disk failed.
   */
  async perform(calls: readonly ThreadCall[], isFull: () => boolean): Promise<ThreadResult[]> {
    const results: ThreadResult[] = []
    this.#connection.step('BEGIN IMMEDIATE')
    for (const call of calls) {
      results.push(await this.#performGuarded(call))
      if (isFull()) break
    }
    this.#connection.step('COMMIT')
    return results
  }

  async read(call: ThreadCall): Promise<ThreadResult> {
    this.#connection.step('BEGIN')
    try {
      return { ok: true, value: await this.#run(call) }
    } catch (thrown) {
      return { ok: false, error: toThreadError(storageErrorOf(thrown, this.#file) ?? thrown) }
    } finally {
      this.#connection.step('ROLLBACK')
    }
  }

  async #run(call: ThreadCall): Promise<unknown> {
    const procedure = this.#procedures.get(call.name)
    if (!procedure) throw new Error(`no module has a procedure "${call.name}"`)
    return procedure(this.#connection.tx, call.args as never)
  }

  /** One call inside the group: a failure of its own takes back only what it wrote; a failure of the disk is thrown on. */
  async #performGuarded(call: ThreadCall): Promise<ThreadResult> {
    this.#connection.step('SAVEPOINT one_call')
    try {
      const value = await this.#run(call)
      this.#connection.step('RELEASE one_call')
      return { ok: true, value }
    } catch (thrown) {
      const broken = storageErrorOf(thrown, this.#file)
      if (broken) throw broken
      this.#connection.step('ROLLBACK TO one_call')
      this.#connection.step('RELEASE one_call')
      return { ok: false, error: toThreadError(thrown) }
    }
  }
}
