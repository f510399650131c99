/** Follows what the hub says once the first list is drawn, and keeps it for the next start. */
import { effect } from '@preact/signals'
import { documents, projects, signedIn } from '../state/known.ts'
import { hub as hubState, startMesh } from '../state/mesh.ts'
import { storedList } from '../sync/browser-storage.ts'
import { hub, showLists } from './first-list.ts'
import { startOffline } from './offline/start-offline.ts'

let isFollowed = false

export async function follow(now: () => number): Promise<void> {
  void storedList.start()
  effect(() => {
    if (signedIn.value === 'no') hub.value = 'signed-out'
    else if (signedIn.value === 'unreachable' || hubState.value === 'down') hub.value = 'down'
    else if (hubState.value === 'open') hub.value = 'open'
  })
  effect(() => {
    const known = projects.value
    if (!known || known.some(({ id }) => !documents.value.has(id))) return
    showLists({ projects: known, documents: known.flatMap(({ id }) => documents.value.get(id) ?? []) }, now())
  })
  effect(() => {
    if (signedIn.value !== 'yes' || isFollowed) return
    isFollowed = true
    // It could not be fetched: the pages show the same without the count.
    import('./follow-rest.ts').then(
      rest => rest.followRest(),
      () => {
        isFollowed = false
      },
    )
  })
  await Promise.all([startMesh(), startOffline()])
}
