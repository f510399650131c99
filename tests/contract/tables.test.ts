import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { temporaryFolder } from '@meshbook/hub/testing/test-hub.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { PostgresTableReader } from '@meshbook/relay/sql/postgres-table-reader.ts'
import { PostgresTableWriter } from '@meshbook/relay/sql/postgres-table-writer.ts'
import { SqliteTableReader, SqliteTableWriter } from '@meshbook/relay/sql/sqlite-tables.ts'
import type { SqlValue } from '@meshbook/relay/sql/tx.ts'
import { type CounterProcedures, counterModule, schema } from '@meshbook/relay/testing/counter-procedures.ts'
import { until } from '@meshbook/relay/testing/temporary.ts'
import { onDatabase, type TestDatabase, TestPostgres } from '../postgres.ts'
import { allRows, schemas, tablesContract } from './tables.ts'

const server = await TestPostgres.start({ after })

const hasCode = (code: ErrorCode, detail?: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && (!detail || detail.test(error.detail ?? ''))

const optionsOf = ({ url, ownerUrl }: TestDatabase) => ({ ownerUrl, role: new URL(url).username, schemas })

async function writerOn(t: TestContext, database: TestDatabase): Promise<PostgresTableWriter> {
  const writer = await PostgresTableWriter.open(optionsOf(database))
  t.after(() => writer.close())
  return writer
}

async function readerOn(t: TestContext, { url }: TestDatabase): Promise<PostgresTableReader> {
  const reader = await PostgresTableReader.open({ url, schemas })
  t.after(() => reader.close())
  return reader
}

tablesContract('SQLite', async t => {
  const file = join(await temporaryFolder(t), 'x.db')
  const writer = new SqliteTableWriter(file)
  t.after(() => writer.close())
  return { writer, read: async () => new SqliteTableReader(file) }
})

tablesContract('PostgreSQL', async t => {
  const database = await server.newDatabase()
  const writer = await writerOn(t, database)
  const read = async () => {
    assert.equal(await writer.swapIn('before_restore_1'), undefined, 'nothing was there')
    await writer.close()
    return readerOn(t, database)
  }
  return { writer, read }
})

const row = (id: number, text = 'text'): SqlValue[] => ['o', id, text, new Uint8Array([id]), id]
const things = { name: 'things', columns: ['org_id', 'thing_id', 'text', 'bytes', 'number'] }

/** A database as a restore leaves it. */
async function filled(t: TestContext, rows: SqlValue[][], database?: TestDatabase): Promise<TestDatabase> {
  const on = database ?? (await server.newDatabase())
  const writer = await writerOn(t, on)
  await writer.prepare(schemas)
  await writer.write(things, rows)
  await writer.finish()
  await writer.swapIn(`before_restore_${rows.length}`)
  await writer.close()
  return on
}

test('RL126 a reader sees one moment, while others write, delete and tidy up without waiting for it', async t => {
  const rows = Array.from({ length: 5_000 }, (_, i) => row(i % 256, 'x'.repeat(100))).map((r, i) => r.with(1, i))
  const database = await filled(t, rows)
  const reader = await readerOn(t, database)
  await onDatabase(database.url, async client => {
    await client.query("SET lock_timeout = '2s'")
    await client.query("UPDATE things SET text = 'later' WHERE thing_id % 2 = 0")
    await client.query('DELETE FROM things WHERE thing_id % 3 = 0')
    await client.query("INSERT INTO things (org_id, thing_id) VALUES ('o', 99999)")
  })
  await onDatabase(database.ownerUrl, async client => {
    await client.query('VACUUM things')
    await client.query("SET lock_timeout = '300ms'")
    await assert.rejects(client.query('ALTER TABLE things ADD COLUMN sneaked TEXT'), /lock timeout/)
    await assert.rejects(client.query('TRUNCATE things'), /lock timeout/)
  })
  assert.deepEqual(await allRows(reader), rows)
  await reader.close()
})

test('RL126 only our own tables are read, and newer ones are refused', async t => {
  const database = await server.newDatabase()
  await assert.rejects(readerOn(t, database), hasCode('NOT_FOUND'))
  await filled(t, [row(1)], database)
  await onDatabase(database.ownerUrl, client => client.query('CREATE TABLE somebody_elses (x TEXT)'))
  const reader = await readerOn(t, database)
  assert.deepEqual(
    (await reader.tables()).map(({ name }) => name),
    ['more_things', 'things'],
  )
  await reader.close()
  await onDatabase(database.ownerUrl, client => client.query('UPDATE schema_versions SET version = 9'))
  await assert.rejects(readerOn(t, database), hasCode('DATA_TOO_NEW'))
  await assert.rejects(writerOn(t, database), hasCode('DATA_TOO_NEW'))
})

test('RL127 the old tables are in a schema of their own after the swap, and what is not ours stays where it is', async t => {
  const database = await filled(t, [row(1, 'old')])
  await onDatabase(database.ownerUrl, client => client.query('CREATE TABLE somebody_elses (x TEXT)'))
  const writer = await writerOn(t, database)
  assert.equal(await writer.holdsRows(), true)
  await writer.prepare(schemas)
  await writer.write(things, [row(2, 'new\0')])
  await writer.finish()
  const asHub = (sql: string) => onDatabase(database.url, async client => (await client.query(sql)).rows)
  assert.deepEqual(await asHub('SELECT text FROM things'), [{ text: 'old' }], 'until the swap all is as it was')
  assert.equal(await writer.swapIn('before_restore_x'), 'before_restore_x')
  await writer.close()
  assert.deepEqual(await asHub('SELECT text FROM things'), [{ text: 'new\uFFFD' }])
  await asHub("INSERT INTO things (org_id, thing_id) VALUES ('o', 3)")
  await assert.rejects(asHub('DELETE FROM schema_versions'), /permission denied/)
  await onDatabase(database.ownerUrl, async client => {
    const { rows } = await client.query('SELECT text FROM before_restore_x.things')
    assert.deepEqual(rows, [{ text: 'old' }])
    await client.query('SELECT x FROM public.somebody_elses')
    await client.query('DROP SCHEMA before_restore_x CASCADE')
  })
})

test('RL127 a restore that ends before its swap leaves the old tables, and the next one removes the rest', async t => {
  const database = await filled(t, [row(1, 'old')])
  const writer = await writerOn(t, database)
  await writer.prepare(schemas)
  await writer.write(things, [row(2), row(3)])
  await assert.rejects(writer.write(things, [row(4), row(4)]), hasCode('CONFLICT'))
  await writer.close()
  const reader = await readerOn(t, database)
  assert.deepEqual(await allRows(reader), [row(1, 'old')])
  await reader.close()
  await filled(t, [row(5)], database)
  const left = "SELECT to_regnamespace('meshbook_restore') AS left"
  assert.deepEqual(await onDatabase(database.ownerUrl, async client => (await client.query(left)).rows), [
    { left: null },
  ])
})

test('RL127 tables that are there and empty are nothing to keep', async t => {
  const database = await counters()
  const writer = await PostgresTableWriter.open({ ...optionsOf(database), schemas: [schema] })
  t.after(() => writer.close())
  assert.equal(await writer.holdsRows(), false)
  await writer.prepare([schema])
  await writer.finish()
  assert.equal(await writer.swapIn('before_restore_3'), undefined)
  const left = "SELECT nspname FROM pg_namespace WHERE nspname LIKE '%restore%'"
  assert.deepEqual(await onDatabase(database.ownerUrl, async client => (await client.query(left)).rows), [])
})

test('RL127 an owner that may not create schemas is told so', async t => {
  const database = await server.newDatabase()
  const name = new URL(database.url).pathname.slice(1)
  await onDatabase(database.superuserUrl, client => client.query(`ALTER DATABASE ${name} OWNER TO postgres`))
  const writer = await writerOn(t, database)
  await assert.rejects(writer.prepare(schemas), hasCode('BAD_CONFIG', /MESHBOOK_DATABASE_OWNER_URL/))
})

async function counters(): Promise<TestDatabase> {
  const database = await server.newDatabase()
  await migratePostgres({ ownerUrl: database.ownerUrl, modules: [counterModule], role: new URL(database.url).username })
  return database
}

test('RL128 a restore is refused while a hub or a backup is connected, and they while it runs', async () => {
  const database = await counters()
  const open = () => PostgresDatabase.open<CounterProcedures>({ url: database.url, modules: [counterModule] })
  const options = { ...optionsOf(database), schemas: [schema] }
  const hub = await open()
  await hub.call('add', { name: 'a', by: 1 })
  await assert.rejects(PostgresTableWriter.open(options), hasCode('DATA_IN_USE'))
  await hub.close()
  const reader = await PostgresTableReader.open({ url: database.url, schemas: [schema] })
  await assert.rejects(PostgresTableWriter.open(options), hasCode('DATA_IN_USE'))
  await reader.close()
  const writer = await PostgresTableWriter.open(options)
  await assert.rejects(PostgresTableWriter.open(options), hasCode('DATA_IN_USE'))
  await assert.rejects(open(), hasCode('DATA_IN_USE', /being restored/))
  await assert.rejects(
    PostgresTableReader.open({ url: database.url, schemas: [schema] }),
    hasCode('DATA_IN_USE', /being restored/),
  )
  await writer.close()
  await (await open()).close()
})

test('RL128 a hub whose connections were cut before a restore acknowledges nothing on the restored tables', async t => {
  const database = await counters()
  const hub = await PostgresDatabase.open<CounterProcedures>({ url: database.url, modules: [counterModule] })
  t.after(() => hub.close())
  await hub.call('add', { name: 'a', by: 1 })
  const role = new URL(database.url).username
  const writer = await onDatabase(database.superuserUrl, async client => {
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`)
    return PostgresTableWriter.open({ ...optionsOf(database), schemas: [schema] })
  })
  await writer.prepare([schema])
  await writer.finish()
  assert.equal(await writer.swapIn('before_restore_2'), 'before_restore_2')
  await writer.close()
  await assert.rejects(hub.call('add', { name: 'a', by: 1 }))
  await until(() => /start this hub again/.test(hub.health().detail))
  await assert.rejects(hub.call('add', { name: 'a', by: 1 }), hasCode('STORAGE_FAILED', /restored/))
  await assert.rejects(hub.query('read', { name: 'a' }))
  const again = await PostgresDatabase.open<CounterProcedures>({ url: database.url, modules: [counterModule] })
  t.after(() => again.close())
  assert.equal(await again.query('read', { name: 'a' }), 0)
})
