/** Ctrl+C cancels the run that is shown, a second one and SIGTERM only this process: the run can go on. */
import type { RunView } from './run-view.ts'

/** Answers with what takes the handlers away. */
export function onSignals(cancel: () => Promise<unknown>, stop: AbortController, view: RunView): () => void {
  let asked = false
  const interrupt = (): void => {
    if (asked) {
      stop.abort()
      return
    }
    asked = true
    view.tell('The run is being cancelled; press Ctrl+C again to leave it as it is.')
    cancel().catch(() => stop.abort())
  }
  const end = (): void => stop.abort()
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', end)
  return () => {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', end)
  }
}
