/** One line below a cell: why it waits, or why it was not run and what to do. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { useEffect } from 'preact/hooks'
import { loadMoves, moves } from '../moves/moves-when-needed.ts'
import { Hint } from '../shell/hint.tsx'
import { Icon } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { RunAgain, runWords, StillWanted } from '../shell/run-actions.tsx'
import { RunElsewhere } from '../shell/run-elsewhere.tsx'
import { type RunInfo, runs } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { stopRun } from './actions.ts'
import { useNotebook } from './open-notebook.ts'
import { RunOnChoices } from './run-on.tsx'
import type { RunFailure } from './runner.ts'
import { runElsewhere } from './runtime-actions.ts'
import { useUnheardRun } from './unheard-run.ts'

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
  const elsewhere = entry && <Elsewhere itemKey={itemKey} run={run} language={entry.language} />
  if (failure)
    return (
      <Notice kind="bad" text={failure.message} hint={hintOf(failure, notebook.link.facts.value.hub === 'live')}>
        {failure.away ? undefined : elsewhere}
      </Notice>
    )
  const known = runs.value.get(run ?? '')
  if (known?.status === 'queued' && known.asks !== null)
    return (
      <div class="notice wait">
        <Icon name="clock" />
        <StillWanted run={known} />
      </div>
    )
  // The device that would tell the document is away; it may still come back and write how it went on.
  if (known && notebook.executions.isLost(known.id)) return <Lost run={known} />
  switch (entry?.status) {
    case 'requested':
    case 'claimed':
    case 'ready':
      return <Waits itemKey={itemKey} run={run} entry={entry} elsewhere={elsewhere} />
    case 'refused':
      return (
        <Notice kind="bad" text={entry.reason || 'The run was refused'} points={beside(known?.reasons, entry.reason)}>
          {elsewhere}
        </Notice>
      )
    case 'interrupted':
      return <Notice kind="warn" text={entry.reason || 'Interrupted: it may or may not have had its effects'} />
    case 'cancelled':
      return <Notice kind="warn" text={entry.reason || 'Cancelled'} />
    default:
      return entry?.notice ? <Notice kind="warn" text={entry.notice} /> : null
  }
}

const hintOf = ({ away, hint }: RunFailure, isHubBack: boolean): string =>
  away && isHubBack ? 'It answers again: run the cell again.' : hint

function Lost({ run }: { run: RunInfo }) {
  return (
    <div class="notice warn" role="status">
      <Icon name="warning" />
      <span>
        Interrupted: {run.deviceName ?? 'its device'} is gone. {runWords(run)} <RunAgain run={run} />{' '}
        <RunElsewhere run={run} />
      </span>
    </div>
  )
}

/** Every reason of the router, and what would let it start (W55). */
function Waits({
  itemKey,
  run,
  entry,
  elsewhere,
}: {
  itemKey: string
  run: string | undefined
  entry: ExecutionEntry
  elsewhere: preact.ComponentChildren
}) {
  const known = runs.value.get(run ?? '')
  const reasons = known?.status === 'queued' ? known.reasons : entry.reason ? [entry.reason] : []
  useUnheardRun(run)
  const isHeld = known !== undefined && reasons.some(reason => /^Waiting for .* s\)/.test(reason))
  useEffect(() => {
    if (isHeld) loadMoves()
  }, [isHeld])
  const WaitingFor = moves.part.value?.WaitingFor
  if (known?.position) return <Notice kind="wait" text={`Queued, ${known.position} ahead`} />
  if (isHeld && WaitingFor)
    return (
      <div class="notice wait">
        <Icon name="clock" />
        <WaitingFor run={known} />
      </div>
    )
  if (reasons.length === 0) return <Notice kind="wait" text="Starting…" />
  return (
    <Notice kind="wait" text="Waiting" points={reasons}>
      {elsewhere}
      <Drop itemKey={itemKey} run={run} />
    </Notice>
  )
}

/** What is not said already. */
function beside(reasons: readonly string[] | undefined, said: string | undefined): string[] {
  return (reasons ?? []).filter(reason => !said?.includes(reason))
}

function Elsewhere({ itemKey, run, language }: { itemKey: string; run: string | undefined; language: string }) {
  const notebook = useNotebook()
  return (
    <Popover label="Run on another device" wordy class="button small" panelClass="padded" button="Run on…">
      {close => (
        <RunOnChoices
          notebook={notebook}
          language={language}
          close={close}
          choose={device => void runElsewhere(notebook, itemKey, run, device)}
        />
      )}
    </Popover>
  )
}

function Drop({ itemKey, run }: { itemKey: string; run: string | undefined }) {
  const notebook = useNotebook()
  if (run === undefined) return null
  return (
    <button
      type="button"
      class="button small"
      key={itemKey}
      onClick={() => void stopRun(notebook, run).catch(thrown => report(thrown, 'The run was not cancelled'))}
    >
      Drop it
    </button>
  )
}

interface NoticeProps {
  kind: 'bad' | 'warn' | 'wait'
  text: string
  hint?: string | undefined
  points?: readonly string[]
  /** What can be done about it. */
  children?: preact.ComponentChildren
}

function Notice({ kind, text, hint, points = [], children }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === 'bad' ? 'alert' : undefined}>
      <Icon name={kind === 'wait' ? 'clock' : 'warning'} />
      <div class="grow">
        {text.slice(0, 1).toUpperCase() + text.slice(1)}
        {hint && (
          <span class="muted">
            {' '}
            <Hint text={hint} />
          </span>
        )}
        {points.length > 0 && (
          <ul class="points muted">
            {points.map(point => (
              <li key={point}>
                <Hint text={point} />
              </li>
            ))}
          </ul>
        )}
        {children && <div class="row notice-actions">{children}</div>}
      </div>
    </div>
  )
}
