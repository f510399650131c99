/** Deleted files: kept in the device's own folder, so that nothing that a sync deleted is gone. */
import { basename, dirname, join } from 'node:path'
import type { Now } from '@meshbook/core/ids.ts'
import type { Disk } from './disk.ts'

/** So that a name that is as long as may be still fits with its time in front. */
const mostNameChars = 60

export class Trash {
  readonly folder: string
  readonly #disk: Disk
  readonly #now: Now
  #count = 0

  constructor(disk: Disk, folder: string, now: Now) {
    this.#disk = disk
    this.folder = folder
    this.#now = now
  }

  /** Moves a file here, also from another disk. Durably: a file that a power cut brings back would be taken for a new one. */
  async move(file: string): Promise<void> {
    await this.#disk.move(file, await this.#place(file))
    await this.#disk.syncFolder(this.folder)
    await this.#disk.syncFolder(dirname(file))
  }

  /** Keeps a copy of what a file held that is already gone. */
  async keep(path: string, text: string): Promise<void> {
    await this.#disk.write(await this.#place(path), Buffer.from(text, 'utf8'), { mode: 0o600 })
  }

  async #place(file: string): Promise<string> {
    await this.#disk.makeFolders(this.folder, true)
    const time = new Date(this.#now()).toISOString().replace(/[:.]/g, '-')
    return join(this.folder, `${time}-${++this.#count}-${basename(file).slice(-mostNameChars)}`)
  }
}
