/** Runs, newest first, live. */
import { hasEnded } from '@meshbook/core/run.ts'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { ago, duration } from '../notebook/duration.ts'
import { notebookUrl } from '../state/location.ts'
import { loadRuns, projects, type RunInfo, runs } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { titleOf } from './file-tree.ts'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'
import { PageHeader } from './page-header.tsx'

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

export function RunsPage() {
  const [onlyLive, setOnlyLive] = useState(false)
  useEffect(() => {
    loadRuns().catch(thrown => report(thrown, 'The runs could not be loaded'))
  }, [])
  const list = [...runs.value.values()]
    .filter(run => !onlyLive || !hasEnded(run.status))
    .sort((a, b) => b.requestedAt - a.requestedAt)
  return (
    <>
      <PageHeader title="Runs">
        <button type="button" class="button" aria-pressed={onlyLive} onClick={() => setOnlyLive(!onlyLive)}>
          {onlyLive ? 'Show all' : 'Only live'}
        </button>
      </PageHeader>
      <main id="main" class="page" tabIndex={-1}>
        {list.length === 0 && (
          <div class="empty boxed">
            <h2>{onlyLive ? 'Nothing runs now' : 'No runs yet'}</h2>
            <p>
              Everything that is executed on your machines is listed here while it runs and afterwards. Open a notebook
              and press Shift Enter in a cell.
            </p>
          </div>
        )}
        <ul class="run-list">
          {list.map(run => (
            <RunRow key={run.id} run={run} />
          ))}
        </ul>
      </main>
    </>
  )
}

function RunRow({ run }: { run: RunInfo }) {
  const project = projects.value?.find(other => other.id === run.project)
  const cancel = () =>
    void api
      .cancelRun(run.id, 'cancelled in the list of runs')
      .catch(thrown => report(thrown, 'The run was not cancelled'))
  return (
    <li class="run-row">
      <span class={`pill ${tones[run.status]}`}>
        {run.status === 'running' && <Icon name="spinner" size={12} class="spin" />}
        {words[run.status]}
      </span>
      <div class="run-what">
        {project && run.path ? (
          <Link to={notebookUrl(project.name, run.path)}>{titleOf(run.path)}</Link>
        ) : (
          <span class="muted">A deleted document</span>
        )}
        <span class="faint ellipsis">
          {run.language}
          {run.error && ` · ${run.error.name}: ${run.error.message}`}
          {!hasEnded(run.status) && run.reasons.length > 0 && ` · ${run.reasons[0]}`}
        </span>
      </div>
      <span class="faint run-where">
        {run.deviceName && <Icon name="bolt" size={12} />}
        {run.deviceName}
        {run.durationMs !== null && ` · ${duration(run.durationMs)}`}
      </span>
      <time class="faint" dateTime={new Date(run.requestedAt).toISOString()}>
        {ago(run.requestedAt, Date.now())}
      </time>
      {hasEnded(run.status) ? (
        <span class="icon-button small" aria-hidden="true" />
      ) : (
        <button type="button" class="icon-button small" aria-label="Cancel the run" title="Cancel" onClick={cancel}>
          <Icon name="close" />
        </button>
      )}
    </li>
  )
}
