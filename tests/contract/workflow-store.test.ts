import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { hubModule } from '@meshbook/hub/store/hub-store.ts'
import { type HubProcedures, schema } from '@meshbook/hub/store/procedures.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { onDatabase, TestPostgres } from '../postgres.ts'
import { workflowStoreContract, workflowWorldOf } from './workflow-store.ts'
import { waitingTrigger } from './workflow-triggers.ts'

workflowStoreContract('SQLite', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-workflows-'))
  const store = await SqliteDatabase.open<HubProcedures>({ file: join(folder, 'hub.db'), modules: [hubModule] })
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
})

const server = await TestPostgres.start({ after })

async function newDatabase() {
  const database = await server.newDatabase()
  const role = new URL(database.url).username
  await migratePostgres({ ownerUrl: database.ownerUrl, modules: [hubModule], role })
  return database
}

workflowStoreContract('PostgreSQL', async t => {
  const { url } = await newDatabase()
  const store = await PostgresDatabase.open<HubProcedures>({ url, modules: [hubModule] })
  t.after(() => store.close())
  return store
})

/** Every guarded table with a row of an org, and what each verb does to it under a scope, past all procedures. */
test('WQ50 every table, every verb, no scope or a wrong one: no row is seen or changed, and none is added, also as the owner', async t => {
  const { url, ownerUrl } = await newDatabase()
  const store = await PostgresDatabase.open<HubProcedures>({ url, modules: [hubModule] })
  t.after(() => store.close())
  const world = await workflowWorldOf(store)
  const run = (await world.take(await world.order()))!
  await world.signal(run.id, 'a')
  await world.enter(run.id, 1)
  await store.call('saveWorkflowCheckpoint', { ...run, seq: 1, version: 1, state: '{}' })
  await waitingTrigger(world)
  const tables = schema.guarded!
  assert.equal(tables.length, 8)
  for (const as of [url, ownerUrl])
    await onDatabase(as, async client => {
      const under = async (scope: string | null, sql: string): Promise<number> => {
        await client.query('BEGIN')
        try {
          if (scope !== null) await client.query("SELECT set_config('meshbook.org', $1, true)", [scope])
          return (await client.query(sql)).rowCount ?? 0
        } finally {
          await client.query('ROLLBACK')
        }
      }
      for (const table of tables) {
        for (const scope of [null, '', 'org_of_somebody_else', "x' OR '1'='1"]) {
          const where = `${table} as ${JSON.stringify(scope)}`
          assert.equal(await under(scope, `SELECT * FROM ${table}`), 0, where)
          assert.equal(await under(scope, `SELECT * FROM ${table} WHERE org_id = '${world.org}'`), 0, where)
          assert.equal(
            await under(scope, `UPDATE ${table} SET org_id = '${scope?.replaceAll("'", "''") ?? 'x'}'`),
            0,
            where,
          )
          assert.equal(await under(scope, `DELETE FROM ${table}`), 0, where)
        }
        const own = await under(world.org, `SELECT * FROM ${table}`)
        assert.ok(own > 0, `${table} as its own org`)
        assert.equal(await under('*', `SELECT * FROM ${table}`), own, `${table} as the hub itself`)
        // A row of its own org may not become, or be added as, one of another.
        await assert.rejects(
          under(world.org, `UPDATE ${table} SET org_id = 'org_of_somebody_else'`),
          /row-level security/,
        )
        await assert.rejects(
          under('org_of_somebody_else', "INSERT INTO workflow_definitions (org_id, hash, text) VALUES ('o', 'h', 't')"),
          /row-level security/,
        )
      }
    })
})
