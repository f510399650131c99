/**
 * The hub's master key: what the hub keeps of other people's secrets is sealed with it, so that its database and its
 * backups alone open none of them. From MESHBOOK_MASTER_KEY, from the file that MESHBOOK_MASTER_KEY_FILE names, or from a
 * file in the data folder that is made when it is first needed.
 */
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import { writeWhole } from '../backup/whole-file.ts'
import { keyBytes, seal, unseal } from './sealed-box.ts'

export interface MasterKeyConfig {
  /** Wins over the file. */
  key: string | null
  file: string | null
}

export const masterKeySettings = {
  MESHBOOK_MASTER_KEY: 'key of 32 bytes, in base64 or hex, that seals the secrets that the hub keeps (a file makes do)',
  MESHBOOK_MASTER_KEY_FILE: 'file with that key (master.key in the data folder, made when first needed)',
  MESHBOOK_MASTER_KEY_OLD: 'the key before, while MESHBOOK_MASTER_KEY is a new one: what it sealed is sealed again',
  MESHBOOK_MASTER_KEY_OLD_FILE: 'file with that key',
} as const

export class MasterKey {
  readonly #key: Buffer
  readonly #random: RandomBytes

  private constructor(key: Buffer, random: RandomBytes) {
    this.#key = key
    this.#random = random
  }

  static async open(
    { masterKey, dataFolder }: { masterKey: MasterKeyConfig; dataFolder: string },
    random: RandomBytes,
  ): Promise<MasterKey> {
    const found = await MasterKey.openExisting({ masterKey, dataFolder }, random)
    if (found) return found
    if (masterKey.file !== null)
      throw new MeshError('BAD_CONFIG', { detail: `MESHBOOK_MASTER_KEY_FILE: ${masterKey.file} is not there` })
    const file = join(dataFolder, 'master.key')
    const made = Buffer.from(random(keyBytes))
    await writeWhole(file, `${made.toString('base64url')}\n`)
    return new MasterKey(made, random)
  }

  /** The one before, while what it sealed is sealed again (VA20); undefined where none is named. */
  static async openOld(
    { oldMasterKey: old }: { oldMasterKey: MasterKeyConfig },
    random: RandomBytes,
  ): Promise<MasterKey | undefined> {
    if (old.key !== null) return new MasterKey(parseKey(old.key, 'MESHBOOK_MASTER_KEY_OLD'), random)
    if (old.file === null) return undefined
    const found = await readKey(old.file)
    if (found !== undefined) return new MasterKey(parseKey(found, old.file), random)
    throw new MeshError('BAD_CONFIG', { detail: `MESHBOOK_MASTER_KEY_OLD_FILE: ${old.file} is not there` })
  }

  /** That of the settings or the data folder, where there is one; none is made. */
  static async openExisting(
    { masterKey, dataFolder }: { masterKey: MasterKeyConfig; dataFolder: string },
    random: RandomBytes,
  ): Promise<MasterKey | undefined> {
    if (masterKey.key !== null) return new MasterKey(parseKey(masterKey.key, 'MESHBOOK_MASTER_KEY'), random)
    const file = masterKey.file ?? join(dataFolder, 'master.key')
    const found = await readKey(file)
    return found === undefined ? undefined : new MasterKey(parseKey(found, file), random)
  }

  /** `about` is bound to it: what was sealed about one thing opens as nothing else (S19). */
  seal(secret: Uint8Array, about: string): string {
    return seal(this.#key, this.#random, secret, about)
  }

  /** Undefined for what another key sealed, or about something else. */
  open(sealed: string, about: string): Uint8Array | undefined {
    return unseal(this.#key, sealed, about)
  }
}

async function readKey(file: string): Promise<string | undefined> {
  try {
    const text = await readFile(file, 'utf8')
    await chmod(file, 0o600)
    return text
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new MeshError('BAD_CONFIG', { detail: `${file} cannot be read`, cause })
  }
}

/** The message never repeats the value. */
function parseKey(text: string, where: string): Buffer {
  const trimmed = text.trim()
  const key = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : Buffer.from(trimmed, 'base64')
  if (key.byteLength === keyBytes) return key
  throw new MeshError('BAD_CONFIG', { detail: `${where}: expected ${keyBytes} bytes in base64 or hex` })
}
