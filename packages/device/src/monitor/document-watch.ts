/** Sees what happens in one document's map of executions: requests, answers to input questions, finished output blocks. */

import { isRunId, type RunId } from '@meshbook/core/ids.ts'
import type * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import { EntryView, executionsOf, runIdsOf } from './execution-entry.ts'

type AnyEvent = Y.YEvent<Y.AbstractType<unknown>>

export class DocumentWatch {
  readonly peer: DocumentPeer
  readonly #changed: (entry: EntryView) => void
  readonly #map: Y.Map<unknown>
  readonly #onChange = (events: readonly AnyEvent[], transaction: Y.Transaction) => {
    // What this device wrote itself is no news to it.
    if (!transaction.local)
      for (const run of changedRuns(events, this.#map)) this.#changed(new EntryView(this.peer.doc, run))
  }

  constructor(peer: DocumentPeer, changed: (entry: EntryView) => void) {
    this.peer = peer
    this.#changed = changed
    this.#map = executionsOf(peer.doc)
    this.#map.observeDeep(this.#onChange)
  }

  /** Looks at every entry that there is. */
  lookAtAll(): void {
    for (const run of runIdsOf(this.peer.doc)) this.#changed(new EntryView(this.peer.doc, run))
  }

  close(): void {
    this.#map.unobserveDeep(this.#onChange)
  }
}

function changedRuns(events: readonly AnyEvent[], map: Y.Map<unknown>): Set<RunId> {
  const runs = new Set<RunId>()
  for (const event of events) {
    const keys = event.target === (map as unknown) ? [...event.keys.keys()] : [event.path[0]]
    for (const key of keys) if (isRunId(key)) runs.add(key)
  }
  return runs
}
