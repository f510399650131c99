/** A task taken away as a file, or deleted when it has ended (TP15). */
import { taskTitle } from '@meshbook/core/task-words.ts'
import type { Task, TaskExport } from '@meshbook/core/tasks-api.ts'
import { useState } from 'preact/hooks'
import { confirmed } from '../shell/ask.ts'
import { report } from '../state/toasts.ts'
import { handOut } from './hand-out.ts'
import { forgetTask } from './known-tasks.ts'
import type { TaskPlaces } from './task-places.ts'
import { tasksApi } from './tasks-api.ts'

const endings: Record<TaskExport, string> = { markdown: 'md', json: 'json' }

export function KeepTask({ task, places }: { task: Task; places: TaskPlaces }) {
  const [busy, setBusy] = useState(false)
  const doing = (title: string, work: () => Promise<void>) => async () => {
    setBusy(true)
    await work().catch(thrown => report(thrown, title))
    setBusy(false)
  }
  const save = (as: TaskExport) =>
    doing('The task was not saved', async () =>
      handOut(`${task.id}.${endings[as]}`, await tasksApi.export(task.id, as)),
    )
  const drop = doing('The task was not deleted', async () => {
    const text = `“${taskTitle(task.prompt, 60)}” goes with all that the agent said and did. Its branch at the git host and what it cost stay.`
    if (!(await confirmed({ title: 'Delete this task?', text, action: 'Delete it', danger: true }))) return
    await tasksApi.delete(task.id)
    places.go(places.list)
    forgetTask(task.id)
  })
  return (
    <details class="task-keep">
      <summary>{task.endedAt === null ? 'Save…' : 'Save or delete…'}</summary>
      <div class="task-buttons">
        <button type="button" class="button" disabled={busy} onClick={() => void save('markdown')()}>
          Save as Markdown
        </button>
        <button type="button" class="button" disabled={busy} onClick={() => void save('json')()}>
          Save as JSON
        </button>
        {task.endedAt !== null && (
          <button type="button" class="button danger" disabled={busy} onClick={() => void drop()}>
            Delete
          </button>
        )}
      </div>
      <p class="faint">The file has the whole transcript. What looks like a key or a password is blanked in it.</p>
    </details>
  )
}
