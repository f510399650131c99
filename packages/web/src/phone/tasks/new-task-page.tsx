/** A new task from the phone: stored here before anything is said, sent as soon as the hub answers (PH90). */
import '../styles/pages.css'
import './tasks-phone.css'
import { NewTaskForm } from '../../tasks/new-task.tsx'
import { hub } from '../first-list.ts'
import { go, taskAt } from '../place.ts'
import { tell } from '../said.ts'
import { PageHead } from '../shell/page-head.tsx'
import { queueTask } from './browser-task-outbox.ts'
import { places } from './places.ts'

const give: Parameters<typeof NewTaskForm>[0]['give'] = async task => {
  await queueTask(task)
  if (hub.peek() !== 'open') tell('Queued on this phone', 'It is sent once, when the hub answers.')
  go(taskAt(task.id), { replace: true })
}

export function NewTaskPage() {
  return (
    <main class="page tasks-page">
      <PageHead title="New task" from={places.list} />
      {hub.value === 'down' && (
        <p class="note" role="status">
          The hub does not answer now. What you give is queued on this phone, and sent once when it does.
        </p>
      )}
      <NewTaskForm action="Give it" give={give} />
    </main>
  )
}
