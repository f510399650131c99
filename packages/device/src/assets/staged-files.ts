/**
 * Copies of files that the hub does not have yet: what is uploaded must stay as it was, whatever becomes of the file
 * meanwhile. A copy goes once the hub has it.
 */
import { join } from 'node:path'
import type { AssetId } from '@meshbook/core/ids.ts'
import type { BigFiles, Digest } from '../projects/big-files.ts'
import type { Disk } from '../projects/disk.ts'

const temporaryEnd = '.incoming'

export class StagedFiles {
  readonly folder: string
  readonly #disk: Disk
  readonly #files: BigFiles
  #count = 0
  #ready: Promise<void> | undefined

  constructor(disk: Disk, files: BigFiles, folder: string) {
    this.#disk = disk
    this.#files = files
    this.folder = folder
  }

  /** Durable once it resolves. Undefined if the file changed meanwhile. */
  async stage(file: string, maxBytes: number, signal: AbortSignal): Promise<Digest | undefined> {
    this.#ready ??= this.#prepare()
    await this.#ready
    const temporary = join(this.folder, `${++this.#count}${temporaryEnd}`)
    try {
      const digest = await this.#files.copy(file, temporary, maxBytes, signal)
      if (!digest) return undefined
      await this.#disk.move(temporary, join(this.folder, digest.asset))
      await this.#disk.syncFolder(this.folder)
      return digest
    } finally {
      await this.#disk.remove(temporary)
    }
  }

  /** The copy, if there is one. */
  async find(asset: AssetId): Promise<string | undefined> {
    const file = join(this.folder, asset)
    return (await this.#disk.look(file)) && file
  }

  remove(asset: AssetId): Promise<void> {
    return this.#disk.remove(join(this.folder, asset))
  }

  /** What a crash left half copied goes. */
  async #prepare(): Promise<void> {
    await this.#disk.makeFolders(this.folder, true)
    for (const { name } of (await this.#disk.list(this.folder)) ?? [])
      if (name.endsWith(temporaryEnd)) await this.#disk.remove(join(this.folder, name))
  }
}
