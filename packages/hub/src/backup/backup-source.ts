/**
 * What a backup reads from, by the settings of the hub: the rows of one moment, from a copy of the file or from PostgreSQL,
 * and the blobs, from the data folder or from S3. It must not know what becomes of them.
 */
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { PostgresTableReader } from '@meshbook/relay/sql/postgres-table-reader.ts'
import { copySqlite, SqliteTableReader } from '@meshbook/relay/sql/sqlite-tables.ts'
import type { TableReader } from '@meshbook/relay/sql/tables.ts'
import type { HubConfig } from '../config.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { openS3, type S3Objects } from '../objects/open-objects.ts'
import { holdSnapshots } from '../objects/snapshot-holds.ts'
import { hubSchemas } from '../store/open-store.ts'
import { type Blobs, FileBlobs, ObjectBlobs } from './blobs.ts'
import { exists } from './work-folder.ts'
import type { Progress } from './write-backup.ts'

/** Where a hub keeps what it has. */
export type HubData = Pick<HubConfig, 'dataFolder' | 'database' | 's3'>

export interface BackupSource {
  reader: TableReader
  blobs: Pick<Blobs, 'read'>
  /** Of snapshots that are not in their rows. */
  snapshots: ObjectStore | undefined
  /** All rows were read: nobody needs to keep anything for them any more. */
  endMoment(): Promise<void>
  close(): Promise<void>
}

interface SourceJob extends HubData {
  now: Now
  random: RandomBytes
  onProgress: Progress
}

export async function mustHoldHub(dataFolder: string): Promise<void> {
  if (!(await exists(join(dataFolder, 'hub.db'))))
    throw new MeshError('NOT_FOUND', { detail: `${dataFolder} holds no hub` })
}

/** The moment is after the call, and the hold before the moment (OB14). */
export async function openSource(job: SourceJob, work: string): Promise<BackupSource> {
  const s3 = job.s3 ? openS3(job.s3, job) : undefined
  let release: (() => Promise<void>) | undefined
  try {
    release = s3 && (await holdForMoment(job, s3))
    const reader = await openReader(job, work)
    const endMoment = async (): Promise<void> => {
      const held = release
      release = undefined
      await reader.close()
      await held?.()
    }
    const close = async (): Promise<void> => {
      await endMoment().finally(() => s3?.close())
    }
    const blobs = s3 ? new ObjectBlobs(s3.assets) : new FileBlobs(join(job.dataFolder, 'assets'))
    return { reader, blobs, snapshots: s3?.snapshots, endMoment, close }
  } catch (thrown) {
    try {
      await release?.()
    } finally {
      s3?.close()
    }
    throw thrown
  }
}

/** The clocks of hubs may differ, by less than the grace that their own order of things has too (OB13). */
function holdForMoment({ now, random }: SourceJob, { snapshots }: S3Objects): Promise<() => Promise<void>> {
  const hold = { before: now() + limits.snapshotGraceMs, until: now() + limits.backupHoldMs }
  return holdSnapshots(snapshots, hold, random)
}

async function openReader(job: SourceJob, work: string): Promise<TableReader> {
  if (job.database) return PostgresTableReader.open({ url: job.database.url, schemas: await hubSchemas() })
  const copy = join(work, 'copy.db')
  await copySqlite(join(job.dataFolder, 'hub.db'), copy, (done, all) => job.onProgress('copy', done, all))
  return new SqliteTableReader(copy)
}
