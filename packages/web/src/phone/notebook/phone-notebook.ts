/** The notebook that the phone shows: which item is being edited, and how its cells are run (PH21). */
import { type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { Mover } from '../../notebook/mover.ts'
import { NotebookModel, type NotebookParts } from '../../notebook/notebook-model.ts'
import { queuedCells } from '../offline/queued-cells.ts'
import type { QueuedRun } from '../offline/queued-run.ts'
import { show } from '../offline/shown-documents.ts'
import type { Typed, Typing } from './key-edits.ts'

export interface Keys {
  itemKey: string
  /** Undefined for prose. */
  language: string | undefined
  typing: () => Typing
  apply: (typed: Typed | undefined) => unknown
}

export class PhoneNotebook extends NotebookModel {
  /** Key of the item that is being edited. */
  readonly editing: Signal<string | undefined> = signal(undefined)
  /** Where the caret goes in the item that is opened next. */
  editAt: number | 'end' = 'end'
  /** What the keys above the keyboard act on. */
  readonly keys: Signal<Keys | undefined> = signal(undefined)
  /** There once something was moved. */
  mover: Mover | undefined

  /** By the cell's key, its newest run in the queue of this phone that the document does not show. */
  readonly queued: ReadonlySignal<ReadonlyMap<string, QueuedRun>>
  readonly #hide: () => void
  readonly #pressed = new Set<string>()

  constructor(parts: NotebookParts) {
    super(parts)
    this.queued = queuedCells(this)
    this.#hide = show(parts.document.id, parts.link)
  }

  /** Resolves when the run is stored in the queue; with the hub it goes on from there at once. */
  async run(key: string): Promise<void> {
    if (this.#pressed.has(key)) return
    this.#pressed.add(key)
    try {
      await (await import('../offline/queue-cell.ts')).queueCell(this, key)
    } finally {
      this.#pressed.delete(key)
    }
  }

  override close(): void {
    this.#hide()
    super.close()
  }

  override edit(key: string, at?: number | 'start' | 'end'): void {
    this.editAt = at === undefined ? 'end' : at === 'start' ? 0 : at
    this.editing.value = key
  }
}
