/** A link to a run of the notebook (`#run-…`) leads to its cell, one to what a search found (`#find-…`) there, once that is drawn. */
import { useEffect } from 'preact/hooks'
import type { NotebookReading } from '../../notebook/reading.ts'

const mostFrames = 300

export function useShownRun(notebook: NotebookReading | undefined): void {
  useEffect(() => {
    if (notebook && location.hash.startsWith('#find-')) return whenFound(notebook)
    const run = /^#run-(.+)$/.exec(location.hash)?.[1]
    if (!notebook || run === undefined) return
    let frame = 0
    let tries = 0
    const look = () => {
      const key = notebook.store.order.peek().find(key => notebook.runOf(key) === run)
      const cell = key === undefined ? null : document.getElementById(`item-${key}`)
      if (cell) return cell.scrollIntoView({ block: 'center' })
      if (++tries < mostFrames) frame = requestAnimationFrame(look)
    }
    look()
    return () => cancelAnimationFrame(frame)
  }, [notebook])
}

function whenFound(notebook: NotebookReading): () => void {
  let stop: (() => void) | undefined
  let isOver = false
  import('../search/shown-match.ts').then(
    ({ showMatch }) => {
      if (!isOver) stop = showMatch(notebook)
    },
    // Its part cannot be had now: the notebook stands at its beginning.
    () => undefined,
  )
  return () => {
    isOver = true
    stop?.()
  }
}
