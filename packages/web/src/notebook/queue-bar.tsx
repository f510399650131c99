/** Floats above the notebook while a list of cells runs, and after one failed: how far it is, and how to go on (NB10, NB11). */
import { Icon } from '../shell/icons.tsx'
import { act } from './doing-when-needed.ts'
import { useNotebook } from './open-notebook.ts'

export function QueueBar() {
  const notebook = useNotebook()
  const { progress, dropped } = notebook.runner
  if (progress.value) return <Progress {...progress.value} />
  return dropped.value ? <Dropped after={dropped.value.after} rest={dropped.value.rest.length} /> : null
}

function Progress({ done, total }: { done: number; total: number }) {
  const notebook = useNotebook()
  return (
    <section class="queue-bar" aria-label="Run queue">
      <progress value={done} max={total} aria-label="Cells that have run" />
      <span class="tabular">
        Running {done + 1} of {total}
      </span>
      <button type="button" class="button small" onClick={() => act(to => to.interrupt(notebook))}>
        Stop
      </button>
    </section>
  )
}

function Dropped({ after, rest }: { after: string; rest: number }) {
  const notebook = useNotebook()
  const dismiss = () => {
    notebook.runner.dropped.value = undefined
  }
  return (
    <div class="queue-bar bad" role="alert">
      <Icon name="warning" />
      <span>
        Stopped: a cell failed. {rest} {rest === 1 ? 'cell was' : 'cells were'} not run.
      </span>
      <button type="button" class="button small" onClick={() => void showFailed(notebook, after)}>
        Show it
      </button>
      <button type="button" class="button small primary" onClick={() => void notebook.runner.resume()}>
        Go on
      </button>
      <button type="button" class="icon-button small" aria-label="Dismiss" onClick={dismiss}>
        <Icon name="close" />
      </button>
    </div>
  )
}

async function showFailed(notebook: ReturnType<typeof useNotebook>, key: string): Promise<void> {
  await notebook.reveal(key)
  notebook.select(key)
}
