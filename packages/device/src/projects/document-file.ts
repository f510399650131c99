/**
 * One document and its file: brings edits of the file into the document and the document's text into the file, without
 * losing either (I13). It never decides that a file is new, moved or deleted: that is the project folder's part.
 *
 * The order that makes a crash harmless at any point:
 *   file to document: the update is stored with the new base, then applied, then made durable in the document;
 *   document to file: the temporary file is made durable, then the new base is stored, then the old file is set aside and
 *   the temporary file gets its name. As long as the temporary file of the stored version exists and is not the file, the
 *   file has not been replaced. What was set aside goes only after it was looked at again.
 */
import { dirname } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import type { Projection } from '../store/projections.ts'
import { type Base, snapshotOf } from './base-map.ts'
import { keepConflict } from './conflict-copies.ts'
import type { Disk, FileStamp } from './disk.ts'
import { FileRow, type OldBase } from './file-row.ts'
import type { FilePorts } from './folder-ports.ts'
import { type Leftover, leftoversOf, privateName } from './leftovers.ts'
import { mergeFile } from './merge-file.ts'
import { isSimilar } from './moves.ts'
import { moveFile, type OldFile, writeTemporary } from './notebook-file.ts'
import { ageMs, readAny, readSettled } from './read-settled.ts'
import { safeJoin, safeJoinNew } from './safe-join.ts'
import { SetAside } from './set-aside.ts'
import { Turns } from './turns.ts'

/** How often in a row a file may change between reading and replacing it before the rest waits for its next event. */
const mostTries = 5
/** A change in the same tick of the file system's clock leaves the same time: so young a file is read once more. */
const clockTickMs = 50

/** A write that did not happen, while the store may say that it did. */
interface Unused {
  temporary: string
  version: number
}

type Swapped = Awaited<ReturnType<Disk['exchange']>>

export type Reconciled = 'same' | 'written' | 'missing'

export class DocumentFile {
  readonly peer: DocumentPeer
  readonly #ports: FilePorts
  readonly #turns = new Turns()
  readonly #aside: SetAside
  readonly #stored: FileRow
  /** Whether the file is expected to exist: it was there, or has been written. */
  #exists: boolean
  #stamp: FileStamp | undefined
  #isRecovered = false
  /** Somebody made the file while its name was nobody's: what it lacks was not removed by them. */
  #isFilled = false
  #unused: Unused | undefined

  /** `exists` is false where the file is still to be made. */
  constructor(peer: DocumentPeer, row: Projection, exists: boolean, ports: FilePorts) {
    this.peer = peer
    this.#stored = new FileRow(row, exists, ports)
    this.#exists = exists
    this.#ports = ports
    this.#stamp = row.stamp ?? undefined
    this.#aside = new SetAside(ports, this.#turns, {
      found: async (text, expected, path) => {
        if (ports.isReadOnly) {
          if (!this.#stored.isNothingNew(text, expected)) await keepConflict(ports, path, await this.#absolute())
          return
        }
        const since = await this.#durableState()
        const update = await this.#stored.takeAside(peer.doc, since, text, expected)
        if (update) await this.#apply(update)
      },
      keep: async path => keepConflict(ports, path, await this.#absolute()),
    })
  }

  get #row(): Projection {
    return this.#stored.now
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

  get stamp(): FileStamp | undefined {
    return this.#stamp
  }

  /** Something is still to be done that must not be forgotten. */
  get isBusy(): boolean {
    const { isStored, isBehind } = this.#stored
    return (
      !isStored || isBehind || this.#unused !== undefined || !this.#aside.isEmpty || this.text !== this.#row.base.text
    )
  }

  get exists(): boolean {
    return this.#exists
  }

  get text(): string {
    return this.peer.doc.getText(sharedNames.content).toString()
  }

  /** Undoes or completes what a crash interrupted; nothing else is done before. False if that was done already. */
  recover(leftovers: readonly Leftover[]): Promise<boolean> {
    return this.#turns.take(async () => {
      if (this.#isRecovered) return false
      await this.#recover(leftovers)
      return true
    })
  }

  async #recover(leftovers: readonly Leftover[]): Promise<void> {
    await this.peer.ready
    const { disk } = this.#ports
    const temporary = await this.#temporaryOf(leftovers)
    const old = leftovers.filter(left => left.kind === 'old')
    if (temporary) await this.#undoWrite(temporary, old.find(left => isOfOneWrite(left, temporary))?.path)
    for (const { path, kind } of leftovers) if (kind === 'tmp') await disk.remove(path)
    if (this.#row.merge) await this.#apply(this.#row.merge)
    for (const { path } of old) await this.#aside.finish(path)
    this.#isRecovered = true
  }

  /**
   * The temporary file of the stored write. A device that forgot everything counts its writes anew, so what it left
   * before that, here or in another folder, may have the same name: then the inode tells them apart.
   */
  async #temporaryOf(leftovers: readonly Leftover[]): Promise<Leftover | undefined> {
    const { version, inode } = this.#row
    const named = leftovers.filter(left => left.kind === 'tmp' && left.version === version)
    for (const left of named) if ((await this.#inodeOf(left.path)) === inode) return left
    const absolute = await this.#absolute()
    if ((await this.#inodeOf(absolute)) === inode) return undefined
    return named.find(left => dirname(left.path) === dirname(absolute))
  }

  async #inodeOf(path: string): Promise<string | undefined> {
    return (await this.#ports.disk.look(path))?.stamp.inode
  }

  async #undoWrite(temporary: Leftover, old: string | undefined): Promise<void> {
    const { disk } = this.#ports
    const absolute = await this.#absolute()
    const [unused, current] = [await disk.look(temporary.path), await disk.look(absolute)]
    if (unused?.stamp.inode === current?.stamp.inode) return
    // Whoever renamed the file after that took the new text with it.
    if (!current && unused && unused.names > 1) return
    if (old && !current && this.#row.before) await moveFile(disk, old, absolute)
    this.#isFilled = old !== undefined && current !== undefined && this.#row.before !== null
    // Whoever replaced the file after that has had the new text.
    if (unused && current && this.#stored.wasPlaced(unused.stamp)) return
    if (!(await this.#stored.undo())) this.#exists = false
  }

  /** Merges what changed in the file, then writes the document's text if it is another. */
  reconcile(): Promise<Reconciled> {
    return this.#turns.take(() => this.#reconcile())
  }

  async #reconcile(): Promise<Reconciled> {
    await this.#recoverOnce()
    for (let tries = 0; tries < mostTries; tries++) {
      const file = this.#asMayBeTaken(await readAny(this.#ports, await this.#absolute(), this.#expected))
      if (!file && this.#exists) return 'missing'
      if (file?.text !== undefined && file.text !== this.#row.base.text && !this.#ports.isReadOnly)
        await this.#merge(file.text)
      const outcome = await this.#settle(file)
      if (outcome) return outcome
    }
    throw new MeshError('CONFLICT', { detail: `${this.path} changes faster than it can be written` })
  }

  /** Where nothing may be merged, what was changed is set aside like a file without a text (DV107). */
  #asMayBeTaken(file: OldFile | undefined): OldFile | undefined {
    if (!this.#ports.isReadOnly || file?.text === undefined) return file
    if (file.text === this.text || (this.#exists && file.text === this.#row.base.text)) return file
    const { text: _, ...rest } = file
    return rest
  }

  async #recoverOnce(): Promise<void> {
    await this.#putRight()
    if (this.#isRecovered) return
    await this.#recover(await leftoversOf(this.#ports.disk, dirname(await this.#absolute()), this.peer.id))
  }

  #absolute(): Promise<string> {
    const { disk, root, names } = this.#ports
    return safeJoin(disk, root, this.path, names)
  }

  get #expected(): string | undefined {
    return this.#exists ? this.#row.base.text : undefined
  }

  async #merge(text: string, change: Partial<Projection> = {}): Promise<void> {
    await this.#ports.taken?.(this.path, text)
    const base = this.#baseOf(text)
    const since = await this.#durableState()
    const update = mergeFile(this.peer.doc, this.#row.client, base, text, since)
    const past = this.#exists ? this.#stored.pastWith(text, true) : this.#row.past
    await this.#stored.save({ base: { text, snapshot: null }, past, before: null, merge: update, ...change })
    this.#exists = true
    this.#isFilled = false
    await this.#apply(update)
  }

  /** A state of the document that is on the disk. A merge that stood on more would be empty after a crash, and its file lost. */
  async #durableState(): Promise<Uint8Array> {
    const state = Y.encodeStateVector(this.peer.doc)
    await this.peer.durable()
    return state
  }

  /** The text that whoever saved `text` started from; none where nothing may count as removed. */
  #baseOf(text: string): Base | undefined {
    const isUnknown = !this.#exists || (this.#isFilled && !isSimilar(this.baseText, text))
    return isUnknown ? undefined : this.#stored.baseOf(text)
  }

  async #apply(update: Uint8Array): Promise<void> {
    Y.applyUpdate(this.peer.doc, update, this)
    await this.peer.durable()
  }

  /** Makes the file what the document is. Undefined if somebody changed the file meanwhile. */
  async #settle(file: OldFile | undefined): Promise<Reconciled | undefined> {
    const base = { text: this.text, snapshot: snapshotOf(this.peer.doc) }
    await this.peer.durable()
    if (file?.text !== base.text) return (await this.#write(base, file)) ? 'written' : undefined
    if (!this.#exists || !this.#stored.says(base.text, file.stamp.inode))
      await this.#stored.save({ base, before: null, merge: null, inode: file.stamp.inode })
    this.#exists = true
    this.#stamp = ageMs(file.stamp, this.#ports.now()) < clockTickMs ? undefined : file.stamp
    return 'same'
  }

  async #write(base: Base, file: OldFile | undefined): Promise<boolean> {
    const { disk, root, names } = this.#ports
    const absolute = await (file ? safeJoin : safeJoinNew)(disk, root, this.path, names)
    const version = this.#row.version + 1
    const temporary = privateName(absolute, this.peer.id, version, 'tmp')
    const old = this.#stored.oldBase
    await this.#prepare(temporary, base, file, version)
    const outcome = await this.#swap(temporary, absolute, version, file)
    if (outcome === 'done') {
      await disk.syncFolder(dirname(absolute))
      return true
    }
    try {
      if (outcome === 'taken') await this.#takeIn(absolute, version, file, old)
    } finally {
      await this.#giveUp({ temporary, version }, old)
    }
    return false
  }

  /** As long as the row of a write that did not happen is not put right, its private name stays, as it would after a crash. */
  async #giveUp(write: Unused, old: OldBase): Promise<void> {
    this.#unused = write
    this.#stored.giveUp(write.version, old)
    await this.#putRight()
  }

  async #putRight(): Promise<void> {
    if (!this.#unused) return
    await this.#stored.putRight(this.#unused.version)
    await this.#ports.disk.remove(this.#unused.temporary)
    this.#unused = undefined
  }

  /** The text is on the disk under a private name, and the row says so. If that fails, the row says what it did before. */
  async #prepare(temporary: string, base: Base, file: OldFile | undefined, version: number): Promise<void> {
    const { disk } = this.#ports
    const old = this.#stored.oldBase
    let isWritten = false
    try {
      await disk.remove(temporary)
      const stamp = await writeTemporary(disk, temporary, base.text, file)
      isWritten = true
      const past = file ? this.#stored.pastWith(base.text) : old.past
      await this.#stored.save({
        version,
        base,
        past,
        before: file ? old.base : null,
        merge: null,
        inode: stamp.inode,
        stamp,
      })
    } catch (thrown) {
      // A store that fails may have taken the row all the same.
      if (isWritten) await this.#giveUp({ temporary, version }, old)
      else await disk.remove(temporary).catch(() => undefined)
      throw thrown
    }
  }

  /** Gives the temporary file the name. What had it is looked at until nobody can be writing to it any more. */
  async #swap(temporary: string, absolute: string, version: number, file: OldFile | undefined): Promise<Swapped> {
    const { disk } = this.#ports
    const aside = privateName(absolute, this.peer.id, version, 'old')
    try {
      if (!file) {
        const isPlaced = await disk.place(temporary, absolute)
        if (isPlaced) this.#isNow()
        return isPlaced ? 'done' : 'changed'
      }
      const outcome = await disk.exchange(temporary, absolute, aside, file.stamp)
      if (outcome !== 'changed') this.#aside.add(aside, file.text)
      if (outcome === 'done') this.#isNow()
      return outcome
    } catch (thrown) {
      // How far it came is seen by the private names, as after a crash.
      this.#isRecovered = false
      throw thrown
    }
  }

  #isNow(): void {
    this.#exists = true
    this.#stamp = undefined
  }

  /** While the name was nobody's, somebody made a file of their own there. */
  async #takeIn(absolute: string, version: number, file: OldFile | undefined, old: OldBase): Promise<void> {
    this.#isFilled = file !== undefined
    this.#stored.regard(old)
    const stranger = await readSettled(this.#ports, absolute, this.#expected)
    if (stranger && !this.#ports.isReadOnly) await this.#merge(stranger.text, { version: version + 1 })
    await this.#ports.disk.syncFolder(dirname(absolute))
  }

  /** Whether somebody changed the file after a time, or since it was last read. */
  editedAfter(time: number): Promise<boolean> {
    return this.#turns.take(async () => {
      await this.#recoverOnce()
      const file = await readSettled(this.#ports, await this.#absolute(), this.#expected).catch(() => undefined)
      if (file && this.#exists && file.text !== this.#row.base.text) return true
      return this.#row.past.some(({ saved, until }) => saved === true && until > time)
    })
  }

  /** The file has been found at another path. */
  moved(path: string): Promise<void> {
    return this.#turns.take(() => this.#stored.save({ path }))
  }

  /** The file has been moved to another path by this device. */
  carried(path: string): Promise<void> {
    return this.#turns.take(() => this.#stored.moveTo(path))
  }

  /** Runs an action while nothing else touches the file. */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    return this.#turns.take(action)
  }

  /** Notes that the file has everything that the store has up to a position, so that it need not be looked at. */
  restAt(position: number): Promise<void> {
    return this.#turns.take(() => this.#stored.restAt(position, this.#stamp))
  }

  /** The file has been deleted here: the row stays, so that the same path can bring the document back. */
  markGone(): Promise<Projection> {
    return this.#turns.take(async () => {
      await this.#stored.save({ gone: true })
      return this.#row
    })
  }

  async close(): Promise<void> {
    await this.#turns.settled()
    await this.#aside.close()
    await this.peer.close()
  }
}

function isOfOneWrite(a: Leftover, b: Leftover): boolean {
  return a.version === b.version && dirname(a.path) === dirname(b.path)
}
