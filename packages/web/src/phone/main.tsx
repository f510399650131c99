/** Starts the phone's app. */
import { render } from 'preact'
import { App } from './app.tsx'
import { startLists } from './first-list.ts'
import { followPresses } from './opened-by-notice.ts'
import { keepUpToDate } from './update.ts'

render(<App />, document.getElementById('app')!)
void startLists(Date.now).then(() => import('./live.ts').then(live => live.follow()).catch(() => undefined))
keepUpToDate()
followPresses(navigator.serviceWorker)
