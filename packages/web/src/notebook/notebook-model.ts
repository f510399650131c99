/**
 * A notebook that is open, whatever shows it: its document and link, its items and runs, where it runs. What a page adds
 * (what is selected, panels, dialogs) is the page's own.
 */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { canonicalLanguage, runtimeFor } from '@meshbook/core/languages.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { demandsOf, sessionNameOf } from '@meshbook/core/notebook/demands.ts'
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { sessions } from '../state/known.ts'
import type { DocumentLink } from '../sync/document-link.ts'
import type { ExecutionStore } from './execution-store.ts'
import type { NotebookStore } from './notebook-store.ts'
import { type NotebookReading, type Place, useReading } from './reading.ts'
import { keepChoice } from './run-choice.ts'
import type { Runner } from './runner.ts'

export interface NotebookParts {
  document: DocumentInfo
  project: Project
  link: DocumentLink
  store: NotebookStore
  executions: ExecutionStore
  runner: Runner
}

export abstract class NotebookModel implements NotebookReading {
  readonly document: DocumentInfo
  readonly project: Project
  readonly link: DocumentLink
  readonly store: NotebookStore
  readonly executions: ExecutionStore
  readonly runner: Runner
  readonly wholeOutputs: Signal<ReadonlySet<string>> = signal(new Set())
  readonly language: ReadonlySignal<string>
  readonly #stopKeeping: () => void

  constructor(parts: NotebookParts) {
    this.document = parts.document
    this.project = parts.project
    this.link = parts.link
    this.store = parts.store
    this.executions = parts.executions
    this.runner = parts.runner
    this.language = computed(() => this.#mainLanguage(this.store.order.value))
    this.#stopKeeping = keepChoice(parts.document.id, parts.runner, () => localStorage)
  }

  abstract edit(key: string, at?: Place): void

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

  entryOf(run: string): ReadonlySignal<ExecutionEntry | undefined> {
    return this.executions.entry(run)
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

  setWhole(run: string, on: boolean): void {
    const whole = new Set(this.wholeOutputs.peek())
    if (on) whole.add(run)
    else whole.delete(run)
    this.wholeOutputs.value = whole
  }

  close(): void {
    this.#stopKeeping()
    this.executions.close()
    this.store.close()
    this.link.close()
  }
}

/** For what is drawn only where the document is open. */
export function useNotebookModel(): NotebookModel {
  const notebook = useReading()
  if (!(notebook instanceof NotebookModel)) throw new Error('this notebook is only read')
  return notebook
}
