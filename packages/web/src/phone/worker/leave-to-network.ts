/**
 * What the worker has no part in need not wait for it to start, where the browser can be told (PH10). It also lets a new
 * version take over: Chromium stops the old worker for that, and a request at that moment would start it again, for good.
 */
import { assetPath } from './assets.ts'
import type { Installing } from './scope.ts'

export async function leaveToNetwork(event: Installing): Promise<void> {
  await event.addRoutes?.([
    { condition: { urlPattern: { pathname: `${assetPath}*` } }, source: 'fetch-event' },
    { condition: { urlPattern: { pathname: '/api/*' } }, source: 'network' },
  ])
}
