/** Runs, newest first, live; older ones are asked of the hub (W64). */
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { OpenGates } from '../gates/gate-list.tsx'
import { addRuns, devices, projects, runs } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { titleOf } from './file-tree.ts'
import { PageHeader } from './page-header.tsx'
import { noFilter, passes, queryOf, type RunFilter, runStates } from './run-filters.ts'
import { RunRow } from './run-row.tsx'
import '../styles/pages.css'

type Loading = 'loading' | 'loaded' | 'failed'

export function RunsPage() {
  const [filter, setFilter] = useState(noFilter)
  const [cursor, setCursor] = useState<string | undefined>(undefined)
  const [state, setState] = useState<Loading>('loading')
  const load = async (from: string | undefined) => {
    setState('loading')
    try {
      const { items, next } = await api.runPage({ ...queryOf(filter), ...(from !== undefined && { cursor: from }) })
      addRuns(items)
      setCursor(next)
      setState('loaded')
    } catch (thrown) {
      setState('failed')
      report(thrown, 'The runs could not be loaded')
    }
  }
  useEffect(() => {
    setCursor(undefined)
    void load(undefined)
  }, [filter])
  const list = [...runs.value.values()].filter(run => passes(run, filter)).sort((a, b) => b.requestedAt - a.requestedAt)
  return (
    <>
      <PageHeader title="Runs" />
      <main id="main" class="page" tabIndex={-1}>
        <OpenGates />
        <h2 class="visually-hidden">All runs</h2>
        <RunFilters filter={filter} change={setFilter} />
        {list.length === 0 && state === 'loaded' && <NoRun isFiltered={filter !== noFilter} />}
        <ul class="run-list">
          {list.map(run => (
            <RunRow key={run.id} run={run} />
          ))}
        </ul>
        {cursor !== undefined && (
          <button type="button" class="button older" disabled={state === 'loading'} onClick={() => void load(cursor)}>
            Show older runs
          </button>
        )}
      </main>
    </>
  )
}

function NoRun({ isFiltered }: { isFiltered: boolean }) {
  return (
    <div class="empty boxed">
      <h3>{isFiltered ? 'No run is like that' : 'No runs yet'}</h3>
      <p>
        Everything that is executed on your machines is listed here while it runs and afterwards. Open a notebook and
        press Shift Enter in a cell.
      </p>
    </div>
  )
}

function RunFilters({ filter, change }: { filter: RunFilter; change: (filter: RunFilter) => void }) {
  const known = [...runs.value.values()].filter(({ project }) => filter.project === '' || project === filter.project)
  const documents = new Map(known.flatMap(run => (run.path ? [[run.document as string, titleOf(run.path)]] : [])))
  const choices = (name: keyof RunFilter, label: string, options: Iterable<readonly [string, string]>) => (
    <select
      class="field small"
      aria-label={label}
      value={filter[name]}
      onChange={event => {
        const chosen = { ...filter, [name]: event.currentTarget.value }
        // A notebook is of one project: another project has other notebooks.
        const next = name === 'project' ? { ...chosen, document: '' } : chosen
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
  const named = (list: readonly { id: string; name: string }[]) => list.map(({ id, name }) => [id, name] as const)
  return (
    <div class="run-filters">
      {choices('state', 'State', runStates)}
      {choices('device', 'Device', [['', 'All devices'], ...named(devices.value)])}
      {choices('project', 'Project', [['', 'All projects'], ...named(projects.value ?? [])])}
      {choices('document', 'Notebook', [['', 'All notebooks'], ...documents])}
    </div>
  )
}
