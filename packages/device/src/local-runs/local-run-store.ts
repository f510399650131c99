/** What is kept of this device's own decisions over a restart. Everything is durable when its promise resolves. */
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { DeviceStore } from '../store/device-store.ts'
import type { HeadLabel, LastHeard, LocalRun } from '../store/local-runs.ts'

export interface LocalRunStore {
  save(run: LocalRun): Promise<void>
  /** The run, its head and the lease that the monitor executes, in one. */
  lease(run: LocalRun, head: HeadLabel, lease: Lease): Promise<void>
  drop(run: RunId): Promise<void>
  runs(): Promise<LocalRun[]>
  saveLabel(label: HeadLabel): Promise<void>
  dropLabel(label: HeadLabel): Promise<void>
  labels(): Promise<HeadLabel[]>
  saveHeard(heard: LastHeard): Promise<void>
  heard(): Promise<LastHeard>
}

export function localRunStore(store: DeviceStore, org: OrgId): LocalRunStore {
  return {
    save: run => store.call('saveLocalRun', { org, run }),
    lease: (run, head, lease) => store.call('leaseLocalRun', { org, run, head, lease }),
    drop: run => store.call('dropLocalRun', { org, run }),
    runs: () => store.query('listLocalRuns', { org }),
    saveLabel: label => store.call('saveHeadLabel', { org, label }),
    dropLabel: ({ kernel, head }) => store.call('dropHeadLabel', { org, kernel, head }),
    labels: () => store.query('listHeadLabels', { org }),
    saveHeard: heard => store.call('saveLastHeard', { org, heard }),
    heard: () => store.query('lastHeard', { org }),
  }
}
