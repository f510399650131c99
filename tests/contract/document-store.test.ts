import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import { documentModule, SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { documentStoreContract } from './document-store.ts'

documentStoreContract('MemoryDocumentStore', async () => {
  const store = new MemoryDocumentStore()
  return { store, reopen: async () => store }
})

documentStoreContract('SqliteDocumentStore', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-store-'))
  const open = () =>
    SqliteDatabase.open<DocumentProcedures>({ file: join(folder, 'documents.sqlite'), modules: [documentModule] })
  let database = await open()
  t.after(async () => {
    await database.close()
    await rm(folder, { recursive: true, force: true })
  })
  const reopen = async () => {
    await database.close()
    database = await open()
    return new SqliteDocumentStore(database)
  }
  return { store: new SqliteDocumentStore(database), reopen }
})
