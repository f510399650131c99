/** Deleted files: kept in the device's own folder, so that nothing that a sync deleted is gone. */
import { copyFile, mkdir, rename, unlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Now } from '@meshbook/core/ids.ts'
import { orStorageError } from './notebook-file.ts'
import { codeOf } from './safe-join.ts'

export class Trash {
  readonly folder: string
  readonly #now: Now
  #count = 0

  constructor(folder: string, now: Now) {
    this.folder = folder
    this.#now = now
  }

  /** Moves a file here, also from another disk. */
  async move(file: string): Promise<void> {
    const target = await this.#place(file)
    await orStorageError(target, async () => {
      try {
        await rename(file, target)
      } catch (thrown) {
        if (codeOf(thrown) !== 'EXDEV') throw thrown
        await copyFile(file, target)
        await unlink(file)
      }
    })
  }

  /** Keeps a copy of what a file held that is already gone. */
  async keep(path: string, text: string): Promise<void> {
    const target = await this.#place(path)
    await orStorageError(target, () => writeFile(target, text, { mode: 0o600 }))
  }

  async #place(file: string): Promise<string> {
    await orStorageError(this.folder, () => mkdir(this.folder, { recursive: true, mode: 0o700 }))
    const time = new Date(this.#now()).toISOString().replace(/[:.]/g, '-')
    return join(this.folder, `${time}-${++this.#count}-${basename(file)}`)
  }
}
