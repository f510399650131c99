/** Runs, newest first, live. */
import { hasEnded } from '@meshbook/core/run.ts'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { OpenGates } from '../gates/gate-list.tsx'
import { ago, duration } from '../notebook/duration.ts'
import { notebookUrl } from '../state/location.ts'
import { devices, loadRuns, projects, type RunInfo, runs } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { titleOf } from './file-tree.ts'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'
import { PageHeader } from './page-header.tsx'
import { RunAgain, runWords, StillWanted } from './run-actions.tsx'
import { noFilter, passes, type RunFilter, runStates } from './run-filters.ts'

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
  const [filter, setFilter] = useState(noFilter)
  useEffect(() => {
    loadRuns().catch(thrown => report(thrown, 'The runs could not be loaded'))
  }, [])
  const list = [...runs.value.values()].filter(run => passes(run, filter)).sort((a, b) => b.requestedAt - a.requestedAt)
  return (
    <>
      <PageHeader title="Runs" />
      <main id="main" class="page" tabIndex={-1}>
        <OpenGates />
        <RunFilters filter={filter} change={setFilter} />
        {list.length === 0 && (
          <div class="empty boxed">
            <h2>{filter === noFilter ? 'No runs yet' : 'No run is like that'}</h2>
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

function RunFilters({ filter, change }: { filter: RunFilter; change: (filter: RunFilter) => void }) {
  const known = [...runs.value.values()]
  const documents = new Map(known.flatMap(run => (run.path ? [[run.document as string, titleOf(run.path)]] : [])))
  const choices = (name: keyof RunFilter, label: string, options: Iterable<readonly [string, string]>) => (
    <select
      class="field small"
      aria-label={label}
      value={filter[name]}
      onChange={event => {
        const next = { ...filter, [name]: event.currentTarget.value }
        change(Object.values(next).every(value => value === '') ? noFilter : next)
      }}
    >
      {[...options].map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  )
  return (
    <div class="run-filters">
      {choices('state', 'State', runStates)}
      {choices('device', 'Device', [['', 'All devices'], ...devices.value.map(({ id, name }) => [id, name] as const)])}
      {choices('document', 'Notebook', [['', 'All notebooks'], ...documents])}
    </div>
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
        {run.asks === null || run.status !== 'queued' ? words[run.status] : 'Still wanted?'}
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
          {!hasEnded(run.status) && run.asks === null && run.reasons.length > 0 && ` · ${run.reasons[0]}`}
          {runWords(run) !== '' && ` · ${runWords(run)}`}
        </span>
        {run.asks !== null && run.status === 'queued' && <StillWanted run={run} />}
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
        <RunAgain run={run} />
      ) : (
        <button type="button" class="icon-button small" aria-label="Cancel the run" title="Cancel" onClick={cancel}>
          <Icon name="close" />
        </button>
      )}
    </li>
  )
}
