/**
 * Where others are in an open notebook, and where this page is, told to them. Positions are of the shared text, in the
 * form that other Yjs editors send (`cursor: {anchor, head}`), and come from strangers (NB50).
 */

import type { TextReader } from '@meshbook/core/text/long-text.ts'
import { type Signal, signal } from '@preact/signals'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Caret } from '../editor/remote-carets.ts'
import { cursorsOf, type PeerCursor } from '../sync/peers.ts'
import type { Item } from './items.ts'
import type { NotebookStore } from './notebook-store.ts'
import { proseSlice } from './prose-slice.ts'
import type { Slice } from './slice.ts'

const tellEveryMs = 120
const mostCursors = 50

export class Cursors {
  /** The carets in each item, by its key, in offsets of its editor. */
  readonly shown: Signal<ReadonlyMap<string, readonly Caret[]>> = signal(new Map())
  readonly #store: NotebookStore
  readonly #awareness: Awareness
  #timer: ReturnType<typeof setTimeout> | undefined
  #told: { key: string; anchor: number; head: number } | undefined

  constructor(store: NotebookStore, awareness: Awareness) {
    this.#store = store
    this.#awareness = awareness
    awareness.on('change', this.#look)
    this.#look()
  }

  /** The cursor of this page is in an item's editor, or has left it. */
  tell(key: string, range: { anchor: number; head: number } | undefined): void {
    if (range === undefined && this.#told?.key !== key) return
    this.#told = range && { key, ...range }
    this.#timer ??= setTimeout(() => this.#send(), tellEveryMs)
  }

  #send(): void {
    this.#timer = undefined
    const told = this.#told
    const slice = told && sliceOf(this.#store.find(told.key), this.#store.page.source)
    const at = (offset: number) =>
      Y.relativePositionToJSON(
        Y.createRelativePositionFromTypeIndex(this.#store.text, Math.min(slice!.from + offset, slice!.to)),
      )
    const cursor = told && slice ? { anchor: at(told.anchor), head: at(told.head) } : null
    this.#awareness.setLocalStateField('cursor', cursor)
  }

  readonly #look = (): void => {
    const found = new Map<string, Caret[]>()
    const { page } = this.#store
    for (const cursor of cursorsOf(this.#awareness.getStates(), this.#awareness.clientID).slice(0, mostCursors)) {
      const head = this.#offsetOf(cursor.head)
      const item = head === undefined ? undefined : page.items.find(({ from, to }) => from <= head && head <= to)
      const slice = sliceOf(item, page.source)
      if (!item || !slice || head === undefined) continue
      found.set(item.key, [...(found.get(item.key) ?? []), this.#caret(cursor, head, slice)])
    }
    if (found.size > 0 || this.shown.peek().size > 0) this.shown.value = found
  }

  #caret({ client, name, hue, anchor }: PeerCursor, head: number, { from, to }: Slice): Caret {
    const within = (offset: number) => Math.max(0, Math.min(offset, to) - from)
    return { client, name, hue, anchor: within(this.#offsetOf(anchor) ?? head), head: within(head) }
  }

  #offsetOf(position: unknown): number | undefined {
    if (typeof position !== 'object' || position === null) return undefined
    try {
      const found = Y.createAbsolutePositionFromRelativePosition(
        Y.createRelativePositionFromJSON(position),
        this.#store.doc,
      )
      return found?.type === this.#store.text ? found.index : undefined
    } catch {
      // A position of another document or one that is broken is nowhere.
      return undefined
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#awareness.off('change', this.#look)
  }
}

/** What the editor of an item shows of the text. */
function sliceOf(item: Item | undefined, text: TextReader): Slice | undefined {
  return item?.kind === 'cell' ? { from: item.cell.codeFrom, to: item.cell.codeTo } : proseSlice(item, text)
}
