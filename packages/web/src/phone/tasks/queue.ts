/** Tasks that are queued on this phone, for whoever shows or counts them; `browser-task-outbox.ts` keeps it true. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { QueuedTask } from './queued-task.ts'

export const queuedTasks: Signal<readonly QueuedTask[]> = signal([])

/** Of these the user has to say what is to become of them. */
export const tasksThatAsk: ReadonlySignal<readonly QueuedTask[]> = computed(() =>
  queuedTasks.value.filter(({ state }) => state.is === 'asks' || state.is === 'refused'),
)
