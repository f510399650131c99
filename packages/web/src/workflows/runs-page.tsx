/** Runs of workflows, live and past (PO70). */
import '../portal/pages-portal.css'
import './workflows.css'
import { useState } from 'preact/hooks'
import { Icon } from '../shell/icons.tsx'
import { WorkflowRow } from './run-row.tsx'
import { allRuns, isSought, type Sought, states, useWorkflowRuns } from './use-workflow-runs.ts'

export function WorkflowRunsPage() {
  const [sought, setSought] = useState<Sought>(allRuns)
  const { list, state, problem, older, again } = useWorkflowRuns(sought)
  return (
    <>
      <div class="flow-filters">
        <input
          class="field"
          type="search"
          aria-label="Find workflows by name"
          placeholder="Find by name"
          value={sought.find}
          onInput={event => setSought({ ...sought, find: event.currentTarget.value })}
        />
        <select
          class="field"
          aria-label="State"
          value={sought.state}
          onChange={event => setSought({ ...sought, state: event.currentTarget.value as Sought['state'] })}
        >
          {states.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </div>
      <h2 class="visually-hidden">All runs of workflows</h2>
      {problem && (
        <div class="notice warn note" role="alert">
          {problem.detail || problem.message} {problem.hint}{' '}
          <button type="button" class="button" onClick={again}>
            Try again
          </button>
        </div>
      )}
      {list.length === 0 && state === 'loading' && (
        <p class="faint" role="status">
          Loading…
        </p>
      )}
      {list.length === 0 &&
        state === 'loaded' &&
        (isSought(sought) ? <NoneFound show={() => setSought(allRuns)} /> : <None />)}
      <ul class="part-list">
        {list.map(run => (
          <WorkflowRow key={run.id} run={run} />
        ))}
      </ul>
      {older && (
        <button type="button" class="button" disabled={state === 'loading'} onClick={older}>
          Show older runs
        </button>
      )}
    </>
  )
}

function NoneFound({ show }: { show(): void }) {
  return (
    <div class="empty boxed">
      <h2>No run is like that</h2>
      <button type="button" class="button" onClick={show}>
        Show all runs
      </button>
    </div>
  )
}

function None() {
  return (
    <div class="empty boxed">
      <h2>No workflow has run yet</h2>
      <p>
        A workflow is a file of steps: requests, transforms, loops, waits, and questions to people. The hub does each
        step once, goes on after a crash where it was, and this page shows it step by step.
      </p>
      <a class="button primary" href="/portal/workflows/new">
        <Icon name="play" size={14} />
        Run a workflow
      </a>
    </div>
  )
}
