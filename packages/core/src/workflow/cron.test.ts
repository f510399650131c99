import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CronTimes, isCron, nextTime } from './cron.ts'
import { isTimeZone } from './time-zone.ts'

const at = (text: string): number => Date.parse(text)
const next = (cron: string, zone: string, after: string): string =>
  new Date(nextTime(cron, zone, at(after))!).toISOString()

test('WF14 five fields with ranges, lists, steps and names; nothing else is a schedule', () => {
  for (const cron of ['* * * * *', '*/5 0-6 1,15 JAN-MAR MON', '0 6 * * 7', '5/10 * * * *', '0 0 29 2 *'])
    assert.ok(isCron(cron), cron)
  for (const cron of [
    '',
    '* * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '*/0 * * * *',
    '5-1 * * * *',
    'a * * * *',
    '@daily',
    '0 0 L * *',
    '0 0 15W * *',
    '0 0 * * 1#2',
    '0 0 * * +MON',
    '? * * * *',
    '0 0 0 * * *',
    '/5 * * * *',
    '2026-01-01T00:00:00',
  ])
    assert.ok(!isCron(cron), cron)
  assert.ok(isTimeZone('Europe/Paris') && !isTimeZone('Mars/Base'))
})

test('WF15 the next time is that of the zone, also over a change of the clocks', () => {
  assert.equal(next('0 6 * * MON', 'Europe/Paris', '2026-01-01T00:00:00Z'), '2026-01-05T05:00:00.000Z')
  assert.equal(next('0 6 * * MON', 'Europe/Paris', '2026-07-01T00:00:00Z'), '2026-07-06T04:00:00.000Z')
  // The clocks go from 02:00 to 03:00: half past two is not there, and becomes three.
  assert.equal(next('30 2 * * *', 'Europe/Paris', '2026-03-28T12:00:00Z'), '2026-03-29T01:00:00.000Z')
  // They go back from 03:00 to 02:00: half past two is there twice, and counts once.
  assert.equal(next('30 2 * * *', 'Europe/Paris', '2026-10-24T12:00:00Z'), '2026-10-25T00:30:00.000Z')
  assert.equal(next('30 2 * * *', 'Europe/Paris', '2026-10-25T00:30:00Z'), '2026-10-26T01:30:00.000Z')
  assert.equal(next('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z'), '2028-02-29T00:00:00.000Z')
  assert.equal(next('0 0 13 * FRI', 'UTC', '2026-01-01T00:00:00Z'), '2026-01-02T00:00:00.000Z')
  assert.equal(nextTime('0 0 31 2 *', 'UTC', 0), undefined)
})

test('WF14 a day and a weekday are either enough, unless one begins with a star; Sunday is 0 and 7', () => {
  assert.equal(next('0 0 */2 * MON', 'UTC', '2026-01-01T00:00:00Z'), '2026-01-05T00:00:00.000Z')
  assert.equal(next('0 0 * * 5-7', 'UTC', '2026-01-03T00:00:00Z'), '2026-01-04T00:00:00.000Z')
  assert.equal(next('0 0 * * sun', 'UTC', '2026-01-03T00:00:00Z'), '2026-01-04T00:00:00.000Z')
})

test('WF16 what is true in each hour goes on: through the hour that is there twice, and over the one that is not', () => {
  const spring = new CronTimes('30 * * * *', 'Europe/Paris')
  assert.equal(spring.next(at('2026-03-29T00:30:00Z')), at('2026-03-29T01:30:00Z'))
  const autumn = new CronTimes('*/20 * * * *', 'Europe/Paris')
  let now = at('2026-10-24T23:59:00Z')
  for (let i = 0; i < 12; i++) {
    const found = autumn.next(now)!
    assert.equal(found - (i === 0 ? at('2026-10-24T23:40:00Z') : now), 20 * 60_000)
    now = found
  }
})

test('WF17 the last time in a stretch is found, however long that is, and nothing where there is none', () => {
  const monthly = new CronTimes('0 6 1 * *', 'Europe/Paris')
  assert.equal(monthly.last(at('2000-01-01T00:00:00Z'), at('2026-07-20T00:00:00Z')), at('2026-07-01T04:00:00Z'))
  assert.equal(monthly.last(at('2026-07-01T04:00:00Z'), at('2026-07-20T00:00:00Z')), undefined)
  assert.equal(monthly.last(at('2026-06-30T00:00:00Z'), at('2026-07-01T04:00:00Z')), at('2026-07-01T04:00:00Z'))
  assert.equal(new CronTimes('0 0 31 2 *', 'UTC').last(0, at('2026-07-20T00:00:00Z')), undefined)
})
