/**
 * Work of a step that goes on elsewhere, a run or a task: known by an id that follows from run, path and attempt, so that
 * whoever carries the run on finds it again, and nobody begins it twice (WQ44).
 */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseRunId, type RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Execution } from '@meshbook/engine/workflow/ports.ts'
import { Wake } from '@meshbook/relay/serve/wake.ts'
import type { RunFeeds } from '../runs/run-feeds.ts'
import type { RunOfSteps } from './acting.ts'

export interface OutsideWorkPorts {
  feeds: Pick<RunFeeds, 'watch'>
  times: Pick<Limits, 'workerLookMs'>
}

/** `part`: of several that one attempt begins. */
export function workId(kind: 'cell' | 'task', run: RunId, { path, attempt }: Execution, part = 0): RunId {
  const parts = JSON.stringify([run, path, attempt, part])
  return parseRunId(`flow-${kind}-${createHash('sha256').update(parts).digest('hex').slice(0, 40)}`)
}

/** Somebody else looks after it from now on; it is left as it is. */
const isHandedOn = ({ reason }: AbortSignal): boolean => reason instanceof MeshError && reason.code === 'SHUTTING_DOWN'

export interface OutsideWork<T> {
  /** What it came to, once it has ended. */
  ended(): Promise<T | undefined>
  /** Ends it; one that has ended has ended. */
  cancel(why: string): Promise<void>
}

/** Where the attempt counts no more, the work is cancelled before its reason is thrown. */
export async function endOfWork<T>(
  { feeds, times }: OutsideWorkPorts,
  { org }: RunOfSteps,
  id: RunId,
  signal: AbortSignal,
  work: OutsideWork<T>,
): Promise<T> {
  const wake = new Wake()
  let grew = false
  const stopWatching = feeds.watch(org, id, grown => {
    if (grown && !grown.ended) return
    grew = true
    wake.wake()
  })
  try {
    while (!signal.aborted) {
      grew = false
      const ended = await work.ended()
      if (ended !== undefined) return ended
      if (!grew) await wake.sleep(AbortSignal.any([signal, AbortSignal.timeout(times.workerLookMs)]))
    }
  } finally {
    stopWatching()
  }
  if (!isHandedOn(signal)) await work.cancel('its workflow does not wait for it any more')
  throw signal.reason
}
