import { resolve } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import type { HubData } from '@meshbook/hub/backup/backup-source.ts'
import { type Lock, newRecoveryKey, storedRecipient, storeRecipient } from '@meshbook/hub/backup/recovery-key.ts'
import { type BackupReport, writeBackup } from '@meshbook/hub/backup/write-backup.ts'
import { Command } from 'commander'
import { backupProgress } from '../backup-progress.ts'
import { printJson, say } from '../print.ts'
import { readSecret } from '../secret-input.ts'
import { privateFolder } from '../this-machine.ts'
import { hubDataOf, optionsOf } from './options.ts'

interface BackupOptions {
  newKey?: boolean
  recipient?: string
  passphrase?: boolean
  data?: string
  json?: boolean
}

export function backupCommand(): Command {
  return new Command('backup')
    .description('write everything the hub keeps into one encrypted file, while it runs or not')
    .argument('[file]', 'the file to make; with --new-key it may be left out')
    .option('--new-key', 'make a recovery key, show it once, and encrypt to it from now on')
    .option('--recipient <age1…>', 'encrypt to this public key from now on, whose secret you have elsewhere')
    .option('--passphrase', 'encrypt this file with a passphrase instead (MESHBOOK_BACKUP_PASSPHRASE, or a prompt)')
    .option('--data <folder>', 'data folder of the hub (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ meshbook backup --new-key\n  $ meshbook backup /mnt/usb/meshbook-monday.age\n\nWhat is in it and how to get it back: docs/self-hosting.md.',
    )
    .action(async (file: string | undefined, _options, command: Command) => {
      const options = optionsOf<BackupOptions>(command)
      const hub = hubDataOf(options)
      if (!file && !options.newKey) throw new MeshError('BAD_CONFIG', { detail: 'which file? meshbook backup FILE' })
      const lock = await lockFor(options, hub.dataFolder)
      if (file) await makeBackup(resolve(file), hub, lock, options.json === true)
    })
}

async function lockFor(options: BackupOptions, folder: string): Promise<Lock> {
  if (options.passphrase) {
    const setting = process.env.MESHBOOK_BACKUP_PASSPHRASE
    return { passphrase: await readSecret({ setting, prompt: 'Passphrase for this backup: ' }) }
  }
  const known = await storedRecipient(folder)
  if (options.recipient) {
    await storeRecipient(folder, options.recipient)
    return { recipient: options.recipient }
  }
  if (known !== null && !options.newKey) return { recipient: known }
  // A key that is shown to nobody, or to a log, is worse than none.
  if (!options.newKey && !(process.stdout.isTTY && process.stdin.isTTY)) throw new MeshError('NO_RECOVERY_KEY')
  return { recipient: await showNewKey(folder, known !== null, options.json === true) }
}

/** Shown before it is used: a kill between the two costs a key that nothing is encrypted to. */
async function showNewKey(folder: string, replaces: boolean, json: boolean): Promise<string> {
  const { secret, recipient } = await newRecoveryKey()
  await privateFolder(folder)
  if (json) printJson({ recoveryKey: secret, recipient })
  else {
    process.stdout.write(`${secret}\n`)
    say('\nThis is your recovery key. It is shown this once and kept nowhere on this machine.')
    say('Write it down or put it into a password manager: without it a backup cannot be opened by anybody.')
    if (replaces) say('Backups made before this one still need the key they were made with.')
    say('')
  }
  await storeRecipient(folder, recipient)
  return recipient
}

async function makeBackup(file: string, hub: HubData, lock: Lock, json: boolean): Promise<void> {
  const progress = backupProgress(json)
  try {
    const report = await writeBackup({
      ...hub,
      file,
      lock,
      now: Date.now,
      random: systemRandom,
      onProgress: progress.show,
    })
    progress.clear()
    if (json) printJson({ backup: report.file, ...report })
    else tell(report)
  } finally {
    progress.clear()
  }
}

function tell({ file, bytes, documents, assets, missing, damaged }: BackupReport): void {
  say(`✔ ${file}: ${documents} documents, ${assets} assets, ${(bytes / 2 ** 20).toFixed(1)} MiB.`)
  if (missing.length > 0)
    say(`  ${missing.length} assets are not in it, because the hub has lost them: ${missing[0]} …`)
  if (damaged.length > 0) say(`  ${damaged.length} assets are not in it, because they are damaged: ${damaged[0]} …`)
  say(`  Try it: meshbook restore ${file} --verify`)
}
