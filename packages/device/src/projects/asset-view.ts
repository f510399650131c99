/** What stands in the folder, in the tree and in the store of the shared files of a project, for those who decide. */
import type { DocumentId } from '@meshbook/core/ids.ts'
import { type AssetEntry, isConflictOf } from './asset-entry.ts'
import type { AssetRows } from './asset-rows.ts'
import type { FileStamp } from './disk.ts'
import type { ProjectTree } from './project-tree.ts'

export class AssetView {
  readonly tree: ProjectTree
  readonly rows: AssetRows
  #files: ReadonlyMap<string, FileStamp> = new Map()
  #idAt: ReadonlyMap<string, DocumentId> = new Map()

  constructor(tree: ProjectTree, rows: AssetRows) {
    this.tree = tree
    this.rows = rows
  }

  /** As of the last look at the folder, with what was moved since. */
  get files(): ReadonlyMap<string, FileStamp> {
    return this.#files
  }

  saw(files: ReadonlyMap<string, FileStamp>): void {
    this.#files = files
  }

  sawMove(from: string, to: string, stamp: FileStamp | undefined): void {
    const files = new Map(this.#files)
    files.delete(from)
    if (stamp) files.set(to, stamp)
    this.#files = files
  }

  /** From now on `entryAt` knows where the tree has which file; one that comes later becomes a twin, which is settled. */
  sawTree(): void {
    this.#idAt = new Map([...this.tree.assets()].map(([id, { path }]) => [path, id]))
  }

  entryAt(path: string): [DocumentId, AssetEntry] | undefined {
    const id = this.#idAt.get(path)
    const entry = id && this.tree.asset(id)
    return entry && [id, entry]
  }

  /** Whether a conflict copy of a file has this content. */
  isKept(asset: string, path: string): boolean {
    return [...this.tree.assets().values()].some(it => it.asset === asset && isConflictOf(it.path, path))
  }

  missing() {
    return this.rows.all().filter(row => row.asset !== null && !this.#files.has(row.path))
  }
}

/** What a rename leaves as it was. */
export const markOf = ({ inode, size, modified }: FileStamp) => `${inode} ${size} ${modified}`
