/** The file tree of a project as this device reads and changes it. */

import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import { type DocumentId, isId } from '@meshbook/core/ids.ts'
import { normalPath, resolveTree } from '@meshbook/core/tree.ts'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import type { DiskNames } from './disk-names.ts'

export class ProjectTree {
  readonly peer: DocumentPeer
  readonly #files: Y.Map<unknown>
  readonly #names: DiskNames
  #paths: Map<DocumentId, string> | undefined

  /** Paths are told as the folder can hold them. */
  constructor(peer: DocumentPeer, names: DiskNames) {
    this.peer = peer
    this.#names = names
    this.#files = peer.doc.getMap(sharedNames.files)
    this.#files.observeDeep(() => {
      this.#paths = undefined
    })
  }

  /** Every live document and where its file belongs. */
  paths(): ReadonlyMap<DocumentId, string> {
    this.#paths ??= this.#resolve()
    return this.#paths
  }

  #resolve(): Map<DocumentId, string> {
    const entries = [...this.#files.entries()].flatMap(([id, value]) => {
      const entry = entryOf(value)
      return entry?.kind === 'document' ? [[id, entry] as [string, TreeEntry]] : []
    })
    return this.#names.distinct(resolveTree(entries))
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

  bury(id: DocumentId, now: number): void {
    const entry = entryOf(this.#files.get(id))
    if (entry) this.#files.set(id, { ...entry, deletedAt: now } satisfies TreeEntry)
  }

  observe(changed: () => void): void {
    this.#files.observeDeep(changed)
  }
}

/** Other peers write the tree too, as plain objects or nested maps; anything that is no entry is passed over. */
function entryOf(value: unknown): TreeEntry | undefined {
  const plain = value instanceof Y.Map ? value.toJSON() : value
  if (typeof plain !== 'object' || plain === null) return undefined
  const { path, kind, deletedAt } = plain as Record<string, unknown>
  if (typeof path !== 'string' || (kind !== 'document' && kind !== 'asset')) return undefined
  return typeof deletedAt === 'number' ? { path, kind, deletedAt } : { path, kind }
}
