/** Items on the clipboard: the Markdown that they are, so that they can be pasted anywhere (NB3). */
import { notify } from '../state/toasts.ts'
import { removeAll } from './actions.ts'
import type { OpenNotebook } from './open-notebook.ts'
import { contained, pieceAt } from './page-edits.ts'

/** What was copied here, for a page that may not read the clipboard. */
let kept = ''

export async function copyItems(notebook: OpenNotebook): Promise<boolean> {
  const { page } = notebook.store
  const chosen = notebook.chosen.peek()
  const items = page.items.filter(({ key }) => chosen.has(key))
  if (items.length === 0) return false
  kept = items.map(({ from, to }) => `${page.text.slice(from, to).trim()}\n`).join('\n')
  // Where the clipboard may not be written, what was copied can still be pasted in this page.
  await navigator.clipboard?.writeText(kept).catch(() => undefined)
  notify(items.length === 1 ? 'Copied' : `${items.length} items copied`)
  return true
}

export async function cutItems(notebook: OpenNotebook): Promise<void> {
  const keys = notebook.chosenKeys
  if (await copyItems(notebook)) removeAll(notebook, keys)
}

export async function pasteItems(notebook: OpenNotebook, side: 'above' | 'below'): Promise<void> {
  const { store } = notebook
  const key = notebook.selected.peek()
  const text = ((await navigator.clipboard?.readText?.().catch(() => '')) || kept).trim()
  if (text === '') return notify('Nothing to paste', 'Copy items with C or cut them with X first.')
  const at = key === undefined ? store.page.items.length : store.indexOf(key) + (side === 'below' ? 1 : 0)
  const before = new Set(store.order.peek())
  store.write(pieceAt(store.page, at, `${contained(text)}\n`), 'step')
  const made = store.order.peek().filter(other => !before.has(other))
  notebook.select(made.at(-1) ?? store.order.peek()[at])
}
