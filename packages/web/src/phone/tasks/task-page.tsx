/** One task on the phone, live. What it asks is decided on the page of the decision, with the exact bytes (PH41). */
import '../styles/pages.css'
import './tasks-phone.css'
import type { Gate } from '@meshbook/core/api.ts'
import { taskTitle } from '@meshbook/core/task-words.ts'
import { tasks } from '../../tasks/known-tasks.ts'
import { TaskView } from '../../tasks/task-view.tsx'
import { GateRow } from '../inbox/gate-row.tsx'
import { Asked } from '../shell/asked.tsx'
import { PageHead } from '../shell/page-head.tsx'
import { places } from './places.ts'
import { QueuedTask, useQueuedTask } from './queued-tasks.tsx'

export function TaskPage({ task: id }: { task: string }) {
  const queued = useQueuedTask(id)
  const task = tasks.value.get(id)
  const title = task?.prompt ?? queued?.task.prompt
  return (
    <main class="page tasks-page">
      <PageHead title={title === undefined ? 'Task' : taskTitle(title, 60)} from={places.list} />
      {queued && !task ? <QueuedTask queued={queued} /> : <TaskView id={id} places={places} Gate={Decision} />}
      <Asked />
    </main>
  )
}

function Decision({ gate }: { gate: Gate }) {
  return (
    <ul class="rows">
      <GateRow gate={gate} />
    </ul>
  )
}
