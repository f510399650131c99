/** What is queued on this phone, for whoever shows it. What queues and sends is loaded when it is needed. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { QueuedRun } from './queued-run.ts'

/** In order; `browser-outbox.ts` keeps it true. */
export const queued: Signal<readonly QueuedRun[]> = signal([])

/** Of these the user has to say whether they are still wanted, or what to do: the inbox counts them. */
export const queuedThatAsk: ReadonlySignal<readonly QueuedRun[]> = computed(() =>
  queued.value.filter(({ state }) => state.is === 'asks' || state.is === 'refused'),
)
