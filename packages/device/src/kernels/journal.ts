/**
 * The journal of a session: one file per run, in groups made durable (I1, I5). It owns the files; what the records mean
 * for a run is RunEntry's. If the disk refuses, orders are refused, and events wait and are tried again: nothing that a
 * kernel has produced is lost, and nothing is told that is not durable.
 */
import { createHash } from 'node:crypto'
import { closeSync, fdatasync, fsync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import { isRunId, type RunId } from '@meshbook/core/ids.ts'
import { syncFolder, writeWhole } from './files.ts'
import { encodeRecord } from './journal-file.ts'
import { type JournalRecord, type Order, RunEntry } from './run-entry.ts'

const retryMs = 1000
const forgottenKept = 2000
const sync = promisify(fdatasync)
const syncAll = promisify(fsync)

interface Pending {
  entry: RunEntry
  records: { record: JournalRecord; bytes: Buffer }[]
  /** The file is new, and its run unknown to anybody if this fails. */
  isNew: boolean
  resolve(): void
  reject(error: MeshError): void
}

export class Journal {
  readonly runs = new Map<RunId, RunEntry>()
  #folder: string
  #folderFd: number
  #fds = new Map<RunEntry, number>()
  #pending: Pending[] = []
  #flushing: Promise<void> | undefined
  #forgotten: Set<RunId>
  #closed = false

  private constructor(folder: string, forgotten: Set<RunId>) {
    this.#folder = folder
    this.#forgotten = forgotten
    this.#folderFd = openSync(folder, 'r')
  }

  static async open(folder: string): Promise<Journal> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const lines = await readFile(join(folder, 'forgotten'), 'utf8').catch(() => '')
    const journal = new Journal(folder, new Set(lines.split('\n').filter(isRunId)))
    const names = (await readdir(folder)).filter(name => name.endsWith('.run'))
    const loaded = await Promise.all(names.map(name => journal.#load(join(folder, name))))
    const entries = loaded.filter(entry => entry !== undefined).sort((a, b) => a.order.number - b.order.number)
    for (const entry of entries) journal.runs.set(entry.order.run, entry)
    return journal
  }

  async #load(path: string): Promise<RunEntry | undefined> {
    const entry = await RunEntry.load(path)
    if (!entry || this.#forgotten.has(entry.order.run)) {
      await rm(path)
      return undefined
    }
    // What follows the last whole record was torn off by a crash.
    await truncate(path, entry.size)
    return entry
  }

  get bytes(): number {
    let sum = 0
    for (const entry of this.runs.values()) sum += entry.size
    return sum
  }

  get lastForgotten(): RunId | undefined {
    return [...this.#forgotten].at(-1)
  }

  wasForgotten(run: RunId): boolean {
    return this.#forgotten.has(run)
  }

  /** A new run, or a new beginning of one that went on elsewhere: resolves when the order (and what belongs to it) is durable, rejects if the disk refuses. */
  async create(order: Order, ...more: JournalRecord[]): Promise<RunEntry> {
    const name = createHash('sha256').update(order.run).digest('hex').slice(0, 40)
    const entry = new RunEntry(join(this.#folder, `${name}.run`), order)
    const before = this.runs.get(order.run)
    if (before) this.#close(before)
    this.runs.set(order.run, entry)
    try {
      await this.#enqueue(entry, [order, ...more], true)
    } catch (error) {
      this.runs.delete(order.run)
      throw error
    }
    return entry
  }

  /** Resolves when the records are durable, however long the disk refuses. */
  append(entry: RunEntry, ...records: JournalRecord[]): Promise<void> {
    return this.#enqueue(entry, records, false)
  }

  #enqueue(entry: RunEntry, records: JournalRecord[], isNew: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const encoded = records.map(record => ({ record, bytes: encodeRecord(record) }))
    this.#pending.push({ entry, records: encoded, isNew, resolve, reject })
    this.#flushing ??= this.#flush()
    return promise
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0 && !this.#closed) {
      const group = this.#pending.splice(0)
      try {
        await this.#write(group)
      } catch (cause) {
        await this.#refused(group, cause as NodeJS.ErrnoException)
        continue
      }
      for (const { resolve } of group) resolve()
    }
    this.#flushing = undefined
  }

  async #write(group: Pending[]): Promise<void> {
    const ends = new Map<RunEntry, number>()
    for (const { entry, records, isNew } of group) {
      const bytes = Buffer.concat(records.map(record => record.bytes))
      const at = ends.get(entry) ?? entry.size
      writeAll(this.#open(entry, isNew), bytes, at)
      ends.set(entry, at + bytes.length)
    }
    const syncs = [...ends.keys()].map(entry => sync(this.#fds.get(entry)!))
    if (group.some(({ isNew }) => isNew)) syncs.push(syncAll(this.#folderFd))
    await Promise.all(syncs)
    for (const { entry, records } of group) {
      for (const { record, bytes } of records) entry.add(record, entry.size + bytes.length)
    }
  }

  #open(entry: RunEntry, isNew: boolean): number {
    const open = this.#fds.get(entry)
    if (open !== undefined) return open
    const fd = openSync(entry.path, isNew ? 'w' : 'r+', 0o600)
    this.#fds.set(entry, fd)
    return fd
  }

  /** Cuts off what may have been half written; refuses new runs, and tries the rest again. */
  async #refused(group: Pending[], cause: NodeJS.ErrnoException): Promise<void> {
    const code = cause.code === 'ENOSPC' || cause.code === 'EDQUOT' ? 'DISK_FULL' : 'STORAGE_FAILED'
    const again: Pending[] = []
    for (const pending of group) {
      const fd = this.#fds.get(pending.entry)
      if (fd !== undefined) ftruncateSync(fd, pending.entry.size)
      if (pending.isNew) {
        this.#close(pending.entry)
        await rm(pending.entry.path, { force: true })
        pending.reject(new MeshError(code, { detail: `the journal of the session: ${cause.message}`, cause }))
      } else again.push(pending)
    }
    this.#pending.unshift(...again)
    if (again.length > 0) await sleep(retryMs)
  }

  #close(entry: RunEntry): void {
    const fd = this.#fds.get(entry)
    if (fd !== undefined) closeSync(fd)
    this.#fds.delete(entry)
  }

  /** An ended run that is idle needs no open file. */
  rest(entry: RunEntry): void {
    this.#close(entry)
  }

  /** Drops a run for good; its id stays known, so that it never runs again. Returns the entry it had. */
  async forget(run: RunId): Promise<RunEntry | undefined> {
    const entry = this.runs.get(run)
    if (!entry) return undefined
    this.#forgotten.add(run)
    const path = join(this.#folder, 'forgotten')
    if (this.#forgotten.size > forgottenKept) {
      this.#forgotten = new Set([...this.#forgotten].slice(-forgottenKept / 2))
      await writeWhole(path, [...this.#forgotten].join('\n').concat('\n'))
    } else await appendFile(path, `${run}\n`, { flush: true, mode: 0o600 })
    this.#close(entry)
    this.runs.delete(run)
    await rm(entry.path, { force: true })
    await syncFolder(this.#folder)
    return entry
  }

  async close(): Promise<void> {
    await this.#flushing
    this.#closed = true
    for (const entry of [...this.#fds.keys()]) this.#close(entry)
    closeSync(this.#folderFd)
  }
}

function writeAll(fd: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done)
}
