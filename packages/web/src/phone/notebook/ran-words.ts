/** How a run stands and where it ran, in a line. Pure. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { duration, timeOfDay } from '../../notebook/duration.ts'

const active = new Set(['requested', 'claimed', 'ready', 'running'])
export const isUnderWay = (entry: ExecutionEntry | undefined): boolean =>
  entry !== undefined && active.has(entry.status)

const statusWords: Partial<Record<ExecutionEntry['status'], string>> = {
  requested: 'Waiting for a device',
  claimed: 'Starting',
  ready: 'Starting',
  running: 'Running',
  cancelled: 'Cancelled',
  interrupted: 'Interrupted: the device was lost',
  refused: 'Not run',
}

export function ranWords(entry: ExecutionEntry, now: number): string {
  const { status, ranOn, durationMs, startedAt } = entry
  const isOver = !isUnderWay(entry)
  const words = [
    statusWords[status],
    ranOn && `⚡ ${ranOn.name}`,
    isOver && durationMs !== undefined && duration(durationMs),
    isOver && durationMs !== undefined && startedAt !== undefined && timeOfDay(startedAt, now),
  ]
  return words.filter(Boolean).join(' · ')
}
