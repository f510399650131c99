/**
 * The hub's master key: what the hub keeps of other people's secrets is sealed with it, so that its database and its
 * backups alone open none of them. From MESHBOOK_MASTER_KEY, from the file that MESHBOOK_MASTER_KEY_FILE names, or from a
 * file in the data folder that is made when it is first needed.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import { writeWhole } from '../backup/whole-file.ts'

export interface MasterKeyConfig {
  /** Wins over the file. */
  key: string | null
  file: string | null
}

export const masterKeySettings = {
  MESHBOOK_MASTER_KEY: 'key of 32 bytes, in base64 or hex, that seals the secrets that the hub keeps (a file makes do)',
  MESHBOOK_MASTER_KEY_FILE: 'file with that key (master.key in the data folder, made when first needed)',
} as const

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

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
    if (masterKey.key !== null) return new MasterKey(parseKey(masterKey.key, 'MESHBOOK_MASTER_KEY'), random)
    const file = masterKey.file ?? join(dataFolder, 'master.key')
    const found = await readKey(file)
    if (found !== undefined) return new MasterKey(parseKey(found, file), random)
    if (masterKey.file !== null)
      throw new MeshError('BAD_CONFIG', { detail: `MESHBOOK_MASTER_KEY_FILE: ${file} is not there` })
    const made = Buffer.from(random(keyBytes))
    await writeWhole(file, `${made.toString('base64url')}\n`)
    return new MasterKey(made, random)
  }

  /** `about` is bound to it: what was sealed about one thing opens as nothing else (S19). */
  seal(secret: Uint8Array, about: string): string {
    const nonce = this.#random(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(about))
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
  }

  /** Undefined for what another key sealed, or about something else. */
  open(sealed: string, about: string): Uint8Array | undefined {
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.byteLength < nonceBytes + tagBytes) return undefined
    const nonce = bytes.subarray(0, nonceBytes)
    const tag = bytes.subarray(nonceBytes, nonceBytes + tagBytes)
    try {
      const cipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: tagBytes })
      cipher.setAAD(Buffer.from(about)).setAuthTag(tag)
      return Buffer.concat([cipher.update(bytes.subarray(nonceBytes + tagBytes)), cipher.final()])
    } catch {
      return undefined
    }
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
