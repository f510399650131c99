/** Backups in tests: a key of their own, and the jobs with everything but what the test is about. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { newRecoveryKey } from '../backup/recovery-key.ts'
import { type RestoreReport, restoreBackup, verifyBackup } from '../backup/restore-backup.ts'
import { type BackupReport, writeBackup } from '../backup/write-backup.ts'
import { temporaryFolder } from './test-hub.ts'

export interface TestBackup {
  file: string
  key: string
  report: BackupReport
}

export async function backUp(t: TestContext, dataFolder: string): Promise<TestBackup> {
  const { secret, recipient } = await newRecoveryKey()
  const file = join(await temporaryFolder(t), 'backup.age')
  const report = await writeBackup({
    dataFolder,
    file,
    lock: { recipient },
    now: Date.now,
    onProgress: () => undefined,
  })
  return { file, key: secret, report }
}

const restoring = { now: Date.now, random: systemRandom, onProgress: () => undefined }

export function restoreInto(dataFolder: string, backup: Pick<TestBackup, 'file' | 'key'>, replace = false) {
  return restoreBackup({ ...restoring, dataFolder, file: backup.file, key: backup.key }, { replace })
}

export function verifyIn(dataFolder: string, backup: Pick<TestBackup, 'file' | 'key'>): Promise<RestoreReport> {
  return verifyBackup({ ...restoring, dataFolder, file: backup.file, key: backup.key })
}
