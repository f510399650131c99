/**
 * One document and its file: brings edits of the file into the document and the document's text into the file, without
 * losing either (I13). It never decides that a file is new, moved or deleted: that is the project folder's part.
 *
 * The order that makes a crash harmless at any point:
 *   file to document: the update is stored with the new base, then applied, then made durable in the document;
 *   document to file: the temporary file is made durable, then the new base is stored, then the file is replaced. As long
 *   as the temporary file of the stored version exists, the file has not been replaced.
 */
import { dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { After } from '@meshbook/relay/timers.ts'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import type { Projection } from '../store/projections.ts'
import { snapshotOf } from './base-map.ts'
import { type Disk, type FileStamp, sameStamp } from './disk.ts'
import { mergeFile } from './merge-file.ts'
import { type ReadFile, readNotebookFile, replaceFile, writeTemporary } from './notebook-file.ts'
import { safeJoin, safeJoinNew } from './safe-join.ts'
import { Turns } from './turns.ts'

/** How often in a row a file may change between reading and replacing it before the rest waits for its next event. */
const mostTries = 5

export interface ProjectionStore {
  save(projection: Projection): Promise<void>
  remove(document: Projection['document']): Promise<void>
}

export interface FilePorts {
  disk: Disk
  after: After
  store: ProjectionStore
  limits: Limits
}

export type Reconciled = 'same' | 'written' | 'missing'

export class DocumentFile {
  readonly peer: DocumentPeer
  readonly #root: string
  readonly #ports: FilePorts
  readonly #turns = new Turns()
  #row: Projection
  /** Whether the file is expected to exist: it was there, or has been written. */
  #exists: boolean
  #stamp: FileStamp | undefined

  /** `exists` is false where the file is still to be made. */
  constructor(root: string, peer: DocumentPeer, row: Projection, exists: boolean, ports: FilePorts) {
    this.#root = root
    this.peer = peer
    this.#row = row
    this.#exists = exists
    this.#ports = ports
  }

  get path(): string {
    return this.#row.path
  }

  get inode(): string | null {
    return this.#stamp?.inode ?? this.#row.inode
  }

  get baseText(): string {
    return this.#row.base.text
  }

  get exists(): boolean {
    return this.#exists
  }

  get text(): string {
    return this.peer.doc.getText(sharedNames.content).toString()
  }

  /** Whether the file is not the one that was last read or written. */
  changedSince(stamp: FileStamp): boolean {
    return !sameStamp(stamp, this.#stamp)
  }

  /** To be called once, before anything else: undoes or completes what a crash interrupted. */
  recover(): Promise<void> {
    return this.#turns.take(async () => {
      await this.peer.ready
      await this.#undoWrite()
      await this.#sweep()
      if (this.#row.merge) await this.#apply(this.#row.merge)
    })
  }

  /** Temporary files that a crash left before their write was stored, or after it was given up. */
  async #sweep(): Promise<void> {
    const { version } = this.#row
    for (const unused of [version - 1, version + 1]) {
      const temporary = await this.#temporary(unused).catch(() => undefined)
      if (temporary) await this.#ports.disk.remove(temporary).catch(() => undefined)
    }
  }

  async #undoWrite(): Promise<void> {
    const { before, version, path } = this.#row
    const { disk } = this.#ports
    // A path that is no longer allowed, such as below a link, is told when the file is read.
    const temporary = await this.#temporary(version).catch(() => undefined)
    const unused = temporary && (await disk.look(temporary))
    if (!unused) return
    const current = await disk.look(await safeJoin(disk, this.#root, path))
    if (before) await this.#save({ base: before, before: null, version: version + 1 })
    else if (unused.stamp.inode !== current?.stamp.inode) this.#exists = false
    await disk.remove(temporary)
  }

  /** Merges what changed in the file, then writes the document's text if it is another. */
  reconcile(): Promise<Reconciled> {
    return this.#turns.take(() => this.#reconcile())
  }

  async #reconcile(): Promise<Reconciled> {
    for (let tries = 0; tries < mostTries; tries++) {
      const file = await this.#read()
      if (!file && this.#exists) return 'missing'
      if (file && file.text !== this.#row.base.text) await this.#merge(file.text)
      const outcome = await this.#settle(file)
      if (outcome) return outcome
    }
    throw new MeshError('CONFLICT', { detail: `${this.path} changes faster than it can be written` })
  }

  async #read(): Promise<ReadFile | undefined> {
    const { disk, after, limits } = this.#ports
    const absolute = await safeJoin(disk, this.#root, this.path)
    const file = await readNotebookFile(disk, absolute, limits.fileBytes)
    // Some programs empty a file before they write it again.
    if (file?.text === '' && this.#exists && this.#row.base.text !== '') {
      await new Promise<void>(resolve => after(limits.fileDebounceMs, resolve))
      return readNotebookFile(disk, absolute, limits.fileBytes)
    }
    return file
  }

  async #merge(text: string): Promise<void> {
    const base = this.#exists ? this.#row.base : undefined
    const update = mergeFile(this.peer.doc, this.#row.client, base, text)
    await this.#save({ base: { text, snapshot: null }, before: null, merge: update })
    this.#exists = true
    await this.#apply(update)
  }

  async #apply(update: Uint8Array): Promise<void> {
    Y.applyUpdate(this.peer.doc, update, this)
    await this.peer.durable()
  }

  /** Makes the file what the document is. Undefined if somebody changed the file meanwhile. */
  async #settle(file: ReadFile | undefined): Promise<Reconciled | undefined> {
    const base = { text: this.text, snapshot: snapshotOf(this.peer.doc) }
    await this.peer.durable()
    if (file?.text !== base.text) return (await this.#write(base, file)) ? 'written' : undefined
    const known = this.#row.base
    if (
      known.text !== base.text ||
      known.snapshot === null ||
      this.#row.merge ||
      this.#row.inode !== file.stamp.inode ||
      !this.#exists
    )
      await this.#save({ base, before: null, merge: null, inode: file.stamp.inode })
    this.#exists = true
    this.#stamp = file.stamp
    return 'same'
  }

  async #write(base: Projection['base'], file: ReadFile | undefined): Promise<boolean> {
    const { disk } = this.#ports
    const absolute = await (file ? safeJoin : safeJoinNew)(disk, this.#root, this.path)
    const version = this.#row.version + 1
    const temporary = await this.#temporary(version)
    const old = { base: this.#row.base, before: null }
    try {
      await disk.remove(temporary)
      const stamp = await writeTemporary(disk, temporary, base.text, file)
      await this.#save({
        version,
        base,
        before: file ? this.#row.base : null,
        merge: null,
        inode: stamp.inode,
      })
      if (await replaceFile(disk, temporary, absolute, file?.stamp)) {
        this.#exists = true
        this.#stamp = (await disk.look(absolute))?.stamp
        return true
      }
    } catch (thrown) {
      await this.#giveUp(temporary, version, old)
      throw thrown
    }
    await this.#giveUp(temporary, version, old)
    return false
  }

  /** Under a version of its own, whose temporary file never existed: the old base is what the file holds. */
  async #giveUp(temporary: string, version: number, old: Pick<Projection, 'base' | 'before'>): Promise<void> {
    if (this.#row.version === version) await this.#save({ ...old, version: version + 1 })
    await this.#ports.disk.remove(temporary).catch(() => undefined)
  }

  async #temporary(version: number): Promise<string> {
    const folder = dirname(await safeJoin(this.#ports.disk, this.#root, this.path))
    return join(folder, `.meshbook-${this.peer.id}-${version}.tmp`)
  }

  async #save(change: Partial<Projection>): Promise<void> {
    const row = { ...this.#row, ...change }
    await this.#ports.store.save(row)
    this.#row = row
  }

  /** The file has been found at, or moved to, another path. */
  moved(path: string): Promise<void> {
    return this.#turns.take(() => this.#save({ path }))
  }

  /** Runs an action while nothing else touches the file. */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    return this.#turns.take(action)
  }

  /** The file has been deleted here: the row stays, so that the same path can bring the document back. */
  markGone(): Promise<Projection> {
    return this.#turns.take(async () => {
      await this.#save({ gone: true })
      return this.#row
    })
  }

  async close(): Promise<void> {
    await this.#turns.settled()
    await this.peer.close()
  }
}
