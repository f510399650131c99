/** Floats above the notebook while a list of cells runs, and after one failed: how far it is, and how to go on (NB10, NB11). */

import { Icon } from '../shell/icons.tsx'
import { interrupt } from './actions.ts'
import { type Asking, useAsking } from './asking.ts'
import { useNotebook } from './open-notebook.ts'

export function QueueBar() {
  const notebook = useNotebook()
  const { progress, dropped } = notebook.runner
  const asking = useAsking()
  if (progress.value && asking) return <Asks {...asking} />
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
      <button type="button" class="button small" onClick={() => void interrupt(notebook)}>
        Stop
      </button>
    </section>
  )
}

/** The list waits for a person, who may be looking at another part of it. */
function Asks({ run, prompt }: Asking) {
  const notebook = useNotebook()
  const show = async () => {
    const key = [...notebook.executions.newest.peek()].find(([, newest]) => newest === run)?.[0]
    if (key === undefined) return
    await notebook.reveal(key, item => item.querySelector('.stdin') ?? undefined)
    document.querySelector<HTMLInputElement>(`#item-${CSS.escape(key)} .stdin input`)?.focus()
  }
  return (
    <section class="queue-bar" aria-label="Run queue">
      <Icon name="keyboard" />
      <span class="ellipsis">{prompt === '' ? 'A cell asks for an answer' : `A cell asks: ${prompt}`}</span>
      <button type="button" class="button small primary" onClick={() => void show()}>
        Answer
      </button>
      <button type="button" class="button small" onClick={() => void interrupt(notebook)}>
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
