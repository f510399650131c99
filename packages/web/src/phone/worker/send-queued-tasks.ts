/** The browser woke the worker because there is a network again: sends the tasks that were queued on this phone (PH91). */
import { postTask, stopAtHub } from '../tasks/post-task.ts'
import { TaskOutbox } from '../tasks/task-outbox.ts'
import { TaskStore } from '../tasks/task-store.ts'

const name = 'meshbook:task-outbox'

/** Rejects if something is left that another try may send: the browser then comes back. */
export async function sendQueuedTasks(): Promise<void> {
  const channel = new BroadcastChannel(name)
  const outbox = new TaskOutbox({
    store: new TaskStore(indexedDB),
    post: task => postTask(task),
    stop: id => stopAtHub(id),
    alone: work => navigator.locks.request(name, work),
    news: () => channel.postMessage('changed'),
    now: Date.now,
    wantedMs: 0,
  })
  try {
    if (await outbox.send()) throw new Error('some tasks wait')
  } finally {
    channel.close()
  }
}
