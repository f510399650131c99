/** Showing where a place is that was found, and replacing it. Loaded with the bar. */
import { notify } from '../state/toasts.ts'
import { occurrences } from './find-marks.ts'
import { findOf } from './find-store.ts'
import type { Found } from './find-text.ts'
import type { OpenNotebook } from './open-notebook.ts'
import { foldOf } from './text-chunks.ts'

/** Scrolls to the place that is shown; in code it is selected, and an output that hides it is unfolded. */
export async function showFound(notebook: OpenNotebook): Promise<void> {
  const { pieces, found } = findOf(notebook).result.peek()
  const place = found[findOf(notebook).at.peek()]
  const piece = place && pieces[place.piece]
  if (!piece) return
  const wordsAt = ({ from, to }: { from: number; to: number }) => piece.text.slice(from, to)
  const words = wordsAt(place)
  const alike = ({ piece: of, ...at }: Found) => of === place.piece && at.from < place.from && wordsAt(at) === words
  const nth = found.filter(alike).length
  if (piece.run !== undefined && isFoldedAway(piece.text, place.to)) notebook.setWhole(piece.run, true)
  await notebook.reveal(piece.key, item => (piece.part === 'code' ? lineIn(item, words, nth) : undefined))
  if (piece.part === 'code') notebook.editorOf(piece.key)?.show(place.from, place.to)
  else showRange(piece.key, drawnIn[piece.part], words, nth)
}

/** Of a folded output only the beginning has its places in order; the end is counted from what is hidden. */
function isFoldedAway(text: string, to: number): boolean {
  const fold = foldOf(text)
  return fold !== undefined && to > fold.head.length
}

const drawnIn = { prose: '.prose', output: '.output-text' }

function lineIn(item: HTMLElement, words: string, nth: number): Element | undefined {
  const lines = [...item.querySelectorAll('.cm-line, .code-static')]
  let left = nth
  for (const line of lines) {
    const count = (line.textContent ?? '').split(words).length - 1
    if (left < count) return line
    left -= count
  }
  return lines[0]
}

/** An element may be far longer than the window, so it is the words themselves that are brought to its middle. */
function showRange(key: string, selector: string, words: string, nth: number): void {
  const item = document.getElementById(`item-${key}`)
  const drawn = [...(item?.querySelectorAll(selector) ?? [])]
  const ranges = drawn.flatMap(element => occurrences(element, words, nth + 1))
  const range = ranges[nth] ?? ranges[0]
  // A piece of a long output has no layout until it is near.
  range?.startContainer.parentElement?.scrollIntoView({ block: 'nearest' })
  const box = range?.getBoundingClientRect()
  if (box) item?.closest('.stage')?.scrollBy(0, box.top - innerHeight / 2)
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
