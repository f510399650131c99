/** Times of schedules against brute force: every minute of the days around changes of the clocks, in zones that do it differently. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CronTimes, isCron } from './cron.ts'

const minuteMs = 60_000
const dayMs = 86_400_000

/** With the UTC day in whose middle third or near which the clocks are set. */
const changes: readonly [zone: string, day: string][] = [
  ['Europe/Paris', '2026-03-29'],
  ['Europe/Paris', '2026-10-25'],
  ['America/New_York', '2026-03-08'],
  ['America/New_York', '2026-11-01'],
  // Half an hour.
  ['Australia/Lord_Howe', '2026-04-04'],
  ['Australia/Lord_Howe', '2026-10-03'],
  // At midnight.
  ['America/Havana', '2026-03-08'],
  ['America/Havana', '2026-11-01'],
  ['Asia/Beirut', '2026-03-28'],
  ['Africa/Cairo', '2026-10-29'],
  ['America/Sao_Paulo', '2018-11-04'],
  // At one past midnight.
  ['America/St_Johns', '2010-03-14'],
  ['America/St_Johns', '2010-11-07'],
  // Two hours.
  ['Antarctica/Troll', '2026-03-29'],
  ['Antarctica/Troll', '2026-10-25'],
  // In a month of its own.
  ['Africa/Casablanca', '2026-02-15'],
  ['Africa/Casablanca', '2026-03-22'],
  // A whole day that was not there.
  ['Pacific/Apia', '2011-12-30'],
  ['Asia/Kathmandu', '2026-03-29'],
  ['UTC', '2026-02-28'],
]

interface Wall {
  minute: number
  hour: number
  day: number
  month: number
  weekday: number
}

const wallOf = (ms: number): Wall => {
  const date = new Date(ms)
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  }
}

interface Field {
  text: string
  has(value: number): boolean
}

const any: Field = { text: '*', has: () => true }
const every = (step: number, least: number): Field => ({ text: `*/${step}`, has: n => (n - least) % step === 0 })
const list = (values: readonly number[]): Field => ({ text: values.join(','), has: n => values.includes(n) })
const span = (from: number, to: number): Field => ({ text: `${from}-${to}`, has: n => n >= from && n <= to })

function fieldOf(least: number, most: number): fc.Arbitrary<Field> {
  const one = fc.integer({ min: least, max: most })
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(any) },
    fc.integer({ min: 2, max: Math.min(12, most) }).map(step => every(step, least)),
    fc.uniqueArray(one, { minLength: 1, maxLength: 3 }).map(list),
    fc.tuple(one, one).map(([a, b]) => span(Math.min(a, b), Math.max(a, b))),
  )
}

const minutes = fc.oneof(fieldOf(0, 59), fc.constantFrom(list([0]), list([30]), list([15, 45])))
/** Near the hours at which clocks are set. */
const hours = fc.oneof(
  fieldOf(0, 23),
  fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }).map(list),
)
const crons = fc.tuple(minutes, hours, fc.oneof(fc.constant(any), fieldOf(1, 31)), fc.constant(any), fieldOf(0, 6))

interface Shown {
  at: number
  wall: number
}

/** What the clocks of the zone show at every minute. */
function minutesOf(zone: string, from: number, to: number): Shown[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' })
  const all: Shown[] = []
  for (let at = from; at <= to; at += minuteMs)
    all.push({ at, wall: Date.parse(`${format.format(at).replace(' ', 'T')}Z`) })
  return all
}

function bruteForce(all: readonly Shown[], [minute, hour, day, month, weekday]: readonly Field[]): number[] {
  const isDay = (wall: Wall): boolean => {
    const [byDay, byWeekday] = [day!.has(wall.day), weekday!.has(wall.weekday)]
    const either = !day!.text.startsWith('*') && !weekday!.text.startsWith('*')
    return either ? byDay || byWeekday : byDay && byWeekday
  }
  const is = (ms: number): boolean => {
    const wall = wallOf(ms)
    return minute!.has(wall.minute) && hour!.has(wall.hour) && month!.has(wall.month) && isDay(wall)
  }
  if (hour!.text.startsWith('*')) return all.filter(({ wall }) => is(wall)).map(({ at }) => at)
  const first = new Map<number, number>()
  for (const { at, wall } of all) if (!first.has(wall)) first.set(wall, at)
  const found = new Set<number>()
  let latest = all[0]!.wall - minuteMs
  for (const { at, wall } of all) {
    // What was jumped over, and this.
    for (let shown = latest + minuteMs; shown <= wall; shown += minuteMs)
      if (is(shown)) found.add(first.get(shown) ?? at)
    latest = Math.max(latest, wall)
  }
  return [...found].sort((a, b) => a - b)
}

for (const [zone, day] of changes)
  test(`WF15 WF16 the times of any schedule around ${day} in ${zone} are those of brute force`, () => {
    const middle = Date.parse(`${day}T12:00:00Z`)
    const [from, to] = [middle - 2 * dayMs, middle + 2 * dayMs]
    const all = minutesOf(zone, from - dayMs, to)
    const sets = all.some(({ at, wall }, i) => i > 0 && wall - at !== all[i - 1]!.wall - all[i - 1]!.at && at > from)
    assert.equal(sets, !['Asia/Kathmandu', 'UTC'].includes(zone), 'the clocks are set in these days')
    fc.assert(
      fc.property(crons, fields => {
        const text = fields.map(one => one.text).join(' ')
        assert.ok(isCron(text), text)
        const expected = bruteForce(all, fields).filter(at => at > from)
        const times = new CronTimes(text, zone)
        const found: number[] = []
        for (let at = times.next(from); at !== undefined && at <= to; at = times.next(at)) found.push(at)
        assert.deepEqual(found, expected, text)
        assert.equal(times.last(from, to), expected.at(-1), text)
      }),
      { numRuns: 25, seed: 20_261_025 },
    )
  })
