/** What happens in the org, for browsers: the whole lists at connect, then every change. */
import type { HubEvent } from '@meshbook/core/api.ts'
import type { Parts } from '../parts.ts'
import type { UserAsk } from './route.ts'
import { openStream } from './run-handlers.ts'
import { eventText, type NextChunk } from './sse.ts'

export async function hubEventStream(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { org } = ask.who
  const waiting = new Latest()
  const stop = parts.events.subscribe(org, event => waiting.put(event))
  waiting.put({ type: 'devices', devices: parts.fleet.list(org) })
  waiting.put({ type: 'sessions', sessions: await parts.sessionsOf(org) })
  const { ok, detail } = parts.store.health()
  waiting.put({ type: 'storage', ok, detail })
  let count = 0
  const next: NextChunk = async signal => {
    const events = await waiting.take(signal)
    return events.length === 0 ? undefined : events.map(event => eventText(++count, event, event.type)).join('')
  }
  return openStream(parts, ask, next, stop)
}

/**
 * Events that the reader has not taken yet. A newer one of the same subject takes the place of the older, so that what
 * waits is bounded by the number of subjects; a reader that falls behind by more runs than this has only the newest.
 */
export class Latest {
  static readonly mostSubjects = 2_000
  readonly #waiting = new Map<string, HubEvent>()
  #wake: (() => void) | undefined

  put(event: HubEvent): void {
    const subject =
      event.type === 'run'
        ? `run ${event.run.id}`
        : event.type === 'gate'
          ? `gate ${event.gate.id}`
          : event.type === 'documents' || event.type === 'files'
            ? `${event.type} ${event.project}`
            : event.type
    this.#waiting.delete(subject)
    this.#waiting.set(subject, event)
    const oldest = this.#waiting.size > Latest.mostSubjects ? this.#waiting.keys().next().value : undefined
    if (oldest !== undefined) this.#waiting.delete(oldest)
    this.#wake?.()
  }

  /** All that waits, once something does; nothing when the signal aborts. */
  async take(signal: AbortSignal): Promise<HubEvent[]> {
    while (this.#waiting.size === 0 && !signal.aborted) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    const events = signal.aborted ? [] : [...this.#waiting.values()]
    this.#waiting.clear()
    return events
  }
}
