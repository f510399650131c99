/**
 * Runs that the hub ended and no device tells the document about, so that a cell does not wait for ever: one that no
 * device got is ended there by the page that asked for it; one whose device is gone is only shown so (W56).
 */
import type { Run } from '@meshbook/core/api.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { effect, type ReadonlySignal } from '@preact/signals'
import type { ExecutionStore } from './execution-store.ts'

type Ended = Pick<Run, 'status' | 'endedAt' | 'device' | 'error'>
interface Ports {
  runs: ReadonlySignal<ReadonlyMap<string, Ended>>
  devices: ReadonlySignal<readonly Pick<DeviceInfo, 'id' | 'status'>[]>
  /** Asks the hub about a run, so that it is among the `runs`. */
  ask(run: string): void
  /** The Yjs client of this page. */
  client: number
}

/** Returns what ends it. */
export function settleUnplaced(executions: ExecutionStore, { runs, devices, ask, client }: Ports): () => void {
  const asked = new Set<string>()
  return effect(() => {
    const away = new Set<string>(devices.value.flatMap(({ id, status }) => (status === 'online' ? [] : [id])))
    for (const id of executions.running.value) {
      const run = runs.value.get(id)
      const entry = executions.read(id)
      if (!run && away.has(entry?.ranOn?.device ?? '') && !asked.has(id)) {
        asked.add(id)
        ask(id)
      }
      if (!run || run.endedAt === null) continue
      if (run.device !== null) {
        if (run.status === 'interrupted') executions.lose(id, run.endedAt - (entry?.startedAt ?? run.endedAt))
        continue
      }
      if (entry?.status !== 'requested' || entry.requestedBy !== client) continue
      const status = run.status === 'cancelled' ? 'cancelled' : 'refused'
      executions.update(id, { status, reason: run.error?.message ?? '' })
    }
  })
}
