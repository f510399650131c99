/** What a monitor keeps over a restart, and where it says what went wrong. */
import type { RunId } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { HeldRun } from '../store/held-runs.ts'

export interface RunStore {
  /** Remembers a lease; what was known of the run stays known. `reported`: somebody else sees to its log. */
  hold(lease: Lease, reported?: boolean): Promise<HeldRun>
  save(run: HeldRun): Promise<void>
  drop(run: RunId): Promise<void>
  list(): Promise<HeldRun[]>
}

export interface MonitorLog {
  warn(detail: object, message: string): void
}
