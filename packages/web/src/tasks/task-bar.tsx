/** What can be done about a task, where it has a meaning (TP12, TP14). */
import type { Task } from '@meshbook/core/tasks-api.ts'
import { useState } from 'preact/hooks'
import { confirmed } from '../shell/ask.ts'
import { report } from '../state/toasts.ts'
import { useAgain } from './fork-form.tsx'
import { rememberTasks } from './known-tasks.ts'
import type { TaskPlaces } from './task-places.ts'
import { type TaskAction, tasksApi } from './tasks-api.ts'

export function TaskBar({ task, places }: { task: Task; places: TaskPlaces }) {
  const [busy, setBusy] = useState(false)
  const { again, busy: repeating, problem } = useAgain(task.id, places)
  const act = async (action: TaskAction) => {
    setBusy(true)
    try {
      rememberTasks([await tasksApi.control(task.id, action)])
    } catch (thrown) {
      report(thrown, 'That did not reach the agent')
    } finally {
      setBusy(false)
    }
  }
  const stop = async () => {
    const text = 'The agent ends. What it has made is pushed to its branch; no pull request is opened.'
    if (await confirmed({ title: 'Stop this task?', text, action: 'Stop it', danger: true })) await act('stop')
  }
  if (task.endedAt !== null)
    return (
      <div class="task-buttons">
        {problem !== '' && (
          <p class="notice bad note" role="alert">
            {problem}
          </p>
        )}
        <button type="button" class="button" disabled={repeating} onClick={() => void again(undefined, '')}>
          Do it again
        </button>
      </div>
    )
  const isGoing = task.state === 'working' || task.state === 'waiting'
  return (
    <div class="task-buttons">
      {isGoing && (
        <button type="button" class="button" disabled={busy} onClick={() => void act('interrupt')}>
          Interrupt
        </button>
      )}
      {isGoing && (
        <button type="button" class="button" disabled={busy} onClick={() => void act('pause')}>
          Pause
        </button>
      )}
      {task.state === 'paused' && (
        <button type="button" class="button primary" disabled={busy} onClick={() => void act('continue')}>
          Continue
        </button>
      )}
      <button type="button" class="button danger" disabled={busy} onClick={() => void stop()}>
        Stop
      </button>
    </div>
  )
}
