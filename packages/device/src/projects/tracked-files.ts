/**
 * The files of a project that belong to a document: has each written when its document changes, tries again what failed,
 * and lets the documents rest that nobody uses, so that a large project holds few in memory. Which files these are is
 * decided by the project folder.
 */
import { join } from 'node:path'
import { asMeshError, type ErrorCode } from '@meshbook/core/errors.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import type { DocumentPeer } from '../document-peer.ts'
import { headOf, type Projection, type ProjectionHead } from '../store/projections.ts'
import type { DiskNames } from './disk-names.ts'
import type { FolderPorts } from './folder-ports.ts'
import type { Leftover } from './leftovers.ts'
import { sideBySide } from './side-by-side.ts'
import { TrackedFile, type TrackedFilePorts } from './tracked-file.ts'

/** Documents that are looked at at a time. */
const width = 16
const retryMinMs = 1_000
const retryMaxMs = 30_000
/** Failures that may pass by themselves. */
const passing = new Set<ErrorCode>(['READ_ONLY_FOLDER', 'DISK_FULL', 'STORAGE_FAILED', 'CONFLICT', 'EPOCH'])

interface Tracked {
  file: TrackedFile
  retryMs: number
  unfollow: () => void
}

export class TrackedFiles {
  readonly #ports: TrackedFilePorts
  readonly #missing: () => void
  readonly #tracked = new Map<DocumentId, Tracked>()
  readonly #awake = new Set<TrackedFile>()
  readonly #timers = new Set<() => void>()
  #resting: Promise<void> | undefined
  /** Resting documents that changed. */
  readonly #due = new Set<TrackedFile>()
  #looking: Promise<void> | undefined
  #isSweeping = false
  #isBegun = false
  #closing = false

  /** `missing` is called when a file is no longer where it was. */
  constructor(root: string, names: DiskNames, ports: FolderPorts, missing: () => void) {
    this.#ports = {
      ...ports,
      root,
      names,
      write: file => void this.reconcile(file),
      awake: (file, isAwake) => (isAwake ? this.#awake.add(file) : this.#awake.delete(file)),
    }
    this.#missing = missing
  }

  has(id: DocumentId): boolean {
    return this.#tracked.has(id)
  }

  files(): TrackedFile[] {
    return [...this.#tracked.values()].map(({ file }) => file)
  }

  /** A file that is known from before; `exists` is false where it is still to be made. */
  know(head: ProjectionHead, exists: boolean): TrackedFile {
    const file = new TrackedFile(head, exists, this.#ports)
    this.#track(file)
    if (head.isDue) this.#lookSoon(file)
    return file
  }

  #track(file: TrackedFile): void {
    const unfollow = this.#ports.follow(file.id, () => file.isAwake || this.#lookSoon(file))
    this.#tracked.set(file.id, { file, retryMs: retryMinMs, unfollow })
  }

  /** A few at a time: a hub that comes back may have news of every document. */
  #lookSoon(file: TrackedFile): void {
    this.#due.add(file)
    if (this.#isBegun) this.#lookAtAll()
  }

  /** From now on; what a crash left has been dealt with. */
  lookAtDue(): void {
    this.#isBegun = true
    if (this.#due.size > 0) this.#lookAtAll()
  }

  #lookAtAll(): void {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
      if (this.#due.size > 0 && !this.#closing) this.#lookAtAll()
    })
  }

  async #look(): Promise<void> {
    await sideBySide(this.#due, width, async file => {
      this.#due.delete(file)
      if (this.#closing) return
      await this.reconcile(file)
      await this.room()
    })
  }

  /** Undoes or completes what a crash interrupted; false if that was nothing. */
  async recover(leftovers: ReadonlyMap<DocumentId, Leftover[]>): Promise<boolean> {
    let isChanged = false
    await sideBySide(this.files(), width, async file => {
      const found = leftovers.get(file.id)
      if (!found) return void (await file.recover([]))
      await this.guarded(file, async () => {
        const hasRecovered = await file.recover(found)
        isChanged ||= hasRecovered
      })
    })
    return isChanged
  }

  async begin(peer: DocumentPeer, row: Projection, exists: boolean): Promise<TrackedFile> {
    const file = new TrackedFile({ ...headOf(row), isDue: false }, exists, this.#ports)
    const begun = file.begin(peer, row)
    this.#track(file)
    await begun.catch(async thrown => {
      this.forget(file)
      await peer.close()
      throw thrown
    })
    return file
  }

  /** It is neither written nor read any more; closing it is up to the caller. */
  forget(file: TrackedFile): void {
    this.#ports.problems.solve(aboutOf(file))
    this.#tracked.get(file.id)?.unfollow()
    this.#tracked.delete(file.id)
  }

  async reconcile(file: TrackedFile): Promise<void> {
    if (this.#tracked.get(file.id)?.file !== file) return
    await this.guarded(file, async () => {
      const outcome = await file.reconcile()
      if (outcome === 'missing') this.#missing()
      else if (outcome === 'written') this.#ports.projected(await file.baseText())
    })
    this.#sweepSoon()
  }

  /** A failure is told to the user, and `again` follows; the edits are safe in the store meanwhile. */
  async guarded(
    file: TrackedFile,
    action: () => Promise<void>,
    again: () => void = () => void this.reconcile(file),
  ): Promise<void> {
    const about = aboutOf(file)
    const tracked = this.#tracked.get(file.id)
    try {
      await action()
      this.#ports.problems.solve(about)
      if (tracked) tracked.retryMs = retryMinMs
    } catch (thrown) {
      const error = asMeshError(thrown)
      this.#ports.problems.report(about, error, { file: join(this.#ports.root, file.path) })
      if (!tracked || !passing.has(error.code)) return
      this.later(tracked.retryMs, again)
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

  /** Resolves when few enough documents are held for more to be opened; some go to rest before that. */
  async room(): Promise<void> {
    const { documentsAwake } = this.#ports.limits
    if (this.#awake.size <= documentsAwake / 2) return
    this.#resting ??= this.#restOldest().finally(() => {
      this.#resting = undefined
    })
    if (this.#awake.size > documentsAwake) await this.#resting
  }

  /** Half of them, so that not each one that is opened closes another. */
  async #restOldest(): Promise<void> {
    const awake = [...this.#awake].sort((a, b) => a.usedAt - b.usedAt)
    const oldest = awake.slice(0, Math.ceil(awake.length / 2))
    await Promise.all(oldest.map(file => this.guarded(file, async () => void (await file.rest()))))
  }

  #sweepSoon(): void {
    if (this.#isSweeping) return
    this.#isSweeping = true
    this.later(this.#ports.limits.documentIdleMs, () => {
      this.#isSweeping = false
      void this.#sweep()
    })
  }

  async #sweep(): Promise<void> {
    const { now, limits } = this.#ports
    const idle = [...this.#awake].filter(file => now() - file.usedAt >= limits.documentIdleMs)
    await Promise.all(idle.map(file => this.guarded(file, async () => void (await file.rest()))))
    if (this.#awake.size > 0) this.#sweepSoon()
  }

  /** Writes what is not written yet and lets go of every file. */
  async close(): Promise<void> {
    this.#closing = true
    await this.#looking
    for (const cancel of this.#timers) cancel()
    for (const { file, unfollow } of this.#tracked.values()) {
      unfollow()
      if (!file.isAwake) continue
      await this.reconcile(file)
      await file.close()
    }
  }
}

/** By the document, because a file may have moved when its problem is solved. */
function aboutOf(file: TrackedFile): string {
  return `file ${file.id}`
}
