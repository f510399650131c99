/**
 * A PostgreSQL database, shared with other hubs, behind the same port as the embedded one. It owns the connections, what
 * happens when the server fails (nothing is acknowledged until a probe was committed), and the refusal of a role that may
 * do too much. Procedures check and then write; what makes that one step are advisory locks taken before the first
 * statement, not SERIALIZABLE: groups of unrelated calls would keep aborting each other over shared index pages.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Pool, PoolClient } from 'pg'
import { type After, systemAfter } from '../timers.ts'
import { locksOfOrg } from './call-locks.ts'
import type { Database, StorageHealth } from './database.ts'
import { openPool, txOver } from './postgres-connection.ts'
import { callErrorOf, isLost, isReadOnly, serverErrorOf } from './postgres-error.ts'
import { enterScope, everyOrg, orgOf } from './postgres-guard.ts'
import { checkVersions, loadModules } from './postgres-migrate.ts'
import { Presence } from './postgres-presence.ts'
import { checkRole } from './postgres-role.ts'
import { PostgresWriter } from './postgres-writer.ts'
import type { CallLock, Procedure, Procedures, SqlModule, Together, Tx } from './tx.ts'

export interface PostgresOptions {
  /** Of the hub's role, with its password: never logged. */
  url: string
  /** Modules that export `schema` and `procedures` (see SqlModule); names of procedures are unique over all of them. */
  modules: readonly URL[]
  onHealth?: (health: StorageHealth) => void
  after?: After
}

interface Named {
  procedure: Procedure
  together: Together | undefined
  locksOf: (args: never) => CallLock[]
  scopeOf: (args: unknown) => string
}

const well: StorageHealth = { ok: true, detail: '' }

export class PostgresDatabase<P extends Procedures> implements Database<P> {
  readonly #procedures: ReadonlyMap<string, Named>
  readonly #readers: Pool
  readonly #writers: Pool
  readonly #writer: PostgresWriter
  readonly #after: After
  readonly #onHealth: ((health: StorageHealth) => void) | undefined
  #failure: MeshError | undefined
  #cancelProbe: (() => void) | undefined
  #probeMs: number = limits.reconnectMinMs
  #closed = false

  private constructor(options: PostgresOptions, procedures: ReadonlyMap<string, Named>) {
    this.#procedures = procedures
    this.#onHealth = options.onHealth
    this.#after = options.after ?? systemAfter
    const presence = new Presence()
    this.#readers = openPool(options.url, limits.databaseReaders, presence)
    this.#writers = openPool(options.url, limits.databaseWriters, presence)
    this.#writer = new PostgresWriter({
      pool: this.#writers,
      after: this.#after,
      onBroken: error => this.#fail(error),
    })
  }

  /** Throws DATABASE_ROLE, DATABASE_OLD, DATA_TOO_NEW or STORAGE_FAILED; nothing is changed then. */
  static async open<P extends Procedures>(options: PostgresOptions): Promise<PostgresDatabase<P>> {
    const modules = await loadModules(options.modules)
    const database = new PostgresDatabase<P>(options, proceduresOf(modules))
    try {
      await database.#with(database.#readers, async client => {
        await checkRole(client)
        await checkVersions(client, modules)
      })
      return database
    } catch (thrown) {
      await database.close()
      throw serverErrorOf(thrown) ?? callErrorOf(thrown)
    }
  }

  call: Database<P>['call'] = async (name, ...args) => {
    const { procedure, together, locksOf, scopeOf } = this.#find(name)
    if (this.#failure) throw this.#failure
    const scope = scopeOf(args[0])
    const locks = locksOf(args[0] as never)
    return new Promise<unknown>((resolve, reject) =>
      this.#writer.add({
        locks,
        scope,
        perform: tx => procedure(tx, args[0] as never),
        together,
        args: args[0],
        resolve,
        reject,
      }),
    ) as never
  }

  /** A connection that was cut while it was idle is noticed only now; reading once more changes nothing. */
  query: Database<P>['query'] = async (name, ...args) => {
    const { procedure, scopeOf } = this.#find(name)
    const scope = scopeOf(args[0])
    const read = (client: PoolClient) => readIn(client, scope, tx => procedure(tx, args[0] as never))
    try {
      return (await this.#with(this.#readers, read).catch((thrown: unknown) => {
        if (!isLost(thrown)) throw thrown
        return this.#with(this.#readers, read)
      })) as never
    } catch (thrown) {
      const broken = isReadOnly(thrown) ? undefined : serverErrorOf(thrown)
      if (broken && this.#readersAreBusy)
        throw new MeshError('TIMEOUT', { detail: 'all readers are busy', cause: thrown })
      if (broken) this.#fail(broken)
      throw broken ?? callErrorOf(thrown)
    }
  }

  health(): StorageHealth {
    return this.#failure ? { ok: false, detail: `${this.#failure.message}. ${this.#failure.entry.hint}` } : well
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelProbe?.()
    await this.#writer.idle()
    await Promise.all([this.#readers.end(), this.#writers.end()])
  }

  /** Then waiting for a connection took too long, which says nothing about the server: a lost one makes room in the pool. */
  get #readersAreBusy(): boolean {
    return this.#readers.totalCount >= limits.databaseReaders && this.#readers.idleCount === 0
  }

  #find(name: string): Named {
    if (this.#closed) throw new MeshError('SHUTTING_DOWN', { detail: 'the database is closed' })
    const named = this.#procedures.get(name)
    if (!named) throw new MeshError('INTERNAL', { detail: `no module has a procedure "${name}"` })
    return named
  }

  async #with<T>(pool: Pool, use: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect()
    try {
      const value = await use(client)
      client.release()
      return value
    } catch (thrown) {
      client.release(isLost(thrown))
      throw thrown
    }
  }

  #fail(error: MeshError): void {
    const first = !this.#failure
    this.#failure = error
    this.#writer.failAll(error)
    if (this.#closed || !first) return
    this.#onHealth?.(this.health())
    this.#probeMs = limits.reconnectMinMs
    this.#probeLater()
  }

  #probeLater(): void {
    this.#cancelProbe = this.#after(this.#probeMs, () => {
      this.#probe().then(
        () => this.#recover(),
        () => {
          if (!this.#closed) this.#probeLater()
        },
      )
    })
    this.#probeMs = Math.min(this.#probeMs * 2, limits.databaseRetryMaxMs)
  }

  /** The role is checked again: the server that came back may be another one. */
  #probe(): Promise<void> {
    return this.#with(this.#writers, async client => {
      await client.query('BEGIN READ WRITE')
      await checkRole(client)
      // Writes a record to the log, so that COMMIT has something to flush.
      await client.query('SELECT pg_current_xact_id()')
      await client.query('COMMIT')
    })
  }

  #recover(): void {
    if (this.#closed || !this.#failure) return
    this.#failure = undefined
    this.#onHealth?.(well)
  }
}

/** One snapshot for all statements of the procedure, and no way to write. */
async function readIn(client: PoolClient, scope: string, read: (tx: Tx) => Promise<unknown>): Promise<unknown> {
  await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${enterScope(scope)}`)
  try {
    return await read(txOver(client, scope))
  } finally {
    await client.query('ROLLBACK')
  }
}

function proceduresOf(modules: readonly SqlModule[]): ReadonlyMap<string, Named> {
  const found = new Map<string, Named>()
  for (const { procedures, onPostgres = {}, together = {}, locksOf = locksOfOrg, withoutOrg, acrossOrgs } of modules) {
    for (const [name, portable] of Object.entries(procedures)) {
      const procedure = onPostgres[name] ?? portable
      if (found.has(name)) throw new Error(`two modules have a procedure "${name}"`)
      const scope = scopeOf(name, withoutOrg, acrossOrgs?.has(name))
      found.set(name, { procedure, together: together[name], locksOf, scopeOf: scope })
    }
  }
  return found
}

/** Who names no org is for all of them where the module says so, and is refused elsewhere. */
function scopeOf(name: string, withoutOrg?: ReadonlySet<string>, isAcross = false): (args: unknown) => string {
  return args => {
    const org = orgOf(args)
    if (org === undefined && withoutOrg?.has(name) === false)
      throw new MeshError('INTERNAL', { detail: `a call of "${name}" names no org` })
    return isAcross ? everyOrg : (org ?? everyOrg)
  }
}
