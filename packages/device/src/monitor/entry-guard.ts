/** The last word on a run: a page that sets a whole entry again may undo how it ended, and then that is set again (HM5). */
import { type ExecutionStatus, executionStatuses } from '@meshbook/core/executions.ts'
import { isRunId, type Now, type RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type * as Y from 'yjs'
import { EntryView, executionsOf } from './execution-entry.ts'
import { dropEmptyTwins } from './output-block.ts'

/** What the monitor says in an entry. */
const saidFields = [
  ...['status', 'claimedBy', 'claimedAt', 'startedAt', 'completedAt', 'durationMs', 'stdinRequest', 'stdinResponse'],
  ...['result', 'error', 'displayData', 'fullOutput', 'ranOn', 'ranBy', 'reason'],
] as const

const openStatuses: readonly string[] = ['requested', 'claimed', 'ready', 'running']
const endStatuses: readonly string[] = executionStatuses.filter(status => !openStatuses.includes(status))
export const isOpenStatus = (status: unknown): boolean => openStatuses.includes(String(status))
export const isEndStatus = (status: unknown): status is ExecutionStatus => endStatuses.includes(String(status))

const endsKept = 200

export class EntryGuard {
  readonly #doc: Y.Doc
  readonly #limits: Limits
  readonly #now: Now
  readonly #ends = new Map<RunId, { said: Record<string, unknown>; until: number; tries: number }>()

  constructor(doc: Y.Doc, limits: Limits, now: Now) {
    this.#doc = doc
    this.#limits = limits
    this.#now = now
    executionsOf(doc).observeDeep(this.#onChange)
  }

  readonly #onChange = (events: readonly Y.YEvent<Y.AbstractType<unknown>>[], { local }: Y.Transaction): void => {
    const map = executionsOf(this.#doc)
    for (const event of events) {
      const keys = event.target === (map as unknown) ? [...event.keys.keys()] : [event.path[0]]
      for (const key of keys) if (isRunId(key)) local ? this.#said(key) : queueMicrotask(() => this.#changed(key))
    }
  }

  /** Remembers what this monitor said of the end. */
  #said(run: RunId): void {
    const entry = new EntryView(this.#doc, run)
    if (!isEndStatus(entry.get('status'))) return
    const said = Object.fromEntries(
      saidFields.flatMap(name => {
        const value = entry.get(name as 'status')
        return value === undefined ? [] : [[name, value]]
      }),
    )
    const tries = this.#ends.get(run)?.tries ?? 0
    this.#ends.delete(run)
    this.#ends.set(run, { said, until: this.#now() + this.#limits.entryGuardMs, tries })
    if (this.#ends.size > endsKept) this.#ends.delete(this.#ends.keys().next().value!)
  }

  #changed(run: RunId): void {
    const end = this.#ends.get(run)
    const entry = new EntryView(this.#doc, run)
    if (!end || !entry.exists || entry.get('status') === end.said.status) return
    if (this.#now() > end.until || end.tries++ > this.#limits.entryGuardTries) return
    this.#doc.transact(() => {
      entry.patch(end.said)
      dropEmptyTwins(this.#doc, run)
    }, this)
  }

  close(): void {
    executionsOf(this.#doc).unobserveDeep(this.#onChange)
  }
}
