/** Runs on the phone: live and past, newest first, narrowed as one likes (PH42). */
import '../styles/pages.css'
import { useState } from 'preact/hooks'
import { RunFilterFields } from '../../shell/run-filter-fields.tsx'
import { noFilter, type RunFilter } from '../../shell/run-filters.ts'
import { useRunList } from '../../shell/run-list.ts'
import { Go } from '../shell/go.tsx'
import { Icon } from '../shell/icons.tsx'
import { PageHead } from '../shell/page-head.tsx'
import { RunRow } from './run-rows.tsx'

/** What was chosen stays while one looks at a run and comes back. */
let chosen: RunFilter = noFilter

export function RunsPage() {
  const [filter, setFilter] = useState(chosen)
  const { list, state, older, again } = useRunList(filter)
  const change = (next: RunFilter) => {
    chosen = next
    setFilter(next)
  }
  return (
    <main class="page">
      <PageHead title="Runs" />
      <ul class="rows">
        <li>
          <Go to="/m/tasks" class="row">
            <span class="words">
              <span class="name">Tasks</span>
              <span class="about">Work that an agent does in a repository</span>
            </span>
            <Icon name="chevron" size={18} />
          </Go>
        </li>
      </ul>
      <RunFilterFields filter={filter} change={change} />
      <ul class="rows" aria-label="Runs">
        {list.map(run => (
          <RunRow key={run.id} run={run} />
        ))}
      </ul>
      {list.length === 0 && state === 'loading' && <Loading />}
      {list.length === 0 && state === 'loaded' && <NoRun isFiltered={filter !== noFilter} />}
      {state === 'failed' && (
        <div class="empty">
          <p>{list.length === 0 ? 'The runs could not be loaded.' : 'These are the runs that were known last.'}</p>
          <button type="button" class="button" onClick={again}>
            Try again
          </button>
        </div>
      )}
      {older && (
        <button type="button" class="button wide" disabled={state === 'loading'} onClick={older}>
          {state === 'loading' ? 'Loading…' : 'Show older runs'}
        </button>
      )}
    </main>
  )
}

function Loading() {
  return (
    <div class="rows waiting" role="status" aria-label="Loading the runs">
      {[1, 2, 3, 4].map(row => (
        <div key={row} class="row" />
      ))}
    </div>
  )
}

function NoRun({ isFiltered }: { isFiltered: boolean }) {
  return (
    <div class="empty">
      <h2>{isFiltered ? 'No run is like that' : 'No runs yet'}</h2>
      <p>
        {isFiltered
          ? 'Choose fewer things above to see more.'
          : 'Open a notebook and press the button beside a cell. What runs on your machines is listed here.'}
      </p>
    </div>
  )
}
