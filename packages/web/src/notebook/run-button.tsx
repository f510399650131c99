/** The button at the left of a cell: run it, or stop it; and how its last run went. */
import type { ExecutionStatus } from '@meshbook/core/executions.ts'
import { Icon, type IconName } from '../shell/icons.tsx'
import { report } from '../state/toasts.ts'
import { runOne, stopRun } from './actions.ts'
import { useNotebook } from './open-notebook.ts'

interface Look {
  icon: IconName
  label: string
  class: string
}

function lookOf(status: ExecutionStatus | undefined, waits: boolean): Look {
  if (waits) return { icon: 'clock', label: 'Waits for the cells above. Stop waiting', class: 'queued' }
  switch (status) {
    case 'requested':
    case 'claimed':
    case 'ready':
      return { icon: 'spinner', label: 'Cancel the run', class: 'queued' }
    case 'running':
      return { icon: 'stop', label: 'Interrupt the cell', class: 'running' }
    default:
      return { icon: 'play', label: 'Run the cell', class: '' }
  }
}

export function RunButton({
  itemKey,
  run,
  status,
}: {
  itemKey: string
  run: string | undefined
  status: ExecutionStatus | undefined
}) {
  const notebook = useNotebook()
  const waits = notebook.runner.waiting.value.includes(itemKey)
  const look = lookOf(status, waits)
  const press = (event: Event) => {
    event.stopPropagation()
    if (waits) notebook.runner.stopWaiting()
    else if (look.class === '') {
      notebook.selected.value = itemKey
      runOne(notebook, itemKey)
    } else if (run !== undefined) stopRun(notebook, run).catch(thrown => report(thrown, 'The cell was not stopped'))
  }
  return (
    <button type="button" class={`run-button ${look.class}`} aria-label={look.label} title={look.label} onClick={press}>
      <Icon name={look.icon} class={look.icon === 'spinner' ? 'spin' : ''} />
      {look.class === 'running' && <Icon name="spinner" size={30} class="ring spin" />}
    </button>
  )
}
