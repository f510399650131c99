/** One document of a server as a monitor without a hub looks after it: its requests, its ends, its double and orphaned runs. */
import { isRunId, type Now, type RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type * as Y from 'yjs'
import { DocumentWatch } from './document-watch.ts'
import { DoubleRuns } from './double-runs.ts'
import { EntryGuard, isEndStatus, isOpenStatus } from './entry-guard.ts'
import { EntryView, runIdsOf } from './execution-entry.ts'
import { contentOf } from './notebook-reading.ts'
import { dropEmptyTwins } from './output-block.ts'
import type { ServerDocument } from './server-document.ts'

export interface WatchedDocumentPorts {
  document: ServerDocument
  limits: Limits
  now: Now
  /** Somebody wants the run to stop (HM6). */
  cancel(run: RunId): void
  abandon(run: RunId, reason: string): void
}

export class WatchedDocument {
  readonly document: ServerDocument
  readonly #ports: WatchedDocumentPorts
  readonly #watch: DocumentWatch
  readonly #guard: EntryGuard
  readonly #doubles: DoubleRuns
  /** Since when nobody is there who runs it. */
  readonly #orphans = new Map<RunId, number>()

  constructor(ports: WatchedDocumentPorts) {
    const { document, limits, now, cancel, abandon } = ports
    this.#ports = ports
    this.document = document
    this.#guard = new EntryGuard(document.peer.doc, limits, now)
    this.#doubles = new DoubleRuns({ document, abandon })
    this.#watch = new DocumentWatch(document.peer, entry => {
      if (entry.get('status') === 'cancelled') cancel(entry.run)
    })
    contentOf(document.peer.doc).observe(this.#onText)
  }

  /** A block that a page made besides the monitor's (HM4): the entry may not tell of it. */
  readonly #onText = ({ delta }: Y.YTextEvent, { local }: Y.Transaction): void => {
    if (local) return
    const inserted = delta.map(({ insert }) => (typeof insert === 'string' ? insert : '')).join('')
    const runs = [...inserted.matchAll(/output:(\S+)/g)].map(([, run]) => run).filter(isRunId)
    if (runs.length > 0) queueMicrotask(() => this.#dropTwins(runs))
  }

  #dropTwins(runs: readonly RunId[]): void {
    const { claims, client, peer } = this.document
    const mine = runs.filter(run => claims.of(run).some(it => it.client === client && it.ranAt !== undefined))
    peer.doc.transact(() => {
      for (const run of mine) dropEmptyTwins(peer.doc, run)
    }, this)
  }

  /** From time to time. */
  look(): void {
    if (this.document.connection === undefined) return
    this.#doubles.look()
    if (this.document.isFirst()) this.#lookForOrphans()
    this.#prune()
  }

  #lookForOrphans(): void {
    const { now, limits } = this.#ports
    const { doc } = this.document.peer
    for (const run of runIdsOf(doc)) {
      const entry = new EntryView(doc, run)
      const by = entry.get('claimedBy')
      const isOrphan = isOpenStatus(entry.get('status')) && typeof by === 'number' && !this.document.isPresent(by)
      if (!isOrphan) this.#orphans.delete(run)
      else if (!this.#orphans.has(run)) this.#orphans.set(run, now())
      else if (now() - this.#orphans.get(run)! > limits.monitorGoneMs) this.#interrupt(entry)
    }
  }

  #interrupt(entry: EntryView): void {
    this.#orphans.delete(entry.run)
    entry.patch({
      status: 'interrupted',
      reason: 'The monitor that ran it is gone. It may be going on there; run it again if it should run here.',
      completedAt: this.#ports.now(),
      stdinRequest: null,
    })
  }

  #prune(): void {
    const { now, limits } = this.#ports
    this.document.claims.prune(({ run, at }) => {
      const entry = new EntryView(this.document.peer.doc, run)
      return now() - at < limits.claimKeptMs || (entry.exists && !isEndStatus(entry.get('status')))
    })
  }

  close(): void {
    contentOf(this.document.peer.doc).unobserve(this.#onText)
    this.#watch.close()
    this.#guard.close()
    this.document.close()
  }
}
