/** Starts the phone's app. */
import { render } from 'preact'
import { whenIdle } from '../shell/when-idle.ts'
import { App, makeReady } from './app.tsx'
import { isTooOld, startLists } from './first-list.ts'
import { catchOffer } from './install/offer.ts'
import { hearNoRoom } from './offline/no-room-for.ts'
import { followPresses } from './opened-by-notice.ts'
import { keepUpToDate } from './update.ts'

catchOffer()
render(<App />, document.getElementById('app')!)
void startLists(Date.now)
  .then(async () => isTooOld.peek() || (await import('./live.ts')).follow(Date.now))
  .catch(() => undefined)
  .then(() => whenIdle(makeReady))
keepUpToDate()
followPresses(navigator.serviceWorker)
hearNoRoom(navigator.serviceWorker)
