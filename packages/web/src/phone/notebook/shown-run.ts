/** A link to a run of the notebook (`#run-…`) leads to its cell, once that is drawn. */
import { useEffect } from 'preact/hooks'
import type { NotebookReading } from '../../notebook/reading.ts'

const mostFrames = 300

export function useShownRun(notebook: NotebookReading | undefined): void {
  useEffect(() => {
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
