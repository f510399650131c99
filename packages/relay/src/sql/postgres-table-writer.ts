/**
 * Tables of a restore: made and filled in a schema of their own, as the owner, and then changed for those that are there
 * in one transaction. Until its commit nothing of the old is altered; after it the old ones are in the schema `keep`.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Client } from 'pg'
import { orderedLocks } from './call-locks.ts'
import { clientConfig } from './postgres-connection.ts'
import { callErrorOf, serverErrorOf } from './postgres-error.ts'
import { enterEveryOrg } from './postgres-guard.ts'
import { behind, grantRows, migrateOne, storedVersions } from './postgres-migrate.ts'
import { enterAlone } from './postgres-presence.ts'
import { beginWith } from './postgres-sql.ts'
import { quotedName, quotedNames, type TableInfo, type TableWriter, tablesMadeBy } from './tables.ts'
import type { Schema, SqlValue } from './tx.ts'

const aside = 'meshbook_restore'
/** A statement may have 65 535. */
const parametersPerStatement = 30_000

export interface TableWriterOptions {
  /** Signs in as the owner of the tables. */
  ownerUrl: string
  /** The hub's role. */
  role: string
  /** All that this Meshbook knows. */
  schemas: readonly Schema[]
}

export class PostgresTableWriter implements TableWriter {
  readonly #client: Client
  readonly #options: TableWriterOptions
  /** The schema that the tables are in, or will be; quoted. */
  #home = ''
  #there: string[] = []
  #made: string[] = []

  private constructor(options: TableWriterOptions) {
    this.#options = options
    this.#client = new Client({
      ...clientConfig(options.ownerUrl),
      // Counting a large table takes its time, and nobody waits for it.
      statement_timeout: limits.backupIdleMs,
      query_timeout: limits.backupIdleMs,
    })
    this.#client.on('error', () => undefined)
  }

  /** Throws DATA_IN_USE, DATA_TOO_NEW or STORAGE_FAILED. Nobody else uses the tables until `close`. */
  static async open(options: TableWriterOptions): Promise<PostgresTableWriter> {
    const writer = new PostgresTableWriter(options)
    try {
      await writer.#guard(() => writer.#enter())
      return writer
    } catch (thrown) {
      await writer.close()
      throw thrown
    }
  }

  async #enter(): Promise<void> {
    await this.#client.connect()
    await enterAlone(this.#client)
    await this.#client.query(enterEveryOrg)
    behind(this.#options.schemas, await storedVersions(this.#client))
    const { rows } = await this.#client.query<{ home: string; there: string[] }>(
      `SELECT n.nspname AS home, ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = n.oid AND relkind = 'r' AND relname = ANY($1)) AS there
      FROM pg_namespace n WHERE n.oid = coalesce((SELECT relnamespace FROM pg_class WHERE oid = to_regclass('schema_versions')), current_schema()::regnamespace)`,
      [['schema_versions', ...tablesMadeBy(this.#options.schemas)]],
    )
    const found = rows[0]
    if (!found) throw new MeshError('BAD_CONFIG', { detail: 'MESHBOOK_DATABASE_OWNER_URL: the role has no schema' })
    this.#home = this.#client.escapeIdentifier(found.home)
    this.#there = found.there
  }

  /** Whether there is anything that a restore would replace: tables may be there, and empty. */
  holdsRows(): Promise<boolean> {
    const tables = this.#there.filter(name => name !== 'schema_versions')
    if (tables.length === 0) return Promise.resolve(false)
    const some = tables.map(name => `EXISTS (SELECT 1 FROM ${this.#home}.${quotedName(name)})`).join(' OR ')
    return this.#guard(
      async () => (await this.#client.query<{ some: boolean }>(`SELECT ${some} AS some`)).rows[0]!.some,
    )
  }

  prepare(schemas: readonly Schema[]): Promise<TableInfo[]> {
    return this.#guard(async () => {
      await this.#client.query('BEGIN')
      await this.#client.query(`DROP SCHEMA IF EXISTS ${aside} CASCADE; CREATE SCHEMA ${aside}`)
      await this.#client.query(`SET search_path = ${aside}`)
      for (const schema of schemas) await migrateOne(this.#client, schema, 0)
      await this.#client.query('COMMIT')
      this.#made = ['schema_versions', ...tablesMadeBy(schemas)]
      const { rows } = await this.#client.query<TableInfo>(
        `SELECT c.relname::text AS name, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS columns
        FROM pg_class c WHERE c.relnamespace = '${aside}'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_versions' ORDER BY c.relname`,
      )
      return rows
    })
  }

  write({ name, columns }: TableInfo, rows: readonly SqlValue[][]): Promise<void> {
    const most = Math.floor(parametersPerStatement / columns.length)
    return this.#guard(async () => {
      await this.#client.query('BEGIN')
      for (let at = 0; at < rows.length; at += most) {
        const some = rows.slice(at, at + most)
        const marks = some.map((_, i) => `(${columns.map((_, j) => `$${i * columns.length + j + 1}`).join(', ')})`)
        const sql = `INSERT INTO ${aside}.${quotedName(name)} (${quotedNames(columns)}) VALUES ${marks.join(', ')}`
        await this.#client.query(sql, some.flat().map(storable))
      }
      await this.#client.query('COMMIT')
    })
  }

  count(table: string): Promise<number> {
    const sql = `SELECT COUNT(*) AS count FROM ${aside}.${quotedName(table)}`
    return this.#guard(async () => (await this.#client.query<{ count: number }>(sql)).rows[0]!.count)
  }

  /** Every commit was durable already; a hub's first queries need to know how large the tables are. */
  async finish(): Promise<void> {
    const tables = this.#made.map(name => `${aside}.${quotedName(name)}`)
    await this.#guard(() => this.#client.query(`ANALYZE ${tables.join(', ')}`))
  }

  /** The moment of the restore; returns the schema of the old tables, if they held anything. */
  swapIn(keep: string): Promise<string | undefined> {
    return this.#guard(async () => {
      const held = await this.holdsRows()
      const move = (name: string, from: string, to: string) =>
        this.#client.query(`ALTER TABLE ${from}.${quotedName(name)} SET SCHEMA ${to}`)
      await this.#client.query(beginWith(orderedLocks([{ key: 'migrations', shared: false }])))
      await this.#client.query(`CREATE SCHEMA ${quotedName(keep)}; SET LOCAL search_path = ${this.#home}`)
      for (const name of this.#there) await move(name, this.#home, quotedName(keep))
      for (const name of this.#made) await move(name, aside, this.#home)
      await grantRows(this.#client, this.#options.role)
      await this.#client.query(`DROP SCHEMA ${aside}${held ? '' : `; DROP SCHEMA ${quotedName(keep)} CASCADE`}`)
      const { command } = await this.#client.query('COMMIT')
      if (command !== 'COMMIT')
        throw new MeshError('STORAGE_FAILED', { detail: `PostgreSQL answered ${command} to COMMIT` })
      return held ? keep : undefined
    })
  }

  /** An open transaction ends with the connection. */
  async close(): Promise<void> {
    await this.#client.end()
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code === '42501')
        throw new MeshError('BAD_CONFIG', {
          detail: `MESHBOOK_DATABASE_OWNER_URL: the role needs to own the tables and to create schemas (${(thrown as Error).message})`,
          cause: thrown,
        })
      throw serverErrorOf(thrown) ?? callErrorOf(thrown)
    }
  }
}

function storable(value: SqlValue): SqlValue {
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD') : value
}
