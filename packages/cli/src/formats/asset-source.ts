/** Where the command line finds the assets of a document: under `_assets/` beside it or above, else at the hub. */
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { asMeshError } from '@meshbook/core/errors.ts'
import { AssetTable } from '@meshbook/core/formats/assets.ts'
import { assetsNeeded } from '@meshbook/core/formats/ipynb/to-ipynb.ts'
import type { AssetId } from '@meshbook/core/ids.ts'
import type { ApiClient } from '../api-client.ts'

export type Finder = (id: AssetId) => Promise<Uint8Array | undefined>

/** Everything that the text needs and that can be had; `show` is told how far it is. */
export async function collectAssets(
  markdown: string,
  find: Finder,
  show: (text: string) => void,
): Promise<Map<AssetId, Uint8Array>> {
  const found = new Map<AssetId, Uint8Array>()
  const asked = new Set<AssetId>()
  for (;;) {
    const wanted = assetsNeeded(markdown, found).filter(id => !asked.has(id))
    if (wanted.length === 0) return found
    for (const id of wanted) {
      asked.add(id)
      show(`Fetching pictures and outputs: ${asked.size}`)
      const bytes = await find(id)
      if (bytes && new AssetTable().put(bytes) === id) found.set(id, bytes)
    }
  }
}

const levels = 8

/** In `_assets/` of the file's folder and of those above it. */
export function besideFile(file: string): Finder {
  const folders: string[] = []
  for (let folder = dirname(file); folders.length < levels; folder = dirname(folder)) {
    folders.push(join(folder, '_assets'))
    if (dirname(folder) === folder) break
  }
  const names = new Map<string, Promise<string[]>>()
  return async id => {
    for (const folder of folders) {
      if (!names.has(folder))
        names.set(
          folder,
          readdir(folder).catch(() => []),
        )
      const name = (await names.get(folder)!).find(entry => entry.startsWith(`${id}.`))
      if (name) return readFile(join(folder, name))
    }
    return undefined
  }
}

/** At the hub, if there is one; what it does not have is missing. */
export function atHub(client: ApiClient | undefined): Finder {
  return async id => {
    if (!client) return undefined
    return client.bytes(`/assets/${id}`).catch((thrown: unknown) => {
      const { code } = asMeshError(thrown)
      if (code === 'NOT_FOUND' || code === 'UNREACHABLE') return undefined
      throw thrown
    })
  }
}
