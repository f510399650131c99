import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type HubStore, hubModule } from '@meshbook/hub/store/hub-store.ts'
import { type HubProcedures, procedures, schema } from '@meshbook/hub/store/procedures.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteConnection } from '@meshbook/relay/sql/sqlite-connection.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { TestPostgres } from '../postgres.ts'
import { runEndsContract } from './run-ends.ts'
import { runImportsContract } from './run-imports.ts'
import { type OpenRunStore, runStoreContract } from './run-store.ts'

const openFile: OpenRunStore = async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-runs-'))
  const store = await SqliteDatabase.open<HubProcedures>({ file: join(folder, 'hub.db'), modules: [hubModule] })
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
}
runStoreContract('SQLite file in its threads', openFile)
runImportsContract('SQLite file in its threads', openFile)
runEndsContract('SQLite file in its threads', openFile, 10)

/** One transaction after the other on a database in memory, in this thread: the procedures need nothing but their Tx. */
const openInMemory: OpenRunStore = async t => {
  const connection = new SqliteConnection(':memory:', { readOnly: false })
  connection.migrate([schema])
  t.after(() => connection.close())
  let last: Promise<unknown> = Promise.resolve()
  const perform = async (name: string, args: unknown): Promise<unknown> => {
    connection.exec('BEGIN')
    try {
      const value = await (procedures as unknown as Record<string, (tx: Tx, args: unknown) => Promise<unknown>>)[name]!(
        connection.tx,
        args,
      )
      connection.exec('COMMIT')
      return value
    } catch (error) {
      connection.exec('ROLLBACK')
      throw error
    }
  }
  const call = (name: string, ...args: unknown[]): Promise<unknown> => {
    const result = last.then(() => perform(name, args[0]))
    last = result.catch(() => undefined)
    return result
  }
  return {
    call,
    query: call,
    health: () => ({ ok: true, detail: '' }),
    close: async () => undefined,
  } as unknown as HubStore
}
runStoreContract('SQLite in memory', openInMemory)
runImportsContract('SQLite in memory', openInMemory)
runEndsContract('SQLite in memory', openInMemory, 240)

const server = await TestPostgres.start({ after })

const openPostgres: OpenRunStore = async t => {
  const { url, ownerUrl } = await server.newDatabase()
  await migratePostgres({ ownerUrl, modules: [hubModule], role: new URL(url).username })
  const store = await PostgresDatabase.open<HubProcedures>({ url, modules: [hubModule] })
  t.after(() => store.close())
  return store
}
runStoreContract('PostgreSQL, as a role that owns nothing', openPostgres)
runImportsContract('PostgreSQL, as a role that owns nothing', openPostgres)
runEndsContract('PostgreSQL, as a role that owns nothing', openPostgres, 10)
