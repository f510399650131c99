/**
 * A run that the hub ended before any device had it is told to nobody who writes into the document. The page that asked
 * for it does so, so that its cell does not wait for ever.
 */
import type { Run } from '@meshbook/core/api.ts'
import { effect, type ReadonlySignal } from '@preact/signals'
import type { ExecutionStore } from './execution-store.ts'

type Ended = Pick<Run, 'status' | 'endedAt' | 'device' | 'error'>

/** `client` is the Yjs client of this page. Returns what ends it. */
export function settleUnplaced(
  executions: ExecutionStore,
  runs: ReadonlySignal<ReadonlyMap<string, Ended>>,
  client: number,
): () => void {
  return effect(() => {
    for (const id of executions.running.value) {
      const run = runs.value.get(id)
      const entry = executions.read(id)
      if (!run || run.endedAt === null || run.device !== null) continue
      if (entry?.status !== 'requested' || entry.requestedBy !== client) continue
      const status = run.status === 'cancelled' ? 'cancelled' : 'refused'
      executions.update(id, { status, reason: run.error?.message ?? '' })
    }
  })
}
