/** Below a cell: where it ran, which opens the reasons; why it waits or was not run, and what to do about it. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { useEffect } from 'preact/hooks'
import { api } from '../../api/client.ts'
import { RunOnChoices } from '../../notebook/run-on.tsx'
import { stopRun } from '../../notebook/stop-run.ts'
import { useUnheardRun } from '../../notebook/unheard-run.ts'
import { RunAgain, runWords, StillWanted } from '../../shell/run-actions.tsx'
import { type RunInfo, runs } from '../../state/known.ts'
import { loadMoves, moves } from '../moves/moves-when-needed.ts'
import { say } from '../say.ts'
import { Icon } from '../shell/icons.tsx'
import { closeSheet, showSheet } from '../shell/sheet.tsx'
import type { PhoneNotebook } from './phone-notebook.ts'
import { isUnderWay, ranWords } from './ran-words.ts'
import { showWhy } from './why-sheet.tsx'

interface FootProps {
  notebook: PhoneNotebook
  itemKey: string
  entry: ExecutionEntry | undefined
}

export function CellFoot({ notebook, itemKey, entry }: FootProps) {
  const failure = notebook.runner.failures.value.get(itemKey)
  const words = entry ? ranWords(entry, Date.now()) : ''
  if (!failure && !entry) return null
  return (
    <div class="cell-foot">
      {entry && words !== '' && (
        <button type="button" class="ran" aria-label={`${words}. Why there?`} onClick={() => showWhy(notebook, entry)}>
          {words}
        </button>
      )}
      {entry && !isUnderWay(entry) && (
        <button
          type="button"
          class="round share-output"
          aria-label="Share this output"
          onClick={() => void shareOutput(notebook, itemKey, entry)}
        >
          <Icon name="share" size={18} />
        </button>
      )}
      {failure ? (
        <p class="cell-note bad" role="alert">
          {failure.message} {failure.hint}
        </p>
      ) : (
        entry && <Note notebook={notebook} itemKey={itemKey} entry={entry} />
      )}
    </div>
  )
}

async function shareOutput(...what: [PhoneNotebook, string, ExecutionEntry]): Promise<void> {
  try {
    ;(await import('./share-output.tsx')).showShare(...what)
  } catch (thrown) {
    say(thrown, 'It cannot be shared now')
  }
}

function Note({ notebook, itemKey, entry }: FootProps & { entry: ExecutionEntry }) {
  const known = runs.value.get(entry.id)
  if (known?.status === 'queued' && known.asks !== null)
    return (
      <div class="cell-note">
        <StillWanted run={known} />
      </div>
    )
  // The device that would tell the document is away; it may still come back and write how it went on.
  if (known?.status === 'interrupted' && isUnderWay(entry)) return <Lost run={known} />
  if (isUnderWay(entry) && entry.status !== 'running')
    return <Waits notebook={notebook} itemKey={itemKey} entry={entry} known={known} />
  const said = entry.reason || entry.notice
  if (!said) return null
  return (
    <div class={`cell-note ${entry.status === 'refused' ? 'bad' : 'warn'}`}>
      {said}
      {entry.status === 'refused' && (
        <div class="row-of">
          <Elsewhere notebook={notebook} itemKey={itemKey} entry={entry} />
        </div>
      )}
    </div>
  )
}

function Lost({ run }: { run: RunInfo }) {
  useEffect(loadMoves, [])
  const AgainElsewhere = moves.part.value?.AgainElsewhere
  return (
    <div class="cell-note warn" role="status">
      Interrupted: {run.deviceName ?? 'its device'} is gone. {runWords(run)} <RunAgain run={run} />{' '}
      {AgainElsewhere && <AgainElsewhere run={run} />}
    </div>
  )
}

/** Every reason of the router, and what would let it start (W55). */
function Waits({ notebook, itemKey, entry, known }: FootProps & { entry: ExecutionEntry; known: RunInfo | undefined }) {
  const reasons = known?.status === 'queued' ? known.reasons : entry.reason ? [entry.reason] : []
  useUnheardRun(entry.id)
  const isHeld = known !== undefined && reasons.some(reason => /^Waiting for .* s\)/.test(reason))
  useEffect(() => {
    if (isHeld) loadMoves()
  }, [isHeld])
  const WaitingFor = moves.part.value?.WaitingFor
  if (known?.position) return <p class="cell-note">Queued, {known.position} ahead</p>
  if (isHeld && WaitingFor)
    return (
      <div class="cell-note">
        <WaitingFor run={known} />
      </div>
    )
  if (reasons.length === 0) return null
  const drop = () => stopRun(notebook, entry.id).catch(thrown => say(thrown, 'The run was not cancelled'))
  return (
    <div class="cell-note" role="status">
      <ul>
        {reasons.map(reason => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      <div class="row-of">
        <Elsewhere notebook={notebook} itemKey={itemKey} entry={entry} />
        <button type="button" class="button" onClick={() => void drop()}>
          Drop it
        </button>
      </div>
    </div>
  )
}

function Elsewhere({ notebook, itemKey, entry }: FootProps & { entry: ExecutionEntry }) {
  const open = () =>
    showSheet('Run on another device', () => (
      <RunOnChoices
        notebook={notebook}
        language={entry.language}
        close={closeSheet}
        choose={device => void runElsewhere(notebook, itemKey, entry, device)}
      />
    ))
  return (
    <button type="button" class="button" onClick={open}>
      Run on…
    </button>
  )
}

/** It is dropped where it waits, and asked for again there. */
async function runElsewhere(
  notebook: PhoneNotebook,
  key: string,
  entry: ExecutionEntry,
  device: string | undefined,
): Promise<void> {
  notebook.runner.on.value = device
  try {
    if (isUnderWay(entry)) await api.cancelRun(entry.id, 'given to another device')
    await notebook.run(key)
  } catch (thrown) {
    say(thrown, 'The run was not given to another device')
  }
}
