/**
 * Files that belong to no document yet: each gets a new one, or the one that was deleted with the file of that path, or
 * that the file is put back for. Which files these are is decided by the project folder.
 */
import { asMeshError, type MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, newId, type ProjectId } from '@meshbook/core/ids.ts'
import type { DocumentPeer } from '../document-peer.ts'
import { headOf, type Projection, type ProjectionHead } from '../store/projections.ts'
import { conflictExplained } from './conflict-copies.ts'
import type { DiskNames } from './disk-names.ts'
import type { FolderPorts } from './folder-ports.ts'
import { newProjection } from './new-projection.ts'
import type { ProjectTree } from './project-tree.ts'
import { sideBySide } from './side-by-side.ts'
import type { TrackedFile } from './tracked-file.ts'
import type { TrackedFiles } from './tracked-files.ts'

/** Files that are dealt with at a time. */
const width = 32
const retryMs = 1_000

interface NewFilePorts extends FolderPorts {
  project: ProjectId
  names: DiskNames
  tree: ProjectTree
  tracked: TrackedFiles
  /** Has the folder looked at once more. */
  lookAgain(): void
  /** Undefined if there is no file any more. */
  textAt(path: string): Promise<string | undefined>
}

export class NewFiles {
  readonly #ports: NewFilePorts
  /** Rows of documents that were deleted with their files: the same path brings them back. */
  readonly #gone = new Map<DocumentId, ProjectionHead>()
  /** Buried documents that files which are put back belong to, by path. */
  readonly #restoring = new Map<string, DocumentId>()

  constructor(ports: NewFilePorts) {
    this.#ports = ports
  }

  /** A file that was deleted before. */
  knowGone(head: ProjectionHead): void {
    this.#gone.set(head.document, head)
  }

  async markGone(file: TrackedFile): Promise<void> {
    this.knowGone({ ...headOf(await file.markGone()), isDue: true })
  }

  /** Runs an action in which a file that appears at the path is that document's, if it is buried. */
  async restoring(path: string, document: DocumentId | undefined, action: () => Promise<void>): Promise<void> {
    const { tree, tracked } = this.#ports
    if (document !== undefined && tree.buriedAt(document) !== undefined && !tracked.has(document))
      this.#restoring.set(path, document)
    try {
      await action()
    } finally {
      this.#restoring.delete(path)
    }
  }

  async takeAll(paths: readonly string[], problems: Map<string, MeshError>): Promise<void> {
    const { names, tree, tracked } = this.#ports
    // Since the scan a file may have been renamed to what is the same name here.
    const known = new Set(tracked.files().map(file => names.key(file.path)))
    const unknown = paths.filter(path => !known.has(names.key(path)))
    const goneAt = new Map([...this.#gone.values()].map(row => [row.path, row.document]))
    await sideBySide(unknown, width, async path => {
      await this.#take(path, this.#restoring.get(path) ?? goneAt.get(path)).catch((thrown: unknown) => {
        const error = asMeshError(thrown)
        problems.set(path, conflictExplained(path, error))
        // A failing disk tells no folder event when it is well again.
        if (error.entry.retry === 'backoff') tracked.later(retryMs, this.#ports.lookAgain)
      })
      await tracked.room()
    })
    if (unknown.length > 0) await tree.peer.durable()
  }

  async #take(path: string, known: DocumentId | undefined): Promise<void> {
    const { textAt, store, tracked, tree, open, now, random } = this.#ports
    if ((await textAt(path)) === undefined) return
    const id = known ?? newId('document', now(), random)
    const wasHere = this.#gone.delete(id)
    const row = wasHere ? { ...(await store.load(id)), path, gone: false } : this.#newRow(id, path)
    const file = await tracked.begin(open(id), row, wasHere)
    await file.reconcile()
    tree.put(id, path)
  }

  /** A crash came between storing the new document and naming it in the tree. */
  async enter(file: TrackedFile): Promise<void> {
    this.#ports.tree.put(file.id, file.path)
    await this.#ports.tree.peer.durable()
  }

  /** Makes the file of a document whose content has come. */
  async bring(peer: DocumentPeer, path: string): Promise<void> {
    const { tracked } = this.#ports
    this.#gone.delete(peer.id)
    await tracked.reconcile(await tracked.begin(peer, this.#newRow(peer.id, path), false))
  }

  #newRow(id: DocumentId, path: string): Projection {
    return newProjection(id, this.#ports.project, path, this.#ports.random)
  }
}
