/**
 * The executions of an open notebook: each run's entry as a signal, and which run is a cell's newest. An entry may be a
 * nested Y.Map or, from foreign clients, a plain object; both come from peers, so fields are checked before use.
 */
import { type ExecutionEntry, executionStatuses, sharedNames } from '@meshbook/core/executions.ts'
import { batch, type Signal, signal } from '@preact/signals'
import * as Y from 'yjs'
import type { NotebookStore } from './notebook-store.ts'

const active = new Set<string>(['requested', 'claimed', 'ready', 'running'])
export const isActive = (entry: ExecutionEntry | undefined): boolean => entry !== undefined && active.has(entry.status)

export class ExecutionStore {
  readonly map: Y.Map<unknown>
  /** Newest run of each cell, by the cell's key; a cell whose run is only in its output block is not listed. */
  readonly newest: Signal<ReadonlyMap<string, string>> = signal(new Map())
  /** Runs that have not ended. */
  readonly running: Signal<ReadonlySet<string>> = signal(new Set())
  readonly #notebook: NotebookStore
  /** Runs that the hub has ended without their device, and how long they took. */
  readonly #lost = new Map<string, number>()
  #imported: ReadonlyMap<string, ExecutionEntry> = new Map()
  readonly #entries = new Map<string, Signal<ExecutionEntry | undefined>>()

  constructor(notebook: NotebookStore) {
    this.#notebook = notebook
    this.map = notebook.doc.getMap(sharedNames.executions)
    this.map.observeDeep(this.#receive)
    this.#update([...this.map.keys()])
  }

  entry(run: string): Signal<ExecutionEntry | undefined> {
    const known = this.#entries.get(run)
    if (known) return known
    const entry = signal(this.read(run))
    this.#entries.set(run, entry)
    return entry
  }

  read(run: string): ExecutionEntry | undefined {
    const entry = this.#written(run)
    const durationMs = this.#lost.get(run)
    if (!isActive(entry) || durationMs === undefined) return entry
    return { ...entry!, status: 'interrupted', durationMs, reason: '' }
  }

  #written(run: string): ExecutionEntry | undefined {
    return entryOf(run, this.map.get(run)) ?? this.#imported.get(run)
  }

  /** The hub has ended a run whose device is gone: it is shown so until that device is back and writes how it went on. */
  lose(run: string, durationMs: number): void {
    if (this.#lost.has(run)) return
    this.#lost.set(run, durationMs)
    this.#update([run])
  }

  isLost(run: string): boolean {
    return this.#lost.has(run) && isActive(this.#written(run))
  }

  /** Outputs of no run of ours; a run of the same name comes before them. */
  showImported(entries: ReadonlyMap<string, ExecutionEntry>): void {
    this.#imported = entries
    batch(() => {
      for (const [run, entry] of this.#entries) if (entries.has(run)) entry.value = this.read(run)
    })
  }

  write(entry: ExecutionEntry & { outputBy: 'monitor' }): void {
    this.#notebook.doc.transact(() => this.map.set(entry.id, new Y.Map(Object.entries(entry))), this.#notebook.local)
  }

  update(run: string, fields: Partial<ExecutionEntry>): void {
    const value = this.map.get(run)
    if (!(value instanceof Y.Map)) return
    this.#notebook.doc.transact(() => {
      for (const [name, field] of Object.entries(fields)) value.set(name, field)
    }, this.#notebook.local)
  }

  /** Runs anchored in `from` to `to`, each with where it is. */
  anchoredIn(from: number, to: number): { run: string; offset: number }[] {
    return [...this.map.keys()].flatMap(run => {
      const offset = this.#offsetOf(this.read(run)?.cell)
      return offset !== undefined && from <= offset && offset < to ? [{ run, offset }] : []
    })
  }

  /** Anchors a run at another place of the text (NB32). */
  anchorAt(run: string, offset: number): void {
    const cell = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(this.#notebook.text, offset))
    this.update(run, { cell })
  }

  readonly #receive = (events: Y.YEvent<Y.AbstractType<unknown>>[]): void => {
    const changed = new Set<string>()
    for (const event of events) {
      if (event.target === this.map) for (const key of event.keys.keys()) changed.add(key)
      else if (typeof event.path[0] === 'string') changed.add(event.path[0])
    }
    this.#update([...changed])
  }

  #update(runs: readonly string[]): void {
    const newest = new Map(this.newest.peek())
    const running = new Set(this.running.peek())
    batch(() => {
      for (const run of runs) {
        const entry = this.read(run)
        const known = this.#entries.get(run)
        if (known) known.value = entry
        if (isActive(entry)) running.add(run)
        else running.delete(run)
        const key = entry && this.#cellOf(entry)
        if (key !== undefined && this.#isNewer(run, newest.get(key))) newest.set(key, run)
      }
      this.newest.value = newest
      this.running.value = running
    })
  }

  #isNewer(run: string, than: string | undefined): boolean {
    if (than === undefined || than === run) return true
    return (this.read(run)?.requestedAt ?? 0) >= (this.read(than)?.requestedAt ?? 0)
  }

  /** Key of the cell that an entry is anchored to, if that still exists. */
  #cellOf(entry: ExecutionEntry): string | undefined {
    const offset = this.#offsetOf(entry.cell)
    if (offset === undefined) return undefined
    const { items } = this.#notebook.page
    return items.find(item => item.kind === 'cell' && item.from <= offset && offset < item.cell.to)?.key
  }

  #offsetOf(anchor: unknown): number | undefined {
    if (typeof anchor !== 'object' || anchor === null) return undefined
    try {
      const position = Y.createAbsolutePositionFromRelativePosition(
        Y.createRelativePositionFromJSON(anchor),
        this.#notebook.doc,
      )
      return position?.type === this.#notebook.text ? position.index : undefined
    } catch {
      // An anchor of another document or one that is broken points nowhere.
      return undefined
    }
  }

  close(): void {
    this.map.unobserveDeep(this.#receive)
  }
}

/** What a document has of a run, if it is one. */
export function entryOf(run: string, value: unknown): ExecutionEntry | undefined {
  const plain: unknown = value instanceof Y.Map ? Object.fromEntries(value.entries()) : value
  return isEntry(plain) ? { ...plain, id: run } : undefined
}

function isEntry(value: unknown): value is ExecutionEntry {
  if (typeof value !== 'object' || value === null) return false
  const { status, code, language } = value as Partial<ExecutionEntry>
  return (
    (executionStatuses as readonly unknown[]).includes(status) &&
    typeof code === 'string' &&
    typeof language === 'string'
  )
}
