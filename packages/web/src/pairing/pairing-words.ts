/** What pairing says to people, and what a browser says of itself. Pure. */
import type { Pairing, PairOutcome } from '@meshbook/core/pairing-api.ts'

type Ended = 'denied' | 'cancelled' | 'expired'

/** On the screen that shows the code. */
export const endedHere: Record<Ended, string> = {
  denied: 'The new device was not added. Was it not yours, or were the digits wrong? If it was yours, make a new code.',
  cancelled: 'The code is void. Make a new one when you are ready.',
  expired: 'The two minutes are over. Make a new code and open it on the new device.',
}

/** On the new device. */
export const endedThere: Record<Ended, string> = {
  denied:
    'The other screen refused this device, or other digits were entered there. Make a new code there and try again.',
  cancelled: 'The pairing was cancelled on the other screen. Make a new code there and try again.',
  expired: 'The digits were not entered in time. Make a new code on the other screen and try again.',
}

export function hasEnded(state: Pairing['state'] | PairOutcome['state']): state is Ended {
  return state === 'denied' || state === 'cancelled' || state === 'expired'
}

/** `Firefox on Android`, for the screen that asks whether it is yours. */
export function browserName(userAgent: string): string {
  const browser =
    [/Edg/, /OPR/, /Firefox|FxiOS/, /Chrome|CriOS/, /Safari/].findIndex(pattern => pattern.test(userAgent)) + 1
  const system =
    [/Android/, /iPhone/, /iPad/, /Windows/, /Mac OS X/, /CrOS/, /Linux/].findIndex(pattern =>
      pattern.test(userAgent),
    ) + 1
  const browsers = ['A browser', 'Edge', 'Opera', 'Firefox', 'Chrome', 'Safari']
  const systems = ['', 'Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'ChromeOS', 'Linux']
  return system === 0 ? browsers[browser]! : `${browsers[browser]} on ${systems[system]}`
}
