/** The line below an output: where it ran, how long, and, on request, why there. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { Icon } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { rememberRun, runs } from '../state/mesh.ts'
import { duration, timeOfDay } from './duration.ts'
import { RunOnChoices } from './run-on.tsx'

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
  return (
    <>
      <Icon name="bolt" size={12} />
      <span>{entry.ranOn?.name ?? 'Unknown device'}</span>
      <span class="faint">·</span>
      {entry.status === 'running' ? (
        <Ticking since={entry.startedAt ?? Date.now()} />
      ) : (
        <span>{duration(entry.durationMs ?? 0)}</span>
      )}
    </>
  )
}

function Ticking({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  return <span>{duration(Math.max(0, now - since), 'coarse')}</span>
}

function Why({ entry, close }: { entry: ExecutionEntry; close: () => void }) {
  const run = runs.value.get(entry.id)
  useEffect(() => {
    // Runs of other days are not in the list of this page; without the hub the reasons stay unknown.
    if (!run) api.run(entry.id).then(rememberRun, () => undefined)
  }, [entry.id])
  const reasons = run?.reasons ?? []
  return (
    <div class="why">
      <h3>{entry.ranOn?.name ?? 'Unknown device'}</h3>
      <dl class="facts">
        <dt>Started</dt>
        <dd>{entry.startedAt === undefined ? 'unknown' : timeOfDay(entry.startedAt, Date.now())}</dd>
        <dt>Took</dt>
        <dd>{duration(entry.durationMs ?? 0)}</dd>
        {run && <dt>Code</dt>}
        {run && <dd class="mono">{run.codeHash.slice(0, 12)}</dd>}
      </dl>
      <h4>Why there</h4>
      {reasons.length > 0 ? (
        <ul>
          {reasons.map(reason => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      ) : (
        <p class="muted">The hub keeps no reasons for this run.</p>
      )}
      <RunOnChoices language={entry.language} close={close} />
    </div>
  )
}
