import { resolve } from 'node:path'
import { systemRandom } from '@meshbook/core/ids.ts'
import {
  type RestoredReport,
  type RestoreJob,
  type RestoreReport,
  restoreBackup,
  verifyBackup,
} from '@meshbook/hub/backup/restore-backup.ts'
import { Command } from 'commander'
import { backupProgress } from '../backup-progress.ts'
import { printJson, say } from '../print.ts'
import { readSecret } from '../secret-input.ts'
import { hubDataOf, masterKeyOf, optionsOf } from './options.ts'

interface RestoreOptions {
  verify?: boolean
  replace?: boolean
  keyFile?: string
  data?: string
  json?: boolean
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('bring back what a backup holds, or try whether it could be brought back')
    .argument('<file>', 'the backup')
    .option('--verify', 'open every document and check every hash, and change nothing')
    .option('--replace', 'restore over the data that is there, which is kept under a dated name')
    .option('--key-file <file>', 'file with the recovery key or passphrase; - reads standard input')
    .option('--data <folder>', 'data folder of the hub (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nThe recovery key is asked for, or read from --key-file or MESHBOOK_RECOVERY_KEY.\n\nExamples:\n  $ meshbook restore monday.age --verify\n  $ meshbook restore monday.age --replace',
    )
    .action(async (file: string, _options, command: Command) => {
      const options = optionsOf<RestoreOptions>(command)
      const hub = hubDataOf(options)
      const key = await readSecret({
        file: options.keyFile,
        setting: process.env.MESHBOOK_RECOVERY_KEY,
        prompt: 'Recovery key or passphrase: ',
      })
      const progress = backupProgress(options.json === true)
      const job: RestoreJob = {
        ...hub,
        file: resolve(file),
        key,
        masterKey: masterKeyOf(options),
        now: Date.now,
        random: systemRandom,
        onProgress: progress.show,
      }
      try {
        await perform(job, options, progress.clear)
      } finally {
        progress.clear()
      }
    })
}

async function perform(job: RestoreJob, options: RestoreOptions, clear: () => void): Promise<void> {
  if (options.verify) {
    const report = await verifyBackup(job)
    clear()
    if (options.json) printJson({ verified: job.file, ...report })
    else tellVerified(report)
    return
  }
  const report = await restoreBackup(job, { replace: options.replace === true })
  clear()
  if (options.json) printJson({ restored: job.dataFolder, ...report })
  else tellRestored(job, report)
}

function tellVerified(report: RestoreReport): void {
  say(`✔ It can be restored: ${contents(report)}.`)
  tellSecrets(report)
  tellMissing(report)
}

function tellRestored({ dataFolder, database }: RestoreJob, report: RestoredReport): void {
  say(
    `✔ ${database ? 'The database' : dataFolder} is as it was on ${new Date(report.madeAt).toLocaleString()}: ${contents(report)}.`,
  )
  if (report.kept) say(`  What was there before is in ${report.kept}; delete it when you are sure.`)
  if (report.runsEnded > 0) say(`  ${report.runsEnded} runs that waited were ended; run those cells again.`)
  say(`  ${report.devices} devices and ${report.tokens} tokens are valid: revoke again what was revoked since.`)
  say('  Browsers sign in anew: meshbook start, or meshbook link.')
  tellSecrets(report)
  tellMissing(report)
}

function contents({ documents, assets, rows }: RestoreReport): string {
  return `${documents} documents opened, ${assets} assets and ${rows} rows checked`
}

function tellSecrets({ secrets: { orgs, opened } }: RestoreReport): void {
  if (opened < orgs)
    say(`  Keys of ${orgs - opened} of ${orgs} orgs do not open: bring the master key of that hub, or set them anew.`)
}

function tellMissing({ missing }: RestoreReport): void {
  if (missing.length > 0) say(`  ${missing.length} assets were lost before the backup was made: ${missing[0]} …`)
}
