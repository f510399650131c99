/**
 * Saved sessions that lie open in folders, ready to be started: those fetched beforehand, and those that a live kernel was
 * started from (SN85). A folder has its name only once all is in it.
 */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HeadId, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import { isId } from '@meshbook/core/ids.ts'
import { readPrivate } from '../keys/whole-file.ts'

interface Opened {
  session: SessionId | undefined
  usedAt: number
}

const keptFolders = 3
const headSuffix = '.head'

export class OpenedFolders {
  readonly #folder: string
  readonly #now: () => number
  readonly #opened = new Map<SnapshotId, Opened>()
  readonly #opening = new Map<SnapshotId, Promise<string>>()
  readonly #heads = new Map<SnapshotId, HeadId>()
  /** Restores that go on, for each. */
  readonly #held = new Map<SnapshotId, number>()
  #isLive: (head: HeadId) => boolean = () => true

  constructor(folder: string, now: () => number) {
    this.#folder = folder
    this.#now = now
  }

  /** After a restart: what live kernels were started from stays, the rest is there no more. */
  async load(isLive: (head: HeadId) => boolean): Promise<void> {
    this.#isLive = isLive
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const names = await readdir(this.#folder)
    for (const name of names) {
      const snapshot = name.replace(/\..*$/, '')
      const head = isId('snapshot', snapshot)
        ? await readPrivate(join(this.#folder, `${snapshot}${headSuffix}`))
        : undefined
      if (name === snapshot && isId('snapshot', name) && head !== undefined && isId('head', head) && isLive(head)) {
        this.#opened.set(name, { session: undefined, usedAt: this.#now() })
        this.#heads.set(name, head)
      } else if (!(name.endsWith(headSuffix) && names.includes(snapshot)))
        await rm(join(this.#folder, name), { recursive: true, force: true })
    }
  }

  has(snapshot: SnapshotId): boolean {
    return this.#opened.has(snapshot)
  }

  /** The folder of a record; `open` fills one that is not there yet. Of two who want the same, one opens it. */
  async get(snapshot: SnapshotId, session: SessionId, open: (folder: string) => Promise<void>): Promise<string> {
    const folder = join(this.#folder, snapshot)
    if (this.#opened.has(snapshot)) {
      this.#opened.set(snapshot, { session, usedAt: this.#now() })
      return folder
    }
    const opening = this.#opening.get(snapshot) ?? this.#open(snapshot, session, open)
    this.#opening.set(snapshot, opening)
    return opening.finally(() => this.#opening.delete(snapshot))
  }

  async #open(snapshot: SnapshotId, session: SessionId, open: (folder: string) => Promise<void>): Promise<string> {
    const folder = join(this.#folder, snapshot)
    const unfinished = `${folder}.new`
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true, mode: 0o700 })
    try {
      await open(unfinished)
      await rename(unfinished, folder)
    } catch (thrown) {
      await rm(unfinished, { recursive: true, force: true })
      throw thrown
    }
    this.#opened.set(snapshot, { session, usedAt: this.#now() })
    await this.#trim(snapshot)
    return folder
  }

  /** It makes room for no other until the returned function is called: something is being restored from it. */
  hold(snapshot: SnapshotId): () => void {
    this.#held.set(snapshot, (this.#held.get(snapshot) ?? 0) + 1)
    return () => {
      const left = (this.#held.get(snapshot) ?? 1) - 1
      if (left > 0) this.#held.set(snapshot, left)
      else this.#held.delete(snapshot)
    }
  }

  /** A kernel was started from it, which may need its files for as long as it lives. */
  async usedBy(snapshot: SnapshotId, head: HeadId): Promise<void> {
    this.#heads.set(snapshot, head)
    await writeFile(join(this.#folder, `${snapshot}${headSuffix}`), head, { mode: 0o600 })
  }

  /** It could not be used. */
  async drop(snapshot: SnapshotId): Promise<void> {
    this.#opened.delete(snapshot)
    this.#heads.delete(snapshot)
    await rm(join(this.#folder, snapshot), { recursive: true, force: true })
    await rm(join(this.#folder, `${snapshot}${headSuffix}`), { force: true })
  }

  async #trim(newest: SnapshotId): Promise<void> {
    const session = this.#opened.get(newest)?.session
    const spare = [...this.#opened].filter(([id]) => id !== newest && !this.#isUsed(id))
    const older = spare.filter(([, opened]) => opened.session === session)
    const rest = spare.filter(([, opened]) => opened.session !== session).sort(([, a], [, b]) => b.usedAt - a.usedAt)
    for (const [id] of [...older, ...rest.slice(keptFolders - 1)]) await this.drop(id)
  }

  #isUsed(snapshot: SnapshotId): boolean {
    if (this.#held.has(snapshot)) return true
    const head = this.#heads.get(snapshot)
    return head !== undefined && this.#isLive(head)
  }
}
