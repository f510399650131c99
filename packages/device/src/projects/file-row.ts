/**
 * What is stored of one file: what it holds, what it held before, and the write that is under way. Knows how to find the
 * text that a saved one started from; the disk and the document are not known here.
 */
import type * as Y from 'yjs'
import type { Projection } from '../store/projections.ts'
import type { Base } from './base-map.ts'
import { type FileStamp, sameStamp } from './disk.ts'
import type { FilePorts } from './folder-ports.ts'
import { mergeFile } from './merge-file.ts'
import { insertPast, isKnown, nearestText, remember, unremember } from './past-texts.ts'

/** What a write that did not happen goes back to. */
export type OldBase = Pick<Projection, 'base' | 'past' | 'before' | 'inode'>

export class FileRow {
  readonly #ports: Pick<FilePorts, 'store' | 'now' | 'limits'>
  #row: Projection
  #isStored: boolean
  #isBehind = false

  /** `exists`: it is of a file that is known from before. */
  constructor(row: Projection, exists: boolean, ports: Pick<FilePorts, 'store' | 'now' | 'limits'>) {
    this.#row = row
    this.#isStored = exists || row.version > 0
    this.#ports = ports
  }

  /** One that was never stored must not be let go: nothing would know of the file any more. */
  get isStored(): boolean {
    return this.#isStored
  }

  get now(): Projection {
    return this.#row
  }

  async save(change: Partial<Projection>): Promise<void> {
    const row = { ...this.#row, ...change }
    await this.#ports.store.save(row)
    this.#row = row
    this.#isStored = true
    this.#isBehind = false
  }

  /** The file is at another path than the one that is stored. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** The file is there already, whatever comes of storing that: then what is stored next says so. */
  async moveTo(path: string): Promise<void> {
    this.#row = { ...this.#row, path }
    this.#isBehind = true
    await this.save({})
  }

  /** Whether nothing more is to be noted of a file that has this text. */
  says(text: string, inode: string): boolean {
    const { base, merge } = this.#row
    return base.text === text && base.snapshot !== null && !merge && this.#row.inode === inode && !this.#isBehind
  }

  async restAt(position: number, stamp: FileStamp | undefined): Promise<void> {
    if (this.#row.position !== position || !sameStamp(this.#row.stamp ?? undefined, stamp))
      await this.save({ position, stamp: stamp ?? null })
  }

  /** Whether the temporary file of the stored write has had another name besides, by how it is found now. */
  wasPlaced(temporary: FileStamp): boolean {
    const { stamp } = this.#row
    return stamp?.inode === temporary.inode && stamp.changed !== temporary.changed
  }

  /** As long as the file is in nobody's hands, what is stored may be ahead of it. */
  regard(old: OldBase): void {
    this.#row = { ...this.#row, ...old }
  }

  get oldBase(): OldBase {
    const { base, past, inode } = this.#row
    return { base, past, before: null, inode }
  }

  /** A write did not happen: the old base holds, whatever the store has. */
  giveUp(version: number, old: OldBase): void {
    if (this.#row.version <= version) this.regard(old)
  }

  /** Under a version of its own, whose temporary file never existed, the store has what is known here. */
  async putRight(version: number): Promise<void> {
    if (this.#row.version <= version) await this.save({ version: version + 1 })
  }

  /** The same after a crash; false if the write was of a file that was not there, which is then no file that is missing. */
  async undo(): Promise<boolean> {
    const { before, base, past, version } = this.#row
    if (!before) {
      await this.save({ base: { text: '', snapshot: null }, past: [], inode: null, stamp: null, version: version + 1 })
      return false
    }
    const older = unremember(past, before.text, base.text)
    await this.save({ base: before, past: older, before: null, version: version + 1 })
    return true
  }

  /** The past once the file has a newer text, which is ours or was saved by others. */
  pastWith(newer: string, isSaved = false): Projection['past'] {
    const { base, past } = this.#row
    return remember(past, base.text, newer, this.#ports.now(), this.#ports.limits, isSaved)
  }

  /** The text that whoever saved `text` started from. */
  baseOf(text: string): Base {
    const { base, past } = this.#row
    const nearest = nearestText(text, base.text, past)
    return nearest === base.text ? base : { text: nearest, snapshot: null }
  }

  /** Whether a text that was found in a file that was set aside is none of somebody's own. */
  isNothingNew(text: string, expected: string | undefined): boolean {
    const { base, past, before } = this.#row
    return text === expected || isKnown(text, base.text, past) || text === before?.text
  }

  /**
   * Takes in what was found in a file that was set aside, over a state that is on the disk: the update that brings it into the document, stored; undefined
   * if it is there, also if it is found again after a crash.
   */
  async takeAside(
    doc: Y.Doc,
    since: Uint8Array,
    text: string,
    expected: string | undefined,
  ): Promise<Uint8Array | undefined> {
    const { base, past, client } = this.#row
    if (this.isNothingNew(text, expected)) return undefined
    // Left by a crash and by nobody's memory, perhaps before this device forgot all: what it lacks counts as removed by nobody.
    const isForgotten = expected === undefined
    const nearest = { text: nearestText(text, expected ?? base.text, past), snapshot: null }
    const merge = mergeFile(doc, client, isForgotten ? undefined : nearest, text, since)
    const { now, limits } = this.#ports
    await this.save({ merge, past: insertPast(past, base.text, text, now(), limits) })
    return merge
  }
}
