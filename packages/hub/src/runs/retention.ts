/** Lets logs and records of runs expire by the policy of this hub, a few at a time (RU40, RU41). */
import type { Now } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { NamedRun } from '../store/run-retention.ts'

export interface RetentionPorts {
  store: HubStore
  now: Now
  /** How long the log of an ended run is kept. */
  logMs: number
  logBytesPerProject?: number
}

export interface Expired {
  logs: number
  records: number
}

export async function expireRuns(ports: RetentionPorts): Promise<Expired> {
  const { store, now, logMs, logBytesPerProject = limits.runLogBytesPerProject } = ports
  const at = now()
  const oldLogs = () => store.query('oldLogs', { endedBefore: at - logMs, now: at })
  const excess = () => store.query('excessLogs', { mostBytes: logBytesPerProject })
  const oldRecords = () => store.query('oldRecords', { endedBefore: at - Math.max(logMs, limits.runRecordMs) })
  const expire = (run: NamedRun) => store.call('expireLog', { ...run, now: at })
  return {
    logs: (await each(oldLogs, expire)) + (await each(excess, expire)),
    records: await each(oldRecords, run => store.call('dropRecord', run)),
  }
}

/** Until a look finds nothing more, or nothing of what it found could be let go. */
async function each(find: () => Promise<NamedRun[]>, letGo: (run: NamedRun) => Promise<boolean>): Promise<number> {
  let count = 0
  for (;;) {
    let gone = 0
    for (const run of await find()) if (await letGo(run)) gone++
    count += gone
    if (gone === 0) return count
  }
}
