/** Where tasks that were asked for on this phone are kept until the hub has them. */
import { QueueStore } from '../offline/queue-store.ts'
import type { QueuedTask } from './queued-task.ts'

export class TaskStore extends QueueStore<QueuedTask> {
  constructor(factory: IDBFactory) {
    super(factory, { database: 'meshbook-tasks', objects: 'tasks', is: isQueued })
  }
}

function isQueued(value: unknown): value is QueuedTask {
  if (typeof value !== 'object' || value === null) return false
  const { id, task, order, state } = value as Partial<QueuedTask>
  return (
    typeof id === 'string' &&
    typeof task?.prompt === 'string' &&
    typeof order === 'number' &&
    typeof state?.is === 'string'
  )
}
