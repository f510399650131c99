/** The service worker of this app: registers it, and takes a new version, at a press or when that disturbs nobody (PH12). */
import { effect, signal } from '@preact/signals'
import { hub, isTooOld } from './first-list.ts'

/** A new version that waits. */
export const waiting = signal<ServiceWorker | undefined>(undefined)

/** What has to be done before the page is loaded again. */
const first = new Set<() => Promise<unknown>>()
const mostMs = 2_000
export const beforeReload = (work: () => Promise<unknown>): void => void first.add(work)

export function keepUpToDate(): void {
  const workers: ServiceWorkerContainer | undefined = navigator.serviceWorker
  if (!workers) return
  let hadOne = workers.controller !== null
  workers.addEventListener('controllerchange', () => {
    // The first worker of all changes nothing for the page.
    if (hadOne) void reload()
    hadOne = true
  })
  addEventListener('load', () => {
    workers.register('/m/sw.js', { scope: '/m/', updateViaCache: 'none' }).then(watch, () => undefined)
    setTimeout(fetchLater, laterAfterMs)
  })
}

/** Edits are on this device when the page goes, or cannot be. */
async function reload(): Promise<void> {
  const stored = Promise.all([...first].map(work => work().catch(() => undefined)))
  await Promise.race([stored, new Promise(resolve => setTimeout(resolve, mostMs))])
  location.reload()
}

function watch(registration: ServiceWorkerRegistration): void {
  const look = () => {
    if (registration.waiting && navigator.serviceWorker.controller) waiting.value = registration.waiting
  }
  const ask = () => void registration.update().catch(() => undefined)
  look()
  registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look))
  addEventListener('visibilitychange', () => {
    if (document.hidden) return
    if (waiting.peek() && !isEditing()) takeUpdate()
    else ask()
  })
  effect(() => {
    if (!isTooOld.value) return
    if (waiting.value) takeUpdate()
    else ask()
  })
  // The hub may have been updated while it was away.
  let wasOpen = false
  effect(() => {
    if (hub.value === 'open' && wasOpen) ask()
    if (hub.value === 'down') wasOpen = true
  })
}

/** Once the app has been used for a while, and not over a connection that is paid by the byte. */
const laterAfterMs = 20_000
type Connection = { saveData?: boolean; type?: string }

function fetchLater(): void {
  const { saveData, type } = (navigator as { connection?: Connection }).connection ?? {}
  if (saveData !== true && type !== 'cellular') navigator.serviceWorker.controller?.postMessage('fetch later')
}

const isEditing = (): boolean => document.activeElement?.matches('input, textarea, select, [contenteditable]') === true

export function takeUpdate(): void {
  waiting.peek()?.postMessage('take over')
}
