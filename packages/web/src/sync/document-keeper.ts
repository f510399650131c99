/**
 * One document of one tab, kept on this device: takes updates in order, stores all that wait in one transaction, and
 * says truthfully which edits are stored. It merges rows when nothing is typed. It must not know the hub or other tabs.
 */
import { limits } from '@meshbook/core/limits.ts'
import type { After } from '@meshbook/relay/timers.ts'
import { type EditVector, joined, noEdits } from './edit-vector.ts'
import type { DocumentDatabase, OldDocument, StoredRow } from './link-ports.ts'
import { MemoryDatabase } from './memory-database.ts'
import { isNoRoom } from './no-room.ts'
import { putAside } from './put-aside.ts'
import { compacted, editsOf, isReadable } from './stored-rows.ts'

/** Why nothing is saved on this device: no room, the browser forbids it, or it fails otherwise. */
export type StoreProblem = 'full' | 'forbidden' | 'failing'

export interface KeeperState {
  /** The edits that are stored. */
  stored: EditVector
  problem: StoreProblem | undefined
}

export interface KeptDocument {
  /** What is stored, in its order; empty if it is known, but nothing of it is here yet. */
  updates: readonly Uint8Array[]
  epoch: number
  made: EditVector
  acked: EditVector
  old: readonly OldDocument[]
  unreadable: number
}

export interface KeeperOptions {
  document: string
  database: DocumentDatabase
  after: After
  onState(state: KeeperState): void
  /** What is stored has another epoch now: another tab made room for a new document. */
  onForeign(): void
}

const compactAfterRows = 200
const idleMs = 1_000
const acknowledgeMs = 200
/** A key never waits for the database; keys that follow each other share a transaction. */
const gatherMs = 100
const retryMs = 5_000

export class DocumentKeeper {
  readonly #options: KeeperOptions
  #database: DocumentDatabase
  #epoch: number | undefined
  #queue: StoredRow[] = []
  #acked: EditVector = noEdits
  #ackedStored: EditVector = noEdits
  #state: KeeperState = { stored: noEdits, problem: undefined }
  #writing: Promise<void> | undefined
  #rows = 0
  #cancelIdle: (() => void) | undefined
  #cancelDrain: (() => void) | undefined
  #carry: typeof import('./carry-over.ts').carryOver | undefined
  #cancelGather: (() => void) | undefined
  #closed = false

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#database = options.database
  }

  /** Where the document is kept; another one than at the start when that does not work. */
  get database(): DocumentDatabase {
    return this.#database
  }

  get acked(): EditVector {
    return this.#acked
  }

  /** What is stored; undefined if nothing is. Never throws: what cannot be stored is kept in memory, and that is told. */
  async load(): Promise<KeptDocument | undefined> {
    try {
      return await this.#load()
    } catch (thrown) {
      this.#useMemory(problemOf(thrown))
      return undefined
    } finally {
      if (!this.#database.lasting) this.#tell({ problem: this.#state.problem ?? 'forbidden' })
    }
  }

  async #load(): Promise<KeptDocument | undefined> {
    const { document } = this.#options
    let read = await this.#timely(this.#database.read(document))
    if (read && !read.rows.every(isReadable)) {
      await this.#database.quarantine(document, row => !isReadable(row))
      read = await this.#database.read(document)
    }
    if (!read) return undefined
    const { head, rows, old, unreadable } = read
    // Of a row that was put aside, nothing is claimed.
    const made = unreadable > 0 ? joined(editsOf(rows), head.acked) : head.made
    this.#rows = rows.length
    this.#epoch = head.epoch
    this.#acked = this.#ackedStored = head.acked
    this.#tell({ stored: made })
    return { updates: rows.map(row => row.update), epoch: head.epoch, made, acked: head.acked, old, unreadable }
  }

  /** The epoch of what is appended from now on. */
  begin(epoch: number): void {
    this.#epoch = epoch
    this.#drainSoon(0)
  }

  append(row: StoredRow): void {
    this.#queue.push(row)
    if (!this.#writing && this.#queue.length > compactAfterRows) this.#queue = mergedQueue(this.#queue, this.#acked)
    this.#cancelGather ??= this.#options.after(gatherMs, () => void this.#drainNow())
    this.#idleAgain()
  }

  acknowledge(acked: EditVector): void {
    this.#acked = joined(this.#acked, acked)
    this.#drainSoon(acknowledgeMs)
  }

  /** Resolves when what was handed in is stored, or has failed to be. */
  async flush(): Promise<void> {
    await this.#drainNow()
  }

  /** Makes room for the hub's document of another epoch (W20). */
  async putAside(epoch: number): Promise<void> {
    while (this.#writing) await this.#writing
    const rows = [...this.#queue]
    const mine = { epoch: this.#epoch ?? epoch, rows, acked: this.#acked }
    this.#writing = this.#rewriteAnyhow(stored => putAside(stored, mine, epoch)).then(() => {
      this.#queue = this.#queue.slice(rows.length)
      this.#ackedStored = this.#acked
      this.#writing = undefined
    })
    await this.#writing
    if (this.#queue.length > 0) void this.#drainNow()
  }

  /** Few pages ever compare texts: it is a chunk of its own. False if that cannot be had now. */
  async readyToCarry(): Promise<boolean> {
    this.#carry ??= (await import('./carry-over.ts').catch(() => undefined))?.carryOver
    return this.#carry !== undefined
  }

  /** Brings what is due of older documents into this one; the row is stored when this resolves (W21). */
  async carryOver(current: Uint8Array, edit: string): Promise<StoredRow | undefined> {
    let row: StoredRow | undefined
    await this.#rewriteAnyhow(stored => {
      const done = stored && stored.head.epoch === this.#epoch ? this.#carry?.(stored, current, edit) : undefined
      row = done?.row
      return done?.next
    })
    if (row) this.#tell({ stored: joined(this.#state.stored, row.edits) })
    return row
  }

  /** None when the database does not answer. */
  async old(): Promise<readonly OldDocument[]> {
    const read = await this.#database.read(this.#options.document).catch(() => undefined)
    return read?.old ?? []
  }

  /** Forgets the old documents whose changes have been carried over. */
  async forgetOld(): Promise<void> {
    await this.#database.rewrite(this.#options.document, stored =>
      stored && stored.head.carried === 0 ? { ...stored, old: [] } : undefined,
    )
  }

  close(): void {
    this.#cancelIdle?.()
    this.#cancelDrain?.()
    if (this.#queue.length > 0 || this.#acked !== this.#ackedStored) void this.#drainNow()
    this.#closed = true
  }

  #drainSoon(ms: number): void {
    if (this.#closed) return
    this.#cancelDrain?.()
    this.#cancelDrain = this.#options.after(ms, () => {
      void this.#drainNow()
    })
  }

  get #waits(): boolean {
    return this.#epoch !== undefined && (this.#queue.length > 0 || this.#acked !== this.#ackedStored)
  }

  #drainNow(): Promise<void> {
    this.#cancelGather?.()
    this.#cancelGather = undefined
    this.#writing ??= this.#drain().then(goOn => {
      this.#writing = undefined
      if (goOn && this.#waits) void this.#drainNow()
    })
    return this.#writing
  }

  /** Whether it may go on at once with what came meanwhile. */
  async #drain(): Promise<boolean> {
    const stopWatching = this.#options.after(limits.requestMs, () => this.#tell({ problem: 'failing' }))
    try {
      while (this.#epoch !== undefined && this.#waits) {
        if (await this.#writeWaiting(this.#epoch)) continue
        this.#options.onForeign()
        return false
      }
      return true
    } catch (thrown) {
      this.#tell({ problem: problemOf(thrown) })
      this.#drainSoon(retryMs)
      return false
    } finally {
      stopWatching()
    }
  }

  async #writeWaiting(epoch: number): Promise<boolean> {
    const rows = [...this.#queue]
    const acked = this.#acked
    const head = await this.#database.append(this.#options.document, epoch, { rows, acked })
    if (!head) return false
    this.#queue = this.#queue.slice(rows.length)
    this.#ackedStored = acked
    this.#rows += rows.length
    this.#tell({
      stored: joined(this.#state.stored, head.made),
      problem: this.#database.lasting ? undefined : this.#state.problem,
    })
    return true
  }

  #idleAgain(): void {
    this.#cancelIdle?.()
    this.#cancelIdle = undefined
    if (this.#rows <= compactAfterRows || this.#closed) return
    this.#cancelIdle = this.#options.after(idleMs, () => void this.#compact())
  }

  async #compact(): Promise<void> {
    this.#rows = 0
    try {
      await this.#database.rewrite(this.#options.document, stored =>
        stored && stored.head.epoch === this.#epoch ? compacted(stored) : undefined,
      )
    } catch (thrown) {
      // The rows are as they were: tried again after as many more.
      this.#tell({ problem: problemOf(thrown) })
      this.#drainSoon(retryMs)
    }
  }

  /** Does it in memory when it cannot be done where the document is kept. */
  async #rewriteAnyhow(make: Parameters<DocumentDatabase['rewrite']>[1]): Promise<void> {
    const { document } = this.#options
    try {
      await this.#timely(this.#database.rewrite(document, make))
    } catch (thrown) {
      const stored = await this.#database.read(document).catch(() => undefined)
      this.#useMemory(problemOf(thrown))
      if (stored) await this.#database.rewrite(document, () => stored)
      await this.#database.rewrite(document, make)
    }
  }

  #useMemory(problem: StoreProblem): void {
    this.#database = new MemoryDatabase()
    this.#tell({ problem, stored: noEdits })
  }

  #timely<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.after(limits.handshakeMs, () => reject(new Error('the database does not answer')))
      work.then(resolve, reject).finally(cancel)
    })
  }

  #tell(news: Partial<KeeperState>): void {
    // What is in memory alone is not stored.
    const stored = this.#database.lasting ? (news.stored ?? this.#state.stored) : noEdits
    this.#state = { ...this.#state, ...news, stored }
    this.#options.onState(this.#state)
  }
}

function mergedQueue(rows: readonly StoredRow[], acked: EditVector): StoredRow[] {
  return compacted({ head: { epoch: 0, made: noEdits, acked, carried: 0 }, rows: [...rows], old: [] }).rows
}

function problemOf(thrown: unknown): StoreProblem {
  if (isNoRoom(thrown)) return 'full'
  const name = thrown instanceof Error || thrown instanceof DOMException ? thrown.name : ''
  return name === 'SecurityError' || name === 'InvalidStateError' || name === 'NotAllowedError'
    ? 'forbidden'
    : 'failing'
}
