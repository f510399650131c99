import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { FileObjectStore } from '@meshbook/hub/objects/file-object-store.ts'
import { ObjectSnapshotStore } from '@meshbook/hub/objects/object-snapshot-store.ts'
import type { ObjectStore } from '@meshbook/hub/objects/object-store.ts'
import { S3ObjectStore } from '@meshbook/hub/objects/s3-object-store.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import { PostgresDocumentStore } from '@meshbook/relay/store/postgres-document-store.ts'
import { documentModule, SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { TestPostgres } from '../postgres.ts'
import { S3Server } from '../s3-server.ts'
import { documentLogContract, documentStoreContract } from './document-store.ts'

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

const server = await TestPostgres.start({ after })

async function openPostgres(t: { after(undo: () => unknown): void }) {
  const { url, ownerUrl } = await server.newDatabase()
  await migratePostgres({ ownerUrl, modules: [documentModule], role: new URL(url).username })
  const open = () => PostgresDatabase.open<DocumentProcedures>({ url, modules: [documentModule] })
  let database = await open()
  t.after(() => database.close())
  const reopen = async () => {
    await database.close()
    database = await open()
    return new PostgresDocumentStore(database)
  }
  return { store: new PostgresDocumentStore(database), reopen }
}

documentStoreContract('PostgresDocumentStore', openPostgres)
documentLogContract('PostgresDocumentStore', async t => (await openPostgres(t)).store)
documentLogContract('MemoryDocumentStore', async () => new MemoryDocumentStore())
const ports = { now: Date.now, random: systemRandom, limits: { ...limits, snapshotObjectBytes: 0 } }

function snapshotsIn(name: string, open: (t: TestContext) => Promise<ObjectStore>): void {
  documentStoreContract(`ObjectSnapshotStore on ${name}`, async t => {
    const rows = new MemoryDocumentStore()
    const objects = await open(t)
    const make = () => new ObjectSnapshotStore(rows, objects, ports)
    return { store: make(), reopen: async () => make() }
  })
}

snapshotsIn('files', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return FileObjectStore.open(folder)
})

snapshotsIn('S3', async t => new S3ObjectStore((await S3Server.start(t)).config(), 'snapshots/', ports))
