/** Starts the phone's app. */
import { render } from 'preact'
import { App } from './app.tsx'
import { isTooOld, startLists } from './first-list.ts'
import { keepUpToDate } from './update.ts'

render(<App />, document.getElementById('app')!)
void startLists(Date.now)
  .then(async () => isTooOld.peek() || (await import('./live.ts')).follow())
  .catch(() => undefined)
keepUpToDate()
