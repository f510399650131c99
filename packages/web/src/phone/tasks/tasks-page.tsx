/** Tasks on the phone: those that wait here to be sent, then those of the hub. */
import '../styles/pages.css'
import './tasks-phone.css'
import { TaskRows } from '../../tasks/task-rows.tsx'
import { Go } from '../shell/go.tsx'
import { Icon } from '../shell/icons.tsx'
import { PageHead } from '../shell/page-head.tsx'
import { places } from './places.ts'
import { QueuedTasks } from './queued-tasks.tsx'

export function TasksPage() {
  return (
    <main class="page tasks-page">
      <PageHead title="Tasks" from="/m/runs">
        <Go to={places.fresh} class="round" label="New task">
          <Icon name="plus" />
        </Go>
      </PageHead>
      <TaskRows places={places}>
        <QueuedTasks />
      </TaskRows>
    </main>
  )
}
