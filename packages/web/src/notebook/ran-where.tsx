/** Behind the line below an output: where it ran, since when, and why there (W54). */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { useEffect } from 'preact/hooks'
import { api } from '../api/client.ts'
import { me, rememberRun, runs } from '../state/mesh.ts'
import { duration, timeOfDay } from './duration.ts'
import { useNotebook } from './open-notebook.ts'
import { RunOnChoices } from './run-on.tsx'
import { ForkButton } from './where-session.tsx'

export function Why({ entry, close }: { entry: ExecutionEntry; close: () => void }) {
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
        {entry.ranOn?.name ?? 'Unknown device'}
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
