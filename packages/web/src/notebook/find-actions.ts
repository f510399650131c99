/** Opening the search and going from place to place. */
import { findOf } from './find-store.ts'
import type { OpenNotebook } from './open-notebook.ts'

/** What is selected on the page is what is looked for. */
export function openFind(notebook: OpenNotebook, mode: 'find' | 'replace'): void {
  const selected = getSelection()?.toString() ?? ''
  if (selected !== '' && !selected.includes('\n')) findOf(notebook).ask({ text: selected, pattern: false })
  findOf(notebook).show(mode)
  requestAnimationFrame(() => document.querySelector<HTMLInputElement>('.find input')?.select())
}

export function stepFind(notebook: OpenNotebook, by: 1 | -1): void {
  const find = findOf(notebook)
  if (find.open.peek() === undefined) openFind(notebook, 'find')
  else find.step(by)
}
