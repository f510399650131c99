/** Tables of an SQLite file as a backup reads them, and a new file as a restore writes it. */
import { open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { MeshError } from '@meshbook/core/errors.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { storageErrorOf } from './sqlite-error.ts'
import { quotedName, quotedNames, type TableInfo, type TableReader, type TableWriter } from './tables.ts'
import type { Schema, SqlValue } from './tx.ts'

const pagesPerStep = 1_024

/**
 * Copies the file as it is at one moment, while others go on writing to it. The moment is held by a read transaction,
 * so that writers neither wait nor make the copy begin again; it ends with the copy, and with it the growth of their log.
 */
export async function copySqlite(
  from: string,
  to: string,
  onProgress: (donePages: number, allPages: number) => void,
): Promise<void> {
  const source = orStorage(from, () => new DatabaseSync(from, { readOnly: true, timeout: 5_000 }))
  try {
    source.exec('BEGIN')
    const { bytes } = source
      .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()')
      .get() as { bytes: number }
    await mustHaveRoom(dirname(to), bytes)
    await backup(source, to, {
      rate: pagesPerStep,
      progress: ({ totalPages, remainingPages }) => onProgress(totalPages - remainingPages, totalPages),
    })
  } catch (thrown) {
    throw storageErrorOf(thrown, from) ?? thrown
  } finally {
    source.close()
  }
}

async function mustHaveRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < bytes)
    throw new MeshError('DISK_FULL', { detail: `${folder} needs room for ${Math.ceil(bytes / 2 ** 20)} MiB` })
}

function orStorage<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (thrown) {
    throw storageErrorOf(thrown, what) ?? thrown
  }
}

function tablesOf(db: DatabaseSync): TableInfo[] {
  const names = db
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_versions' ORDER BY name",
    )
    .all() as { name: string }[]
  return names.map(({ name }) => ({ name, columns: columnsOf(db, name) }))
}

function columnsOf(db: DatabaseSync, table: string): string[] {
  const rows = db.prepare(`SELECT name FROM pragma_table_info(${quotedName(table).replaceAll('"', "'")})`).all()
  return (rows as { name: string }[]).map(({ name }) => name)
}

export class SqliteTableReader implements TableReader {
  readonly #db: DatabaseSync

  /** A file that nobody writes to: a copy, or that of a hub that does not run. */
  constructor(file: string) {
    this.#db = orStorage(file, () => new DatabaseSync(file, { readOnly: true }))
  }

  async versions(): Promise<Record<string, number>> {
    const rows = this.#db.prepare('SELECT name, version FROM schema_versions').all()
    return Object.fromEntries((rows as { name: string; version: number }[]).map(row => [row.name, row.version]))
  }

  async tables(): Promise<TableInfo[]> {
    return tablesOf(this.#db)
  }

  async *rows({ name, columns }: TableInfo): AsyncGenerator<SqlValue[]> {
    const statement = this.#db.prepare(`SELECT ${quotedNames(columns)} FROM ${quotedName(name)}`)
    statement.setReturnArrays(true)
    statement.setReadBigInts(true)
    for (const row of statement.iterate() as Iterable<unknown> as Iterable<SqlValue[]>) yield row.map(plainNumber)
  }

  async close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close()
  }
}

function plainNumber(value: SqlValue): SqlValue {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value
}

export class SqliteTableWriter implements TableWriter {
  readonly #file: string
  readonly #connection: SqliteConnection

  /** Nothing is durable before `finish`: a file that was not finished is thrown away. */
  constructor(file: string) {
    this.#file = file
    this.#connection = orStorage(file, () => new SqliteConnection(file, { readOnly: false }))
    this.#connection.exec('PRAGMA synchronous = OFF')
  }

  prepare(schemas: readonly Schema[]): Promise<TableInfo[]> {
    return this.#guard(async () => {
      this.#connection.migrate(schemas)
      const db = new DatabaseSync(this.#file, { readOnly: true })
      try {
        return tablesOf(db)
      } finally {
        db.close()
      }
    })
  }

  write({ name, columns }: TableInfo, rows: readonly SqlValue[][]): Promise<void> {
    const marks = columns.map(() => '?').join(', ')
    const sql = `INSERT INTO ${quotedName(name)} (${quotedNames(columns)}) VALUES (${marks})`
    return this.#guard(async () => {
      this.#connection.exec('BEGIN IMMEDIATE')
      for (const row of rows) await this.#connection.tx.run(sql, row)
      this.#connection.exec('COMMIT')
    })
  }

  async count(table: string): Promise<number> {
    const row = await this.#connection.tx.get<{ count: number }>(`SELECT COUNT(*) AS count FROM ${quotedName(table)}`)
    return row?.count ?? 0
  }

  finish(): Promise<void> {
    return this.#guard(async () => {
      this.#connection.exec('PRAGMA synchronous = FULL')
      this.#connection.settle()
      const file = await open(this.#file, 'r+')
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    })
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      throw storageErrorOf(thrown, this.#file) ?? thrown
    }
  }
}
