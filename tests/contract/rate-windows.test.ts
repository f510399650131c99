/** What every implementation of RateWindows must do, and what only the shared one does (RQ30, RQ31). */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { countsAt, hasRoom, type WindowCounts, withOneMore } from '@meshbook/core/sliding-window.ts'
import { LocalWindows, type RateWindows, type Share, windowMs } from '@meshbook/hub/rates/rate-windows.ts'
import { RedisWindows } from '@meshbook/hub/rates/redis-windows.ts'
import { seeded } from '@meshbook/hub/testing/seeded.ts'
import type { TestHub } from '@meshbook/hub/testing/test-hub.ts'
import { Redis } from 'ioredis'
import { eventually } from '../mesh-process.ts'
import { TestPostgres } from '../postgres.ts'
import { TestRedis } from '../redis.ts'
import { startTwoHubs } from '../two-hubs.ts'

interface Clock {
  ms: number
}

/** Ways to the same counts, as two hubs have them. */
type Opened = { clock: Clock; ways: readonly RateWindows[] }

function said(): { lines: string[]; log: ConstructorParameters<typeof RedisWindows>[0]['log'] } {
  const lines: string[] = []
  return { lines, log: { info: (_, line) => void lines.push(line), warn: (_, line) => void lines.push(line) } }
}

function openRedis(t: TestContext, redis: TestRedis, clock: Clock, { now = () => clock.ms, isShared = true } = {}) {
  const { lines, log } = said()
  const shared = isShared ? { clock: () => clock.ms } : {}
  const windows = new RedisWindows({ url: redis.url, local: new LocalWindows(now), now, log, ...shared })
  t.after(() => windows.close())
  return { windows, lines }
}

function client(redis: TestRedis): Redis {
  const own = new Redis(redis.url)
  own.on('error', () => undefined)
  return own
}

/** Until it is connected it counts by itself. */
async function shares(windows: RateWindows, redis: TestRedis, key: string): Promise<void> {
  const own = client(redis)
  await eventually('the count is shared', async () => {
    await windows.take([{ of: 'org', key, most: 1_000_000 }])
    return (await own.exists(`meshbook:rate:org:${key}`)) === 1
  })
  own.disconnect()
}

const share = (of: Share['of'], key: string, most: number): Share => ({ of, key, most })

function rateWindowsContract(name: string, open: (t: TestContext) => Promise<Opened>): void {
  test(`RQ1 RQ4 RQ11 ${name}: decides and counts as the arithmetic does, also where the clock is set back`, async t => {
    const { clock, ways } = await open(t)
    const random = seeded(7)
    const below = (n: number) => Math.floor(random() * n)
    const expected = new Map<string, WindowCounts>()
    let [refused, latest] = [0, clock.ms]
    for (let i = 0; i < 2_000; i++) {
      const step = below(12) === 0 ? below(3 * windowMs) - windowMs : below(windowMs / 20)
      clock.ms = Math.max(latest - windowMs + 1, clock.ms + step)
      latest = Math.max(latest, clock.ms)
      const asked = (['address', 'token', 'org'] as const)
        .filter(() => below(3) > 0)
        .map(of => share(of, `k${below(3)}`, 1 + below(12)))
      const nameOf = ({ of, key }: Share) => `${of}:${key}`
      const before = asked.map(one => countsAt(expected.get(nameOf(one)), clock.ms, windowMs))
      const isAllowed = asked.every(({ most }, at) => hasRoom(before[at]!, clock.ms, { most, windowMs }))
      const counts = isAllowed ? before.map(withOneMore) : before
      if (isAllowed) for (const [at, one] of asked.entries()) expected.set(nameOf(one), counts[at]!)
      else refused++
      const taken = await ways[i % ways.length]!.take(asked)
      assert.deepEqual(taken, { isAllowed, now: clock.ms, counts }, `request ${i}`)
    }
    assert.ok(refused > 200 && refused < 1_800, `${refused}`)
  })

  test(`RQ11 ${name}: of many at once as many pass as may, and who is refused for one share counts for none`, async t => {
    const { ways } = await open(t)
    const all = Array.from({ length: 300 }, (_, i) =>
      ways[i % ways.length]!.take([share('token', `t${i % 2}`, 40), share('org', 'o', 60)]),
    )
    const passed = (await Promise.all(all)).filter(({ isAllowed }) => isAllowed)
    assert.equal(passed.length, 60)
    const { counts } = await ways[0]!.take([share('token', 't0', 1), share('token', 't1', 1), share('org', 'o', 1)])
    assert.equal(counts[0]!.current + counts[1]!.current, 60)
    assert.equal(counts[2]!.current, 60)
  })
}

rateWindowsContract('in one process', async () => {
  const clock = { ms: 5_000_000 }
  return { clock, ways: [new LocalWindows(() => clock.ms)] }
})

rateWindowsContract('two hubs with Redis', async t => {
  const redis = await TestRedis.start(t)
  const clock = { ms: 5_000_000 }
  const opened = [openRedis(t, redis, clock).windows, openRedis(t, redis, clock).windows]
  for (const [i, windows] of opened.entries()) await shares(windows, redis, `probe${i}`)
  return { clock, ways: opened }
})

test('RQ30 without another clock that of Redis counts, and keys go by themselves', async t => {
  const redis = await TestRedis.start(t)
  const [early, late] = [
    openRedis(t, redis, { ms: 0 }, { now: () => 1_000, isShared: false }).windows,
    openRedis(t, redis, { ms: 0 }, { now: () => 9_000_000, isShared: false }).windows,
  ]
  await shares(early, redis, 'early')
  await shares(late, redis, 'late')
  const ask = (windows: RateWindows) => windows.take([share('address', '2001:db8:1:2::/64', 2)])
  const found = [await ask(early), await ask(late), await ask(early), await ask(late)]
  assert.deepEqual(
    found.map(({ isAllowed }) => isAllowed),
    [true, true, false, false],
    'clocks of hubs that are apart make no difference',
  )
  assert.ok(Math.abs(found[0]!.now - Date.now()) < 10_000)
  const own = client(redis)
  const keys = await own.keys('*')
  assert.deepEqual(keys.toSorted(), [
    'meshbook:rate:address:2001:db8:1:2::/64',
    'meshbook:rate:org:early',
    'meshbook:rate:org:late',
  ])
  for (const key of keys) {
    const ms = await own.pttl(key)
    assert.ok(ms > 2 * windowMs && ms <= 3 * windowMs, `${key}: ${ms}`)
  }
  own.disconnect()
})

test('RQ31 while Redis is gone each hub goes on from what it knew, says so once, and comes back', async t => {
  const redis = await TestRedis.start(t)
  const clock = { ms: 5_000_000 }
  const [a, b] = [openRedis(t, redis, clock), openRedis(t, redis, clock)]
  await shares(a.windows, redis, 'a')
  await shares(b.windows, redis, 'b')
  const ask = async ({ windows }: typeof a) => (await windows.take([share('token', 'mine', 5)])).isAllowed
  assert.deepEqual([await ask(a), await ask(a), await ask(b), await ask(b)], [true, true, true, true])
  await redis.stop()
  // b knows of four, a of the two that it was told last.
  const alone = [await ask(b), await ask(b), await ask(a), await ask(a), await ask(a), await ask(a)]
  assert.deepEqual(alone, [true, false, true, true, true, false])
  await eventually('both said so', () => a.lines.length === 1 && b.lines.length === 1)
  assert.match(a.lines[0]!, /Redis is away/)
  await redis.run()
  clock.ms += 10_000
  await eventually('it is back', async () => {
    clock.ms += 2_000
    await a.windows.take([share('org', 'again', 1_000_000)])
    return a.lines.length > 1
  })
  assert.match(a.lines[1]!, /Redis is back/)
  assert.equal(await ask(a), true, 'Redis has forgotten')
})

test('RQ31 a Redis that is silent holds up one request for a moment, and the others not at all', async t => {
  const redis = await TestRedis.start(t)
  const { windows, lines } = openRedis(t, redis, { ms: 0 }, { now: Date.now, isShared: false })
  await shares(windows, redis, 'a')
  const own = client(redis)
  const pid = Number(/process_id:(\d+)/.exec(await own.info('server'))![1])
  own.disconnect()
  process.kill(pid, 'SIGSTOP')
  const took = async (): Promise<number> => {
    const begun = performance.now()
    assert.equal((await windows.take([share('token', 'mine', 1_000)])).isAllowed, true)
    return performance.now() - begun
  }
  const first = await took()
  assert.ok(first > 100 && first < 5_000, `${first}`)
  for (let i = 0; i < 20; i++) {
    const ms = await took()
    assert.ok(ms < 100, `request ${i} waited ${ms} ms`)
  }
  assert.equal(lines.length, 1)
})

test('RQ30 RQ31 two hubs on one Redis let through one share together, and go on without it', async t => {
  const redis = await TestRedis.start(t)
  const env = { MESHBOOK_REDIS_URL: redis.url, MESHBOOK_RATE_READS: '8,12', MESHBOOK_RATE_ADDRESS: '6' }
  const { a, b } = await startTwoHubs(t, await TestPostgres.start(t), { redis: false, env })
  const own = client(redis)
  t.after(() => own.disconnect())
  // Writes have a share of their own.
  for (const it of [a, b])
    await eventually('the count is shared', async () => {
      await own.flushall()
      await it.api('POST', '/push/looking', { visible: true })
      return (await own.keys('*')).length > 0
    })
  const untilNextMs = windowMs - (Date.now() % windowMs)
  if (untilNextMs < 10_000) await new Promise(resolve => setTimeout(resolve, untilNextMs))
  const statusAt = async (it: TestHub, token: string | undefined): Promise<number> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(`${it.hub.url}/api/v1/me`, { headers })
    await answer.body?.cancel()
    return answer.status
  }
  const ask = async (times: number, token?: string): Promise<number[]> => {
    const found = Array.from({ length: times }, (_, i) => statusAt(i % 2 === 0 ? a : b, token))
    return (await Promise.all(found)).toSorted()
  }
  assert.deepEqual(await ask(10, a.token), [...Array(8).fill(200), 429, 429])
  assert.deepEqual(await ask(6, b.token), [...Array(4).fill(200), 429, 429], 'the org has twelve')
  assert.deepEqual(await ask(8), [...Array(6).fill(401), 429, 429])
  const noted = JSON.stringify(await own.keys('*'))
  assert.ok(!noted.includes(a.token) && !noted.includes(b.token), noted)
  await redis.stop()
  assert.deepEqual(await ask(4, a.token), [429, 429, 429, 429], 'both remember what they heard')
  assert.equal((await a.api('POST', '/push/looking', { visible: true })).status, 204)
})
