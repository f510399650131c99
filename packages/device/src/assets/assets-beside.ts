/**
 * What a notebook of a folder brings along in `_assets/`: a text that came from outside names assets that this device
 * may be the only one to have (DV130). Knows nothing of documents; what is kept is checked by its hash.
 */
import { dirname, join } from 'node:path'
import { asMeshError } from '@meshbook/core/errors.ts'
import { type AssetId, assetsIn, isAssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Disk } from '../projects/disk.ts'

export interface AssetsBesidePorts {
  disk: Pick<Disk, 'list' | 'read'>
  /** Resolves when it is durable on this device and the hub is to get it, if there is one; false for other bytes. */
  keep(asset: AssetId, bytes: Uint8Array): Promise<boolean>
}

export class AssetsBeside {
  readonly #ports: AssetsBesidePorts
  readonly #root: string
  readonly #kept = new Set<AssetId>()

  constructor(ports: AssetsBesidePorts, root: string) {
    this.#ports = ports
    this.#root = root
  }

  /** All that is named by the text at `path` and stands beside it or above; what an asset names too. */
  async take(path: string, text: string): Promise<void> {
    const wanted = assetsIn(text).filter(id => !this.#kept.has(id))
    if (wanted.length === 0) return
    const files = await this.#filesFor(path)
    for (const id of wanted)
      wanted.push(...(await this.#takeOne(id, files.get(id))).filter(more => !wanted.includes(more)))
  }

  async #takeOne(id: AssetId, file: string | undefined): Promise<AssetId[]> {
    if (file === undefined || this.#kept.has(id)) return []
    const found = await this.#ports.disk.read(file, limits.importBytes).catch((thrown: unknown) => {
      if (['BAD_PATH', 'TOO_LARGE'].includes(asMeshError(thrown).code)) return undefined
      throw thrown
    })
    if (!found || !(await this.#ports.keep(id, found.bytes))) return []
    this.#kept.add(id)
    return found.bytes[0] === 0x7b ? assetsIn(new TextDecoder().decode(found.bytes)) : []
  }

  /** By what their names say. The nearest folder counts, but bytes of one name are the same everywhere. */
  async #filesFor(path: string): Promise<Map<AssetId, string>> {
    const files = new Map<AssetId, string>()
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const assets = join(this.#root, folder, '_assets')
      for (const { name, kind } of (await this.#ports.disk.list(assets)) ?? []) {
        const id = name.replace(/\.\w+$/, '')
        if (kind === 'file' && isAssetId(id) && !files.has(id)) files.set(id, join(assets, name))
      }
      if (folder === '.') return files
    }
  }
}
