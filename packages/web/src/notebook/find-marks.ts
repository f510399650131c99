/**
 * Marks what was found, where it is drawn, with the browser's highlights: they change no element, so editors and sandboxed
 * outputs stay as they are. Words that a pattern found are looked for as words, never by the pattern (NB21).
 */
import { effect } from '@preact/signals'
import { findOf } from './find-store.ts'
import type { OpenNotebook } from './open-notebook.ts'

const name = 'found'
const mostWords = 50
const mostMarks = 2_000
const looked = '.cm-line, .code-static, .prose, .output-text'
const settleMs = 60

/** Returns what takes the marks away. */
export function markFound(notebook: OpenNotebook): () => void {
  if (typeof Highlight === 'undefined' || !CSS.highlights) return () => undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const later = () => {
    clearTimeout(timer)
    timer = setTimeout(() => CSS.highlights.set(name, new Highlight(...rangesOf(notebook))), settleMs)
  }
  const stop = effect(() => {
    void findOf(notebook).result.value
    void findOf(notebook).at.value
    later()
  })
  // What scrolls is an element, whose events do not rise: they are seen on their way down.
  addEventListener('scroll', later, { passive: true, capture: true })
  return () => {
    stop()
    clearTimeout(timer)
    removeEventListener('scroll', later, { capture: true })
    CSS.highlights.delete(name)
  }
}

function rangesOf(notebook: OpenNotebook): Range[] {
  const { pieces, found } = findOf(notebook).result.peek()
  const words = new Set(found.map(({ piece, from, to }) => pieces[piece]?.text.slice(from, to) ?? ''))
  const few = [...words].filter(word => word !== '' && !word.includes('\n')).slice(0, mostWords)
  const ranges: Range[] = []
  for (const element of document.querySelectorAll(`#main :is(${looked})`)) {
    const box = element.getBoundingClientRect()
    if (box.bottom < 0 || box.top > innerHeight) continue
    for (const word of few) ranges.push(...occurrences(element, word, mostMarks - ranges.length))
  }
  return ranges
}

/** Where a word stands in an element, also across the elements that colour it. */
export function occurrences(element: Element, word: string, most: number): Range[] {
  const nodes: { node: Text; from: number }[] = []
  let text = ''
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode() as Text | null; node; node = walker.nextNode() as Text | null) {
    nodes.push({ node, from: text.length })
    text += node.data
  }
  const ranges: Range[] = []
  for (let at = text.indexOf(word); at >= 0 && ranges.length < most; at = text.indexOf(word, at + word.length)) {
    const range = new Range()
    const [start, end] = [
      nodes.findLast(({ from }) => from <= at)!,
      nodes.findLast(({ from }) => from < at + word.length)!,
    ]
    range.setStart(start.node, at - start.from)
    range.setEnd(end.node, at + word.length - end.from)
    ranges.push(range)
  }
  return ranges
}
