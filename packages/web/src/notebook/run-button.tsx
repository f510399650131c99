/** The button at the left of a cell: run it, or stop it; and how its last run went. */
import type { ExecutionStatus } from '@meshbook/core/executions.ts'
import { useComputed } from '@preact/signals'
import { Icon, type IconName } from '../shell/icons.tsx'
import { report } from '../state/toasts.ts'
import { act } from './doing-when-needed.ts'
import { useNotebook } from './open-notebook.ts'

interface Look {
  icon: IconName
  label: string
  class: string
}

/** `place` in the list of cells that wait, from 1; 0 if it does not. */
function lookOf(status: ExecutionStatus | undefined, place: number): Look {
  if (place > 0) return { icon: 'clock', label: `Place ${place} in the queue. Stop waiting`, class: 'queued' }
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
  const place = useComputed(() => notebook.runner.waiting.value.indexOf(itemKey) + 1).value
  const look = lookOf(status, place)
  const press = (event: Event) => {
    event.stopPropagation()
    if (place > 0) notebook.runner.stopWaiting()
    else if (look.class === '') {
      notebook.selected.value = itemKey
      act(to => to.runOne(notebook, itemKey))
    } else if (run !== undefined)
      act(to => to.stopRun(notebook, run).catch(thrown => report(thrown, 'The cell was not stopped')))
  }
  return (
    <button type="button" class={`run-button ${look.class}`} aria-label={look.label} title={look.label} onClick={press}>
      {place > 0 ? (
        <span class="queue-place">{place}</span>
      ) : (
        <Icon name={look.icon} class={look.icon === 'spinner' ? 'spin' : ''} />
      )}
      {look.class === 'running' && <Icon name="spinner" size={30} class="ring spin" />}
    </button>
  )
}
