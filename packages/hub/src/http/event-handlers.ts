/** What happens in the org, for browsers: the whole lists at connect, then every change. */

import { LatestEvents } from '@meshbook/relay/serve/latest-events.ts'
import type { Parts } from '../parts.ts'
import type { UserAsk } from './route.ts'
import { openStream } from './run-handlers.ts'

export async function hubEventStream(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { org } = ask.who
  const waiting = new LatestEvents()
  const stop = parts.events.subscribe(org, event => waiting.put(event))
  waiting.put({ type: 'devices', devices: parts.fleet.list(org) })
  waiting.put({ type: 'sessions', sessions: await parts.sessionsOf(org) })
  const { ok, detail } = parts.store.health()
  waiting.put({ type: 'storage', ok, detail })
  return openStream(parts, ask, waiting.next(), stop)
}
