/**
 * Notices of this app that the system shows: taken away when they are over, or when what they are about is looked at, and
 * opened by the worker in this window (PH52).
 */
import { effect } from '@preact/signals'
import { gates } from '../gates/gate-store.ts'
import { overNotices } from './over-notices.ts'
import { place } from './place.ts'

export function keepNotices(workers: ServiceWorkerContainer | undefined): void {
  if (!workers) return
  const clean = async () => {
    if (document.visibilityState !== 'visible') return
    const registration = await workers.getRegistration('/m/')
    const shown = (await registration?.getNotifications()) ?? []
    const isOpen = (id: string) => {
      const gate = gates.peek().get(id)
      return gate && gate.state === 'open'
    }
    for (const notice of overNotices(shown, place.peek(), isOpen)) notice.close()
  }
  // They stay until the next time; nothing else depends on it.
  const cleanSoon = () => void clean().catch(() => undefined)
  effect(() => {
    gates.value
    place.value
    cleanSoon()
  })
  document.addEventListener('visibilitychange', cleanSoon)
}
