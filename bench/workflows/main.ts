/**
 * Runs of workflows on PostgreSQL, with row level security and each commit flushed, and on Redis, beside DBOS Transact on
 * the same server and BullMQ on the same Redis: durable steps a second, the time to the first step, what runs that wait
 * cost, and how fast a long log is told. `npm run bench -- workflows [--quick] [--json] [--only=steps,latency,waiting,log]`.
 */
import { migrateStore } from '@meshbook/hub/store/open-store.ts'
import { type TestDatabase, TestPostgres } from '../../tests/postgres.ts'
import { TestRedis } from '../../tests/redis.ts'
import { HubAtRest } from './at-rest.ts'
import { bullmq } from './bullmq.ts'
import { type Contender, drained, paced } from './contender.ts'
import { dbos } from './dbos.ts'
import { meshbook } from './meshbook.ts'
import { type Figure, jsonLine, percentile, tableHead, tableRow } from './table.ts'

const json = process.argv.includes('--json')
const quick = process.argv.includes('--quick')
const only = process.argv
  .find(arg => arg.startsWith('--only='))
  ?.slice(7)
  .split(',')
const rounds = quick ? 2 : 5
const atOnce = 50
const runsPerDrain = quick ? 100 : 2_000
const jobsPerDrain = quick ? 1_000 : 10_000
const pace = 100
const pacedRuns = quick ? 200 : 1_000
const waitingRuns = quick ? 500 : 10_000
const loggedEvents = quick ? 10_000 : 100_000

const closers: (() => unknown)[] = []
const cleanup = { after: (act: () => unknown) => void closers.push(act) }
const figures = new Map<string, Figure>()

try {
  const [postgres, redis] = [await started('PostgreSQL', TestPostgres), await started('redis-server', TestRedis)]
  if (wants('steps') || wants('latency')) await compare(postgres, redis)
  if (wants('waiting') || wants('log')) await atRest(postgres, redis)
  if (!json) process.stdout.write(tableHead)
  for (const figure of figures.values()) process.stdout.write(json ? jsonLine(figure) : tableRow(figure))
} finally {
  for (const close of closers.reverse()) await close()
}

function wants(part: 'steps' | 'latency' | 'waiting' | 'log'): boolean {
  return only === undefined || only.includes(part)
}

async function started<T>(name: string, server: { start(t: typeof cleanup): Promise<T> }): Promise<T> {
  try {
    return await server.start(cleanup)
  } catch (thrown) {
    throw new Error(`${name} is needed on this machine, and did not start`, { cause: thrown })
  }
}

/** In turns, so that whatever else the machine does meets all of them. */
async function compare(postgres: TestPostgres, redis: TestRedis): Promise<void> {
  // A database each: two executors on one would take each other's runs.
  const effects = await opened(meshbook(await migrated(postgres), redis.url, 'effects'))
  const values = await opened(meshbook(await migrated(postgres), redis.url, 'values'))
  const peer = await opened(dbos((await postgres.newDatabase()).ownerUrl))
  const queue = await opened(bullmq(redis.url, atOnce))
  const all = [effects, values, peer, queue]
  for (const one of all) await drained(one, atOnce, atOnce)
  for (let round = 0; round < rounds; round++) {
    if (wants('steps')) await steps(all)
    if (wants('latency')) await latency([effects, peer, queue])
  }
  if (wants('steps'))
    for (const { name } of [effects, values])
      ratio(`${name}: steps/s, in those of ${peer.name}`, drainOf(name), drainOf(peer.name), '3.7 times')
  if (wants('latency'))
    for (const { name } of [peer, queue])
      ratio(`${effects.name}: first step p50, in that of ${name}`, firstOf(effects.name), firstOf(name), '')
}

async function migrated(postgres: TestPostgres): Promise<TestDatabase> {
  const database = await postgres.newDatabase()
  await migrateStore(database)
  return database
}

async function opened(opening: Promise<Contender>): Promise<Contender> {
  const contender = await opening
  cleanup.after(() => contender.close())
  return contender
}

function drainOf(name: string): string {
  return `${name}: ${atOnce} at a time`
}

function firstOf(name: string, share = 'p50'): string {
  return `${name}: asked to first step, ${pace} a second, ${share}`
}

async function steps(all: readonly Contender[]): Promise<void> {
  for (const one of all) {
    const runs = one.steps === 1 ? jobsPerDrain : runsPerDrain
    const goal = one.name.startsWith('Meshbook') ? '3,000' : ''
    note({ metric: drainOf(one.name), unit: 'steps/s', goal }, await drained(one, runs, atOnce))
  }
}

async function latency(all: readonly Contender[]): Promise<void> {
  for (const one of all) {
    const took = await paced(one, pace, pacedRuns)
    const isOurs = one.name.startsWith('Meshbook')
    note({ metric: firstOf(one.name), unit: 'ms', goal: isOurs ? '5' : '' }, percentile(took, 0.5))
    note({ metric: firstOf(one.name, 'p99'), unit: 'ms', goal: isOurs ? '20' : '' }, percentile(took, 0.99))
  }
}

async function atRest(postgres: TestPostgres, redis: TestRedis): Promise<void> {
  const database = await postgres.newDatabase()
  const hub = await HubAtRest.start(database, redis.url)
  cleanup.after(() => hub.close())
  if (wants('waiting')) {
    const runs = waitingRuns.toLocaleString('en')
    const { rssMB, heapMB } = await hub.waiting(waitingRuns)
    note({ metric: `${runs} runs that wait: memory of the hub`, unit: 'MB', goal: '50' }, rssMB)
    note({ metric: `${runs} runs that wait: of that its heap, collected`, unit: 'MB' }, heapMB)
  }
  if (!wants('log')) return
  const run = await hub.longLog(database, loggedEvents)
  await hub.streamed(run, 0, loggedEvents)
  for (let round = 0; round < rounds; round++)
    for (const share of [0, 0.5, 0.9]) {
      const metric = `log of ${loggedEvents.toLocaleString('en')} events, told from ${share * 100} % on`
      const after = Math.floor(loggedEvents * share)
      note({ metric, unit: 'events/s', goal: '20,000' }, await hub.streamed(run, after, loggedEvents))
    }
}

function note(figure: Omit<Figure, 'values'>, value: number): void {
  const known = figures.get(figure.metric)
  process.stderr.write(`${figure.metric}: ${value.toFixed(1)} ${figure.unit}\n`)
  if (known) known.values.push(value)
  else figures.set(figure.metric, { ...figure, values: [value] })
}

/** Of the rounds of one run, each with its own: what slows one of them slows the other. */
function ratio(metric: string, ours: string, theirs: string, goal: string): void {
  const [mine, other] = [figures.get(ours)!.values, figures.get(theirs)!.values]
  figures.set(metric, { metric, unit: 'times', values: mine.map((value, round) => value / other[round]!), goal })
}
