/** Everything that waits for the user, whatever run it is of (PH40, PH23). */
import '../styles/pages.css'
import { taskTitle } from '@meshbook/core/task-words.ts'
import { useEffect } from 'preact/hooks'
import { StillWanted } from '../../shell/run-actions.tsx'
import { hub } from '../first-list.ts'
import { queued } from '../offline/queue.ts'
import { QueuedList } from '../offline/queued-list.tsx'
import { taskAt } from '../place.ts'
import { RunRow } from '../runs/run-rows.tsx'
import { say } from '../say.ts'
import { Asked } from '../shell/asked.tsx'
import { Go } from '../shell/go.tsx'
import { PageHead } from '../shell/page-head.tsx'
import { tasksThatAsk } from '../tasks/queue.ts'
import { waitingCount } from '../waiting-count.ts'
import { GateRow } from './gate-row.tsx'
import { loadWaits, waits } from './keep-waits.ts'
import type { Wait } from './waits.ts'

export function InboxPage() {
  useEffect(() => {
    if (hub.peek() !== 'down') loadWaits().catch(thrown => say(thrown, 'What waits could not be loaded'))
  }, [])
  const all = waits.value
  const hasQueued = queued.value.some(({ state }) => state.is !== 'sent') || tasksThatAsk.value.length > 0
  const isKnown = waitingCount.value !== undefined || all.length > 0
  const decisions = all.filter(({ is }) => is !== 'held')
  const held = all.filter(({ is }) => is === 'held')
  return (
    <main class="page">
      <PageHead title="Inbox" />
      {!isKnown && <Unknown />}
      {isKnown && all.length === 0 && !hasQueued && <Nothing />}
      {decisions.length > 0 && <List title="Waits for you" waits={decisions} />}
      <QueuedList />
      {tasksThatAsk.value.length > 0 && <TasksAsk />}
      {held.length > 0 && <List title="Waits for a device" waits={held} />}
      <Asked />
    </main>
  )
}

function TasksAsk() {
  return (
    <section>
      <h2>Tasks queued here</h2>
      <ul class="rows">
        {tasksThatAsk.value.map(({ id, task, state }) => (
          <li key={id}>
            <Go to={taskAt(id)} class="row">
              <span class="words">
                <span class="name">{taskTitle(task.prompt)}</span>
                <span class="about">{state.is === 'refused' ? state.message : 'Still want this?'}</span>
              </span>
            </Go>
          </li>
        ))}
      </ul>
    </section>
  )
}

function List({ title, waits }: { title: string; waits: readonly Wait[] }) {
  return (
    <section>
      <h2>{title}</h2>
      <ul class="rows">
        {waits.map(wait => (
          <WaitRow key={wait.id} wait={wait} />
        ))}
      </ul>
    </section>
  )
}

function WaitRow({ wait }: { wait: Wait }) {
  if (wait.is === 'gate') return <GateRow gate={wait.gate} />
  const { run } = wait
  if (wait.is === 'input') return <RunRow run={run} about="Its program asks for input." />
  if (wait.is === 'held') return <RunRow run={run} about={run.reasons.join(' ')} />
  return (
    <>
      <RunRow run={run} />
      <li class="within" data-run={run.id}>
        <StillWanted run={run} />
      </li>
    </>
  )
}

function Unknown() {
  if (hub.value === 'down')
    return (
      <div class="empty">
        <h2>What waits is not known</h2>
        <p>The hub cannot be reached. It is asked again by itself when it answers.</p>
      </div>
    )
  return (
    <div class="rows waiting" role="status" aria-label="Loading what waits">
      <div class="row" />
      <div class="row" />
    </div>
  )
}

function Nothing() {
  return (
    <div class="empty">
      <h2>Nothing waits for you</h2>
      <p>Decisions, questions of your programs, and runs that wait for a device stand here.</p>
      <p class="faint">To hear of them while this is closed: Settings, Notify me.</p>
    </div>
  )
}
