/** Puts the pictures that a notebook shows beside it under `_assets/`, also those that another device made. */
import { join } from 'node:path'
import type { AssetId } from '@meshbook/core/ids.ts'
import { isAssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Disk } from '../projects/disk.ts'
import { sniffExtension } from './mime-types.ts'
import { writeOnce } from './write-once.ts'

export class PicturesBeside {
  readonly #disk: Disk
  readonly #folder: string
  readonly #find: (asset: AssetId) => Promise<Uint8Array>
  readonly #known = new Set<AssetId>()
  #listed = false

  /** `find` looks here and at the hub. */
  constructor(disk: Disk, projectFolder: string, find: (asset: AssetId) => Promise<Uint8Array>) {
    this.#disk = disk
    this.#folder = join(projectFolder, '_assets')
    this.#find = find
  }

  /** What cannot be had or written now is tried again with the next text. */
  async bring(text: string): Promise<void> {
    const wanted = assetsIn(text)
    if (wanted.length === 0) return
    if (!this.#listed) await this.#list()
    for (const asset of wanted) if (!this.#known.has(asset)) await this.#bringOne(asset)
  }

  async #list(): Promise<void> {
    this.#listed = true
    for (const { name } of (await this.#disk.list(this.#folder).catch(() => undefined)) ?? []) {
      const asset = name.replace(/\.\w+$/, '')
      if (isAssetId(asset)) this.#known.add(asset)
    }
  }

  async #bringOne(asset: AssetId): Promise<void> {
    this.#known.add(asset)
    try {
      const bytes = await this.#find(asset)
      const extension = sniffExtension(bytes)
      if (extension !== undefined && bytes.byteLength <= limits.displayBytes)
        await writeOnce(this.#disk, this.#folder, `${asset}${extension}`, bytes)
    } catch {
      this.#known.delete(asset)
    }
  }
}

function assetsIn(text: string): AssetId[] {
  const found = text.match(/\]\(asset:sha256-[0-9a-f]{64}\)/g) ?? []
  return [...new Set(found.map(match => match.slice(8, -1)))].filter(isAssetId)
}
