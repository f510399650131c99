/** Secrets as files that only their user can read: `device.key` and `device.token`. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SecretName, SecretStore } from './secret-store.ts'
import { readPrivate, writeWhole } from './whole-file.ts'

export class FileSecrets implements SecretStore {
  readonly kind = 'file'
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  pathOf(name: SecretName): string {
    return join(this.#folder, `device.${name}`)
  }

  async read(name: SecretName): Promise<string | undefined> {
    return (await readPrivate(this.pathOf(name)))?.trim()
  }

  write(name: SecretName, secret: string): Promise<void> {
    return writeWhole(this.pathOf(name), `${secret}\n`)
  }

  async remove(name: SecretName): Promise<void> {
    await rm(this.pathOf(name), { force: true })
  }
}
