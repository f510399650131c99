/** Starts the phone's app. */
import { render } from 'preact'
import { whenIdle } from '../shell/when-idle.ts'
import { App, makeReady } from './app.tsx'
import { startLists } from './first-list.ts'
import { followPresses } from './opened-by-notice.ts'
import { keepUpToDate } from './update.ts'

render(<App />, document.getElementById('app')!)
void startLists(Date.now)
  .then(() => import('./live.ts').then(live => live.follow(Date.now)).catch(() => undefined))
  .then(() => whenIdle(makeReady))
keepUpToDate()
followPresses(navigator.serviceWorker)
