import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Aged, versionsToDrop } from './retention.ts'

const hour = 3_600_000
const day = 24 * hour
const now = 400 * day
const many = 1_000_000

const kept = (versions: readonly Aged[], at: number, most = many): Aged[] => {
  const drop = new Set(versionsToDrop(versions, at, most))
  return versions.filter(({ version }) => !drop.has(version))
}
const every = (ms: number, from: number, to: number): Aged[] =>
  Array.from({ length: Math.floor((to - from) / ms) }, (_, i) => ({ version: i + 1, at: from + i * ms, named: false }))

test('all of a day, hourly for a week, daily for 90 days, then weekly (HI11)', () => {
  const left = kept(every(5 * 60_000, 0, now), now)
  const aged = (from: number, to: number) => left.filter(({ at }) => now - at >= from && now - at < to).length
  assert.equal(aged(0, day), 287)
  assert.ok(Math.abs(aged(day, 7 * day) - 6 * 24) <= 1)
  assert.ok(Math.abs(aged(7 * day, 90 * day) - 83) <= 1)
  assert.ok(Math.abs(aged(90 * day, 400 * day) - 310 / 7) <= 2)
})

const histories = fc.array(fc.record({ ms: fc.nat(3 * day), named: fc.boolean() }), { maxLength: 60 }).map(steps => {
  let at = 0
  return steps.map(({ ms, named }, i): Aged => {
    at += ms
    return { version: i + 1, at, named: named && i % 3 === 0 }
  })
})

test('the newest and the named ones always stay, and the oldest go when there are too many (HI11)', () => {
  fc.assert(
    fc.property(histories, fc.nat(20), (versions, most) => {
      const left = kept(versions, now, most + 1)
      assert.equal(left.at(-1), versions.at(-1))
      assert.ok(versions.filter(one => one.named).every(one => left.includes(one)))
      assert.ok(left.length <= most + 1 || left.slice(0, -1).every(one => one.named))
    }),
  )
})

test('thinning again and again as time passes keeps what thinning once keeps (HI11)', () => {
  fc.assert(
    fc.property(histories, fc.array(fc.nat(100 * day), { minLength: 1, maxLength: 5 }), (versions, waits) => {
      let at = (versions.at(-1)?.at ?? 0) + 1
      let left = versions
      for (const wait of waits) {
        at += wait
        left = kept(left, at, many)
      }
      assert.deepEqual(left, kept(versions, at, many))
    }),
  )
})
