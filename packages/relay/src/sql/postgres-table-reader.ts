/**
 * Tables of a PostgreSQL database as a backup reads them: as the hub's role, all of one moment, in batches bounded by their
 * bytes. One transaction that only reads holds the moment; a lock that only changes of tables wait for keeps their shape.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Client, type QueryArrayConfig } from 'pg'
import { clientConfig } from './postgres-connection.ts'
import { callErrorOf, serverErrorOf } from './postgres-error.ts'
import { enterEveryOrg } from './postgres-guard.ts'
import { behind, storedVersions } from './postgres-migrate.ts'
import { Presence } from './postgres-presence.ts'
import { quotedName, quotedNames, type TableInfo, type TableReader, tablesMadeBy } from './tables.ts'
import type { Schema, SqlValue } from './tx.ts'

/** A `sized` column holds values of any length. */
interface ColumnRow {
  schema: string
  table: string
  column: string
  sized: boolean
}

/** Of the schema that our own tables are in. */
const columnsSql = `SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, a.atttypid IN (17, 25) AS sized
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE n.oid = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('schema_versions'))
    AND c.relkind = 'r' AND c.relname = ANY($1) ORDER BY c.relname COLLATE "C", a.attnum`

interface Place {
  place: string
  bytes: number
}
const placesPerFetch = 2_000
/** Of the numbers of a row, roughly. */
const bytesPerRow = 64

export interface ReaderOptions {
  /** Signs in as the hub's role. */
  url: string
  /** Whose tables are read. */
  schemas: readonly Schema[]
}

export class PostgresTableReader implements TableReader {
  readonly #client: Client
  readonly #schemas: readonly Schema[]
  #columns: ColumnRow[] = []
  #cursors = 0
  #closed = false

  private constructor({ url, schemas }: ReaderOptions) {
    this.#schemas = schemas
    this.#client = new Client({
      ...clientConfig(url, exactly),
      idle_in_transaction_session_timeout: limits.backupIdleMs,
    })
    this.#client.on('error', () => undefined)
  }

  /** Throws NOT_FOUND, DATA_TOO_NEW, DATA_IN_USE or STORAGE_FAILED. The moment is after the call. */
  static async open(options: ReaderOptions): Promise<PostgresTableReader> {
    const reader = new PostgresTableReader(options)
    try {
      await reader.#ask(() => reader.#begin())
      return reader
    } catch (thrown) {
      await reader.close()
      throw thrown
    }
  }

  /** LOCK takes no snapshot: the moment is that of the first SELECT after it, when nobody changes the tables any more. */
  async #begin(): Promise<void> {
    await this.#client.connect()
    await new Presence().enter(this.#client)
    await this.#client.query(enterEveryOrg)
    const before = await this.#columnsNow()
    if (before.length === 0) throw new MeshError('NOT_FOUND', { detail: 'the database holds no hub' })
    const tables = [...new Set(before.map(({ schema, table }) => `${quotedSchema(schema)}.${quotedName(table)}`))]
    await this.#client.query(
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE ${tables.join(', ')} IN ACCESS SHARE MODE`,
    )
    this.#columns = await this.#columnsNow()
    behind(this.#schemas, await storedVersions(this.#client))
    if (JSON.stringify(before) !== JSON.stringify(this.#columns))
      throw new MeshError('DATA_IN_USE', { detail: 'the tables were just changed; try again' })
  }

  async #columnsNow(): Promise<ColumnRow[]> {
    return (await this.#client.query<ColumnRow>(columnsSql, [tablesMadeBy(this.#schemas)])).rows
  }

  async versions(): Promise<Record<string, number>> {
    return Object.fromEntries(await this.#ask(() => storedVersions(this.#client)))
  }

  async tables(): Promise<TableInfo[]> {
    const tables = Map.groupBy(this.#columns, ({ table }) => table)
    return [...tables].map(([name, columns]) => ({ name, columns: columns.map(({ column }) => column) }))
  }

  /** First where the rows are and how large, then as many of them as fit: a cursor alone counts rows, which may be of any size. */
  async *rows({ name, columns }: TableInfo): AsyncGenerator<SqlValue[]> {
    const from = this.#from(name)
    const cursor = `rows_${++this.#cursors}`
    await this.#ask(() => this.#client.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${this.#placesSql(name)}`))
    const fetch = () => this.#ask(() => this.#client.query<Place>(`FETCH ${placesPerFetch} FROM ${cursor}`))
    for (let { rows } = await fetch(); rows.length > 0; { rows } = await fetch())
      for (const places of batchesOf(rows)) {
        const text = `SELECT ${quotedNames(columns)} FROM ${from} WHERE ctid = ANY($1::tid[])`
        const query: QueryArrayConfig = { text, values: [places], rowMode: 'array' }
        const found = await this.#ask(() => this.#client.query<SqlValue[]>(query))
        if (found.rows.length !== places.length)
          throw new MeshError('STORAGE_FAILED', { detail: `rows of ${name} are not where they were` })
        yield* found.rows
      }
    await this.#ask(() => this.#client.query(`CLOSE ${cursor}`))
  }

  #from(table: string): string {
    const known = this.#columns.find(column => column.table === table)
    if (!known) throw new MeshError('NOT_FOUND', { detail: `the table ${table}` })
    return `${quotedSchema(known.schema)}.${quotedName(table)}`
  }

  #placesSql(table: string): string {
    const sized = this.#columns.filter(column => column.table === table && column.sized)
    const sizes = sized.map(({ column }) => `coalesce(octet_length(${quotedName(column)}), 0)::bigint`)
    return `SELECT ctid::text AS place, ${[bytesPerRow, ...sizes].join(' + ')} AS bytes FROM ${this.#from(table)}`
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      throw serverErrorOf(thrown) ?? callErrorOf(thrown)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#client.end()
  }
}

/** A schema may have any name: an operator chose it. */
function quotedSchema(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function exactly(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

function* batchesOf(places: readonly Place[]): Generator<string[]> {
  let batch: string[] = []
  let sum = 0
  for (const { place, bytes } of places) {
    if (batch.length > 0 && sum + bytes > limits.backupPartBytes) {
      yield batch
      batch = []
      sum = 0
    }
    batch.push(place)
    sum += bytes
  }
  yield batch
}
