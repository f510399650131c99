/** What a monitor that stops for good says of its runs (HM35): its kernels end with it, so nobody will tell how they went. */
import type { Now, RunId } from '@meshbook/core/ids.ts'
import { isOpenStatus } from './entry-guard.ts'
import { EntryView, runIdsOf } from './execution-entry.ts'
import type { ServerDocument } from './server-document.ts'

/** `waiting`: runs that were taken and have not begun; another monitor that is there may have them. */
export function leaveRuns(document: ServerDocument, waiting: ReadonlySet<RunId>, now: Now): void {
  const { doc } = document.peer
  doc.transact(() => {
    for (const run of runIdsOf(doc)) {
      const entry = new EntryView(doc, run)
      const isMine = entry.get('claimedBy') === document.client && isOpenStatus(entry.get('status'))
      if (!isMine || entry.get('status') === 'requested') continue
      if (waiting.has(run) && !document.isAlone()) giveBack(document, entry)
      else interrupt(entry, waiting.has(run), now)
    }
  })
}

function giveBack(document: ServerDocument, entry: EntryView): void {
  document.claims.withdraw(entry.run)
  entry.patch({ status: 'requested', claimedBy: null, claimedAt: null, ranOn: null })
}

function interrupt(entry: EntryView, isWaiting: boolean, now: Now): void {
  const when = isWaiting ? 'before it began' : 'while it went on'
  entry.patch({
    status: 'interrupted',
    reason: `The monitor was stopped ${when}. Run it again if it should run.`,
    completedAt: now(),
    stdinRequest: null,
  })
}
