/** What goes on beside the pages once somebody is known to be signed in: what waits, notices, push, who looks. */
import { effect } from '@preact/signals'
import { keepLooking } from '../notify/looking.ts'
import { PushHere } from '../notify/this-browser.ts'
import { loadRuns, me, refresh } from '../state/mesh.ts'
import { toasts } from '../state/toasts.ts'
import { keepWaits, loadWaits } from './inbox/keep-waits.ts'
import { keep, readKept } from './kept.ts'
import { keepNotices } from './notices.ts'
import { keepPulls } from './pull.ts'
import { tell } from './said.ts'
import './styles/pull.css'

const wish = {
  read: () => readKept<string>('notify'),
  write: (user: string | undefined) => keep('notify', user),
}
const readyMs = 10_000

/** Push in this browser, for who is signed in. */
export function pushHere(): PushHere | undefined {
  const user = me.peek()?.user
  return user === undefined ? undefined : new PushHere(wish, user, manager, Date.now)
}

/** A worker that was refused or is not there would be waited for without end. */
async function manager(): Promise<PushManager> {
  const late = new Promise<never>((_, reject) =>
    setTimeout(
      () => reject(new Error('The part of Meshbook that gets messages has not started. Load the page again.')),
      readyMs,
    ),
  )
  return (await Promise.race([navigator.serviceWorker.ready, late])).pushManager
}

export function followRest(): void {
  keepWaits(navigator)
  keepNotices(navigator.serviceWorker)
  keepPulls(document, askAll, tell)
  // The page of a device knows nothing of telling people: that is the hub's.
  if (!me.peek()?.machine) {
    keepLooking(document)
    // Without an answer it stays unknown, and the settings try again.
    pushHere()
      ?.begin()
      .catch(() => undefined)
  }
  // It could not be fetched: the pages of tasks start it.
  import('./tasks/browser-task-outbox.ts').then(({ startTaskOutbox }) => startTaskOutbox()).catch(() => undefined)
  effect(() => {
    const last = toasts.value.at(-1)
    if (last) tell(last.title, last.detail)
  })
}

/** `refresh` tells its own failures; what is asked beside it says whether the hub answers. */
async function askAll(): Promise<void> {
  await Promise.all([refresh(), loadWaits(), loadRuns()])
}
