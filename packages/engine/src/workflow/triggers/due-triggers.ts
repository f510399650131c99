/** Which runs schedules start now (WF101–WF104). Pure: two hubs that decide at once decide for the same runs. */
import type { RunId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { CronTimes } from '@meshbook/core/workflow/cron.ts'
import type { Schedule } from '@meshbook/core/workflow/workflow-schema.ts'
import { type Digest, runOf } from './trigger-run.ts'

export interface ScheduledTrigger {
  id: string
  schedule: Schedule
  /** All times up to here are settled: those of before it was turned on, or was changed, as well. */
  settledAt: number
}

export interface DueRun {
  trigger: string
  run: RunId
  /** The time that it was due. */
  at: number
}

export interface Settled {
  trigger: string
  /** To be kept in one transaction with the runs, and only where it is later than what is kept. */
  settledAt: number
  /** When it is to be looked at again. */
  nextAt: number | null
  /** Times that passed and are not made up for: the first and the last of them. */
  dropped: { from: number; to: number } | null
}

/** Later than `scheduleLateMs`, a time has been missed; of those, `missedPerSchedule` are made up for at most. */
export type ScheduleLimits = Pick<Limits, 'scheduleLateMs' | 'missedPerSchedule'>

export function dueTriggers(
  state: readonly ScheduledTrigger[],
  now: number,
  digest: Digest,
  most: ScheduleLimits = limits,
): { runs: DueRun[]; settled: Settled[] } {
  const each = state.map(trigger => dueOf(trigger, now, digest, most))
  return { runs: each.flatMap(({ runs }) => runs), settled: each.map(({ settled }) => settled) }
}

function dueOf(
  trigger: ScheduledTrigger,
  now: number,
  digest: Digest,
  most: ScheduleLimits,
): { runs: DueRun[]; settled: Settled } {
  const { id, schedule, settledAt } = trigger
  const times = new CronTimes(schedule.cron, schedule.timezone ?? 'UTC')
  const first = times.next(settledAt)
  const newest = times.last(settledAt, now)
  if (first === undefined || newest === undefined)
    return { runs: [], settled: { trigger: id, settledAt, nextAt: first ?? null, dropped: null } }
  const started = startedOf(times, schedule.missed ?? 'skip', { after: settledAt, newest, now }, most)
  const before = times.last(settledAt, (started[0] ?? newest + 1) - 1)
  return {
    runs: started.map(at => ({ trigger: id, at, run: runOf(eventOf(id, at), digest) })),
    settled: {
      trigger: id,
      settledAt: newest,
      nextAt: times.next(newest) ?? null,
      dropped: before === undefined ? null : { from: first, to: before },
    },
  }
}

const eventOf = (trigger: string, at: number) => ({ trigger, kind: 'schedule', event: '', at }) as const

/** Oldest first. */
function startedOf(
  times: CronTimes,
  missed: 'skip' | 'once' | 'all',
  { after, newest, now }: { after: number; newest: number; now: number },
  { scheduleLateMs, missedPerSchedule }: ScheduleLimits,
): number[] {
  if (missed === 'skip') return now - newest <= scheduleLateMs ? [newest] : []
  const started = [newest]
  while (missed === 'all' && started.length < missedPerSchedule) {
    const before = times.last(after, started[0]! - 1)
    if (before === undefined) break
    started.unshift(before)
  }
  return started
}
