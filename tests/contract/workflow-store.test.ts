import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { hubModule } from '@meshbook/hub/store/hub-store.ts'
import type { HubProcedures } from '@meshbook/hub/store/procedures.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { TestPostgres } from '../postgres.ts'
import { workflowStoreContract } from './workflow-store.ts'

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
