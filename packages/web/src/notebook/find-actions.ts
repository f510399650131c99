/** Opening the search, going from place to place, and showing where a place is. */
import { notify } from '../state/toasts.ts'
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
  else {
    find.step(by)
    void showFound(notebook)
  }
}

/** Scrolls to the place that is shown; in code it is selected. */
export async function showFound(notebook: OpenNotebook): Promise<void> {
  const { pieces, found } = findOf(notebook).result.peek()
  const place = found[findOf(notebook).at.peek()]
  const piece = place && pieces[place.piece]
  if (!piece) return
  const words = piece.text.slice(place.from, place.to)
  const nth = found.filter(other => other.piece === place.piece && other.from < place.from).length
  await notebook.reveal(piece.key, item => placeIn(item, piece.part, words, nth))
  if (piece.part === 'code') notebook.editorOf(piece.key)?.show(place.from, place.to)
}

const containers = { code: '.cm-line, .code-static', prose: '.prose', output: '.output' }

/** The element with the `nth` occurrence, or the whole part where it is not drawn: an output may be folded. */
function placeIn(item: HTMLElement, part: keyof typeof containers, words: string, nth: number): Element | undefined {
  const all = [...item.querySelectorAll(containers[part])]
  if (part === 'code') {
    let left = nth
    for (const line of all) {
      const count = (line.textContent ?? '').split(words).length - 1
      if (left < count) return line
      left -= count
    }
    return all[0]
  }
  const walker = document.createTreeWalker(item, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (node.textContent?.includes(words) && nth-- <= 0 && node.parentElement?.closest(containers[part]))
      return node.parentElement
  return all[0]
}

export async function replaceFound(notebook: OpenNotebook, which: 'this' | 'all'): Promise<void> {
  const counts = await findOf(notebook).replace(which)
  if (!counts) return notify('Nothing was replaced', 'The notebook was changed meanwhile. Try again.')
  const { replaced, left } = counts
  const skipped = left > 0 ? `${left} left: the text would swallow what follows it.` : 'Undo brings it back.'
  if (which === 'all' || left > 0) notify(`${replaced} replaced`, skipped)
  else if (replaced === 0) notify('Outputs are not changed', 'Only code and text are replaced.')
  await showFound(notebook)
}
