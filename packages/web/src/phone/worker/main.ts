/**
 * The service worker of `/m/` (PH10, PH11): gives the app of one version from its cache, and the assets of documents
 * from theirs. It answers for nothing else, so no list and no right is ever shown from a cache as if the hub had said it.
 * And it shows what is pushed (`push.ts`), and takes what other apps share (`take-share.ts`).
 */
import { limits } from '@meshbook/core/limits.ts'
import { SharedStore } from '../incoming/shared-store.ts'
import { asset, isAsset } from './assets.ts'
import { leaveToNetwork } from './leave-to-network.ts'
import { openNotice, type PushPorts, renewSubscription, showPush } from './push.ts'
import { worker } from './scope.ts'
import { sendQueued } from './send-queued.ts'
import { sendQueuedTasks } from './send-queued-tasks.ts'
import { fetchLater, install, isPage, isShellFile, page, removeOthers, shellFile } from './shell-cache.ts'
import { sharePath, takeShare } from './take-share.ts'

worker.addEventListener('install', event => event.waitUntil(Promise.all([install(), leaveToNetwork(event)])))
worker.addEventListener('activate', event => event.waitUntil(removeOthers().then(() => worker.clients.claim())))
worker.addEventListener('message', event => {
  if (event.data === 'take over') void worker.skipWaiting()
  if (event.data === 'fetch later') event.waitUntil(fetchLater().catch(() => undefined))
})

worker.addEventListener('sync', event => event.waitUntil(Promise.all([sendQueued(), sendQueuedTasks()])))

worker.addEventListener('fetch', event => {
  const { request } = event
  const url = new URL(request.url)
  if (url.origin !== worker.location.origin) return
  if (request.method === 'POST' && url.pathname === sharePath) event.respondWith(takeShare(request, shares))
  if (request.method !== 'GET') return
  if (request.mode === 'navigate' && isPage(url.pathname)) event.respondWith(page(request))
  else if (isShellFile(url.pathname)) event.respondWith(shellFile(request))
  else if (isAsset(url.pathname))
    event.respondWith(asset(request, name => event.waitUntil(tellNoRoom(event.clientId, name))))
})

/** The page knows what may go, and fetches it again then (PH14). */
async function tellNoRoom(client: string, asset: string): Promise<void> {
  const page = await worker.clients.get(client)
  page?.postMessage({ noRoomFor: asset })
}

const shared = new SharedStore(indexedDB)
const shares = {
  add: (one: Parameters<SharedStore['add']>[0]) => shared.add(one, limits.phoneSharesWaiting),
  newId: () => crypto.randomUUID(),
  now: Date.now,
}

const answerMs = 15_000
const push: PushPorts = {
  show: (title, options) => worker.registration.showNotification(title, options),
  send: (method, path, body) =>
    fetch(`/api/v1${path}`, {
      method,
      signal: AbortSignal.timeout(answerMs),
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    }),
  windows: () => worker.clients.matchAll({ type: 'window', includeUncontrolled: true }),
  open: url => worker.clients.openWindow(url),
  get subscriber() {
    return worker.registration.pushManager
  },
  now: Date.now,
}
worker.addEventListener('push', event => event.waitUntil(showPush(push, event.data)))
worker.addEventListener('notificationclick', event =>
  event.waitUntil(openNotice(push, event.notification, worker.location.origin)),
)
worker.addEventListener('pushsubscriptionchange', event =>
  event.waitUntil(renewSubscription(push, event.oldSubscription?.endpoint)),
)
