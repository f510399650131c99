/** A search of an open notebook: what is looked for, what was found, which place is shown. Follows edits (NB20). */
import { limits } from '@meshbook/core/limits.ts'
import { type Signal, signal } from '@preact/signals'
import { type Piece, piecesOf, replacementOf } from './find-pieces.ts'
import { FindSearch } from './find-search.ts'
import type { FindQuery, Found } from './find-text.ts'
import type { NotebookStore } from './notebook-store.ts'

export interface FindResult {
  pieces: readonly Piece[]
  found: readonly Found[]
  more: boolean
  /** Why there is no answer, in words for a person. */
  problem?: string
}

const nothing: FindResult = { pieces: [], found: [], more: false }
const afterTypingMs = 120

export class FindStore {
  readonly open: Signal<'find' | 'replace' | undefined> = signal(undefined)
  readonly query: Signal<FindQuery> = signal({ text: '', caseSensitive: false, pattern: false })
  readonly replacement: Signal<string> = signal('')
  readonly result: Signal<FindResult> = signal(nothing)
  /** Which of what was found is shown. */
  readonly at: Signal<number> = signal(0)
  /** Counts how often a place was asked for: the bar shows it, also when it is the same one again. */
  readonly steps: Signal<number> = signal(0)
  readonly #store: NotebookStore
  readonly #search = new FindSearch()
  #timer: ReturnType<typeof setTimeout> | undefined
  #stopFollowing: (() => void) | undefined

  constructor(store: NotebookStore) {
    this.#store = store
  }

  show(mode: 'find' | 'replace'): void {
    this.open.value = mode
    this.#stopFollowing ??= this.#store.onText(() => this.#later())
    void this.look()
  }

  hide(): void {
    this.open.value = undefined
    this.result.value = nothing
    this.#stopFollowing?.()
    this.#stopFollowing = undefined
    clearTimeout(this.#timer)
    this.#search.close()
  }

  ask(change: Partial<FindQuery>): void {
    this.query.value = { ...this.query.peek(), ...change }
    this.at.value = 0
    this.#later()
  }

  #later(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.look(), afterTypingMs)
  }

  /** Looks again. Resolves when the result is there, or another search has taken its place. */
  async look(): Promise<void> {
    const query = this.query.peek()
    if (query.text === '') {
      this.result.value = nothing
      return
    }
    const pieces = piecesOf(this.#store.page)
    const answer = await this.#find(pieces, query)
    if (answer === undefined || this.open.peek() === undefined) return
    if ('problem' in answer) this.result.value = { ...nothing, problem: answer.problem }
    else {
      this.result.value = { pieces, ...answer }
      this.at.value = Math.max(0, Math.min(this.at.peek(), answer.found.length - 1))
    }
  }

  #find(pieces: readonly Piece[], query: FindQuery, replacement?: string) {
    return this.#search.ask({
      pieces: pieces.map(({ text }) => text),
      query,
      most: limits.findMatches,
      ...(replacement !== undefined && { replacement }),
    })
  }

  /** Goes on by one place, round at the ends. Answers what is shown now. */
  step(by: 1 | -1): void {
    this.steps.value++
    const { found } = this.result.peek()
    if (found.length > 0) this.at.value = (this.at.peek() + by + found.length) % found.length
  }

  /** Replaces the place that is shown, or all. Answers how many were, and how many were left. */
  async replace(which: 'this' | 'all'): Promise<{ replaced: number; left: number } | undefined> {
    const shown = this.result.peek().found[this.at.peek()]
    const { page } = this.#store
    const pieces = piecesOf(page)
    const answer = await this.#find(pieces, this.query.peek(), this.replacement.peek())
    // What was typed meanwhile is not in the places that were found.
    if (answer === undefined || 'problem' in answer || this.#store.page !== page) return undefined
    const isShown = (place: Found) => place.piece === shown?.piece && place.from === shown.from && place.to === shown.to
    const found = which === 'all' ? answer.found : answer.found.filter(isShown)
    const { changes, ...counts } = replacementOf(page, pieces, found)
    this.#store.write(changes, 'step')
    await this.look()
    return counts
  }

  close(): void {
    this.hide()
  }
}

/** The search of a notebook, which has one from when it is first asked for. */
export function findOf(notebook: { store: NotebookStore; finder: Signal<FindStore | undefined> }): FindStore {
  notebook.finder.value ??= new FindStore(notebook.store)
  return notebook.finder.value
}
