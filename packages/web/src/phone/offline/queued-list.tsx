/** All that is queued on this phone, for the inbox: what asks first, then what waits, each with its notebook. */
import { lists } from '../first-list.ts'
import { notebookAt } from '../place.ts'
import { Go } from '../shell/go.tsx'
import { titleOf } from '../words.ts'
import { queued } from './queue.ts'
import type { QueuedRun } from './queued-run.ts'
import { QueuedView } from './queued-view.tsx'

const asks = ({ state }: QueuedRun): boolean => state.is === 'asks' || state.is === 'refused'

/** Nothing where nothing is queued. */
export function QueuedList() {
  const rows = queued.value.filter(({ state }) => state.is !== 'sent')
  if (rows.length === 0) return null
  return (
    <section aria-label="Queued on this phone">
      <h2>Queued on this phone</h2>
      <ul class="queued-rows">
        {[...rows.filter(asks), ...rows.filter(run => !asks(run))].map(run => (
          <li key={run.id}>
            <Title run={run} />
            {run.state.is !== 'asks' && <code class="queued-line">{firstLine(run.code)}</code>}
            <QueuedView run={run} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function Title({ run }: { run: QueuedRun }) {
  const project = lists.value?.projects.find(({ id }) => id === run.project)
  if (!project) return <b>{titleOf(run.path)}</b>
  return (
    <Go to={notebookAt(project.name, run.path)} class="queued-title">
      {titleOf(run.path)} <span class="about">{project.name}</span>
    </Go>
  )
}

const firstLine = (code: string): string => code.trim().split('\n')[0] ?? ''
