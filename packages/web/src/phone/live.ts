/** Follows what the hub says once the first list is drawn, and keeps it for the next start. */
import { limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { effect } from '@preact/signals'
import { documents, projects, signedIn } from '../state/known.ts'
import { hub as hubState, startMesh } from '../state/mesh.ts'
import { browserPorts } from '../sync/browser-ports.ts'
import { storedList } from '../sync/browser-storage.ts'
import { hub, showLists } from './first-list.ts'
import { startOffline } from './offline/start-offline.ts'
import { watchNetwork } from './offline/watch-network.ts'

let isFollowed = false

export async function follow(now: () => number): Promise<void> {
  void storedList.start()
  const isCut = watchNetwork()
  effect(() => {
    if (signedIn.value === 'no') hub.value = 'signed-out'
    else if (isCut.value || signedIn.value === 'unreachable' || hubState.value === 'down') hub.value = 'down'
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
  await Promise.all([startWhenThere(), startOffline()])
}

/** An app that was started without the hub goes on when it is there. */
async function startWhenThere(): Promise<void> {
  let tries = 0
  let cancel: (() => void) | undefined
  let trying: Promise<void> | undefined
  const start = async () => {
    cancel?.()
    cancel = undefined
    if ((await startMesh()) || signedIn.peek() !== 'unreachable') return stopWaking()
    cancel = browserPorts.after(backoffMs({ ...waits, attempt: ++tries }), () => void again())
  }
  const again = (): Promise<void> => {
    trying ??= start().finally(() => {
      trying = undefined
    })
    return trying
  }
  const stopWaking = browserPorts.page.onWake(() => void again())
  await again()
}

const waits = { minMs: limits.reconnectMinMs, maxMs: limits.reconnectMaxMs, random: Math.random }
