/**
 * One connection to an SQLite file inside a worker thread: pragmas, migrations, and the Tx over it.
 * The writer also holds the lock that keeps a second process away.
 */
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { MeshError } from '@meshbook/core/errors.ts'
import { isBusy, storageErrorOf } from './sqlite-error.ts'
import type { Schema, SqlValue, Tx } from './tx.ts'

const statementCacheSize = 500

export class SqliteConnection {
  readonly tx: Tx
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(file: string, options: { readOnly: boolean }) {
    this.#db = new DatabaseSync(file, { readOnly: options.readOnly, enableForeignKeyConstraints: true, timeout: 5_000 })
    if (!options.readOnly) {
      this.#db.exec('PRAGMA journal_mode = WAL')
      // FULL is what makes COMMIT wait for fsync; NORMAL loses acknowledged rows when the power fails.
      this.#db.exec('PRAGMA synchronous = FULL')
    }
    this.tx = this.#makeTx()
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  /** One statement that runs often, such as BEGIN: prepared once. */
  step(sql: string): void {
    this.#statement(sql).run()
  }

  /** Writes everything that stands in the log into the file, so that a log with a hole after a failed fsync is left behind. */
  settle(): void {
    this.emptyLog()
    this.exec('BEGIN IMMEDIATE')
    this.exec('UPDATE schema_versions SET version = version')
    this.exec('COMMIT')
  }

  emptyLog(): void {
    const { busy } = this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
    if (busy !== 0) throw new MeshError('STORAGE_FAILED', { detail: 'the log is in use and cannot be emptied' })
  }

  close(): void {
    this.#statements.clear()
    if (this.#db.isOpen) this.#db.close()
  }

  #makeTx(): Tx {
    return {
      all: async <Row>(sql: string, params: readonly SqlValue[] = []) => this.#statement(sql).all(...params) as Row[],
      get: async <Row>(sql: string, params: readonly SqlValue[] = []) =>
        this.#statement(sql).get(...params) as Row | undefined,
      run: async (sql: string, params: readonly SqlValue[] = []) => ({
        changes: Number(this.#statement(sql).run(...params).changes),
      }),
    }
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    if (this.#statements.size >= statementCacheSize) this.#statements.clear()
    this.#statements.set(sql, statement)
    return statement
  }

  /** Brings every module's tables up to date, all or nothing. Data of a newer version is left exactly as it is. */
  migrate(schemas: readonly Schema[]): void {
    const stored = this.#storedVersions()
    for (const { name, migrations } of schemas) {
      const version = stored.get(name) ?? 0
      if (version > migrations.length)
        throw new MeshError('DATA_TOO_NEW', {
          detail: `the tables of "${name}" have version ${version}, this Meshbook knows ${migrations.length}`,
        })
    }
    if (schemas.every(({ name, migrations }) => stored.get(name) === migrations.length)) return
    this.exec('BEGIN IMMEDIATE')
    this.exec('CREATE TABLE IF NOT EXISTS schema_versions (name TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL)')
    for (const schema of schemas) this.#migrateOne(schema, stored.get(schema.name) ?? 0)
    this.exec('COMMIT')
  }

  #migrateOne({ name, migrations }: Schema, from: number): void {
    for (const sql of migrations.slice(from)) this.exec(sql)
    this.#db
      .prepare(
        'INSERT INTO schema_versions (name, version) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version',
      )
      .run(name, migrations.length)
  }

  #storedVersions(): Map<string, number> {
    const exists = this.#db
      .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_versions'")
      .get()
    if (!exists) return new Map()
    const rows = this.#db.prepare('SELECT name, version FROM schema_versions').all() as {
      name: string
      version: number
    }[]
    return new Map(rows.map(row => [row.name, row.version]))
  }
}

/** Whether an earlier process left something in the log. */
export function hasLog(file: string): boolean {
  return (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0
}

/** Makes the folder if need be and proves that files can be made in it, with an error that says what to do. */
export function prepareFolder(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    closeSync(openSync(`${file}.lock`, 'a'))
    closeSync(openSync(file, 'a'))
  } catch (thrown) {
    throw storageErrorOf(thrown, dirname(file)) ?? thrown
  }
}

/**
 * Holds `<file>.lock` until this process ends, however it ends: an open exclusive transaction is a lock of the
 * operating system, so that kill -9 leaves nothing behind. Returns what releases it.
 */
export function lockFile(file: string): () => void {
  const db = new DatabaseSync(`${file}.lock`, { timeout: 0 })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (thrown) {
    db.close()
    throw isBusy(thrown) ? new MeshError('DATA_IN_USE', { detail: dirname(file), cause: thrown }) : thrown
  }
  return () => db.close()
}
