/** The service worker of this app: registers it, and takes a new version when the user says so (PH12). */
import { signal } from '@preact/signals'

/** A new version that waits. */
export const waiting = signal<ServiceWorker | undefined>(undefined)

export function keepUpToDate(): void {
  const workers: ServiceWorkerContainer | undefined = navigator.serviceWorker
  if (!workers) return
  const hadOne = workers.controller !== null
  workers.addEventListener('controllerchange', () => hadOne && location.reload())
  addEventListener('load', () => {
    workers.register('/m/sw.js', { scope: '/m/', updateViaCache: 'none' }).then(watch, () => undefined)
    setTimeout(fetchLater, laterAfterMs)
  })
}

function watch(registration: ServiceWorkerRegistration): void {
  const look = () => {
    if (registration.waiting && navigator.serviceWorker.controller) waiting.value = registration.waiting
  }
  look()
  registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look))
  addEventListener('visibilitychange', () => document.hidden || registration.update().catch(() => undefined))
}

/** Once the app has been used for a while, and not over a connection that is paid by the byte. */
const laterAfterMs = 20_000
type Connection = { saveData?: boolean; type?: string }

function fetchLater(): void {
  const { saveData, type } = (navigator as { connection?: Connection }).connection ?? {}
  if (saveData !== true && type !== 'cellular') navigator.serviceWorker.controller?.postMessage('fetch later')
}

export function takeUpdate(): void {
  waiting.peek()?.postMessage('take over')
}
