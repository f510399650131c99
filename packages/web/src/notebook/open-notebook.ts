/** All that belongs to one open notebook, for its components. Made by the page, closed by the page. */

import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { canonicalLanguage, runtimeFor } from '@meshbook/core/languages.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { demandsOf, sessionNameOf } from '@meshbook/core/notebook/demands.ts'
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { api } from '../api/client.ts'
import { HistoryStore } from '../history/history-store.ts'
import { sessions } from '../state/mesh.ts'
import type { DocumentLink } from '../sync/document-link.ts'
import { optionsOf } from './cell-options.ts'
import { Cursors } from './cursors.ts'
import type { ExecutionStore } from './execution-store.ts'
import type { FindStore } from './find-store.ts'
import type { Mover } from './mover.ts'
import { NearWindow } from './near-window.ts'
import type { NotebookStore } from './notebook-store.ts'
import { keepChoice } from './run-choice.ts'
import type { Runner } from './runner.ts'

/** Drawn at once when a notebook opens, before anything is measured. */
const firstItems = 10

/** What a dialog of the notebook is about. */
export type NotebookDialog = { about: 'options'; key: string } | { about: 'settings' }

/** Puts the cursor into an item's editor. */
export type Place = 'start' | 'end' | number
/** What an item's editor can be told. */
export interface EditorHandle {
  focus(at: Place | undefined): void
  /** Selects a range without taking the focus. */
  show(from: number, to: number): void
}

export class OpenNotebook {
  readonly document: DocumentInfo
  readonly project: Project
  readonly link: DocumentLink
  readonly store: NotebookStore
  readonly executions: ExecutionStore
  readonly runner: Runner
  readonly history: HistoryStore
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
  /** Runs whose long output is shown whole, also after it was scrolled away. */
  readonly wholeOutputs: Signal<ReadonlySet<string>> = signal(new Set())
  readonly near: NearWindow
  /** An item that is dragged, and before which one it would go. */
  readonly drag: Signal<{ key: string; place: number; top: number } | undefined> = signal(undefined)
  readonly cursors: Cursors
  readonly language: ReadonlySignal<string>
  readonly #stopKeeping: () => void

  constructor(parts: {
    document: DocumentInfo
    project: Project
    link: DocumentLink
    store: NotebookStore
    executions: ExecutionStore
    runner: Runner
  }) {
    this.document = parts.document
    this.project = parts.project
    this.link = parts.link
    this.store = parts.store
    this.executions = parts.executions
    this.runner = parts.runner
    this.near = new NearWindow(parts.store.order.peek().slice(0, firstItems))
    this.history = new HistoryStore(parts.document.id, api)
    this.cursors = new Cursors(parts.store, parts.link.awareness)
    this.chosen = computed(() => new Set(rangeOf(this.store.order.value, this.anchor.value, this.selected.value)))
    this.language = computed(() => this.#mainLanguage(this.store.order.value))
    this.#stopKeeping = keepChoice(parts.document.id, parts.runner, () => localStorage)
  }

  /** What a new cell is written in: the language of the cell before, of the notebook, or Python. */
  #mainLanguage(keys: readonly string[]): string {
    const frontMatter = this.store.frontMatter.value
    const named = frontMatter?.kernelspec?.language ?? frontMatter?.kernelspec?.name
    if (named !== undefined) return canonicalLanguage(named)
    const counts = new Map<string, number>()
    for (const key of keys) {
      const view = this.store.view(key)?.value
      if (view?.kind === 'cell') counts.set(view.language, (counts.get(view.language) ?? 0) + 1)
    }
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'python'
  }

  /** The session that cells of a language run in, if it has been made. */
  sessionOf(language: string): SessionInfo | undefined {
    const frontMatter = this.store.frontMatter.value
    const session = this.runner.session.value ?? frontMatter?.session
    const { kernel } = demandsOf(frontMatter, language)
    const name = sessionNameOf({ ...(session !== undefined && { session }), ...(kernel !== undefined && { kernel }) })
    const runtime = runtimeFor(language)
    return sessions.value.find(
      session =>
        session.project === this.project.id && session.name === name && runtimeFor(session.language) === runtime,
    )
  }

  /** The newest run of a cell: one that was asked for here or elsewhere, or the one its output is of. */
  runOf(key: string): string | undefined {
    const asked = this.executions.newest.value.get(key)
    const view = this.store.view(key)?.value
    const shown = view?.kind === 'cell' ? view.outputs.at(-1)?.runId : undefined
    if (asked === undefined || shown === undefined || asked === shown) return asked ?? shown
    const [askedAt, shownAt] = [asked, shown].map(run => this.executions.entry(run).value?.requestedAt ?? 0)
    return askedAt! >= shownAt! ? asked : shown
  }

  get mayWrite(): boolean {
    return this.runner.mayWrite
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

  setWhole(run: string, on: boolean): void {
    const whole = new Set(this.wholeOutputs.peek())
    if (on) whole.add(run)
    else whole.delete(run)
    this.wholeOutputs.value = whole
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

  close(): void {
    this.#stopKeeping()
    this.finder.peek()?.close()
    this.cursors.close()
    this.mover?.close()
    this.executions.close()
    this.store.close()
    this.link.close()
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

export const NotebookContext = createContext<OpenNotebook | undefined>(undefined)

export function useNotebook(): OpenNotebook {
  const notebook = useContext(NotebookContext)
  if (!notebook) throw new Error('a notebook component stands outside of a notebook')
  return notebook
}
