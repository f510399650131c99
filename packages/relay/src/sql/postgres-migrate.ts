/** Brings the tables of a PostgreSQL database up to date as the role that owns them, and lets the hub's role use them. */
import { MeshError } from '@meshbook/core/errors.ts'
import { Client, type ClientBase } from 'pg'
import { orderedLocks } from './call-locks.ts'
import { clientConfig } from './postgres-connection.ts'
import { serverErrorOf } from './postgres-error.ts'
import { enterEveryOrg, guardsOf, guardsSql } from './postgres-guard.ts'
import { beginWith, migrationFor } from './postgres-sql.ts'
import type { Schema, SqlModule } from './tx.ts'

export async function loadModules(urls: readonly URL[]): Promise<SqlModule[]> {
  return Promise.all(urls.map(async url => (await import(url.href)) as SqlModule))
}

export async function storedVersions(client: ClientBase): Promise<Map<string, number>> {
  const exists = await client.query("SELECT to_regclass('schema_versions') IS NOT NULL AS there")
  if (!exists.rows[0].there) return new Map()
  const { rows } = await client.query<{ name: string; version: number }>('SELECT name, version FROM schema_versions')
  return new Map(rows.map(row => [row.name, row.version]))
}

/** Throws DATA_TOO_NEW; returns the schemas that have migrations to come. */
export function behind(schemas: readonly Schema[], stored: ReadonlyMap<string, number>): Schema[] {
  for (const { name, migrations } of schemas) {
    const version = stored.get(name) ?? 0
    if (version > migrations.length)
      throw new MeshError('DATA_TOO_NEW', {
        detail: `the tables of "${name}" have version ${version}, this Meshbook knows ${migrations.length}`,
      })
  }
  return schemas.filter(({ name, migrations }) => (stored.get(name) ?? 0) < migrations.length)
}

/** Throws DATA_TOO_NEW, or DATABASE_OLD: a role that only uses the tables cannot mend that. */
export async function checkVersions(client: ClientBase, modules: readonly SqlModule[]): Promise<void> {
  const [first] = behind(
    modules.map(module => module.schema),
    await storedVersions(client),
  )
  const [old] = first
    ? [first]
    : await unguarded(
        client,
        modules.map(module => module.schema),
      )
  if (old)
    throw new MeshError('DATABASE_OLD', {
      detail: `the tables of "${old.name}" are to be made or brought up to date`,
    })
}

/** Schemas of which a table has no guard, or that of another version. */
async function unguarded(client: ClientBase, schemas: readonly Schema[]): Promise<Schema[]> {
  const { rows } = await client.query<{ table: string; mark: string | null }>(guardsSql)
  const marks = new Map(rows.map(({ table, mark }) => [table, mark]))
  return schemas.filter(schema => guardsOf(schema).some(({ table, mark }) => marks.get(table) !== mark))
}

export interface MigrateOptions {
  /** Signs in as the owner of the tables. */
  ownerUrl: string
  modules: readonly URL[]
  /** The hub's role; it may read and write rows, and nothing else. */
  role: string
}

/** All or nothing, one process at a time. Returns the names of the modules whose tables changed. */
export async function migratePostgres({ ownerUrl, modules, role }: MigrateOptions): Promise<string[]> {
  const schemas = (await loadModules(modules)).map(module => module.schema)
  const client = new Client(clientConfig(ownerUrl))
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query(enterEveryOrg)
    await client.query(beginWith(orderedLocks([{ key: 'migrations', shared: false }])))
    const stored = await storedVersions(client)
    const due = behind(schemas, stored)
    for (const schema of due) await migrateOne(client, schema, stored.get(schema.name) ?? 0)
    const open = await unguarded(client, schemas)
    for (const schema of open) await guard(client, schema)
    await grantRows(client, role)
    await client.query('COMMIT')
    return schemas.filter(schema => due.includes(schema) || open.includes(schema)).map(({ name }) => name)
  } catch (thrown) {
    throw serverErrorOf(thrown) ?? thrown
  } finally {
    await client.end()
  }
}

export async function migrateOne(client: ClientBase, schema: Schema, from: number): Promise<void> {
  const { name, migrations } = schema
  await client.query(
    'CREATE TABLE IF NOT EXISTS schema_versions (name TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL)',
  )
  for (const sql of migrations.slice(from)) await client.query(migrationFor(sql))
  await guard(client, schema)
  await client.query(
    'INSERT INTO schema_versions (name, version) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET version = excluded.version',
    [name, migrations.length],
  )
}

async function guard(client: ClientBase, schema: Schema): Promise<void> {
  for (const { sql } of guardsOf(schema)) await client.query(sql)
}

export async function grantRows(client: ClientBase, role: string): Promise<void> {
  const schema = client.escapeIdentifier(
    (await client.query<{ schema: string }>('SELECT current_schema() AS schema')).rows[0]!.schema,
  )
  const name = client.escapeIdentifier(role)
  await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${name}`)
  await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${name}`)
  await client.query(`REVOKE INSERT, UPDATE, DELETE ON schema_versions FROM ${name}`)
}
