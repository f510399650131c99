/** One run in a list: how it stands, of what, where; opened, everything that is known of it (W54, W55). */
import { hasEnded } from '@meshbook/core/run.ts'
import { useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { ago, duration } from '../notebook/duration.ts'
import { notebookUrl } from '../state/location.ts'
import { projects, type RunInfo } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { titleOf } from './file-tree.ts'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'
import { RunAgain, runWords, StillWanted } from './run-actions.tsx'
import { RunElsewhere } from './run-elsewhere.tsx'
import { RunFacts, RunReasons } from './run-facts.tsx'
import { isAskedAbout, isHeld, runStanding, runTones } from './run-words.ts'

export function RunRow({ run }: { run: RunInfo }) {
  return run.kind === 'cell' ? <CellRow run={run} /> : <HubRow run={run} />
}

/** Tasks and workflows have pages of their own, in the portal. */
function HubRow({ run }: { run: RunInfo }) {
  const isTask = run.kind === 'task'
  return (
    <li class="run-row">
      <span class={`pill ${runTones[run.status]}`}>{runStanding(run)}</span>
      <div class="run-what">
        <a href={`/portal/${isTask ? 'tasks' : 'workflows'}/${encodeURIComponent(run.id)}`}>
          {isTask ? 'Task of an agent' : 'Run of a workflow'}
        </a>
        <span class="faint ellipsis">{run.reasons[0]}</span>
      </div>
      <span class="pill run-where">
        <Icon name="cloud" size={12} />
        {run.durationMs === null ? (isTask ? 'In a sandbox' : 'At the hub') : duration(run.durationMs)}
      </span>
      <time class="faint" dateTime={new Date(run.requestedAt).toISOString()}>
        {ago(run.requestedAt, Date.now())}
      </time>
    </li>
  )
}

function CellRow({ run }: { run: RunInfo }) {
  const [open, setOpen] = useState(false)
  const project = projects.value?.find(other => other.id === run.project)
  const isAsked = isAskedAbout(run)
  // A run that waits shows why without being asked: somebody may be waiting for it.
  const isWaiting = isHeld(run)
  const details = `run-${run.id}`
  return (
    <li class="run-row">
      <span class={`pill ${runTones[run.status]}`}>
        {run.status === 'running' && <Icon name="spinner" size={12} class="spin" />}
        {runStanding(run)}
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
        {(open || isWaiting) && <RunReasons run={run} />}
        {open && <RunFacts run={run} />}
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
