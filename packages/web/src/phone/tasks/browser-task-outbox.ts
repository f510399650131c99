/** The queue of tasks in a real browser: one for all tabs, sent as soon as the hub answers (PH90–PH92). */
import { limits } from '@meshbook/core/limits.ts'
import type { NewTask } from '@meshbook/core/tasks-api.ts'
import { effect } from '@preact/signals'
import { browserPorts } from '../../sync/browser-ports.ts'
import { hub } from '../first-list.ts'
import { askForSync } from '../offline/ask-for-sync.ts'
import { postTask, stopAtHub } from './post-task.ts'
import { queuedTasks } from './queue.ts'
import { TaskOutbox } from './task-outbox.ts'
import { TaskStore } from './task-store.ts'

/** The lock and the channel are the worker's too. */
const name = 'meshbook:task-outbox'
const retryMs = 5_000

const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(name)

const outbox = new TaskOutbox({
  store: new TaskStore(indexedDB),
  post: task => postTask(task),
  stop: id => stopAtHub(id),
  // Absent on a page without HTTPS: then every tab sends, under the same id.
  alone: work => (navigator.locks ? navigator.locks.request(name, work) : work()),
  news: () => channel?.postMessage('changed'),
  now: Date.now,
  wantedMs: limits.runWaitMs,
})

let retry: (() => void) | undefined
/** Goes on for as long as something is left that another try may send. */
async function send(): Promise<void> {
  retry?.()
  retry = undefined
  const isToSend = queuedTasks.peek().some(({ state }) => state.is === 'queued' || state.is === 'sending')
  if (!isToSend) return
  // While the hub is known to be away nothing is begun, so that it can be taken back; its return comes back here.
  if (hub.peek() !== 'open') return void askForSync()
  const isLeft = await outbox.send().catch(() => true)
  if (isLeft) retry ??= browserPorts.after(retryMs, () => void send())
}

let started: Promise<void> | undefined
export function startTaskOutbox(): Promise<void> {
  started ??= start().catch(thrown => {
    started = undefined
    throw thrown
  })
  return started
}

async function start(): Promise<void> {
  effect(() => {
    queuedTasks.value = outbox.tasks.value
  })
  if (channel) channel.onmessage = () => void outbox.read().catch(() => undefined)
  await outbox.read()
  effect(() => {
    if (hub.value === 'open') void send()
  })
  browserPorts.page.onWake(() => void send())
}

/** Resolves when it is stored; then it is on its way. */
export async function queueTask(task: NewTask & { id: string }): Promise<void> {
  await startTaskOutbox()
  await outbox.add(task)
  void send()
}

export async function answerQueuedTask(id: string, answer: 'want' | 'drop'): Promise<void> {
  await startTaskOutbox()
  if (answer === 'drop') await outbox.takeBack(id)
  else await outbox.want(id)
  void send()
}
