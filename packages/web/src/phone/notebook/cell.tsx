/** A cell on the phone: its code, a button to run or stop it, its outputs, and where they came from. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { computed } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { OutputView } from '../../notebook/output-view.tsx'
import { useReading } from '../../notebook/reading.ts'
import type { CellView } from '../../notebook/views.ts'
import { neededPart } from '../../shell/needed-part.ts'
import type { QueuedRun } from '../offline/queued-run.ts'
import { say } from '../say.ts'
import { Icon } from '../shell/icons.tsx'
import { useDoing } from './doing.ts'
import { CellFoot, EditArea, Question, stopRun } from './parts.tsx'
import { isUnderWay } from './ran-words.ts'

const queuedView = neededPart(() => import('../offline/queued-view.tsx').then(module => module.QueuedView))

export function Cell({ itemKey, view, isEdited }: { itemKey: string; view: CellView; isEdited: boolean }) {
  const notebook = useReading()
  const doing = useDoing()
  const run = useMemo(() => computed(() => notebook.runOf(itemKey)), [notebook, itemKey]).value
  const entry = run === undefined ? undefined : notebook.entryOf(run).value
  const queued = useMemo(() => computed(() => doing?.queued.value.get(itemKey)), [doing, itemKey]).value
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields, and a region for each cell is a landmark too many
    <section class="item cell" id={`item-${itemKey}`} role="group" aria-label={`${view.language} cell`}>
      <div class="code-row">
        {isEdited ? (
          <EditArea itemKey={itemKey} label="Code" language={view.language} text={view.code} />
        ) : (
          <button type="button" class="code" onClick={() => doing?.mayWrite !== false && notebook.edit(itemKey)}>
            <code>{view.code || ' '}</code>
          </button>
        )}
        <RunButton itemKey={itemKey} run={run} entry={entry} queued={queued} />
      </div>
      {view.outputs.map(output => (
        <OutputView key={output.runId} output={output} />
      ))}
      {run !== undefined && entry && !view.outputs.some(({ runId }) => runId === run) && (
        <OutputView output={{ runId: run, text: '', images: [] }} />
      )}
      {run !== undefined && entry?.stdinRequest && (
        <Question key={entry.stdinRequest.id} run={run} request={entry.stdinRequest} />
      )}
      {queued ? <Queued run={queued} /> : <CellFoot notebook={doing} itemKey={itemKey} entry={entry} />}
    </section>
  )
}

function Queued({ run }: { run: QueuedRun }) {
  useEffect(() => void queuedView.load().catch(() => undefined), [])
  const View = queuedView.part.value
  return View ? <View run={run} /> : <p class="words">Queued on this phone</p>
}

interface RunButtonProps {
  itemKey: string
  run: string | undefined
  entry: ExecutionEntry | undefined
  queued: QueuedRun | undefined
}

function RunButton({ itemKey, run, entry, queued }: RunButtonProps) {
  const notebook = useDoing()
  if (queued?.state.is === 'sent') return <CancelQueued id={queued.id} />
  const isActive = isUnderWay(entry)
  const press = () => {
    if (!notebook) return
    const work = isActive && run !== undefined ? stopRun(notebook, run) : notebook.run(itemKey)
    work.catch(thrown => say(thrown, isActive ? 'The cell was not stopped' : 'The cell was not run'))
  }
  // What stands there already is answered below the cell.
  if (queued) return null
  const label = isActive ? (entry?.status === 'running' ? 'Interrupt the cell' : 'Cancel the run') : 'Run the cell'
  return (
    <button
      type="button"
      class={`round run ${isActive ? 'active' : ''}`}
      aria-label={label}
      disabled={!notebook}
      onClick={press}
    >
      <Icon name={isActive ? 'stop' : 'runs'} />
    </button>
  )
}

/** It is at the hub and no device has shown it yet. */
function CancelQueued({ id }: { id: string }) {
  const press = () =>
    import('../../api/client.ts')
      .then(({ api }) => api.cancelRun(id, 'cancelled on the phone'))
      .catch(thrown => say(thrown, 'The run was not cancelled'))
  return (
    <button type="button" class="round run active" aria-label="Cancel the run" onClick={() => void press()}>
      <Icon name="stop" />
    </button>
  )
}
