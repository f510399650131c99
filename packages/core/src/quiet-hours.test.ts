import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endOfQuiet, isQuiet, isTimeZone } from './quiet-hours.ts'

const night = { from: '22:00', to: '07:00', zone: 'Europe/Berlin' }
const at = (text: string): number => Date.parse(text)
const shown = (moment: number): string => new Date(moment).toISOString()

test('NT5 a night is quiet from one day into the next, by the clock of the zone', () => {
  assert.equal(isQuiet(at('2026-11-21T20:59:59Z'), night), false)
  assert.equal(isQuiet(at('2026-11-21T21:00:00Z'), night), true)
  assert.equal(isQuiet(at('2026-11-22T05:59:59Z'), night), true)
  assert.equal(isQuiet(at('2026-11-22T06:00:00Z'), night), false)
  assert.equal(shown(endOfQuiet(at('2026-11-21T23:12:34Z'), night)), '2026-11-22T06:00:00.000Z')
  assert.equal(endOfQuiet(at('2026-11-21T12:00:00Z'), night), at('2026-11-21T12:00:00Z'))
})

test('NT5 a time within one day, and the same time twice, which is never quiet', () => {
  const noon = { from: '12:00', to: '14:00', zone: 'Asia/Kolkata' }
  assert.equal(isQuiet(at('2026-11-21T06:30:00Z'), noon), true)
  assert.equal(shown(endOfQuiet(at('2026-11-21T06:30:00Z'), noon)), '2026-11-21T08:30:00.000Z')
  assert.equal(isQuiet(at('2026-11-21T06:30:00Z'), { ...noon, from: '14:00' }), false)
})

test('NT5 the night in which the clock is put forward is an hour shorter, the one in which it is put back an hour longer', () => {
  assert.equal(shown(endOfQuiet(at('2026-03-28T21:00:00Z'), night)), '2026-03-29T05:00:00.000Z')
  assert.equal(shown(endOfQuiet(at('2026-10-24T20:00:00Z'), night)), '2026-10-25T06:00:00.000Z')
})

test('NT5 a quiet time that ends in the hour that is skipped ends with the change, one in the doubled hour ends each time', () => {
  const short = { from: '22:00', to: '02:30', zone: 'Europe/Berlin' }
  assert.equal(shown(endOfQuiet(at('2026-03-29T00:10:00Z'), short)), '2026-03-29T01:00:00.000Z')
  const first = at('2026-10-25T00:30:00Z')
  assert.equal(endOfQuiet(at('2026-10-24T23:00:00Z'), short), first)
  assert.equal(isQuiet(first, short), false)
  assert.equal(shown(endOfQuiet(at('2026-10-25T01:10:00Z'), short)), '2026-10-25T01:30:00.000Z')
})

test('NT5 wherever it ends, the minute before is quiet and that minute is not: all zones, a year of starts', () => {
  for (const [n, zone] of Intl.supportedValuesOf('timeZone').entries()) {
    const quiet = {
      from: `${String(n % 24).padStart(2, '0')}:15`,
      to: `${String((n * 7) % 24).padStart(2, '0')}:45`,
      zone,
    }
    for (let day = n % 37; day < 365; day += 37) {
      const start = at('2026-01-01T00:00:30Z') + day * 86_400_000 + n * 3_600_000
      const end = endOfQuiet(start, quiet)
      assert.equal(isQuiet(end, quiet), false, `${zone} ${shown(start)}`)
      if (end === start) continue
      assert.ok(isQuiet(end - 1, quiet), `${zone} ${shown(start)}`)
      assert.ok(end - start <= 26 * 3_600_000, `${zone} ${shown(start)}`)
    }
  }
})

test('a zone is a name that the system knows, and no bare offset', () => {
  assert.deepEqual(['Europe/Berlin', 'UTC', 'America/Argentina/Ushuaia', '+02:00', 'Mars/Base', ''].map(isTimeZone), [
    true,
    true,
    true,
    false,
    false,
    false,
  ])
})
