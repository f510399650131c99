/**
 * The recovery key: an age identity that only the owner has. The hub keeps its public half, the recipient, in the data
 * folder. Nothing here prints or stores the secret.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { writeWhole } from './whole-file.ts'

export interface RecoveryKey {
  /** `AGE-SECRET-KEY-1…` */
  secret: string
  /** `age1…` */
  recipient: string
}

/** Whom a backup is for. */
export type Lock = { recipient: string } | { passphrase: string }

export async function newRecoveryKey(): Promise<RecoveryKey> {
  const secret = await generateIdentity()
  return { secret, recipient: await identityToRecipient(secret) }
}

const fileIn = (dataFolder: string): string => join(dataFolder, 'backup-recipient.txt')

export async function storedRecipient(dataFolder: string): Promise<string | null> {
  const text = await readFile(fileIn(dataFolder), 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null
    throw new MeshError('READ_ONLY_FOLDER', { detail: fileIn(dataFolder), cause: thrown })
  })
  return text === null ? null : checkedRecipient(text.trim())
}

export async function storeRecipient(dataFolder: string, recipient: string): Promise<void> {
  await writeWhole(fileIn(dataFolder), `${checkedRecipient(recipient)}\n`)
}

function checkedRecipient(text: string): string {
  try {
    new Encrypter().addRecipient(text)
    return text
  } catch (cause) {
    throw new MeshError('BAD_CONFIG', { detail: 'a recipient of backups looks like age1…', cause })
  }
}

/** 15 is a second of work or less where the library runs; a passphrase of our prompt has at least twelve characters. */
const scryptWork = 15
const passphraseChars = 12

export function encrypterFor(lock: Lock): Encrypter {
  const encrypter = new Encrypter()
  if ('recipient' in lock) {
    encrypter.addRecipient(checkedRecipient(lock.recipient))
    return encrypter
  }
  if (lock.passphrase.length < passphraseChars)
    throw new MeshError('BAD_CONFIG', { detail: `a passphrase has at least ${passphraseChars} characters` })
  encrypter.setScryptWorkFactor(scryptWork)
  encrypter.setPassphrase(lock.passphrase)
  return encrypter
}

/** `text` is a recovery key, a file of keys as age-keygen writes it, or a passphrase. */
export function decrypterFor(text: string): Decrypter {
  const decrypter = new Decrypter()
  const lines = text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  if (lines.length === 0) throw new MeshError('NO_RECOVERY_KEY')
  if (!lines.every(line => line.startsWith('AGE-SECRET-KEY-'))) {
    decrypter.addPassphrase(text.replace(/\r?\n$/, ''))
    return decrypter
  }
  for (const line of lines) addIdentity(decrypter, line)
  return decrypter
}

function addIdentity(decrypter: Decrypter, secret: string): void {
  try {
    decrypter.addIdentity(secret)
  } catch {
    // The library's words may quote the key.
    throw new MeshError('WRONG_RECOVERY_KEY', {
      detail: 'it is not written as a recovery key is; a letter may be wrong',
    })
  }
}
