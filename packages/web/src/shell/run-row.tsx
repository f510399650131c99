/** One run in a list: how it stands, of what, where; opened, everything that is known of it (W54, W55). */
import { hasEnded } from '@meshbook/core/run.ts'
import { useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { ago, duration, timeOfDay } from '../notebook/duration.ts'
import { notebookUrl } from '../state/location.ts'
import { projects, type RunInfo } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { titleOf } from './file-tree.ts'
import { Hint } from './hint.tsx'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'
import { RunAgain, runWords, StillWanted } from './run-actions.tsx'
import { RunElsewhere } from './run-elsewhere.tsx'

const tones: Record<RunInfo['status'], string> = {
  queued: '',
  leased: '',
  running: 'accent',
  'waiting-for-input': 'warn',
  'waiting-for-gate': 'warn',
  completed: 'ok',
  failed: 'bad',
  cancelled: '',
  interrupted: 'warn',
}
const words: Record<RunInfo['status'], string> = {
  queued: 'Queued',
  leased: 'Starting',
  running: 'Running',
  'waiting-for-input': 'Asks for input',
  'waiting-for-gate': 'Asks you',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  interrupted: 'Interrupted',
}

export function RunRow({ run }: { run: RunInfo }) {
  const [open, setOpen] = useState(false)
  const project = projects.value?.find(other => other.id === run.project)
  const isAsked = run.asks !== null && run.status === 'queued'
  // A run that waits shows why without being asked: somebody may be waiting for it.
  const isWaiting = run.status === 'queued' && !isAsked && run.reasons.length > 0
  const details = `run-${run.id}`
  return (
    <li class="run-row">
      <span class={`pill ${tones[run.status]}`}>
        {run.status === 'running' && <Icon name="spinner" size={12} class="spin" />}
        {isAsked ? 'Still wanted?' : words[run.status]}
      </span>
      <div class="run-what">
        {project && run.path ? (
          <Link to={notebookUrl(project.name, run.path)}>{titleOf(run.path)}</Link>
        ) : (
          <span class="muted">A deleted document</span>
        )}
        <span class="faint ellipsis">
          {[run.language, project?.name].filter(Boolean).join(' · ')}
          {run.error && ` · ${run.error.name}: ${run.error.message}`}
          {runWords(run) !== '' && ` · ${runWords(run)}`}
        </span>
      </div>
      <button
        type="button"
        class="pill run-where"
        aria-expanded={open}
        aria-controls={details}
        title="Why here, and when"
        onClick={() => setOpen(!open)}
      >
        <Icon name={run.deviceName ? 'bolt' : 'clock'} size={12} />
        <span class="ellipsis">{run.deviceName ?? 'No device yet'}</span>
        {run.durationMs !== null && <span class="faint">· {duration(run.durationMs)}</span>}
        <Icon name="chevron" size={12} class={open ? 'turned' : ''} />
      </button>
      <time class="faint" dateTime={new Date(run.requestedAt).toISOString()}>
        {ago(run.requestedAt, Date.now())}
      </time>
      <Act run={run} />
      <div id={details} class="run-details" hidden={!open && !isWaiting && !isAsked}>
        {isAsked && <StillWanted run={run} />}
        {(open || isWaiting) && <Reasons run={run} />}
        {open && <Facts run={run} />}
        {(isWaiting || (open && hasEnded(run.status))) && (
          <div class="row tools">
            <RunElsewhere run={run} />
          </div>
        )}
      </div>
    </li>
  )
}

function Act({ run }: { run: RunInfo }) {
  if (hasEnded(run.status)) return <RunAgain run={run} />
  const cancel = () =>
    void api
      .cancelRun(run.id, 'cancelled in the list of runs')
      .catch(thrown => report(thrown, 'The run was not cancelled'))
  return (
    <button type="button" class="button small" aria-label="Cancel the run" onClick={cancel}>
      Cancel
    </button>
  )
}

function Reasons({ run: { reasons, status, position } }: { run: RunInfo }) {
  const title = status === 'queued' ? 'Why it waits' : 'Why there'
  const ahead = position ? [`${position} ahead of it in its session.`] : []
  const all = [...ahead, ...reasons]
  return (
    <div class="run-reasons">
      <h3>{title}</h3>
      {all.length === 0 && <p class="faint">No reasons are kept for this run.</p>}
      <ul class="points">
        {all.map(reason => (
          <li key={reason}>
            <Hint text={reason} />
          </li>
        ))}
      </ul>
    </div>
  )
}

function Facts({ run }: { run: RunInfo }) {
  const now = Date.now()
  const log = run.logExpiredAt === null ? `${run.seq} events` : `expired ${timeOfDay(run.logExpiredAt, now)}`
  const facts: [string, string | undefined][] = [
    ['Asked', `${timeOfDay(run.requestedAt, now)}, by ${run.requestedBy}`],
    ['Began', run.startedAt === null ? undefined : timeOfDay(run.startedAt, now)],
    ['Ended', run.endedAt === null ? undefined : timeOfDay(run.endedAt, now)],
    ['Code', run.codeHash.slice(0, 12)],
    ['Log', log],
    ['Result', run.logExpiredAt === null ? undefined : textOf(run.result)],
    ['Repeats', run.againOf ?? undefined],
    ['Run', run.id],
  ]
  return (
    <dl class="facts">
      {facts.flatMap(([name, text]) =>
        text === undefined ? [] : [<dt key={name}>{name}</dt>, <dd key={`${name}-is`}>{text}</dd>],
      )}
    </dl>
  )
}

/** The text of a result that is all that is left of its log. */
function textOf(result: RunInfo['result']): string {
  const plain = result?.find(part => part.mimeType === 'text/plain')
  return plain?.at === 'inline' ? plain.data.slice(0, 300) : 'none that is text'
}
