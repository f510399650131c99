/**
 * One file of a project as long as it is known: light while its document rests, and with a `DocumentFile` while
 * something happens to either. Who keeps it awake is decided by `TrackedFiles`.
 */

import { dirname } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import type { Projection, ProjectionHead } from '../store/projections.ts'
import { Debounce } from './debounce.ts'
import { type FileStamp, sameStamp } from './disk.ts'
import type { DiskNames } from './disk-names.ts'
import { DocumentFile, type Reconciled } from './document-file.ts'
import type { FolderPorts } from './folder-ports.ts'
import { type Leftover, leftoversOf } from './leftovers.ts'
import { safeJoin } from './safe-join.ts'
import { Turns } from './turns.ts'
import { writeWaits } from './write-waits.ts'

interface Awake {
  file: DocumentFile
  peer: DocumentPeer
  /** Asks for the document's text to be written. */
  write: Debounce
  /** Counts what happened to the document. */
  changes: number
}

export interface TrackedFilePorts extends FolderPorts {
  root: string
  names: DiskNames
  /** Its document was opened, or let go. */
  awake(file: TrackedFile, isAwake: boolean): void
  /** The document changed: it is to be written. */
  write(file: TrackedFile): void
}

export class TrackedFile {
  readonly id: DocumentId
  readonly #ports: TrackedFilePorts
  readonly #turns = new Turns()
  #head: Pick<ProjectionHead, 'path' | 'inode' | 'stamp'>
  #exists: boolean
  #isRecovered = false
  #awake: Awake | undefined
  #isWaking = false
  usedAt = 0
  /** Counts when something begins and ends to be done to it: odd meanwhile. */
  uses = 0

  constructor(head: ProjectionHead, exists: boolean, ports: TrackedFilePorts) {
    this.id = head.document
    this.#head = head
    this.#exists = exists
    this.#ports = ports
  }

  get path(): string {
    return this.#head.path
  }

  get inode(): string | null {
    return this.#head.inode
  }

  get exists(): boolean {
    return this.#exists
  }

  /** Or about to be. */
  get isAwake(): boolean {
    return this.#awake !== undefined || this.#isWaking
  }

  /** Whether the file is not the one that was last read or written, or might not be. */
  changedSince(stamp: FileStamp): boolean {
    return !sameStamp(stamp, this.#head.stamp ?? undefined)
  }

  /** A document that is new here; its row is not stored yet. */
  begin(peer: DocumentPeer, row: Projection): Promise<void> {
    this.#isWaking = true
    return this.#turns.take(async () => {
      try {
        await this.#wakeWith(peer, row, [])
      } finally {
        this.#isWaking = false
      }
    })
  }

  /** Undoes or completes what a crash interrupted. False if there was nothing. What fails is done before anything else is. */
  async recover(leftovers: readonly Leftover[]): Promise<boolean> {
    if (this.#isRecovered) return false
    if (leftovers.length > 0) await this.#turns.take(() => this.#wake(leftovers))
    this.#isRecovered = true
    return leftovers.length > 0
  }

  reconcile(): Promise<Reconciled> {
    return this.#use(file => file.reconcile())
  }

  text(): Promise<string> {
    return this.#use(async file => file.text)
  }

  /** What the file held when it was last read or written; its document need not be open for that. */
  async baseText(): Promise<string> {
    return this.#awake?.file.baseText ?? (await this.#ports.store.load(this.id)).base.text
  }

  /** Whether somebody changed the file after a time, or since it was last read. */
  editedAfter(time: number): Promise<boolean> {
    return this.#use(file => file.editedAfter(time))
  }

  /** The file has been found at another path. */
  moved(path: string): Promise<void> {
    return this.#use(file => file.moved(path))
  }

  /** The file has been moved to another path by this device: it is known there even if that cannot be stored yet. */
  carried(path: string): Promise<void> {
    return this.#use(file => file.carried(path))
  }

  /** Runs an action while nothing else touches the file. */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    return this.#use(file => file.exclusively(action))
  }

  /** The file has been deleted here: the row stays, so that the same path can bring the document back. */
  markGone(): Promise<Projection> {
    return this.#use(file => file.markGone())
  }

  /** Whether its path is a name on the disk now that nothing is being done to it. */
  isThere(): Promise<boolean> {
    const { disk, root, names } = this.#ports
    return this.#turns.take(async () => {
      const absolute = await safeJoin(disk, root, this.path, names)
      return (await disk.look(absolute)) !== undefined
    })
  }

  #use<T>(action: (file: DocumentFile) => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      this.uses++
      try {
        return await this.#useAwake(action)
      } finally {
        this.uses++
      }
    })
  }

  async #useAwake<T>(action: (file: DocumentFile) => Promise<T>): Promise<T> {
    const { file } = this.#awake ?? (await this.#wake())
    this.usedAt = this.#ports.now()
    try {
      return await action(file)
    } finally {
      this.#note(file)
    }
  }

  #note(file: DocumentFile): void {
    this.#head = { path: file.path, inode: file.inode, stamp: file.stamp ?? null }
    this.#exists = file.exists
  }

  async #wake(known?: readonly Leftover[]): Promise<Awake> {
    if (this.#awake) return this.#awake
    this.#isWaking = true
    const peer = this.#ports.open(this.id)
    try {
      const row = await this.#ports.store.load(this.id)
      return await this.#wakeWith(peer, row, known ?? (await this.#leftovers()))
    } catch (thrown) {
      await peer.close()
      throw thrown
    } finally {
      this.#isWaking = false
    }
  }

  async #leftovers(): Promise<Leftover[]> {
    if (this.#isRecovered) return []
    const { disk, root, names } = this.#ports
    return leftoversOf(disk, dirname(await safeJoin(disk, root, this.path, names)), this.id)
  }

  async #wakeWith(peer: DocumentPeer, row: Projection, leftovers: readonly Leftover[]): Promise<Awake> {
    if (peer.isAway?.()) throw new MeshError('EPOCH', { detail: 'its new content has not come yet' })
    const file = new DocumentFile(peer, row, this.#exists, this.#ports)
    await file.recover(leftovers)
    const { after, limits } = this.#ports
    const text = peer.doc.getText(sharedNames.content)
    const write = new Debounce(
      after,
      () => writeWaits(text.length, limits),
      () => this.#ports.write(this),
    )
    const awake: Awake = { file, peer, write, changes: 0 }
    text.observe(() => write.request())
    peer.doc.on('update', () => {
      awake.changes++
      this.usedAt = this.#ports.now()
    })
    this.#awake = awake
    void peer.replaced?.then(() => this.#replaced(awake))
    this.#ports.awake(this, true)
    this.#isRecovered = true
    this.usedAt = this.#ports.now()
    this.#note(file)
    return awake
  }

  /**
   * Lets go of the document if nobody needs it: what the store has is in the file. An update is stored before it is
   * shown, so the position counts only if nothing more is shown for a while after it was read.
   */
  rest(): Promise<boolean> {
    return this.#turns.take(async () => {
      const awake = this.#awake
      if (!awake) return true
      if (!this.#mayRest(awake)) return false
      const { changes } = awake
      const position = await this.#ports.store.position(this.id)
      await new Promise<void>(resolve => this.#ports.after(this.#ports.limits.fileDebounceMs, resolve))
      if (awake.changes !== changes || !this.#mayRest(awake)) return false
      await awake.file.restAt(position)
      if (awake.changes !== changes) return false
      await this.#letGo(awake)
      // Until it was closed nobody else was told of what came.
      if (awake.changes !== changes) this.#ports.write(this)
      return true
    })
  }

  #mayRest({ file, peer }: Awake): boolean {
    return !file.isBusy && !peer.isShared() && !hasRequests(peer.doc)
  }

  /** The hub has put another document in the place of this one; the file follows that one once it is here. */
  #replaced(awake: Awake): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#awake === awake) await this.#letGo(awake)
    })
  }

  async #letGo(awake: Awake): Promise<void> {
    this.#awake = undefined
    this.#ports.awake(this, false)
    awake.write.stop()
    await awake.file.close()
  }

  close(): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#awake) await this.#letGo(this.#awake)
    })
  }
}

/** Somebody waits for a run that this device may yet be asked for. */
function hasRequests(doc: Y.Doc): boolean {
  for (const entry of doc.getMap(sharedNames.executions).values()) {
    const plain: unknown = entry instanceof Y.Map ? entry.get('status') : (entry as { status?: unknown } | null)?.status
    if (plain === 'requested') return true
  }
  return false
}
