/** Both drivers of the work queue under one contract, and what only the one on Redis does (WQ70–WQ81). */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { type OrgId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { LocalQueue } from '@meshbook/hub/queue/local-queue.ts'
import { RedisQueue } from '@meshbook/hub/queue/redis-queue.ts'
import type { Job } from '@meshbook/hub/queue/work-queue.ts'
import { Redis } from 'ioredis'
import { eventually } from '../mesh-process.ts'
import { TestRedis } from '../redis.ts'
import { added, Gate, type OpenedQueue, workQueueContract } from './work-queue.ts'

const queueLockMs = 2_000
const forever = new AbortController().signal
const org = 'org_1' as OrgId
const redis = await TestRedis.start({ after })
let databases = 0

function said() {
  const lines: string[] = []
  const say = (_: object, line: string): void => void lines.push(line)
  return { lines, log: { info: say, warn: say, debug: () => undefined } }
}

async function openOn(
  t: TestContext,
  server: TestRedis,
  database: string,
): Promise<OpenedQueue & { queue: RedisQueue }> {
  const { lines, log } = said()
  // A machine that is busy answers late: that is not what is tested.
  const times = { ...limits, queueLockMs, queueAnswerMs: 20_000, queueRestMs: 100 }
  const queue = new RedisQueue({ url: server.url, database, times, now: Date.now, random: systemRandom, log })
  t.after(() => queue.close(0))
  await eventually('the queue is there', () => queue.isShared())
  return { queue, lines }
}

workQueueContract('in process', async t => {
  const { lines, log } = said()
  const queue = new LocalQueue({ now: Date.now, log })
  t.after(() => queue.close(0))
  return { queue, lines }
})

const bases = new WeakMap<TestContext, string>()
workQueueContract('Redis', async t => {
  const base = bases.get(t) ?? `org_${databases++}`
  bases.set(t, base)
  return openOn(t, redis, base)
})

test('WQ70 WQ77 what stands in Redis are ids alone, and what is done leaves nothing but a bounded trace', async t => {
  const { queue } = await openOn(t, redis, 'org_traces')
  let done = 0
  const handle = ({ id }: Job): void => {
    done++
    if (id.startsWith('bad')) throw new Error('password hunter2')
  }
  await queue.add('orchestrator', { id: 'run_1', org }, { delayMs: 60_000 })
  const client = new Redis(redis.url)
  t.after(() => client.disconnect())
  const [key] = (await client.keys('meshbook:queue:{org_traces}:orchestrator:[0-9]*')).sort()
  assert.deepEqual(JSON.parse((await client.hget(key!, 'data'))!), { id: 'run_1', org })
  queue.work('system', { concurrency: 10 }, handle, forever)
  for (let i = 0; i < limits.queueFailedJobs + 30; i++) await queue.add('system', { id: `bad${i}` })
  for (let i = 0; i < 50; i++) await queue.add('system', { id: `good${i}` })
  await eventually('all were done', () => done === limits.queueFailedJobs + 80)
  await eventually('what is done is gone', async () => {
    const left = await client.keys('meshbook:queue:{org_traces}:system:[0-9]*')
    return left.length === limits.queueFailedJobs
  })
  for (const found of await client.keys('meshbook:queue:{org_traces}:system:[0-9]*'))
    assert.doesNotMatch(JSON.stringify(await client.hgetall(found)), /hunter2/)
  assert.ok((await client.xlen('meshbook:queue:{org_traces}:system:events')) < 1_000)
})

test('WQ76 a job of a worker that was killed goes to another one', async t => {
  const { queue } = await openOn(t, redis, 'org_killed')
  const program = join(import.meta.dirname, 'queue-worker.ts')
  const args = ['--disable-warning=ExperimentalWarning', program, redis.url, 'org_killed', String(queueLockMs)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  let begun = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (begun += text))
  await eventually('the worker works', () => begun.includes('works'))
  for (const id of ['run_a', 'run_b', 'run_c']) await queue.add('orchestrator', { id, org })
  await eventually('it has begun two', () => begun.includes('run_a') && begun.includes('run_b'))
  child.kill('SIGKILL')
  await once(child, 'exit')
  const done: string[] = []
  queue.work('orchestrator', { concurrency: 2 }, ({ id }) => void done.push(id), forever)
  await eventually('another one has done all', () => new Set(done).size === 3)
  assert.equal(begun.includes('run_c'), false)
})

test('WQ75 WQ79 two queues share the jobs: a full one leaves them to the other, and closing puts back', async t => {
  const [full, free] = [await openOn(t, redis, 'org_two'), await openOn(t, redis, 'org_two')]
  const gate = new Gate()
  full.queue.work('orchestrator', { concurrency: 1 }, gate.handle, forever)
  await full.queue.add('orchestrator', { id: 'run_long', org })
  await eventually('the first is full', () => gate.begun.length === 1)
  const done: string[] = []
  free.queue.work('orchestrator', { concurrency: 5 }, ({ id }) => void done.push(id), forever)
  for (let i = 0; i < 20; i++) await full.queue.add('orchestrator', { id: `run_${i}`, org })
  await eventually('the other one did them', () => done.length === 20)
  assert.deepEqual(gate.begun, ['run_long'])
  gate.letGo()
})

test('WQ80 two databases on one Redis share nothing', async t => {
  const [one, other] = [await openOn(t, redis, 'org_one'), await openOn(t, redis, 'org_other')]
  const [ones, others]: [string[], string[]] = [[], []]
  one.queue.work('orchestrator', { concurrency: 1 }, ({ id }) => void ones.push(id), forever)
  other.queue.work('orchestrator', { concurrency: 1 }, ({ id }) => void others.push(id), forever)
  await one.queue.add('orchestrator', { id: 'run_1', org })
  await other.queue.add('orchestrator', { id: 'run_1', org })
  await other.queue.add('orchestrator', { id: 'run_2', org })
  await eventually('each did its own', () => ones.length === 1 && others.length === 2)
})

test('WQ72 WQ81 Redis is stopped and started again in the middle: said once, and taken up again', async t => {
  const server = await TestRedis.start(t)
  const { queue, lines } = await openOn(t, server, 'org_away')
  const done = new Set<string>()
  queue.work('orchestrator', { concurrency: 5 }, ({ id }) => void done.add(id), forever)
  await added(queue, { id: 'run_before', org })
  await eventually('the first is done', () => done.has('run_before'))
  await server.stop()
  await eventually('it is away', () => !queue.isShared())
  const at = performance.now()
  for (let i = 0; i < 20; i++) assert.equal(await queue.add('orchestrator', { id: `run_${i}`, org }), false)
  assert.ok(performance.now() - at < 5_000, 'nothing waits for it')
  await server.run()
  for (let i = 0; i < 200; i++) await added(queue, { id: `run_${i}`, org })
  await eventually('all are done', () => done.size === 201)
  const [away, back] = ['Redis is away', 'Redis is back'].map(text => lines.filter(line => line.startsWith(text)))
  assert.deepEqual([away!.length, back!.length], [1, 1], lines.join('\n'))
})
