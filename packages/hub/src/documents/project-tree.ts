/**
 * The file tree of one project as the hub follows it: a peer of its own in the tree's room. The tree document is the
 * truth; the index in the store is brought after it. It knows nothing of users.
 */

import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { assetIn, normalPath, resolveTree, type TreeAsset } from '@meshbook/core/tree.ts'
import type { DocumentKey, Relay } from '@meshbook/relay/relay.ts'
import { within } from '@meshbook/relay/within.ts'
import * as Y from 'yjs'
import { type OwnPeer, openOwnPeer } from './own-peer.ts'

const indexRetryMs = 1_000

/**
 * `gone`: those that had a place in the tree and have none any more; undefined for whatever is not among the paths. A hub
 * that has not heard yet of a document that another one has just made must not take it out of the index (CH1).
 */
export type IndexPaths = (paths: [DocumentId, string][], gone: DocumentId[] | undefined) => Promise<void>

/** An entry of the tree came, changed or went. `by`: the device that wrote it, where it says so. */
export interface ChangedEntry {
  path: string
  by: string | null
}

export interface TreeFollower {
  index: IndexPaths
  /** Files that are no documents came, changed or went; durable. */
  filesChanged(): void
  /** The same of entries of any kind, with where they were and are. */
  entriesChanged(entries: ChangedEntry[]): void
  onError(error: MeshError): void
}

type Changes = Y.YMapEvent<TreeEntry>['changes']['keys']

export class ProjectTree {
  readonly #peer: OwnPeer
  readonly #files: Y.Map<TreeEntry>
  readonly #follower: TreeFollower
  #paths = new Map<DocumentId, string>()
  #idAt = new Map<string, DocumentId>()
  /** The paths in lower case, as they are compared. */
  #taken = new Set<string>()
  #indexing: Promise<void> = Promise.resolve()
  #dirty = false
  #wasIndexed = false
  #filesDirty = false
  #loaded = false
  /** Why the index is behind the tree; whoever waits for it must not take it for complete. */
  #behind: MeshError | undefined
  lost = false

  constructor(relay: Relay, key: DocumentKey, follower: TreeFollower) {
    this.#follower = follower
    const { onError } = follower
    this.#peer = openOwnPeer(relay, key, 'hub: file tree', (error, final) => {
      this.lost ||= final
      if (final) onError(error)
    })
    this.#files = this.#peer.doc.getMap<TreeEntry>(sharedNames.files)
    this.#files.observe(event => this.#changed(event.changes.keys))
    this.#peer.loaded.then(() => {
      this.#loaded = true
      this.#changed()
    }, onError)
  }

  async ready(): Promise<void> {
    await this.#peer.ready()
  }

  idAt(path: string): DocumentId | undefined {
    return this.#idAt.get(path)
  }

  /** Whether a path is taken, also by one that differs only in case. */
  taken(path: string): boolean {
    return this.#taken.has(path.toLowerCase())
  }

  /** The files that are no documents, by path. */
  files(): [DocumentId, TreeAsset & { path: string }][] {
    const found = [...this.#paths.keys()].flatMap(id => {
      const file = this.file(id)
      return file ? [[id, file] as [DocumentId, TreeAsset & { path: string }]] : []
    })
    return found.sort(([, a], [, b]) => (a.path < b.path ? -1 : 1))
  }

  file(id: DocumentId): (TreeAsset & { path: string }) | undefined {
    const path = this.#paths.get(id)
    const asset = path === undefined || path.startsWith('.') ? undefined : assetIn(this.#files.get(id))
    return asset && { path: path!, ...asset }
  }

  get size(): number {
    return this.#paths.size
  }

  /** Resolves once the change is durable and in the index. */
  async put(id: DocumentId, entry: TreeEntry): Promise<void> {
    this.#files.set(id, entry)
    await this.settled()
  }

  /** Changes an entry; undefined says that there is none. */
  async change(id: DocumentId, change: Partial<TreeEntry>): Promise<boolean> {
    const entry = this.#files.get(id)
    if (!entry) return false
    await this.put(id, { ...entry, ...change })
    return true
  }

  /** Takes the mark of deletion away; false if there is no such entry. */
  async revive(id: DocumentId): Promise<boolean> {
    const entry = this.#files.get(id)
    if (!entry) return false
    const { deletedAt: _, ...alive } = entry
    await this.put(id, alive)
    return true
  }

  async settled(): Promise<void> {
    await this.#peer.durable()
    await within(limits.requestMs, this.#indexing, 'indexing the file tree')
    if (this.#behind) throw this.#behind
  }

  close(): void {
    this.lost = true
    this.#peer.close()
  }

  #changed(keys?: Changes): void {
    if (!this.#loaded || this.lost) return
    if (keys)
      this.#follower.entriesChanged([...keys].flatMap(([id, { oldValue }]) => changesOf(oldValue, this.#files.get(id))))
    this.#filesDirty ||=
      !keys || [...keys].some(([id, { oldValue }]) => isFile(oldValue) || isFile(this.#files.get(id)))
    if (!keys || ![...keys].every(([id, { action }]) => action === 'add' && this.#addOne(id))) this.#resolve()
    if (this.#dirty) return
    this.#dirty = true
    this.#indexing = this.#bringIndex().catch((error: unknown) => this.#indexFailed(error))
  }

  /** A new entry whose path is free moves no other: thousands of them are not to resolve the tree thousands of times. */
  #addOne(id: string): boolean {
    const entry = this.#files.get(id)
    if (!isEntry(entry)) return false
    const [added] = resolveTree([[id, entry!]])
    if (!added || this.taken(added[1])) return false
    this.#put(added[0], added[1], entry!.kind)
    return true
  }

  #put(id: DocumentId, path: string, kind: TreeEntry['kind']): void {
    this.#paths.set(id, path)
    this.#taken.add(path.toLowerCase())
    if (kind === 'document') this.#idAt.set(path, id)
  }

  #resolve(): void {
    const entries = new Map([...this.#files.entries()].filter(([, entry]) => isEntry(entry)))
    this.#paths = new Map()
    this.#idAt = new Map()
    this.#taken = new Set()
    for (const [id, path] of resolveTree(entries)) this.#put(id, path, entries.get(id)!.kind)
  }

  /** The tree itself is safe; its index is brought after it as soon as the disk takes it. */
  #indexFailed(error: unknown): void {
    this.#dirty = false
    this.#behind = new MeshError('STORAGE_FAILED', { detail: 'the index of a file tree', cause: error })
    if (this.lost) return
    this.#follower.onError(this.#behind)
    setTimeout(() => this.#changed(), indexRetryMs).unref()
  }

  /** The index follows what is durable: it must never know a path that a crash could take back. */
  async #bringIndex(): Promise<void> {
    await this.#indexing
    await this.#peer.saved()
    this.#dirty = false
    if (this.#filesDirty) this.#follower.filesChanged()
    this.#filesDirty = false
    // What a crash left in the index is found by the first look, which goes over everything.
    const gone = this.#wasIndexed ? this.#gone() : undefined
    await this.#follower.index(
      [...this.#idAt].map(([path, id]) => [id, path]),
      gone,
    )
    this.#wasIndexed = true
    this.#behind = undefined
  }

  /** A key of a Yjs map that was removed stays known to it. */
  #gone(): DocumentId[] {
    const listed = new Set<string>(this.#idAt.values())
    return [...this.#files._map.keys()].filter(id => !listed.has(id)) as DocumentId[]
  }
}

/** Who may write a tree may write anything into it. */
function changesOf(before: unknown, after: unknown): ChangedEntry[] {
  const [old, now] = [before, after].map(entry => (isEntry(entry) ? (entry as TreeEntry) : undefined))
  const isSame = old?.path === now?.path && old?.asset === now?.asset && old?.deletedAt === now?.deletedAt
  if (isSame) return []
  const by = now?.kind === 'asset' && typeof now.by === 'string' ? now.by.slice(0, limits.nameChars) : null
  const paths = new Set([old?.path, now?.path].flatMap(path => normalPath(path) ?? []))
  return [...paths].filter(path => !path.startsWith('.meshbook/')).map(path => ({ path, by }))
}

function isEntry(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && !(entry instanceof Y.AbstractType)
}

function isFile(entry: unknown): boolean {
  return isEntry(entry) && (entry as TreeEntry).kind === 'asset'
}
