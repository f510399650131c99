/**
 * A notebook that is open: its shared text as items, each a signal that changes only when what it shows does. Editors
 * hear of every change at once; the page is drawn at most once a frame. Knows no network.
 */
import { sharedNames } from '@meshbook/core/executions.ts'
import type { FrontMatter } from '@meshbook/core/notebook/front-matter.ts'
import { type Change, changesOf, type Delta } from '@meshbook/core/text/text-delta.ts'
import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import * as Y from 'yjs'
import { advance, type Item, openPage, type Page, reread } from './items.ts'
import { type ItemView, sameView, viewOf } from './views.ts'

export type TextListener = (changes: readonly Change[], before: Page, after: Page) => void
/** Calls back before the next frame, also in a tab that draws none. Returns a cancel. */
export type NextFrame = (run: () => void) => () => void

export class NotebookStore {
  readonly doc: Y.Doc
  readonly text: Y.Text
  readonly undo: Y.UndoManager
  /** Origin of every change that this page makes; what undo follows. */
  readonly local = { name: 'this page' }
  readonly order: Signal<readonly string[]> = signal([])
  readonly frontMatter: Signal<FrontMatter | undefined> = signal(undefined)
  page: Page
  readonly #views = new Map<string, Signal<ItemView>>()
  /** What each item was at the last look: its strings are those of the last parse, so that equal ones are the same. */
  readonly #seen = new Map<string, ItemView>()
  readonly #listeners = new Set<TextListener>()
  readonly #nextFrame: NextFrame
  #cancelFrame: (() => void) | undefined

  constructor(doc: Y.Doc, nextFrame: NextFrame) {
    this.doc = doc
    this.#nextFrame = nextFrame
    this.text = doc.getText(sharedNames.content)
    this.undo = new Y.UndoManager(this.text, { trackedOrigins: new Set([this.local]), captureTimeout: 600 })
    this.page = openPage(this.text.toString())
    this.text.observe(this.#receive)
    this.flush()
  }

  view(key: string): ReadonlySignal<ItemView> | undefined {
    return this.#views.get(key)
  }

  find(key: string): Item | undefined {
    return this.page.items.find(item => item.key === key)
  }

  indexOf(key: string): number {
    return this.page.items.findIndex(item => item.key === key)
  }

  onText(listener: TextListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Changes the shared text, as one step of undo if `step` is given. */
  write(changes: readonly Change[], step?: 'step'): void {
    if (changes.length === 0) return
    if (step) this.undo.stopCapturing()
    this.doc.transact(() => {
      for (const change of changes.toReversed()) this.#apply(change)
    }, this.local)
    if (step) this.undo.stopCapturing()
    if (step) this.flush()
  }

  #apply({ from, to, insert }: Change): void {
    if (to > from) this.text.delete(from, to - from)
    if (insert) this.text.insert(from, insert)
  }

  readonly #receive = (event: Y.YTextEvent): void => {
    const changes = changesOf(event.delta as Delta)
    const before = this.page
    this.page = advance(before, changes)
    for (const listener of this.#listeners) listener(changes, before, this.page)
    this.#cancelFrame ??= this.#nextFrame(() => this.flush())
  }

  /** Brings the signals up to the text now. */
  flush(): void {
    this.#cancelFrame?.()
    this.#cancelFrame = undefined
    batch(() => {
      for (const item of this.page.items) this.#show(item.key, viewOf(item, this.page.source))
      this.frontMatter.value = this.page.notebook.frontMatter
      const keys = this.page.items.map(item => item.key)
      if (keys.length !== this.order.value.length || keys.some((key, at) => key !== this.order.value[at]))
        this.order.value = keys
    })
    const live = new Set(this.order.value)
    for (const key of this.#views.keys()) if (!live.has(key)) this.#forget(key)
  }

  #show(key: string, view: ItemView): void {
    const shown = this.#views.get(key)
    const seen = this.#seen.get(key)
    this.#seen.set(key, view)
    if (!shown) this.#views.set(key, signal(view))
    else if (!seen || !sameView(seen, view)) shown.value = view
  }

  #forget(key: string): void {
    this.#views.delete(key)
    this.#seen.delete(key)
  }

  /** Reads the whole text again. */
  reread(): void {
    this.page = reread(this.page)
    this.flush()
  }

  close(): void {
    this.#cancelFrame?.()
    this.text.unobserve(this.#receive)
    this.undo.destroy()
  }
}

/** The browser's frames; a hidden tab draws none, so there a timer takes over. */
export const browserFrame: NextFrame = run => {
  const timer = setTimeout(run, document.hidden ? 0 : 250)
  const frame = requestAnimationFrame(run)
  return () => {
    clearTimeout(timer)
    cancelAnimationFrame(frame)
  }
}
