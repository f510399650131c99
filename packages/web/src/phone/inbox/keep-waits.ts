/** What waits, kept true: asked of the hub at a start and whenever it is back, then as its events say; counted where it is seen. */
import { computed, effect, signal } from '@preact/signals'
import { api } from '../../api/client.ts'
import { gates, rememberGate } from '../../gates/gate-store.ts'
import { addRuns, hub, me, rememberRun, runs } from '../../state/mesh.ts'
import { queuedThatAsk } from '../offline/queue.ts'
import { tasksThatAsk } from '../tasks/queue.ts'
import { waitingCount } from '../waiting-count.ts'
import { waitsOf } from './waits.ts'

export const waits = computed(() => waitsOf(runs.value.values(), gates.value.values(), me.value?.user ?? ''))

const asked = ['queued', 'waiting-for-input'] as const

/** Runs of other days wait too; and what was known to wait may be over, which nobody said while nothing was heard. */
export async function loadWaits(): Promise<void> {
  const known = waits.peek().flatMap(wait => (wait.is === 'gate' ? [] : [wait.id]))
  const pages = await Promise.all(asked.map(status => api.runPage({ status })))
  const found = pages.flatMap(({ items }) => items)
  addRuns(found)
  const gone = known.filter(id => !found.some(run => run.id === id))
  for (const run of await Promise.all(gone.map(id => api.run(id)))) rememberRun(run)
  const over = [...gates.peek().values()].filter(({ state }) => state === 'open').map(({ id }) => api.gate(id))
  for (const gate of await Promise.all(over)) rememberGate(gate)
}

interface Badge {
  setAppBadge?(count: number): Promise<void>
  clearAppBadge?(): Promise<void>
}

/** The number stands on the tab, and on the icon where the system has that. */
export function keepWaits(browser: Badge): void {
  const isLoaded = signal(false)
  effect(() => {
    if (hub.value !== 'open') return
    // When it fails, the list says what is known; the next connection asks again.
    loadWaits().then(
      () => {
        isLoaded.value = true
      },
      () => undefined,
    )
  })
  effect(() => {
    // What is queued here is known without the hub.
    const here = queuedThatAsk.value.length + tasksThatAsk.value.length
    if (isLoaded.value) waitingCount.value = waits.value.length + here
    else if (here > 0) waitingCount.value = here
  })
  effect(() => {
    const count = waitingCount.value
    if (count === undefined) return
    // Not every system lets every app do it.
    const shown = count > 0 ? browser.setAppBadge?.(count) : browser.clearAppBadge?.()
    shown?.catch(() => undefined)
  })
}
