/**
 * Where a restore puts what was prepared aside, by the settings of the hub: the data folder, PostgreSQL, S3. The rows change
 * places in one step, which is the moment of the restore; assets that are not part of that step are only added before it,
 * since their names say what they are. It must not know what the rows mean.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { PostgresTableWriter } from '@meshbook/relay/sql/postgres-table-writer.ts'
import { SqliteTableReader } from '@meshbook/relay/sql/sqlite-tables.ts'
import type { TableInfo, TableReader, TableWriter } from '@meshbook/relay/sql/tables.ts'
import type { SqlValue } from '@meshbook/relay/sql/tx.ts'
import { FileObjectStore } from '../objects/file-object-store.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { openS3 } from '../objects/open-objects.ts'
import { holdSnapshots } from '../objects/snapshot-holds.ts'
import { type DatabaseConfig, hubSchemas, ownerOf } from '../store/open-store.ts'
import type { HubData } from './backup-source.ts'
import { type BlobName, blobOf, blobTables } from './blobs.ts'
import { storedRecipient, storeRecipient } from './recovery-key.ts'
import { exists, lockData, swapIn } from './work-folder.ts'
import type { Progress } from './write-backup.ts'

export interface TargetJob extends HubData {
  now: Now
  random: RandomBytes
  onProgress: Progress
}

/** Nobody else uses it until it is closed. */
export interface RestoreTarget {
  holdsData(): Promise<boolean>
  /** Puts the content of the folder into place; returns where the old data is, if there was any. */
  take(fresh: string): Promise<string | undefined>
  close(): Promise<void>
}

/** Throws DATA_IN_USE, and what is wrong with the settings. */
export async function openTarget(job: TargetJob): Promise<RestoreTarget> {
  const release = lockData(job.dataFolder)
  try {
    return job.database ? await databaseTarget(job, job.database, release) : folderTarget(job, release)
  } catch (thrown) {
    release()
    throw thrown
  }
}

function folderTarget(job: TargetJob, release: () => void): RestoreTarget {
  return {
    holdsData: () => folderHoldsData(job),
    async take(fresh) {
      if (job.s3) await moveAssets(job, fresh)
      return swapIn(job.dataFolder, keptName(job.now()))
    },
    close: async () => release(),
  }
}

async function databaseTarget(job: TargetJob, database: DatabaseConfig, release: () => void): Promise<RestoreTarget> {
  const writer = await PostgresTableWriter.open({ ...ownerOf(database), schemas: await hubSchemas() })
  return {
    holdsData: () => writer.holdsRows(),
    async take(fresh) {
      await moveAssets(job, fresh)
      await moveRows(job, fresh, writer)
      const kept = await writer.swapIn(keptName(job.now()).toLowerCase().replaceAll('-', '_'))
      const recipient = await storedRecipient(fresh)
      if (recipient !== null) await storeRecipient(job.dataFolder, recipient)
      return kept && `the schema ${kept} of the database`
    },
    close: () => writer.close().finally(release),
  }
}

function keptName(now: number): string {
  return `before-restore-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`
}

async function folderHoldsData({ dataFolder, s3 }: HubData): Promise<boolean> {
  const database = join(dataFolder, 'hub.db')
  if ((await exists(database)) && (await stat(database)).size > 0) return true
  const assets = join(dataFolder, 'assets')
  return !s3 && (await exists(assets)) && (await readdir(assets)).some(name => name !== 'incoming')
}

async function moveRows({ onProgress }: TargetJob, fresh: string, writer: TableWriter): Promise<void> {
  const reader = new SqliteTableReader(join(fresh, 'hub.db'))
  try {
    await writer.prepare(await hubSchemas())
    const tables = await reader.tables()
    for (const [index, table] of tables.entries()) {
      onProgress('move', index, tables.length)
      await moveTable(reader, table, writer)
    }
    await writer.finish()
  } finally {
    await reader.close()
  }
}

async function moveTable(reader: TableReader, table: TableInfo, writer: TableWriter): Promise<void> {
  let moved = 0
  for await (const rows of batchesOf(reader.rows(table))) {
    await writer.write(table, rows)
    moved += rows.length
  }
  if ((await writer.count(table.name)) !== moved)
    throw new MeshError('STORAGE_FAILED', { detail: `rows of ${table.name} did not arrive` })
}

const mostRows = 1_000

async function* batchesOf(rows: AsyncIterable<SqlValue[]>): AsyncGenerator<SqlValue[][]> {
  let batch: SqlValue[][] = []
  let bytes = 0
  for await (const row of rows) {
    const size = row.reduce<number>((sum, value) => sum + sizeOf(value), 0)
    if (batch.length === mostRows || (batch.length > 0 && bytes + size > limits.backupPartBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(row)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

function sizeOf(value: SqlValue): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 8
}

/** Into the store that the hub will have. What is there under such a name has the same bytes; what other rows name stays. */
async function moveAssets(job: TargetJob, fresh: string): Promise<void> {
  const from = join(fresh, 'assets')
  const s3 = job.s3 ? openS3(job.s3, job) : undefined
  try {
    if (s3) await holdForKept(job, s3.snapshots)
    const to = s3?.assets ?? (await FileObjectStore.open(join(job.dataFolder, 'assets')))
    const names = await assetsIn(fresh)
    for (const [index, { name, sha256 }] of names.entries()) {
      job.onProgress('move', index, names.length)
      const path = join(from, name)
      if (await exists(path)) await to.adopt(name, path, { bytes: (await stat(path)).size, sha256 })
    }
    await rm(from, { recursive: true })
  } finally {
    s3?.close()
  }
}

/** The rows that are kept aside name snapshots that nobody else names any more (OB14). */
async function holdForKept({ now, random }: TargetJob, snapshots: ObjectStore): Promise<void> {
  const hold = { before: now() + limits.snapshotGraceMs, until: now() + limits.restoreHoldMs }
  await holdSnapshots(snapshots, hold, random)
}

async function assetsIn(fresh: string): Promise<BlobName[]> {
  const reader = new SqliteTableReader(join(fresh, 'hub.db'))
  try {
    const tables = (await reader.tables()).filter(({ name }) => blobTables.includes(name))
    const found = new Map<string, BlobName>()
    for (const table of tables)
      for await (const row of reader.rows(table)) {
        const blob = blobOf(table, row)
        if (blob) found.set(blob.name, blob)
      }
    return [...found.values()]
  } finally {
    await reader.close()
  }
}
