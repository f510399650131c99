/** One sentence about how true what is shown is: nothing while all is well (PH13). */
import { hub, isTooOld, listsAt } from '../first-list.ts'
import { takeUpdate, waiting } from '../update.ts'

export function StateBar() {
  const at = listsAt.value
  const since = at === undefined ? '' : ` Showing what was known at ${timeOf(at)}.`
  return (
    <div class="state" role="status">
      {hub.value === 'down' && (
        <p class="state-line">{`${navigator.onLine ? 'The hub does not answer.' : 'You are offline.'}${since}`}</p>
      )}
      {isTooOld.value && !waiting.value && (
        <p class="state-line">The hub is newer than this app, which is being updated.</p>
      )}
      {waiting.value && (
        <p class="state-line news">
          A new version is ready.
          <button type="button" class="link" onClick={takeUpdate}>
            Update
          </button>
        </p>
      )}
    </div>
  )
}

function timeOf(at: number): string {
  const date = new Date(at)
  const today = date.toDateString() === new Date().toDateString()
  return date.toLocaleString(undefined, today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' })
}
