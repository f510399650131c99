import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { StorageHealth } from '@meshbook/relay/sql/database.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { type CounterProcedures, counterModule } from '@meshbook/relay/testing/counter-procedures.ts'
import { until } from '@meshbook/relay/testing/temporary.ts'
import { onDatabase, type TestDatabase, TestPostgres } from '../postgres.ts'

const server = await TestPostgres.start({ after })
const modules = [counterModule]

const hasCode = (code: ErrorCode, detail?: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && (!detail || detail.test(error.detail ?? ''))

async function migrated(): Promise<TestDatabase> {
  const database = await server.newDatabase()
  await migratePostgres({ ownerUrl: database.ownerUrl, modules, role: new URL(database.url).username })
  return database
}

async function open(t: TestContext, url: string, onHealth?: (health: StorageHealth) => void) {
  const database = await PostgresDatabase.open<CounterProcedures>({ url, modules, ...(onHealth ? { onHealth } : {}) })
  t.after(() => database.close())
  return database
}

test('RL120 calls that wait together share a commit, and one that throws takes back only its own writes', async t => {
  const database = await open(t, (await migrated()).url)
  const [first, mesh, plain, last] = await Promise.allSettled([
    database.call('add', { name: 'a', by: 1 }),
    database.call('addThenThrow', { name: 'a', by: 10, how: 'mesh' }),
    database.call('addThenThrow', { name: 'a', by: 100, how: 'plain' }),
    database.call('add', { name: 'a', by: 1000 }),
  ])
  assert.deepEqual(
    [first, last].map(result => result?.status === 'fulfilled' && result.value),
    [1, 1001],
  )
  assert.ok(mesh?.status === 'rejected' && hasCode('CONFLICT', /not a/)(mesh.reason))
  assert.ok(plain?.status === 'rejected' && hasCode('INTERNAL')(plain.reason))
  assert.equal(await database.query('read', { name: 'a' }), 1001)
})

test('RL120 many calls at once need few commits', async t => {
  const { url, superuserUrl } = await migrated()
  const database = await open(t, url)
  const commits = () =>
    onDatabase(superuserUrl, async client => {
      const sql = 'SELECT count(DISTINCT xmin::text) AS n FROM counters'
      return Number((await client.query(sql)).rows[0].n)
    })
  await Promise.all(Array.from({ length: 300 }, (_, i) => database.call('add', { name: `n${i}`, by: 1 })))
  assert.ok((await commits()) < 150, `${await commits()} transactions for 300 calls`)
})

test('RL121 two hubs that read and then write at once add up to what one would', async t => {
  const { url } = await migrated()
  const hubs = [await open(t, url), await open(t, url), await open(t, url)]
  await Promise.all(
    Array.from({ length: 600 }, (_, i) => hubs[i % 3]!.call('readThenAdd', { name: `n${i % 5}`, by: 1 })),
  )
  for (let i = 0; i < 5; i++) assert.equal(await hubs[0]!.query('read', { name: `n${i}` }), 120)
})

test('RL122 a connection that is cut in a transaction acknowledges nothing, and the database comes back by itself', async t => {
  const { url, superuserUrl } = await migrated()
  const seen: boolean[] = []
  const database = await open(t, url, health => seen.push(health.ok))
  await database.call('add', { name: 'a', by: 1 })
  const cut = () =>
    onDatabase(superuserUrl, client =>
      client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${new URL(url).username}'`),
    )
  const results = Promise.allSettled(Array.from({ length: 400 }, () => database.call('add', { name: 'a', by: 1 })))
  await cut()
  const acknowledged = (await results).filter(({ status }) => status === 'fulfilled').length
  await until(() => database.health().ok)
  const stored = await database.query('read', { name: 'a' })
  assert.ok(stored >= acknowledged + 1, `${stored} stored, ${acknowledged} acknowledged`)
  await cut()
  assert.equal(await database.query('read', { name: 'a' }), stored, 'a read after a cut is tried again')
  assert.ok(seen.length % 2 === 0, 'health told of the end of each trouble')
})

test('RL122 without the server calls fail at once, and go on when it is back', async t => {
  const { url } = await migrated()
  const seen: boolean[] = []
  const database = await open(t, url, health => seen.push(health.ok))
  await database.call('add', { name: 'a', by: 1 })
  await server.stop('SIGINT')
  await assert.rejects(database.call('add', { name: 'a', by: 1 }), hasCode('STORAGE_FAILED'))
  await assert.rejects(database.call('add', { name: 'a', by: 1 }), hasCode('STORAGE_FAILED'))
  assert.equal(database.health().ok, false)
  await server.run()
  await until(() => database.health().ok)
  assert.deepEqual(seen, [false, true])
  assert.equal(await database.call('add', { name: 'a', by: 1 }), 2)
})

test('RL123 only the owner makes tables; older and newer ones are refused unchanged', async t => {
  const database = await server.newDatabase()
  await assert.rejects(open(t, database.url), hasCode('DATABASE_OLD'))
  const migrate = () => migratePostgres({ ownerUrl: database.ownerUrl, modules, role: new URL(database.url).username })
  assert.deepEqual(await migrate(), ['counters'])
  assert.deepEqual(await migrate(), [])
  await (await open(t, database.url)).call('add', { name: 'a', by: 7 })
  const setVersion = (version: number) =>
    onDatabase(database.ownerUrl, client => client.query('UPDATE schema_versions SET version = $1', [version]))
  await setVersion(99)
  await assert.rejects(open(t, database.url), hasCode('DATA_TOO_NEW', /version 99, this Meshbook knows 2/))
  await assert.rejects(migrate(), hasCode('DATA_TOO_NEW'))
  await setVersion(2)
  assert.equal(await (await open(t, database.url)).query('read', { name: 'a' }), 7)
})

test('S21 a superuser, an owner, a role that bypasses row security or may become one of them is refused', async t => {
  const { url, ownerUrl, superuserUrl } = await migrated()
  const [role, owner] = [new URL(url).username, new URL(ownerUrl).username]
  const asSuperuser = (sql: string) => onDatabase(superuserUrl, client => client.query(sql))
  await assert.rejects(open(t, superuserUrl), hasCode('DATABASE_ROLE', /superuser/))
  await assert.rejects(open(t, ownerUrl), hasCode('DATABASE_ROLE', /owns the table/))
  await asSuperuser(`GRANT ${owner} TO ${role}`)
  await assert.rejects(open(t, url), hasCode('DATABASE_ROLE', /owns the table/))
  await asSuperuser(`REVOKE ${owner} FROM ${role}`)
  await asSuperuser(`ALTER ROLE ${role} BYPASSRLS`)
  await assert.rejects(open(t, url), hasCode('DATABASE_ROLE', /row level security/))
  await asSuperuser(`ALTER ROLE ${role} NOBYPASSRLS`)
  await open(t, url)
  await assert.rejects(
    onDatabase(url, client => client.query('UPDATE schema_versions SET version = 1')),
    /permission denied/,
  )
})

test('RL125 a query cannot write', async t => {
  const database = await open(t, (await migrated()).url)
  await assert.rejects(database.query('add', { name: 'a', by: 1 }))
  assert.equal(await database.call('add', { name: 'a', by: 1 }), 1)
  assert.equal(database.health().ok, true)
})

test('closing answers what was asked for, and nothing after it', async t => {
  const { url } = await migrated()
  const database = await open(t, url)
  const calls = Promise.all(Array.from({ length: 50 }, () => database.call('add', { name: 'a', by: 1 })))
  await database.close()
  await calls
  assert.equal(await (await open(t, url)).query('read', { name: 'a' }), 50)
  await assert.rejects(database.call('add', { name: 'a', by: 1 }), hasCode('SHUTTING_DOWN'))
})
