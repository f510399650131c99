/** Files that somebody asked for by path: the wish is stored, and how far they are is told. What brings them is not its own. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, DocumentId } from '@meshbook/core/ids.ts'
import type { AssetArrivals } from './asset-arrivals.ts'
import type { PlacedAsset } from './asset-entry.ts'
import type { AssetView } from './asset-view.ts'

export interface FetchState {
  /** All that were asked for, and those of them that are here; their bytes, and how many of these have come. */
  files: number
  here: number
  bytes: number
  received: number
  /** Files that come no further for now, and why the first of them does not. */
  stuck: number
  reason?: { path: string; error: MeshError }
}

interface WishPorts {
  received(asset: AssetId): Promise<number>
}

export class AssetWishes {
  readonly #ports: WishPorts
  readonly #view: AssetView
  readonly #arrivals: Pick<AssetArrivals, 'hurry' | 'stuck'>

  constructor(ports: WishPorts, view: AssetView, arrivals: Pick<AssetArrivals, 'hurry' | 'stuck'>) {
    this.#ports = ports
    this.#view = view
    this.#arrivals = arrivals
  }

  async want(path: string): Promise<FetchState> {
    for (const [id, entry] of this.#below(path)) {
      if (this.#isHere(id, entry)) continue
      this.#arrivals.hurry(id)
      if (!this.#view.rows.get(id))
        await this.#view.rows.save({ id, path: entry.path, stamp: null, asset: null, own: false })
    }
    return this.state(path)
  }

  async state(path: string): Promise<FetchState> {
    const state: FetchState = { files: 0, here: 0, bytes: 0, received: 0, stuck: 0 }
    for (const [id, entry] of this.#below(path)) {
      const isHere = this.#isHere(id, entry)
      const error = isHere ? undefined : this.#arrivals.stuck(id, entry)
      state.files++
      state.bytes += entry.bytes
      state.here += isHere ? 1 : 0
      state.received += isHere ? entry.bytes : Math.min(entry.bytes, await this.#ports.received(entry.asset))
      if (!error) continue
      state.stuck++
      state.reason ??= { path: entry.path, error: explained(error, entry) }
    }
    if (state.files === 0) throw new MeshError('NOT_FOUND', { detail: `no shared file of the project is at ${path}` })
    return state
  }

  #below(path: string): [DocumentId, PlacedAsset][] {
    const isMeant = (it: string) => path === '' || it === path || it.startsWith(`${path}/`)
    return [...this.#view.tree.assets()].filter(([, entry]) => isMeant(entry.path))
  }

  #isHere(id: DocumentId, { asset, path }: PlacedAsset): boolean {
    const row = this.#view.rows.get(id)
    return row?.asset === asset && row.path === path
  }
}

function explained(error: MeshError, { path, by }: PlacedAsset): MeshError {
  if (error.code !== 'NOT_FOUND') return error
  const detail = `the bytes of ${path} are not at the hub yet; they are on ${by}. The file comes by itself once they are`
  return new MeshError('NOT_FOUND', { detail, cause: error })
}
