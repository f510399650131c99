/** The notebook that the page shows, with all that is the page's own: selection, editors, dialogs, what is drawn. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { api } from '../api/client.ts'
import { HistoryStore } from '../history/history-store.ts'
import { optionsOf } from './cell-options.ts'
import { Cursors } from './cursors.ts'
import type { FindStore } from './find-store.ts'
import type { Mover } from './mover.ts'
import { NearWindow } from './near-window.ts'
import { NotebookModel, type NotebookParts, useNotebookModel } from './notebook-model.ts'
import type { Place } from './reading.ts'

/** Drawn at once when a notebook opens, before anything is measured. */
const firstItems = 10

/** What a dialog of the notebook is about. */
export type NotebookDialog = { about: 'options'; key: string } | { about: 'settings' }

/** What an item's editor can be told. */
export interface EditorHandle {
  focus(at: Place | undefined): void
  /** Selects a range without taking the focus. */
  show(from: number, to: number): void
}

export class OpenNotebook extends NotebookModel {
  /** Made when the first item is moved. */
  mover: Mover | undefined
  /** Made when something is looked for first. */
  readonly finder: Signal<FindStore | undefined> = signal(undefined)
  readonly isFinding: ReadonlySignal<boolean> = computed(() => this.finder.value?.open.value !== undefined)
  /** Key of the item that commands are about. */
  readonly selected: Signal<string | undefined> = signal(undefined)
  /** Key of the item whose text is being edited. */
  readonly editing: Signal<string | undefined> = signal(undefined)
  /** Where a selection of several items began. */
  readonly anchor: Signal<string | undefined> = signal(undefined)
  /** All items that are selected. */
  readonly chosen: ReadonlySignal<ReadonlySet<string>>
  readonly dialog: Signal<NotebookDialog | undefined> = signal(undefined)
  /** Outputs that this page shows although they are hidden, or hides: by the item's key. */
  readonly shownOutputs: Signal<ReadonlyMap<string, boolean>> = signal(new Map())
  readonly near: NearWindow
  /** An item that is dragged, and before which one it would go. */
  readonly drag: Signal<{ key: string; place: number; top: number } | undefined> = signal(undefined)
  readonly cursors: Cursors
  readonly history: HistoryStore

  constructor(parts: NotebookParts) {
    super(parts)
    this.near = new NearWindow(parts.store.order.peek().slice(0, firstItems))
    this.history = new HistoryStore(parts.document.id, api)
    this.cursors = new Cursors(parts.store, parts.link.awareness)
    this.chosen = computed(() => new Set(rangeOf(this.store.order.value, this.anchor.value, this.selected.value)))
  }

  /** Where in the text the editor that is asked for puts the cursor. */
  editAt: Place | undefined
  readonly #editors = new Map<string, EditorHandle>()
  /** The editor of an item is there; the returned function takes that back. */
  addEditor(key: string, editor: EditorHandle): () => void {
    this.#editors.set(key, editor)
    return () => {
      if (this.#editors.get(key) === editor) this.#editors.delete(key)
    }
  }

  editorOf(key: string): EditorHandle | undefined {
    return this.#editors.get(key)
  }

  /** Selects an item and begins to edit it; an editor that is still loading takes the focus when it is there. */
  edit(key: string, at?: Place): void {
    this.editAt = at
    this.anchor.value = undefined
    this.selected.value = key
    this.editing.value = key
    this.#editors.get(key)?.focus(at)
  }

  /** Selects an item and leaves its editor; `extend` keeps what was selected between. */
  select(key: string | undefined, extend?: 'extend'): void {
    this.anchor.value = extend ? (this.anchor.peek() ?? this.selected.peek()) : undefined
    this.selected.value = key
    this.editing.value = undefined
    if (key === undefined) return
    focusItem(key)
    // An item that is new or has moved is drawn a moment later.
    requestAnimationFrame(() => this.selected.peek() === key && this.editing.peek() === undefined && focusItem(key))
  }

  /** Item that is to be drawn although it is far from the window. */
  readonly revealed: Signal<string | undefined> = signal(undefined)
  /** Scrolls to an item, drawn or not; resolves when it is there. `within` finds the place in it. */
  async reveal(key: string, within?: (item: HTMLElement) => Element | undefined): Promise<void> {
    this.revealed.value = key
    document.getElementById(`item-${key}`)?.scrollIntoView({ block: 'nearest' })
    for (let frame = 0; frame < 3; frame++) {
      await new Promise(resolve => requestAnimationFrame(resolve))
      const item = document.getElementById(`item-${key}`)
      if (item) (within?.(item) ?? item).scrollIntoView({ block: within ? 'center' : 'nearest' })
    }
  }

  /** Selects the item after or before the selected one. */
  selectBeside(by: 1 | -1, extend?: 'extend'): void {
    const order = this.store.order.peek()
    const at = order.indexOf(this.selected.peek() ?? '')
    const next = order[at < 0 ? 0 : at + by]
    if (next !== undefined) this.select(next, extend)
  }

  selectAll(): void {
    const order = this.store.order.peek()
    this.select(order.at(-1))
    this.anchor.value = order[0]
  }

  /** The keys of what commands are about, in order. */
  get chosenKeys(): string[] {
    return [...this.chosen.peek()]
  }

  askOptions(key: string): void {
    if (this.store.find(key)?.kind === 'cell') this.dialog.value = { about: 'options', key }
  }

  askSettings(): void {
    this.dialog.value = { about: 'settings' }
  }

  /** Whether an output is shown: what this page was told, or else what the cell's options say. */
  showsOutput(key: string, hidden: boolean): boolean {
    return this.shownOutputs.value.get(key) ?? !hidden
  }

  toggleOutput(key: string): void {
    const item = this.store.find(key)
    if (item?.kind !== 'cell') return
    const shown = this.showsOutput(key, optionsOf(item.cell).hideOutput)
    this.shownOutputs.value = new Map(this.shownOutputs.peek()).set(key, !shown)
  }

  override close(): void {
    this.finder.peek()?.close()
    this.cursors.close()
    this.mover?.close()
    super.close()
  }
}

function rangeOf(
  order: readonly string[],
  anchor: string | undefined,
  selected: string | undefined,
): readonly string[] {
  if (selected === undefined) return []
  const [a, b] = [order.indexOf(anchor ?? selected), order.indexOf(selected)]
  return a < 0 || b < 0 ? [selected] : order.slice(Math.min(a, b), Math.max(a, b) + 1)
}

function focusItem(key: string): void {
  const element = document.getElementById(`item-${key}`)
  if (!element || element === document.activeElement) return
  element.focus({ preventScroll: true })
  element.scrollIntoView({ block: 'nearest' })
}

export function useNotebook(): OpenNotebook {
  const notebook = useNotebookModel()
  if (!(notebook instanceof OpenNotebook)) throw new Error('a component of the notebook page stands in another one')
  return notebook
}
