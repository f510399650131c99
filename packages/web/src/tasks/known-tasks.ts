/** Tasks that were seen, newest word each; asked again when the hub says that their run changed, and while they cost (TP5). */
import type { Task } from '@meshbook/core/tasks-api.ts'
import { effect, signal } from '@preact/signals'
import { runs } from '../state/known.ts'
import { tasksApi } from './tasks-api.ts'

export const tasks = signal<ReadonlyMap<string, Task>>(new Map())
const tasksKept = 300

export function rememberTasks(found: readonly Task[]): void {
  const next = new Map(tasks.peek())
  for (const task of found) next.set(task.id, task)
  for (const [id] of next) if (next.size > tasksKept) next.delete(id)
  tasks.value = next
}

export function forgetTask(id: string): void {
  const next = new Map(tasks.peek())
  if (next.delete(id)) tasks.value = next
}

/** Requests of each task that are under way, and whether another one is wanted behind them. */
const asking = new Map<string, { again: boolean; answer: Promise<void> }>()

/** What is asked for while an answer is on its way is asked for once more, not in between. */
export function refreshTask(id: string): Promise<void> {
  const now = asking.get(id)
  if (now) {
    now.again = true
    return now.answer
  }
  const entry = { again: false, answer: Promise.resolve() }
  const work = async () => {
    try {
      do {
        entry.again = false
        rememberTasks([await tasksApi.task(id)])
      } while (entry.again)
    } finally {
      asking.delete(id)
    }
  }
  entry.answer = work()
  asking.set(id, entry)
  return entry.answer
}

/** Each task of which the hub says that its run is another by now; returns what ends it. */
export function followRunsOfTasks(onNew: () => void): () => void {
  let before = runs.peek()
  return effect(() => {
    const now = runs.value
    for (const [id, run] of now) {
      if (run.kind !== 'task' || before.get(id) === run) continue
      if (tasks.peek().has(id)) refreshTask(id).catch(() => undefined)
      else onNew()
    }
    before = now
  })
}
