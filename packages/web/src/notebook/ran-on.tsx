/** The line below an output: where it ran, how long, and, on request, why there (W54). */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { useEffect } from 'preact/hooks'
import { api } from '../api/client.ts'
import { Icon } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { deviceById, me, rememberRun, runs } from '../state/mesh.ts'
import { duration, timeOfDay } from './duration.ts'
import { useNotebook } from './open-notebook.ts'
import { RunOnChoices } from './run-on.tsx'
import { ForkButton, useTicking } from './where-label.tsx'

const shownFor = new Set(['running', 'completed', 'error', 'cancelled', 'interrupted'])

export function RanOn({ entry, stale }: { entry: ExecutionEntry; stale: boolean }) {
  if (!shownFor.has(entry.status) || (!entry.ranOn && entry.startedAt === undefined)) return null
  return (
    <div class="ran-on">
      <Popover
        label="Why it ran there"
        title="Why it ran there"
        wordy
        class="pill"
        panelClass="padded"
        button={<PillText entry={entry} />}
      >
        {close => <Why entry={entry} close={close} />}
      </Popover>
      {stale && (
        <span class="pill" title="The code was changed after this output was made">
          <span class="dot suspect" />
          Edited since
        </span>
      )}
    </div>
  )
}

function PillText({ entry }: { entry: ExecutionEntry }) {
  const isRunning = entry.status === 'running'
  const now = useTicking(isRunning)
  const isWorker = deviceById.value.get(entry.ranOn?.device ?? '')?.kind === 'worker'
  const since = entry.startedAt ?? now
  return (
    <>
      <Icon name={isWorker ? 'cloud' : 'bolt'} size={12} />
      <span>{placeName(entry)}</span>
      <span class="faint">·</span>
      <span>{isRunning ? duration(Math.max(0, now - since), 'coarse') : duration(entry.durationMs ?? 0)}</span>
      {!isRunning && entry.startedAt !== undefined && (
        <>
          <span class="faint">·</span>
          <span>{timeOfDay(entry.startedAt, now)}</span>
        </>
      )}
    </>
  )
}

const placeName = (entry: ExecutionEntry): string => entry.ranOn?.name ?? 'Unknown device'

function Why({ entry, close }: { entry: ExecutionEntry; close: () => void }) {
  const notebook = useNotebook()
  const run = runs.value.get(entry.id)
  useEffect(() => {
    // Runs of other days are not in the list of this page; without the hub the reasons stay unknown.
    if (!run) api.run(entry.id).then(rememberRun, () => undefined)
  }, [entry.id])
  const reasons = run?.reasons ?? []
  const isHere = me.value?.device !== undefined && me.value.device === entry.ranOn?.device
  return (
    <div class="why">
      <h2>
        {placeName(entry)}
        {isHere && <span class="faint"> this device</span>}
      </h2>
      <dl class="facts">
        <dt>Started</dt>
        <dd>{entry.startedAt === undefined ? 'unknown' : timeOfDay(entry.startedAt, Date.now())}</dd>
        <dt>{entry.status === 'running' ? 'Runs' : 'Took'}</dt>
        <dd>{entry.status === 'running' ? 'still' : duration(entry.durationMs ?? 0)}</dd>
        {run && <dt>Code</dt>}
        {run && <dd class="mono">{run.codeHash.slice(0, 12)}</dd>}
      </dl>
      <h3>Why there</h3>
      {reasons.length > 0 ? (
        <ul>
          {reasons.map(reason => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      ) : (
        <p class="muted">The hub keeps no reasons for this run.</p>
      )}
      <div class="row tools">
        <ForkButton notebook={notebook} isForked={notebook.runner.session.value !== undefined} close={close} />
      </div>
      <RunOnChoices notebook={notebook} language={entry.language} close={close} />
    </div>
  )
}
