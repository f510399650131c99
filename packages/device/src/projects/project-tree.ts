/** The file tree of a project as this device reads and changes it. */

import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import { type DocumentId, isId } from '@meshbook/core/ids.ts'
import { normalPath, resolveTree } from '@meshbook/core/tree.ts'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import { type AssetEntry, assetEntryOf, type PlacedAsset } from './asset-entry.ts'
import type { DiskNames } from './disk-names.ts'

interface Resolved {
  documents: Map<DocumentId, string>
  assets: Map<DocumentId, PlacedAsset>
}

export class ProjectTree {
  readonly peer: DocumentPeer
  readonly #files: Y.Map<unknown>
  #resolved: Resolved | undefined
  readonly #names: DiskNames

  /** Paths are told as the folder can hold them. */
  constructor(peer: DocumentPeer, names: DiskNames) {
    this.peer = peer
    this.#names = names
    this.#files = peer.doc.getMap(sharedNames.files)
    this.#files.observeDeep(() => {
      this.#resolved = undefined
    })
  }

  /** Every live document and where its file belongs. */
  paths(): ReadonlyMap<DocumentId, string> {
    this.#resolved ??= this.#resolve()
    return this.#resolved.documents
  }

  /** Every live file that is no document. */
  assets(): ReadonlyMap<DocumentId, PlacedAsset> {
    this.#resolved ??= this.#resolve()
    return this.#resolved.assets
  }

  /** As it stands in the tree, where several may want the same path. */
  asset(id: DocumentId): AssetEntry | undefined {
    const entry = entryOf(this.#files.get(id))
    return entry && assetEntryOf(entry)
  }

  #resolve(): Resolved {
    const entries = [...this.#files.entries()].flatMap(([id, value]) => {
      const entry = entryOf(value)
      return entry ? [[id, entry] as [string, TreeEntry]] : []
    })
    const kinds = new Map(entries)
    const resolved: Resolved = { documents: new Map(), assets: new Map() }
    for (const [id, path] of this.#names.distinct(resolveTree(entries))) {
      const entry = kinds.get(id)!
      const asset = assetEntryOf(entry)
      if (entry.kind === 'document') resolved.documents.set(id, path)
      else if (asset) resolved.assets.set(id, { ...asset, wanted: asset.path, path })
    }
    return resolved
  }

  /** Live documents whose path is none, with the path. */
  refused(): [DocumentId, string][] {
    return [...this.#files.entries()].flatMap(([id, value]) => {
      const entry = entryOf(value)
      const isRefused =
        entry?.kind === 'document' && entry.deletedAt === undefined && normalPath(entry.path) === undefined
      return isRefused && isId('document', id) ? [[id, entry.path] as [DocumentId, string]] : []
    })
  }

  has(id: DocumentId): boolean {
    return this.#files.has(id)
  }

  /** The path as it stands in the tree, where several documents may want the same one. */
  wanted(id: DocumentId): string | undefined {
    return entryOf(this.#files.get(id))?.path
  }

  /** When it was deleted; undefined for what is live or was never there. */
  buriedAt(id: DocumentId): number | undefined {
    return entryOf(this.#files.get(id))?.deletedAt
  }

  put(id: DocumentId, path: string): void {
    this.#files.set(id, { path, kind: 'document' } satisfies TreeEntry)
  }

  putAsset(id: DocumentId, entry: AssetEntry): void {
    this.#files.set(id, { ...entry, kind: 'asset' } satisfies TreeEntry)
  }

  bury(id: DocumentId, now: number): void {
    const entry = entryOf(this.#files.get(id))
    // Without the name of an asset: what is deleted everywhere may go from the hub.
    if (entry) this.#files.set(id, { path: entry.path, kind: entry.kind, deletedAt: now } satisfies TreeEntry)
  }

  observe(changed: () => void): void {
    this.#files.observeDeep(changed)
  }
}

/** Other peers write the tree too, as plain objects or nested maps; anything that is no entry is passed over. */
function entryOf(value: unknown): TreeEntry | undefined {
  const plain = value instanceof Y.Map ? value.toJSON() : value
  if (typeof plain !== 'object' || plain === null) return undefined
  const { path, kind, deletedAt, asset, bytes, by, at, past } = plain as Record<string, unknown>
  if (typeof path !== 'string' || (kind !== 'document' && kind !== 'asset')) return undefined
  return {
    path,
    kind,
    ...(typeof deletedAt === 'number' && { deletedAt }),
    ...(typeof asset === 'string' && { asset }),
    ...(typeof bytes === 'number' && { bytes }),
    ...(typeof by === 'string' && { by }),
    ...(typeof at === 'number' && { at }),
    ...(Array.isArray(past) && { past: past.filter(it => typeof it === 'string') }),
  }
}
