/** A run's log as server-sent events: from the durable log, then as it grows, each event once and in order (I5). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import { eventText, type NextChunk } from '@meshbook/relay/serve/sse.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { RunFeeds } from './run-feeds.ts'

/** What is read from the log at a time, and so what a slow viewer holds. */
const chunkBytes = 512 * 1024

export interface RunReader {
  next: NextChunk
  stop(): void
}

/** Call it before the first read: a growth between the read and the wait must not be missed. */
export function readRun(store: HubStore, feeds: RunFeeds, org: OrgId, id: RunId, after: number): RunReader {
  const growth = new Growth()
  const stop = feeds.watch(org, id, () => growth.note())
  let last = after
  let ended = false
  const next: NextChunk = async signal => {
    while (!ended && !signal.aborted) {
      const seen = growth.count
      const page = await store.query('readEvents', { org, id, after: last, mostBytes: chunkBytes })
      if (!page) throw new MeshError('NOT_FOUND', { detail: `run ${id}` })
      ended = page.ended
      last = page.events.at(-1)?.seq ?? last
      if (page.events.length > 0) return page.events.map(({ seq, event }) => eventText(seq, event)).join('')
      if (!ended) await growth.beyond(seen, signal)
    }
    return undefined
  }
  return { next, stop }
}

/** A counter that can be waited for. */
class Growth {
  count = 0
  #wake: (() => void) | undefined

  note(): void {
    this.count++
    this.#wake?.()
  }

  async beyond(seen: number, signal: AbortSignal): Promise<void> {
    if (this.count > seen || signal.aborted) return
    await new Promise<void>(resolve => {
      this.#wake = resolve
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.#wake = undefined
  }
}
