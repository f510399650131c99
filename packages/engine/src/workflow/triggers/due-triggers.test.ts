import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { isId } from '@meshbook/core/ids.ts'
import { CronTimes } from '@meshbook/core/workflow/cron.ts'
import type { Schedule } from '@meshbook/core/workflow/workflow-schema.ts'
import fc from 'fast-check'
import { dueTriggers, type ScheduledTrigger, type ScheduleLimits } from './due-triggers.ts'

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
const minuteMs = 60_000
const usual: ScheduleLimits = { scheduleLateMs: 5 * minuteMs, missedPerSchedule: 10 }
const at = (text: string): number => Date.parse(text)
const text = (ms: number): string => new Date(ms).toISOString()

const trigger = (schedule: Schedule, settledAt: string): ScheduledTrigger => ({
  id: 'daily',
  schedule,
  settledAt: at(settledAt),
})

function due(schedule: Schedule, settledAt: string, now: string, more: Partial<ScheduleLimits> = {}) {
  const { runs, settled } = dueTriggers([trigger(schedule, settledAt)], at(now), digest, { ...usual, ...more })
  const [one] = settled
  const dropped = one!.dropped && [text(one!.dropped.from), text(one!.dropped.to)]
  return { runs: runs.map(run => text(run.at)), settledAt: text(one!.settledAt), nextAt: one!.nextAt, dropped }
}

const daily: Schedule = { cron: '0 6 * * *' }

test('WF101 a time starts a run once it is there, not before, and not again', () => {
  assert.deepEqual(due(daily, '2026-01-01T12:00:00Z', '2026-01-02T05:59:59.999Z').runs, [])
  const now = due(daily, '2026-01-01T12:00:00Z', '2026-01-02T06:00:00Z')
  assert.deepEqual(now.runs, ['2026-01-02T06:00:00.000Z'])
  assert.equal(text(now.nextAt!), '2026-01-03T06:00:00.000Z')
  assert.deepEqual(due(daily, now.settledAt, '2026-01-02T06:00:01Z').runs, [])
  // The clock was set back.
  const back = due(daily, now.settledAt, '2026-01-01T06:00:01Z')
  assert.deepEqual([back.runs, back.settledAt], [[], now.settledAt])
})

test('WF102 skip starts what is a little late, and drops what was missed', () => {
  const late = due(daily, '2026-01-01T12:00:00Z', '2026-01-02T06:04:00Z')
  assert.deepEqual([late.runs, late.dropped], [['2026-01-02T06:00:00.000Z'], null])
  const missed = due(daily, '2026-01-01T12:00:00Z', '2026-01-04T09:00:00Z')
  assert.deepEqual([missed.runs, missed.dropped], [[], ['2026-01-02T06:00:00.000Z', '2026-01-04T06:00:00.000Z']])
  assert.equal(missed.settledAt, '2026-01-04T06:00:00.000Z')
})

test('WF102 once starts one run for all that was missed, however long ago', () => {
  const once = due({ ...daily, missed: 'once' }, '2026-01-01T12:00:00Z', '2026-01-04T09:00:00Z')
  assert.deepEqual(once.runs, ['2026-01-04T06:00:00.000Z'])
  assert.deepEqual(once.dropped, ['2026-01-02T06:00:00.000Z', '2026-01-03T06:00:00.000Z'])
  const monthly = due({ cron: '0 6 1 * *', missed: 'once' }, '2026-01-01T12:00:00Z', '2026-02-20T09:00:00Z')
  assert.deepEqual(monthly.runs, ['2026-02-01T06:00:00.000Z'])
})

test('WF102 all starts each, oldest first, and the newest where there are too many', () => {
  const all: Schedule = { ...daily, missed: 'all' }
  const three = due(all, '2026-01-01T12:00:00Z', '2026-01-04T09:00:00Z')
  assert.deepEqual(three.runs, ['2026-01-02T06:00:00.000Z', '2026-01-03T06:00:00.000Z', '2026-01-04T06:00:00.000Z'])
  const two = due(all, '2026-01-01T12:00:00Z', '2026-01-04T09:00:00Z', { missedPerSchedule: 2 })
  assert.deepEqual(two.runs, ['2026-01-03T06:00:00.000Z', '2026-01-04T06:00:00.000Z'])
  assert.deepEqual(two.dropped, ['2026-01-02T06:00:00.000Z', '2026-01-02T06:00:00.000Z'])
})

test('WF102 a year of missed minutes costs little', () => {
  const began = performance.now()
  const { runs } = due({ cron: '* * * * *', missed: 'all' }, '2025-01-01T00:00:00Z', '2026-01-01T00:00:00Z', {
    missedPerSchedule: 100,
  })
  assert.equal(runs.length, 100)
  assert.ok(performance.now() - began < 3_000)
})

test('WF103 the same time of the same trigger is the same run; any other is another', () => {
  const runs = (id: string, now: string) =>
    dueTriggers([{ ...trigger({ ...daily, missed: 'all' }, '2026-01-01T12:00:00Z'), id }], at(now), digest).runs
  const [first] = runs('daily', '2026-01-02T06:00:00Z')
  const [again, second] = runs('daily', '2026-01-03T06:00:30Z')
  const [other] = runs('other', '2026-01-02T06:00:00Z')
  assert.ok(isId('run', first!.run))
  assert.equal(first!.run, again!.run)
  assert.equal(new Set([first!.run, second!.run, other!.run]).size, 3)
  assert.ok(first!.run < second!.run, 'ids sort by the time that was due')
})

test('WF104 hubs that decide from what was true a while ago, with clocks of their own, and die between, start each time once', () => {
  const steps = fc.array(
    fc.record({
      hub: fc.nat({ max: 2 }),
      passes: fc.integer({ min: 1, max: 90 }),
      reads: fc.boolean(),
      dies: fc.constantFrom('no', 'no', 'no', 'before the runs', 'before it is settled'),
    }),
    { minLength: 1, maxLength: 60 },
  )
  const schedules = fc.record({
    cron: fc.constantFrom('*/20 * * * *', '30 * * * *', '15 2 * * *', '0 */2 * * *'),
    timezone: fc.constantFrom('UTC', 'Europe/Paris', 'America/Havana'),
    missed: fc.constantFrom('skip' as const, 'once' as const, 'all' as const),
  })
  const skews = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -30_000, max: 30_000 })))
  fc.assert(
    fc.property(schedules, steps, skews, (schedule, all, skew) => {
      const start = at('2026-10-24T22:00:00Z')
      const started = new Map<string, number>()
      let kept = start
      let now = start
      const read = [start, start, start]
      for (const { hub, passes, reads, dies } of all) {
        now += passes * minuteMs
        // What it has read may be old: the runs are there already then.
        if (reads) read[hub] = kept
        const state = [{ id: 'a', schedule, settledAt: read[hub]! }]
        const { runs, settled } = dueTriggers(state, now + skew[hub]!, digest, { ...usual, missedPerSchedule: 1_000 })
        if (dies === 'before the runs') continue
        for (const { run, at: dueAt } of runs) {
          assert.ok(!started.has(run) || started.get(run) === dueAt)
          assert.ok(dueAt <= now + skew[hub]!)
          started.set(run, dueAt)
        }
        if (dies === 'before it is settled') continue
        kept = Math.max(kept, settled[0]!.settledAt)
      }
      const times = [...started.values()].sort((a, b) => a - b)
      assert.equal(new Set(times).size, times.length, 'no time has two runs')
      const expected: number[] = []
      const cron = new CronTimes(schedule.cron, schedule.timezone)
      for (let time = cron.next(start); time !== undefined && time <= kept; time = cron.next(time)) expected.push(time)
      const upToKept = times.filter(time => time <= kept)
      if (schedule.missed === 'all') assert.deepEqual(upToKept, expected, 'none is left out')
      else
        assert.deepEqual(
          upToKept.filter(time => !expected.includes(time)),
          [],
          'only times of the schedule',
        )
      if (schedule.missed === 'once' && expected.length > 0)
        assert.ok(times.includes(kept), 'the newest is made up for')
    }),
    { numRuns: 400 },
  )
})
