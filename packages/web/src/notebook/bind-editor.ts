/** Ties an editor to one item of the notebook: both ways, with other people's edits in between. */

import { type Change, diffOf } from '@meshbook/core/text/text-delta.ts'
import type { Editor } from '../editor/code-editor.ts'
import type { Item, Page } from './items.ts'
import type { NotebookStore } from './notebook-store.ts'
import { contained, isContained } from './page-edits.ts'
import { proseSlice } from './prose-slice.ts'
import { cellTextChanges, plainOf, type Slice, toEditorChanges, toTextChanges } from './slice.ts'

/** What shows an item's text, whatever it is. */
export type TextShower = Pick<Editor, 'text' | 'apply'>

export interface Binding {
  /** Takes what the user typed. */
  typed(changes: Change[]): void
  close(): void
}

const itemIn = (page: Page, key: string): Item | undefined => page.items.find(item => item.key === key)

export function cellSlice(item: Item | undefined): Slice | undefined {
  return item?.kind === 'cell' ? { from: item.cell.codeFrom, to: item.cell.codeTo } : undefined
}

export function bindCell(store: NotebookStore, key: string, editor: () => TextShower | undefined): Binding {
  const stop = store.onText((changes, before, after) => {
    const shown = editor()
    const slice = cellSlice(itemIn(before, key))
    const next = cellSlice(itemIn(after, key))
    if (!shown || !slice || !next) return
    const edits = toEditorChanges(shown.text(), plainOf(after.source, next), slice, changes)
    if (edits.length > 0) shown.apply(edits)
  })
  const typed = (changes: Change[]) => {
    const item = store.find(key)
    if (item?.kind === 'cell') store.write(cellTextChanges(store.page.source, item.cell, changes))
  }
  return { typed, close: stop }
}

/**
 * Prose is written to the document as it is typed, except while it holds an open fence or comment: that would turn
 * everything below into one cell for all readers. Such text is held back until it is closed, at the latest on `close`.
 */
export function bindProse(store: NotebookStore, key: string, editor: () => TextShower | undefined): Binding {
  /** The text as the document had it when it was last seen. */
  let base = shownOf(store, key)
  const stop = store.onText((_changes, _before, after) => {
    const slice = proseSlice(itemIn(after, key), after.source)
    const shown = editor()
    if (!slice || !shown) return
    const next = plainOf(after.source, slice)
    const own = shown.text()
    const change = diffOf(base, next)
    const edit = change && rebased(change, diffOf(base, trimmed(own)))
    base = next
    if (!edit) return
    const lead = own.length - own.replace(leadingLines, '').length
    shown.apply([{ ...edit, from: edit.from + lead, to: edit.to + lead }])
  })
  const write = (text: string) => {
    const slice = proseSlice(store.find(key), store.page.source)
    if (!slice) return
    const change = diffOf(plainOf(store.page.source, slice), text)
    base = text
    if (change) store.write(toTextChanges(store.page.source, slice, [change], eolOf(store)))
  }
  const typed = () => {
    const text = trimmed(editor()?.text() ?? '')
    if (text !== '' && isContained(text)) write(text)
  }
  const close = () => {
    stop()
    const text = editor()?.text()
    if (text !== undefined) write(contained(trimmed(text)))
  }
  return { typed, close }
}

/**
 * A change by others of a text that the user has changed meanwhile by `own`, not handed over yet. Where both changed
 * the same place the user's stays.
 */
export function rebased(change: Change, own: Change | undefined): Change | undefined {
  if (!own || change.to <= own.from) return change
  if (change.from < own.to) return undefined
  const shift = own.insert.length - (own.to - own.from)
  return { ...change, from: change.from + shift, to: change.to + shift }
}

/** As the first line of the text ends. */
function eolOf({ page: { source } }: NotebookStore): '\n' | '\r\n' {
  for (let at = 0; at < source.length; at += 1_000) {
    const end = source.slice(at, at + 1_001).indexOf('\n')
    if (end >= 0) return source.slice(at + end - 1, at + end) === '\r' ? '\r\n' : '\n'
  }
  return '\n'
}

const leadingLines = /^(?:[ \t]*\n)+/
const trimmed = (text: string): string => text.replace(leadingLines, '').replace(/(?:\n[ \t]*)+$/, '')

function shownOf(store: NotebookStore, key: string): string {
  const slice = proseSlice(store.find(key), store.page.source)
  return slice ? plainOf(store.page.source, slice) : ''
}
