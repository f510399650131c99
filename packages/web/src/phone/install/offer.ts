/** The browser's offer to install the app, caught when it comes, which is before anybody can ask for it (PH62). */
import { signal } from '@preact/signals'

export interface InstallOffer extends Event {
  prompt(): Promise<unknown>
  readonly userChoice: Promise<{ outcome: 'accepted' | 'dismissed' }>
}

export const offer = signal<InstallOffer | undefined>(undefined)

export function catchOffer(): void {
  addEventListener('beforeinstallprompt', event => {
    event.preventDefault()
    offer.value = event as InstallOffer
  })
  addEventListener('appinstalled', () => {
    offer.value = undefined
  })
}
