/** Runs of the user's mesh, live and past, with what they ask. */
import { useState } from 'preact/hooks'
import { OpenGates } from '../gates/gate-list.tsx'
import { RunFilterFields } from '../shell/run-filter-fields.tsx'
import { noFilter } from '../shell/run-filters.ts'
import { useRunList } from '../shell/run-list.ts'
import { RunRow } from '../shell/run-row.tsx'

export function RunsPage() {
  const [filter, setFilter] = useState(noFilter)
  const { list, state, older } = useRunList(filter)
  return (
    <>
      <OpenGates />
      <h2 class="visually-hidden">All runs</h2>
      <RunFilterFields filter={filter} change={setFilter} />
      {list.length === 0 && state === 'loaded' && (
        <div class="empty boxed">
          <h2>{filter === noFilter ? 'No runs yet' : 'No run is like that'}</h2>
          <p>
            Everything that is executed on your machines is listed here while it runs and afterwards: cells of
            notebooks, and tasks of agents.
          </p>
          <a class="button" href="/">
            Open a notebook
          </a>
        </div>
      )}
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
    </>
  )
}
