/** The hub's database by its configuration: a file of its own, or PostgreSQL, which several hubs may share. */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentLog } from '@meshbook/relay/document-log.ts'
import { historyModule } from '@meshbook/relay/history/version-recorder.ts'
import type { DocumentStore } from '@meshbook/relay/relay.ts'
import type { Database, StorageHealth } from '@meshbook/relay/sql/database.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { loadModules, migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { Schema } from '@meshbook/relay/sql/tx.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import type { HistoryProcedures } from '@meshbook/relay/store/history-procedures.ts'
import { PostgresDocumentStore } from '@meshbook/relay/store/postgres-document-store.ts'
import { documentModule, SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import type { HubConfig } from '../config.ts'
import { hubModule } from './hub-store.ts'
import type { HubProcedures } from './procedures.ts'

export type AllProcedures = HubProcedures & DocumentProcedures & HistoryProcedures

export interface OpenStore {
  store: Database<AllProcedures>
  documents: DocumentStore
  /** What other hubs write into; absent where nobody else can. */
  log: DocumentLog | undefined
}

/** All modules of a hub's database; a backup knows their tables by them. */
export const hubModules: readonly URL[] = [documentModule, historyModule, hubModule]

export async function hubSchemas(): Promise<Schema[]> {
  return (await loadModules(hubModules)).map(({ schema }) => schema)
}

export async function openStore(
  config: Pick<HubConfig, 'dataFolder' | 'database'>,
  onHealth: (health: StorageHealth) => void,
): Promise<OpenStore> {
  return config.database ? openPostgres(config.database, onHealth) : openSqlite(config.dataFolder, onHealth)
}

async function openSqlite(folder: string, onHealth: (health: StorageHealth) => void): Promise<OpenStore> {
  const file = join(folder, 'hub.db')
  const store = await SqliteDatabase.open<AllProcedures>({ file, modules: hubModules, onHealth })
  await chmod(file, 0o600)
  return { store, documents: new SqliteDocumentStore(store), log: undefined }
}

export type DatabaseConfig = NonNullable<HubConfig['database']>

async function openPostgres(config: DatabaseConfig, onHealth: (health: StorageHealth) => void): Promise<OpenStore> {
  if (config.ownerUrl !== null) await migrateStore(config)
  const store = await PostgresDatabase.open<AllProcedures>({ url: config.url, modules: hubModules, onHealth })
  const documents = new PostgresDocumentStore(store)
  return { store, documents, log: documents }
}

/** Makes or updates the tables as their owner; returns the names of what changed. */
export async function migrateStore({ url, ownerUrl }: DatabaseConfig): Promise<string[]> {
  return migratePostgres({ ...ownerOf({ url, ownerUrl }), modules: hubModules })
}

/** Who may change the tables, and the role that they are for. */
export function ownerOf({ url, ownerUrl }: DatabaseConfig): { ownerUrl: string; role: string } {
  if (ownerUrl === null)
    throw new MeshError('BAD_CONFIG', { detail: 'MESHBOOK_DATABASE_OWNER_URL: needed to change the tables' })
  return { ownerUrl, role: decodeURIComponent(new URL(url).username) }
}
