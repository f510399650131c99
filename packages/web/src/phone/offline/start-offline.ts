/** Starts what of the phone works without the hub: the queue of runs, and keeping documents. Loaded after the first list. */
import { limits } from '@meshbook/core/limits.ts'
import { effect } from '@preact/signals'
import { whenIdle } from '../../shell/when-idle.ts'
import { loadDocuments } from '../../state/mesh.ts'
import { browserPorts, tellHubIsBack } from '../../sync/browser-ports.ts'
import { measureRoom, storedList } from '../../sync/browser-storage.ts'
import { hub, lists } from '../first-list.ts'
import { beforeReload } from '../update.ts'
import { startOutbox } from './browser-outbox.ts'
import { noteUse, readHeld } from './held-here.ts'
import { here } from './here.ts'
import { keepUp } from './keep-up.ts'
import { choice, keptDocuments, readChoice } from './kept-choice.ts'
import { followNoRoom } from './make-room.ts'
import { allStored, onShown } from './shown-documents.ts'

export async function startOffline(): Promise<void> {
  effect(() => {
    here.value = new Set(storedList.unsent.value.keys())
  })
  await Promise.all([startOutbox(), readChoice(), readHeld()])
  beforeReload(allStored)
  followNoRoom()
  onShown((document, link) => whenIdle(() => void noteUse(document, link)))
  effect(() => {
    // What is listed, kept or asked for has changed, or the hub is back.
    keptDocuments.value
    choice.value
    lists.value
    if (hub.value === 'open') whenIdle(() => void keepUp())
  })
  effect(() => {
    // What was shared to the app and waits for the hub (PH64).
    if (hub.value === 'open') whenIdle(() => void settleShared().catch(() => undefined))
  })
  let wasDown = false
  effect(() => {
    if (hub.value === 'open' && wasDown) tellHubIsBack()
    wasDown = hub.value === 'down'
  })
  browserPorts.page.onWake(() => void look())
  setInterval(() => document.hidden || void look(), limits.phoneKeepLookMs)
  await measureRoom()
}

const settleShared = async (): Promise<void> => (await import('../incoming/browser-shared.ts')).settleWaiting()

/** Edits of others change no list: when something is kept, the hub is asked. */
async function look(): Promise<void> {
  if (hub.peek() !== 'open') return
  const kept = keptDocuments.peek()
  const projects = new Set(lists.peek()?.documents.flatMap(({ id, project }) => (kept.has(id) ? [project] : [])))
  for (const project of projects) await loadDocuments(project).catch(() => undefined)
  await keepUp()
}
