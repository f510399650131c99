/** Whether the phone says that it has a network. A connection that is cut may go unnoticed for longer than that. */
import { signal } from '@preact/signals'

export const online = signal(navigator.onLine)
const look = () => {
  online.value = navigator.onLine
}
addEventListener('online', look)
addEventListener('offline', look)
