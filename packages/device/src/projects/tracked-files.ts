/**
 * The files of a project that belong to a document: has each written when its document changes, and tries again what
 * failed. Which files these are is decided by the project folder.
 */
import { asMeshError, type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import type { DocumentPeer } from '../document-peer.ts'
import type { Projection } from '../store/projections.ts'
import { Debounce } from './debounce.ts'
import { DocumentFile } from './document-file.ts'
import type { FolderPorts } from './folder-ports.ts'

const retryMinMs = 1_000
const retryMaxMs = 30_000
/** Failures that may pass by themselves. */
const passing = new Set<ErrorCode>(['READ_ONLY_FOLDER', 'DISK_FULL', 'STORAGE_FAILED', 'CONFLICT'])

interface Tracked {
  file: DocumentFile
  /** Asks for the document's text to be written. */
  write: Debounce
  retryMs: number
}

export class TrackedFiles {
  readonly #root: string
  readonly #ports: FolderPorts
  readonly #missing: () => void
  readonly #tracked = new Map<DocumentId, Tracked>()
  readonly #timers = new Set<() => void>()
  #closing = false

  /** `missing` is called when a file is no longer where it was. */
  constructor(root: string, ports: FolderPorts, missing: () => void) {
    this.#root = root
    this.#ports = ports
    this.#missing = missing
  }

  has(id: DocumentId): boolean {
    return this.#tracked.has(id)
  }

  files(): DocumentFile[] {
    return [...this.#tracked.values()].map(({ file }) => file)
  }

  async add(peer: DocumentPeer, row: Projection, exists: boolean): Promise<DocumentFile> {
    const { after, limits } = this.#ports
    const file = new DocumentFile(this.#root, peer, row, exists, this.#ports)
    await file.recover().catch(async thrown => {
      await peer.close()
      throw thrown
    })
    if (this.#closing) {
      await peer.close()
      throw new MeshError('SHUTTING_DOWN')
    }
    const write = new Debounce(after, limits.fileDebounceMs, limits.fileMaxWaitMs, () => void this.reconcile(file))
    this.#tracked.set(peer.id, { file, write, retryMs: retryMinMs })
    peer.doc.getText(sharedNames.content).observe(() => write.request())
    return file
  }

  /** It is neither written nor read any more; closing it is up to the caller. */
  forget(file: DocumentFile): void {
    this.#ports.problems.solve(aboutOf(file))
    this.#tracked.get(file.peer.id)?.write.stop()
    this.#tracked.delete(file.peer.id)
  }

  async reconcile(file: DocumentFile): Promise<void> {
    if (this.#tracked.get(file.peer.id)?.file !== file) return
    await this.guarded(file, async () => {
      const outcome = await file.reconcile()
      if (outcome === 'missing') this.#missing()
      else this.#ports.projected(file.baseText)
    })
  }

  /** A failure is told to the user and tried again; the edits are safe in the store meanwhile. */
  async guarded(file: DocumentFile, action: () => Promise<void>): Promise<void> {
    const about = aboutOf(file)
    const tracked = this.#tracked.get(file.peer.id)
    try {
      await action()
      this.#ports.problems.solve(about)
      if (tracked) tracked.retryMs = retryMinMs
    } catch (thrown) {
      const error = asMeshError(thrown)
      this.#ports.problems.report(about, error)
      if (!tracked || !passing.has(error.code)) return
      this.later(tracked.retryMs, () => void this.reconcile(file))
      tracked.retryMs = Math.min(retryMaxMs, tracked.retryMs * 2)
    }
  }

  later(ms: number, action: () => void): void {
    if (this.#closing) return
    const cancel = this.#ports.after(ms, () => {
      this.#timers.delete(cancel)
      if (!this.#closing) action()
    })
    this.#timers.add(cancel)
  }

  /** Writes what is not written yet and lets go of every file. */
  async close(): Promise<void> {
    this.#closing = true
    for (const cancel of this.#timers) cancel()
    for (const { file, write } of this.#tracked.values()) {
      write.stop()
      await this.reconcile(file)
      await file.close()
    }
  }
}

/** By the document, because a file may have moved when its problem is solved. */
function aboutOf(file: DocumentFile): string {
  return `file ${file.peer.id}`
}
