/**
 * How soon a session may be saved again, from what the last saving cost (SN40–SN42, SN46, SN55). Pure: times go in, a time
 * comes out.
 */
import type { Limits } from '@meshbook/core/limits.ts'

export interface Pace {
  /** When the last try ended; null before the first. */
  endedAt: number | null
  tookMs: number
  /** For how long the session stood still. */
  pauseMs: number
  /** In a row. */
  failures: number
}

type PaceLimits = Pick<Limits, 'snapshotQuietMs' | 'snapshotFreezePerMille' | 'snapshotPauseMs' | 'snapshotLongRunMs'>

const restFactor = 3
const longestWaitMs = 10 * 60_000
const firstRetryMs = 10_000
/** Before the idle end, the least that a saving is given. */
const leastMarginMs = 20_000

export const freshPace: Pace = { endedAt: null, tookMs: 0, pauseMs: 0, failures: 0 }

export function saved(cost: { at: number; tookMs: number; pauseMs: number }): Pace {
  return { endedAt: cost.at, tookMs: cost.tookMs, pauseMs: cost.pauseMs, failures: 0 }
}

export function failed(pace: Pace, at: number): Pace {
  return { ...pace, endedAt: at, failures: pace.failures + 1 }
}

/** How long the session is left alone after the last try. */
export function restMs(pace: Pace, limits: PaceLimits): number {
  if (pace.failures > 0) return Math.min(longestWaitMs, firstRetryMs * 2 ** (pace.failures - 1))
  const felt = Math.max(1, pace.pauseMs / limits.snapshotPauseMs)
  const frozen = (pace.pauseMs * 1_000 * felt) / limits.snapshotFreezePerMille
  return Math.min(longestWaitMs, Math.max(restFactor * pace.tookMs, frozen))
}

/** When a session that has been quiet since `quietAt` is saved; `idleEndMs` after that nobody's sessions end (0: never). */
export function dueAt(pace: Pace, quietAt: number, idleEndMs: number, limits: PaceLimits): number {
  const quiet = quietAt + limits.snapshotQuietMs
  const due = pace.endedAt === null ? quiet : Math.max(quiet, pace.endedAt + restMs(pace, limits))
  if (idleEndMs === 0 || pace.failures > 0) return due
  const margin = Math.max(leastMarginMs, 2 * pace.tookMs)
  return Math.min(due, Math.max(quiet, quietAt + idleEndMs - margin))
}

/** When a run that began at `beganAt` is saved in its middle. */
export function dueDuring(pace: Pace, beganAt: number, limits: PaceLimits): number {
  const first = beganAt + limits.snapshotLongRunMs
  if (pace.endedAt === null || pace.endedAt < beganAt) return first
  return Math.max(first, pace.endedAt + Math.max(limits.snapshotLongRunMs, restMs(pace, limits)))
}
