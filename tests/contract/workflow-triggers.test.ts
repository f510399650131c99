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
import { workflowTriggersContract } from './workflow-triggers.ts'

workflowTriggersContract('SQLite', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-triggers-'))
  const store = await SqliteDatabase.open<HubProcedures>({ file: join(folder, 'hub.db'), modules: [hubModule] })
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
})

const server = await TestPostgres.start({ after })

workflowTriggersContract('PostgreSQL', async t => {
  const { url, ownerUrl } = await server.newDatabase()
  await migratePostgres({ ownerUrl, modules: [hubModule], role: new URL(url).username })
  const store = await PostgresDatabase.open<HubProcedures>({ url, modules: [hubModule] })
  t.after(() => store.close())
  return store
})
