/** Backups in tests: a key of their own, and the jobs with everything but what the test is about. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import type { HubData } from '../backup/backup-source.ts'
import { newRecoveryKey } from '../backup/recovery-key.ts'
import { type RestoreReport, restoreBackup, verifyBackup } from '../backup/restore-backup.ts'
import { type BackupReport, writeBackup } from '../backup/write-backup.ts'
import { temporaryFolder } from './test-hub.ts'

export interface TestBackup {
  file: string
  key: string
  report: BackupReport
}

/** A data folder stands for a hub that keeps everything in it. */
type Where = string | HubData
const dataOf = (where: Where): HubData =>
  typeof where === 'string' ? { dataFolder: where, database: null, s3: null } : where

const masterKey = { key: null, file: null }
const ports = { masterKey, now: Date.now, random: systemRandom, onProgress: () => undefined }

export async function backUp(t: TestContext, where: Where): Promise<TestBackup> {
  const { secret, recipient } = await newRecoveryKey()
  const file = join(await temporaryFolder(t), 'backup.age')
  const report = await writeBackup({ ...ports, ...dataOf(where), file, lock: { recipient } })
  return { file, key: secret, report }
}

export function restoreInto(where: Where, backup: Pick<TestBackup, 'file' | 'key'>, replace = false) {
  return restoreBackup({ ...ports, ...dataOf(where), file: backup.file, key: backup.key }, { replace })
}

export function verifyIn(where: Where, backup: Pick<TestBackup, 'file' | 'key'>): Promise<RestoreReport> {
  return verifyBackup({ ...ports, ...dataOf(where), file: backup.file, key: backup.key })
}
