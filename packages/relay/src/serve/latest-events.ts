/** What a browser is told of its mesh, kept until it reads. */
import type { HubEvent } from '@meshbook/core/api.ts'
import { eventText, type NextChunk } from './sse.ts'
import { Wake } from './wake.ts'

/**
 * Events that the reader has not taken yet. A newer one of the same subject takes the place of the older, so that what
 * waits is bounded by the number of subjects; a reader that falls behind by more runs than this has only the newest.
 */
export class LatestEvents {
  static readonly mostSubjects = 2_000
  readonly #waiting = new Map<string, HubEvent>()
  readonly #wake = new Wake()

  put(event: HubEvent): void {
    const subject = subjectOf(event)
    this.#waiting.delete(subject)
    this.#waiting.set(subject, event)
    const oldest = this.#waiting.size > LatestEvents.mostSubjects ? this.#waiting.keys().next().value : undefined
    if (oldest !== undefined) this.#waiting.delete(oldest)
    this.#wake.wake()
  }

  /** All that waits, once something does; nothing when the signal aborts. */
  async take(signal: AbortSignal): Promise<HubEvent[]> {
    while (this.#waiting.size === 0 && !signal.aborted) await this.#wake.sleep(signal)
    const events = signal.aborted ? [] : [...this.#waiting.values()]
    this.#waiting.clear()
    return events
  }

  /** What waits as server-sent events. */
  next(): NextChunk {
    let count = 0
    return async signal => {
      const events = await this.take(signal)
      return events.length === 0 ? undefined : events.map(event => eventText(++count, event, event.type)).join('')
    }
  }
}

/** Two events of one subject: the newer says all that the older said. */
function subjectOf(event: HubEvent): string {
  switch (event.type) {
    case 'run':
      return `run ${event.run.id}`
    case 'gate':
      return `gate ${event.gate.id}`
    case 'documents':
    case 'files':
      return `${event.type} ${event.project}`
    case 'versions':
      return `versions ${event.document}`
    case 'device-offline':
    case 'revoked':
      return `${event.type} ${event.device}`
    default:
      return event.type
  }
}
