/** A link to what a search found (`#find-…`) leads to the item it is in, once that is drawn, and marks it for a moment. */
import '../styles/shown-match.css'
import type { NotebookReading } from '../../notebook/reading.ts'
import { nearest, readMatchHash } from './search-text.ts'

const mostFrames = 300
const settledFrames = 60
const markedMs = 2_500

/** Returns what stops looking. */
export function showMatch(notebook: NotebookReading): () => void {
  const wanted = readMatchHash(location.hash)
  if (!wanted) return () => undefined
  let frame = 0
  let tries = 0
  let settled = 0
  let marked: Element | undefined
  let isTouched = false
  const touch = () => {
    isTouched = true
  }
  addEventListener('touchstart', touch, { passive: true })
  const look = () => {
    const { page } = notebook.store
    const at = nearest(page.text, wanted)
    const item = at === undefined ? undefined : page.items.find(({ from, to }) => from <= at && at < to)
    const element = item && document.getElementById(`item-${item.key}`)
    if (element && !isShown(element)) element.scrollIntoView({ block: 'center' })
    if (element && !marked) marked = mark(element)
    // What stands above is drawn meanwhile, and moves it; a finger on the page decides otherwise.
    const isOver = marked && ++settled > settledFrames
    if (item && !isOver && !isTouched && ++tries < mostFrames) frame = requestAnimationFrame(look)
  }
  look()
  return () => {
    cancelAnimationFrame(frame)
    removeEventListener('touchstart', touch)
  }
}

function isShown(element: Element): boolean {
  const { top, bottom } = element.getBoundingClientRect()
  return bottom > 0 && top < innerHeight * 0.8
}

function mark(element: Element): Element {
  element.classList.add('found-here')
  const { hash } = location
  setTimeout(() => {
    element.classList.remove('found-here')
    // Going back to this entry of the history finds the place where it was left.
    if (location.hash === hash) history.replaceState(history.state, '', location.pathname)
  }, markedMs)
  return element
}
