/** Runs, newest first, live; older ones are asked of the hub (W64). */
import { useState } from 'preact/hooks'
import { OpenGates } from '../gates/gate-list.tsx'
import { PageHeader } from './page-header.tsx'
import { RunFilterFields } from './run-filter-fields.tsx'
import { noFilter } from './run-filters.ts'
import { useRunList } from './run-list.ts'
import { RunRow } from './run-row.tsx'
import '../styles/pages.css'

export function RunsPage() {
  const [filter, setFilter] = useState(noFilter)
  const { list, state, older } = useRunList(filter)
  return (
    <>
      <PageHeader title="Runs" />
      <main id="main" class="page" tabIndex={-1}>
        <OpenGates />
        <h2 class="visually-hidden">All runs</h2>
        <RunFilterFields filter={filter} change={setFilter} />
        {list.length === 0 && state === 'loaded' && <NoRun isFiltered={filter !== noFilter} />}
        <ul class="run-list">
          {list.map(run => (
            <RunRow key={run.id} run={run} />
          ))}
        </ul>
        {older && (
          <button type="button" class="button older" disabled={state === 'loading'} onClick={older}>
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
