/** The line below an output: where it ran, how long, and, on request, why there (W54). */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { fromPart } from '../shell/from-part.tsx'
import { Icon } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { deviceById } from '../state/mesh.ts'
import { doing } from './doing-when-needed.ts'
import { duration, timeOfDay } from './duration.ts'
import { useTicking } from './ticking.tsx'

const shownFor = new Set(['running', 'completed', 'error', 'cancelled', 'interrupted'])

const Why = fromPart(doing, part => part.Why)

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
      <span>{entry.ranOn?.name ?? 'Unknown device'}</span>
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
