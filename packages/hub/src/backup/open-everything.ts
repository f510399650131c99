/**
 * Opens a restored store as a hub would: brings its tables up to date, settles what went on after the backup, and reads
 * every document through the relay into a Yjs document, and a key of each org.
 */
import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, type Now, type OrgId, parseId, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { within } from '@meshbook/relay/within.ts'
import type { SettledRestore } from '../store/after-restore.ts'
import { hubNote } from '../store/audit.ts'
import { type AllProcedures, hubModules } from '../store/open-store.ts'
import type { MasterKey } from '../vault/master-key.ts'
import { type OpenedSecrets, openSecrets } from './open-secrets.ts'
import { exists } from './work-folder.ts'
import type { Progress } from './write-backup.ts'

interface OpenJob {
  /** Holds `hub.db`. */
  folder: string
  now: Now
  random: RandomBytes
  onProgress: Progress
  /** Undefined where there is none. */
  masterKey: MasterKey | undefined
}

export interface Opened extends SettledRestore {
  documents: number
  secrets: OpenedSecrets
}

export async function openEverything(job: OpenJob): Promise<Opened> {
  const file = join(job.folder, 'hub.db')
  const opened = await settleAndRead(job, file)
  // What is moved into place is one file.
  if (await exists(`${file}-wal`)) throw new MeshError('STORAGE_FAILED', { detail: `${file} was not closed` })
  return opened
}

async function settleAndRead(job: OpenJob, file: string): Promise<Opened> {
  const database = await SqliteDatabase.open<AllProcedures>({ file, modules: hubModules })
  try {
    const settled = await database.call('settleRestore', { now: job.now(), note: hubNote('backup-restored', job) })
    const secrets = await openSecrets(database, job.masterKey)
    return { ...settled, secrets, documents: await openDocuments(job, database) }
  } finally {
    await database.close()
  }
}

async function openDocuments(
  { now, random, onProgress }: OpenJob,
  database: SqliteDatabase<AllProcedures>,
): Promise<number> {
  const store = new SqliteDocumentStore(database)
  // A room goes as soon as it was read, so that memory holds one document at a time.
  const relay = new Relay({ store, now, random, limits: { ...limits, roomIdleMs: 1, compactAfterUpdates: 2 ** 31 } })
  let documents = 0
  try {
    for await (const key of everyDocument(database)) {
      await readWhole(relay, key)
      onProgress('documents', ++documents, documents)
    }
    return documents
  } finally {
    await relay.close()
  }
}

interface Key {
  org: OrgId
  document: DocumentId
}

async function* everyDocument(database: SqliteDatabase<AllProcedures>): AsyncGenerator<Key> {
  let after = { org: '', document: '' }
  for (;;) {
    const page = await database.query('listStored', { after, rows: limits.pageRows })
    for (const { org, document } of page) yield { org: parseId('org', org), document: parseId('document', document) }
    if (page.length < limits.pageRows) return
    after = page.at(-1)!
  }
}

async function readWhole(relay: Relay, key: Key): Promise<void> {
  const { promise: failed, reject } = Promise.withResolvers<never>()
  const peer = openLocalPeer(relay, key, { name: 'restore', onError: error => reject(error) })
  try {
    await within(limits.requestMs, Promise.race([peer.ready, failed]), `opening ${key.document}`)
    if (peer.doc.store.pendingStructs)
      throw new MeshError('STORAGE_FAILED', { detail: 'it refers to what it has not got' })
  } catch (thrown) {
    const { message } = asMeshError(thrown)
    throw new MeshError('BACKUP_DAMAGED', { detail: `the document ${key.document}: ${message}`, cause: thrown })
  } finally {
    failed.catch(() => undefined)
    peer.close()
  }
}
