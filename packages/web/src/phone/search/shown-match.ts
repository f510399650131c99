/** A link to what a search found (`#find-…`) leads to the item it is in, once that is drawn, and marks it for a moment. */
import '../styles/shown-match.css'
import type { NotebookReading } from '../../notebook/reading.ts'
import { nearest, readMatchHash } from './search-text.ts'

const mostFrames = 300
const markedMs = 2_500

/** Returns what stops looking. */
export function showMatch(notebook: NotebookReading): () => void {
  const wanted = readMatchHash(location.hash)
  if (!wanted) return () => undefined
  let frame = 0
  let tries = 0
  const look = () => {
    const { page } = notebook.store
    const at = nearest(page.text, wanted)
    const item = at === undefined ? undefined : page.items.find(({ from, to }) => from <= at && at < to)
    const element = item && document.getElementById(`item-${item.key}`)
    if (element) return show(element)
    if (item !== undefined && ++tries < mostFrames) frame = requestAnimationFrame(look)
  }
  look()
  return () => cancelAnimationFrame(frame)
}

function show(element: HTMLElement): void {
  element.scrollIntoView({ block: 'center' })
  element.classList.add('found-here')
  const { hash } = location
  setTimeout(() => {
    element.classList.remove('found-here')
    // Going back to this entry of the history finds the place where it was left.
    if (location.hash === hash) history.replaceState(history.state, '', location.pathname)
  }, markedMs)
}
