/** Verifies a backup by restoring it aside, and restores it for good by the same steps and a swap. */
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { SettledRestore } from '../store/after-restore.ts'
import { MasterKey, type MasterKeyConfig } from '../vault/master-key.ts'
import type { HubData } from './backup-source.ts'
import { loadBackup } from './load-backup.ts'
import { openEverything } from './open-everything.ts'
import type { OpenedSecrets } from './open-secrets.ts'
import { storedRecipient, storeRecipient } from './recovery-key.ts'
import { openTarget } from './restore-target.ts'
import { syncFolder } from './whole-file.ts'
import { newDataIn, withWorkFolder } from './work-folder.ts'
import type { Progress } from './write-backup.ts'

export interface RestoreJob extends HubData {
  file: string
  /** A recovery key, a file of them, or a passphrase. */
  key: string
  /** What the hub's own keys are sealed with; it is in no backup. */
  masterKey: MasterKeyConfig
  now: Now
  random: RandomBytes
  onProgress: Progress
}

export interface RestoreReport extends SettledRestore {
  madeAt: number
  /** Of the Meshbook that made the backup. */
  version: string
  orgs: string[]
  rows: number
  /** Every one was opened through the relay. */
  documents: number
  secrets: OpenedSecrets
  assets: number
  /** Assets that rows name and the backup has not got. */
  missing: string[]
}

/** Restores into a store of its own, which is removed again. */
export function verifyBackup(job: RestoreJob): Promise<RestoreReport> {
  return withWorkFolder(job.dataFolder, work => prepare(job, work))
}

export interface RestoredReport extends RestoreReport {
  /** Where the data is that was there before. */
  kept: string | undefined
}

/** Throws DATA_IN_USE, WOULD_OVERWRITE and what is wrong with the backup before anything of the data is changed. */
export async function restoreBackup(job: RestoreJob, options: { replace: boolean }): Promise<RestoredReport> {
  return withWorkFolder(job.dataFolder, async work => {
    const target = await openTarget(job)
    try {
      if (!options.replace && (await target.holdsData()))
        throw new MeshError('WOULD_OVERWRITE', { detail: `${placeOf(job)} holds the data of a hub` })
      const report = await prepare(job, work)
      return { ...report, kept: await target.take(newDataIn(work)) }
    } finally {
      await target.close()
    }
  })
}

/** Without a password. */
function placeOf({ database, dataFolder }: HubData): string {
  return database ? `the database at ${new URL(database.url).host}` : dataFolder
}

async function prepare(job: RestoreJob, work: string): Promise<RestoreReport> {
  const into = newDataIn(work)
  await mkdir(into, { mode: 0o700 })
  const { format, manifest } = await loadBackup({ ...job, into })
  const masterKey = await MasterKey.openExisting(job, job.random)
  const opened = await openEverything({ ...job, masterKey, folder: into })
  if (opened.documents !== (manifest.tables.relay_documents ?? 0))
    throw new MeshError('BACKUP_DAMAGED', { detail: 'not all documents could be opened' })
  await chmod(join(into, 'hub.db'), 0o600)
  if (format.recipient !== null && (await storedRecipient(job.dataFolder)) === null)
    await storeRecipient(into, format.recipient)
  for (const folder of [into, work, job.dataFolder]) await syncFolder(folder)
  return {
    ...opened,
    madeAt: format.madeAt,
    version: format.version,
    orgs: manifest.orgs.map(({ name }) => name),
    rows: Object.values(manifest.tables).reduce((sum, rows) => sum + rows, 0),
    assets: manifest.assets.count,
    missing: [...manifest.assets.missing, ...manifest.assets.damaged],
  }
}
