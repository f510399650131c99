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
    if (element) bringIntoSight(element, wanted.word, countBefore(page.text.slice(item.from, at), wanted.word))
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

const countBefore = (text: string, word: string): number => text.toLowerCase().split(word.toLowerCase()).length - 1

/** Long prose is one item: the word itself is to be seen, or at least where the item begins. */
function bringIntoSight(element: Element, word: string, nth: number): void {
  const range = rangeOf(element, word, nth)
  const { top, bottom } = (range ?? element).getBoundingClientRect()
  if (top > 0 && (range ? bottom : top) < innerHeight * 0.8) return
  scrollBy({ top: top - innerHeight / 3, behavior: 'instant' })
}

/** The nth time that the word stands there as it is drawn; the last time if there are fewer. */
function rangeOf(element: Element, word: string, nth: number): Range | undefined {
  const nodes = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
  let found: Range | undefined
  let left = nth
  for (let node = nodes.nextNode(); node && left >= 0; node = nodes.nextNode()) {
    const text = (node.textContent ?? '').toLowerCase()
    for (
      let at = text.indexOf(word.toLowerCase());
      at >= 0 && left >= 0;
      at = text.indexOf(word.toLowerCase(), at + 1)
    ) {
      found = document.createRange()
      found.setStart(node, Math.min(at, node.textContent!.length))
      found.setEnd(node, Math.min(at + word.length, node.textContent!.length))
      left--
    }
  }
  return found
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
