/**
 * A notebook that is open: the items of its shared text. Editors hear of every change at once; the page is drawn at most
 * once a frame. Knows no network.
 */
import { sharedNames } from '@meshbook/core/executions.ts'
import { type Change, changesOf, type Delta } from '@meshbook/core/text/text-delta.ts'
import * as Y from 'yjs'
import { ItemStore } from './item-store.ts'
import { advance, type Page } from './items.ts'

export type TextListener = (changes: readonly Change[], before: Page, after: Page) => void
/** Calls back before the next frame, also in a tab that draws none. Returns a cancel. */
export type NextFrame = (run: () => void) => () => void

export class NotebookStore extends ItemStore {
  readonly doc: Y.Doc
  readonly text: Y.Text
  readonly undo: Y.UndoManager
  /** Origin of every change that this page makes; what undo follows. */
  readonly local = { name: 'this page' }
  readonly #listeners = new Set<TextListener>()
  readonly #nextFrame: NextFrame
  #cancelFrame: (() => void) | undefined

  constructor(doc: Y.Doc, nextFrame: NextFrame) {
    const text = doc.getText(sharedNames.content)
    super(text.toString())
    this.doc = doc
    this.#nextFrame = nextFrame
    this.text = text
    this.undo = new Y.UndoManager(this.text, { trackedOrigins: new Set([this.local]), captureTimeout: 600 })
    this.text.observe(this.#receive)
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

  override flush(): void {
    this.#cancelFrame?.()
    this.#cancelFrame = undefined
    super.flush()
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
