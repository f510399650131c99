/** Whether the app for phones is offered on this page: on a phone, at the home page, until it was answered once. */
import { signal } from '@preact/signals'
import { isPhone } from './is-phone.ts'

const key = 'meshbook.phone-offer'

function isAnswered(): boolean {
  try {
    return localStorage.getItem(key) !== null
  } catch {
    // It could not be remembered, and would be asked at every visit.
    return true
  }
}

export const offersPhone = signal(location.pathname === '/' && isPhone() && !isAnswered())

export function answerPhoneOffer(): void {
  offersPhone.value = false
  try {
    localStorage.setItem(key, 'answered')
  } catch {
    // Blocked meanwhile: it is asked once more.
  }
}
