/** One line below a cell: why it waits, or why it was not run and what to do. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { Hint } from '../shell/hint.tsx'
import { Icon } from '../shell/icons.tsx'
import { RunAgain, runWords, StillWanted } from '../shell/run-actions.tsx'
import { type RunInfo, runs } from '../state/mesh.ts'
import { isActive } from './execution-store.ts'
import { useNotebook } from './open-notebook.ts'

export function CellNotice({
  itemKey,
  run,
  entry,
}: {
  itemKey: string
  run: string | undefined
  entry: ExecutionEntry | undefined
}) {
  const notebook = useNotebook()
  const failure = notebook.runner.failures.value.get(itemKey)
  if (failure) return <Notice kind="bad" text={failure.message} hint={failure.hint} />
  if (notebook.runner.waiting.value.includes(itemKey))
    return <Notice kind="wait" text="Queued: runs after the cells above" />
  const known = runs.value.get(run ?? '')
  if (known?.status === 'queued' && known.asks !== null)
    return (
      <div class="notice wait">
        <Icon name="clock" />
        <StillWanted run={known} />
      </div>
    )
  // The device that would tell the document is away; it may still come back and write how it went on.
  if (known?.status === 'interrupted' && isActive(entry)) return <Lost run={known} />
  switch (entry?.status) {
    case 'requested':
    case 'claimed':
    case 'ready':
      return <Notice kind="wait" text={waitText(run, entry)} />
    case 'refused':
      return (
        <Notice
          kind="bad"
          text={entry.reason || 'The run was refused'}
          hint={runs.value.get(run ?? '')?.reasons.join(' ')}
        />
      )
    case 'interrupted':
      return <Notice kind="warn" text={entry.reason || 'Interrupted: it may or may not have had its effects'} />
    case 'cancelled':
      return <Notice kind="warn" text={entry.reason || 'Cancelled'} />
    default:
      return null
  }
}

function Lost({ run }: { run: RunInfo }) {
  return (
    <div class="notice warn" role="status">
      <Icon name="warning" />
      <span>
        Interrupted: {run.deviceName ?? 'its device'} is gone. {runWords(run)} <RunAgain run={run} />
      </span>
    </div>
  )
}

function waitText(run: string | undefined, entry: ExecutionEntry): string {
  const known = runs.value.get(run ?? '')
  if (known?.position) return `Queued, ${known.position} ahead`
  const reason = entry.reason || (known?.status === 'queued' ? known.reasons.join(' ') : undefined)
  return reason ? `Waiting: ${reason}` : 'Starting…'
}

function Notice({ kind, text, hint }: { kind: 'bad' | 'warn' | 'wait'; text: string; hint?: string | undefined }) {
  return (
    <div class={`notice ${kind}`} role={kind === 'bad' ? 'alert' : undefined}>
      <Icon name={kind === 'wait' ? 'clock' : 'warning'} />
      <span>
        {text.slice(0, 1).toUpperCase() + text.slice(1)}
        {hint && (
          <span class="muted">
            {' '}
            <Hint text={hint} />
          </span>
        )}
      </span>
    </div>
  )
}
