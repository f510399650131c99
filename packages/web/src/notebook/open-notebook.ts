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
import { runs, sessions } from '../state/mesh.ts'
import type { DocumentLink } from '../sync/document-link.ts'
import type { ExecutionStore } from './execution-store.ts'
import type { NotebookStore } from './notebook-store.ts'
import { keepChoice } from './run-choice.ts'
import type { Runner } from './runner.ts'
import { settleUnplaced } from './settle-unplaced.ts'

/** Puts the cursor into an item's editor. */
export type Place = 'start' | 'end' | number
export type FocusEditor = (at: Place | undefined) => void

export class OpenNotebook {
  readonly document: DocumentInfo
  readonly project: Project
  readonly link: DocumentLink
  readonly store: NotebookStore
  readonly executions: ExecutionStore
  readonly runner: Runner
  readonly history: HistoryStore
  /** Key of the item that commands are about. */
  readonly selected: Signal<string | undefined> = signal(undefined)
  /** Key of the item whose text is being edited. */
  readonly editing: Signal<string | undefined> = signal(undefined)
  readonly language: ReadonlySignal<string>
  readonly #stopSettling: () => void
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
    this.history = new HistoryStore(parts.document.id, api)
    this.language = computed(() => this.#mainLanguage(this.store.order.value))
    this.#stopKeeping = keepChoice(parts.document.id, parts.runner, () => localStorage)
    this.#stopSettling = settleUnplaced(this.executions, runs, parts.store.doc.clientID)
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
  readonly #focusers = new Map<string, FocusEditor>()
  /** The editor of an item tells how it is focused; the returned function takes that back. */
  addEditor(key: string, focus: FocusEditor): () => void {
    this.#focusers.set(key, focus)
    return () => {
      if (this.#focusers.get(key) === focus) this.#focusers.delete(key)
    }
  }

  /** Selects an item and begins to edit it; an editor that is still loading takes the focus when it is there. */
  edit(key: string, at?: Place): void {
    this.editAt = at
    this.selected.value = key
    this.editing.value = key
    this.#focusers.get(key)?.(at)
  }

  /** Selects an item and leaves its editor. */
  select(key: string | undefined): void {
    this.selected.value = key
    this.editing.value = undefined
    if (key === undefined) return
    focusItem(key)
    // An item that is new or has moved is drawn a moment later.
    requestAnimationFrame(() => this.selected.peek() === key && this.editing.peek() === undefined && focusItem(key))
  }

  close(): void {
    this.#stopSettling()
    this.#stopKeeping()
    this.executions.close()
    this.store.close()
    this.link.close()
  }
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
