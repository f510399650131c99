/**
 * Records versions of documents as they change (SPEC.md beside this file). The relay tells it of each durable update;
 * what that costs there is a look-up. When and what to record is decided here, off the hot path; who a connection is,
 * its maker says. It never touches a document.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Peer } from '../peer.ts'
import type { RelayLog } from '../relay.ts'
import type { Database } from '../sql/database.ts'
import type { DocumentKey, DocumentStore } from '../store/document-store.ts'
import type { HistoryProcedures } from '../store/history-procedures.ts'
import type { After } from '../timers.ts'
import { type ChangeGroup, ChangeGroups, type ChangeSource } from './change-groups.ts'
import { TextReader } from './text-reader.ts'
import { VersionWriter } from './version-writer.ts'

/** For `SqliteOptions.modules`. */
export const historyModule: URL = new URL('../store/history-procedures.ts', import.meta.url)

export interface VersionRecorderOptions {
  store: DocumentStore
  versions: Database<HistoryProcedures>
  now: Now
  after: After
  limits: Limits
  log?: RelayLog
  /** Whether versions of the document are wanted: a file tree is no text. */
  follows(key: DocumentKey): boolean
  sourceOf(peer: Peer): ChangeSource
  onVersion?: (key: DocumentKey, version: number) => void
}

interface Waiting {
  key: DocumentKey
  groups: ChangeGroups
  /** The last of the recordings that run or wait for their turn; one document's go one after the other. */
  recording: Promise<MeshError | undefined> | undefined
}

const ticksPerQuiet = 6

export class VersionRecorder {
  readonly #options: VersionRecorderOptions
  readonly #reader: TextReader
  readonly #writer: VersionWriter
  readonly #waiting = new Map<string, Waiting>()
  /** Up to which position documents are known to be in versions. */
  readonly #covered = new Map<string, number>()
  readonly #turns: Turns
  #ticking: (() => void) | undefined
  #closed = false

  constructor(options: VersionRecorderOptions) {
    this.#options = options
    this.#turns = new Turns(options.limits.recordingsPerHub)
    this.#reader = new TextReader(options.limits)
    this.#writer = new VersionWriter({ ...options, reader: this.#reader })
  }

  /** For `RelayOptions.onChange`. */
  changed = (key: DocumentKey, peer: Peer, position: number): void => {
    if (this.#waiting.get(key.document)?.groups.extend(peer, position)) return
    this.#note(key, peer, position)
  }

  #note(key: DocumentKey, peer: Peer, position: number): void {
    const { limits, now } = this.#options
    if (this.#closed || !this.#options.follows(key)) return
    const waiting = this.#waiting.get(key.document) ?? this.#open(key, position)
    if (!waiting) return
    waiting.groups.add(peer, this.#options.sourceOf(peer), position, now(), limits)
    if (waiting.groups.hasClosed && !waiting.recording) void this.#recordNext(waiting, false)
    this.#ticking ??= this.#tickLater()
  }

  /** With the first change since the start, what the last process did not record is looked for before more comes. */
  #open(key: DocumentKey, position: number): Waiting | undefined {
    const { limits, now } = this.#options
    if (this.#waiting.size >= limits.waitingDocumentsPerHub) return undefined
    const groups = new ChangeGroups()
    const waiting: Waiting = { key: { org: key.org, document: key.document }, groups, recording: undefined }
    this.#waiting.set(key.document, waiting)
    if (position > 1 && this.#covered.get(key.document) !== position - 1)
      groups.giveBack([emptyGroupAt(position - 1, now())], limits)
    return waiting
  }

  /** Resolves when all that is durable now is in versions; throws when the disk does not take them. */
  async flush(key: DocumentKey): Promise<void> {
    const waiting = this.#waiting.get(key.document)
    const failed = waiting && (await this.#recordNext(waiting, true))
    if (failed) throw failed
  }

  /** The same, and what no process has noted yet comes into versions too: for somebody who asks. */
  async catchUp(key: DocumentKey): Promise<void> {
    await this.flush(key)
    const { epoch, position } = await this.#options.store.open(key)
    const head = await this.#options.versions.query('historyHead', key)
    if (position > 0 && (head?.epoch !== epoch || head.position !== position))
      await this.#recordGroup(key, emptyGroupAt(position, this.#options.now()))
  }

  /** A version of its own for something that left the text as it is, so that it was done all the same. */
  async mark(key: DocumentKey, { author, mark }: Required<ChangeSource>): Promise<void> {
    await this.flush(key)
    const { position } = await this.#options.store.open(key)
    const group = emptyGroupAt(position, this.#options.now())
    await this.#recordGroup(key, { ...group, authors: author ? [author] : [], unattributed: !author, mark })
  }

  async #recordGroup(key: DocumentKey, group: ChangeGroup): Promise<void> {
    const { limits } = this.#options
    const waiting = this.#waiting.get(key.document) ?? this.#open(key, group.to + 1)
    if (!waiting) throw new MeshError('SLOW_DOWN', { detail: 'too many documents wait to be recorded' })
    waiting.groups.giveBack([...waiting.groups.take(false, limits), group], limits)
    this.#ticking ??= this.#tickLater()
    await this.flush(key)
  }

  /** Records what waits, as far as that is possible in time; the rest is found when the documents change again. */
  async close(): Promise<void> {
    this.#closed = true
    this.#ticking?.()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = this.#options.after(this.#options.limits.shutdownMs / 2, resolve)
    const all = [...this.#waiting.values()].map(waiting => this.#recordNext(waiting, true))
    await Promise.race([late, Promise.all(all)])
    cancel()
    await this.#reader.close()
  }

  get waiting(): number {
    return this.#waiting.size
  }

  #tickLater(): () => void {
    const { after, limits } = this.#options
    return after(Math.ceil(limits.historyQuietMs / ticksPerQuiet), () => {
      this.#ticking = undefined
      this.#tick()
      if (this.#waiting.size > 0 && !this.#closed) this.#ticking = this.#tickLater()
    })
  }

  #tick(): void {
    const { now, limits } = this.#options
    const at = now()
    for (const waiting of this.#waiting.values()) {
      waiting.groups.look(at)
      if (waiting.recording) continue
      if (waiting.groups.isDue(at, limits)) void this.#recordNext(waiting, true)
      else if (waiting.groups.empty) this.#waiting.delete(waiting.key.document)
    }
  }

  #recordNext(waiting: Waiting, all: boolean): Promise<MeshError | undefined> {
    const mine = (waiting.recording ?? Promise.resolve()).then(() => this.#record(waiting, all))
    waiting.recording = mine
    void mine.then(failed => {
      if (waiting.recording !== mine) return
      waiting.recording = undefined
      if (!failed && waiting.groups.hasClosed) void this.#recordNext(waiting, false)
    })
    return mine
  }

  /** Never throws: what failed is given back and tried again with a later tick. */
  #record(waiting: Waiting, all: boolean): Promise<MeshError | undefined> {
    const { limits, now } = this.#options
    return this.#turns.take(async () => {
      waiting.groups.look(now())
      const groups = waiting.groups.take(all, limits)
      if (groups.length === 0) return undefined
      try {
        const { version, added, covered } = await this.#writer.write(waiting.key, groups)
        this.#cover(waiting.key, covered)
        if (added) this.#options.onVersion?.(waiting.key, version)
        return undefined
      } catch (thrown) {
        waiting.groups.giveBack(groups, limits)
        const error = asMeshError(thrown)
        this.#options.log?.warn({ document: waiting.key.document, err: error }, 'a version was not recorded')
        return error
      }
    })
  }

  #cover({ document }: DocumentKey, position: number): void {
    this.#covered.delete(document)
    this.#covered.set(document, position)
    if (this.#covered.size <= this.#options.limits.waitingDocumentsPerHub) return
    const [oldest] = this.#covered.keys()
    this.#covered.delete(oldest!)
  }
}

/** Nothing, by nobody, at this position: what stands before it and is in no version comes to light with it. */
function emptyGroupAt(position: number, now: number): ChangeGroup {
  return {
    from: position,
    to: position,
    startedAt: now,
    lastAt: now,
    authors: [],
    unattributed: true,
    mark: undefined,
  }
}

/** At most so many tasks at a time, the others in their order. */
class Turns {
  #free: number
  readonly #queue: (() => void)[] = []

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  async take<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => this.#queue.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.#queue.shift()
      if (next) next()
      else this.#free++
    }
  }
}
