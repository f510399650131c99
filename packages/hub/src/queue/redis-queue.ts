/**
 * The work queue of several hubs: BullMQ on Redis (WQ80, WQ81). Jobs are fetched by hand, each when there is room for it,
 * so that what a full hub would keep goes to another one. What is away is left alone, and nothing waits for it.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { within } from '@meshbook/relay/within.ts'
import { type Job as BullJob, type JobsOptions, Queue, Worker } from 'bullmq'
import { Redis, type RedisOptions } from 'ioredis'
import { redisOptions } from '../documents/redis-neighbours.ts'
import {
  checkedJob,
  type Handle,
  type Job,
  type Pool,
  pools,
  type QueueLog,
  type Wish,
  type WorkQueue,
} from './work-queue.ts'

export interface RedisQueuePorts {
  /** With its password: never logged. */
  url: string
  /** Of the database: the hubs that share it share the queue. */
  database: string
  times: Limits
  now: Now
  random: RandomBytes
  log: QueueLog
}

interface PoolPorts extends RedisQueuePorts {
  pool: Pool
  prefix: string
  token: string
  went(error: unknown): void
}

/** What goes wrong with a connection that is away is said once, by the queue. */
function workerOptions({ times }: PoolPorts) {
  return {
    ...redisOptions,
    // It waits for jobs on one of its connections, and for Redis on the other.
    commandTimeout: times.queueSilentMs,
    enableOfflineQueue: true,
    maxRetriesPerRequest: null,
  } satisfies RedisOptions
}

const mostPerFetch = 16

class RedisWorker {
  readonly #ports: PoolPorts
  readonly #worker: Worker
  readonly #redis: Redis
  readonly #handle: Handle
  readonly #concurrency: number
  readonly #work = new Set<Promise<void>>()
  readonly #unsettled = new Set<BullJob>()
  readonly #renewing: NodeJS.Timeout
  readonly #fetching: Promise<void>
  #stopped = false
  #wake: () => void = () => undefined

  constructor(ports: PoolPorts, concurrency: number, handle: Handle, signal: AbortSignal) {
    const { times, url, pool, prefix, went } = ports
    this.#ports = ports
    this.#handle = handle
    this.#concurrency = concurrency
    this.#redis = new Redis(url, workerOptions(ports))
    this.#redis.on('error', went)
    this.#worker = new Worker(pool, null, {
      ...{ connection: this.#redis, prefix, autorun: false, lockDuration: times.queueLockMs },
      ...{
        stalledInterval: times.queueLockMs / 2,
        maxStalledCount: 3,
        runRetryDelay: times.queueRestMs,
        removeOnFail: { count: times.queueFailedJobs },
      },
    })
    this.#worker.on('error', went)
    this.#renewing = setInterval(() => this.#renew(), times.queueLockMs / 3)
    signal.addEventListener('abort', () => this.#stop(), { once: true })
    if (signal.aborted) this.#stop()
    this.#fetching = this.#fetch()
  }

  /** One deadline for all of it: what is not settled by then is left to its lock. */
  async close(withinMs: number): Promise<void> {
    this.#stop()
    try {
      await within(withinMs, this.#end(), 'work that goes on')
    } catch (thrown) {
      this.#ports.log.debug({ err: asMeshError(thrown) }, 'work went on when the queue was closed')
    }
    clearInterval(this.#renewing)
    this.#redis.disconnect()
  }

  async #end(): Promise<void> {
    // It waits for jobs on a connection of its own; what it fetched last goes back by the other.
    await this.#worker.close(true)
    if (this.#redis.status === 'ready') await this.#fetching
    await this.#drained()
  }

  #stop(): void {
    this.#stopped = true
    this.#wake()
  }

  async #drained(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  async #fetch(): Promise<void> {
    await this.#worker.waitUntilReady().catch(this.#ports.went)
    if (!this.#stopped) void this.#worker.startStalledCheckTimer().catch(this.#ports.went)
    for (let jobs = 1; !this.#stopped; )
      try {
        const room = await this.#room()
        if (this.#stopped) return
        const found = await this.#next(Math.min(jobs, room))
        for (const job of found) this.#begin(job)
        jobs = found.length === 0 ? 1 : Math.min(2 * found.length, mostPerFetch)
      } catch (thrown) {
        if (this.#stopped) return
        this.#ports.went(thrown)
        await pause(this.#ports.times.queueRestMs)
      }
  }

  /** One is waited for; more are asked for together where there was one. */
  async #next(jobs: number): Promise<BullJob[]> {
    const next = (): Promise<BullJob | undefined> => this.#worker.getNextJob(this.#ports.token, { block: jobs === 1 })
    const found = await Promise.all(Array.from({ length: jobs }, next))
    return found.filter(job => job !== undefined)
  }

  async #room(): Promise<number> {
    while (this.#work.size >= this.#concurrency && !this.#stopped)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    return this.#concurrency - this.#work.size
  }

  #begin(job: BullJob): void {
    const work = this.#stopped ? this.#putBack(job) : this.#do(job)
    this.#work.add(work)
    void work.finally(() => {
      this.#work.delete(work)
      this.#wake()
    })
  }

  async #putBack(job: BullJob): Promise<void> {
    await job.moveToWait(this.#ports.token).catch(this.#ports.went)
  }

  async #do(job: BullJob): Promise<void> {
    const { token, log, pool } = this.#ports
    this.#unsettled.add(job)
    let settled: Promise<unknown> | undefined
    const settle = (how: () => Promise<unknown>): Promise<unknown> => {
      // One that was taken for dead, or that Redis has forgotten, is settled already.
      settled ??= how()
        .catch((thrown: unknown) => log.debug({ err: asMeshError(thrown), pool }, 'a job was gone'))
        // Until Redis has answered it may still give the job to another one.
        .finally(() => this.#unsettled.delete(job))
      return settled
    }
    const done = (): Promise<unknown> => settle(() => job.moveToCompleted(null, token, false))
    try {
      await this.#handle(checkedJob(job.data), () => void done())
      await done()
    } catch (thrown) {
      const error = asMeshError(thrown)
      log.warn({ err: error, pool, job: job.id }, 'a job of the work queue failed')
      await settle(() => job.moveToFailed(new Error(error.code), token, false))
    }
  }

  #renew(): void {
    const { token, times, log, pool } = this.#ports
    for (const job of this.#unsettled)
      job
        .extendLock(token, times.queueLockMs)
        .catch((thrown: unknown) => log.debug({ err: asMeshError(thrown), pool }, 'a job was not renewed'))
  }
}

export class RedisQueue implements WorkQueue {
  readonly #ports: RedisQueuePorts
  readonly #redis: Redis
  readonly #queues: Record<Pool, Queue>
  readonly #workers = new Map<Pool, RedisWorker>()
  readonly #prefix: string
  readonly #token: string
  #ready = false
  #isAway = false
  #closed = false
  #restsUntil = 0
  #underWay = 0

  constructor(ports: RedisQueuePorts) {
    const { url, database, times, random } = ports
    this.#ports = ports
    this.#prefix = `meshbook:queue:{${database}}`
    this.#token = Buffer.from(random(12)).toString('hex')
    this.#redis = new Redis(url, { ...redisOptions, commandTimeout: times.queueAnswerMs })
    this.#redis.on('error', this.#went)
    // A connection that is lost is no error where the first try to have it again succeeds.
    this.#redis.on('close', () => this.#went(new MeshError('UNREACHABLE', { detail: 'the connection was closed' })))
    this.#redis.on('ready', () => this.#cameBack())
    const queueOf = (pool: Pool): Queue => {
      const options = { connection: this.#redis, prefix: this.#prefix, streams: { events: { maxLen: 100 } } }
      const queue = new Queue(pool, options)
      queue.on('error', this.#went)
      return queue
    }
    this.#queues = Object.fromEntries(pools.map(pool => [pool, queueOf(pool)])) as Record<Pool, Queue>
    Promise.all(Object.values(this.#queues).map(queue => queue.waitUntilReady())).then(() => {
      this.#ready = true
    }, this.#went)
  }

  async add(pool: Pool, job: Job, wish: Wish = {}): Promise<boolean> {
    const data = checkedJob(job)
    const { times, now } = this.#ports
    if (!this.isShared() || now() < this.#restsUntil || this.#underWay >= times.queueUnderWayJobs) return false
    this.#underWay++
    try {
      const added = this.#queues[pool].add(pool, data, optionsOf(data, wish, times))
      await within(times.queueAnswerMs, added, 'the work queue')
      this.#cameBack()
      return true
    } catch (thrown) {
      this.#restsUntil = now() + times.queueRestMs
      this.#went(thrown)
      return false
    } finally {
      this.#underWay--
    }
  }

  work(pool: Pool, { concurrency }: { concurrency: number }, handle: Handle, signal: AbortSignal): void {
    if (this.#workers.has(pool)) throw new MeshError('INTERNAL', { detail: 'a pool has one worker' })
    const ports = { ...this.#ports, pool, prefix: this.#prefix, token: this.#token, went: this.#went }
    this.#workers.set(pool, new RedisWorker(ports, concurrency, handle, signal))
  }

  isShared(): boolean {
    return this.#ready && !this.#closed && this.#redis.status === 'ready'
  }

  async close(withinMs: number): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#workers.values()].map(worker => worker.close(withinMs)))
    this.#redis.disconnect()
  }

  /** Said once for each time that it goes away. */
  readonly #went = (error: unknown): void => {
    if (this.#isAway || this.#closed) return
    this.#isAway = true
    this.#ports.log.warn({ err: error }, 'Redis is away: each hub looks for due work by itself')
  }

  #cameBack(): void {
    if (!this.#isAway) return
    this.#isAway = false
    this.#ports.log.info({}, 'Redis is back: hubs share the work queue')
  }
}

function optionsOf({ id }: Job, { priority, delayMs, onceInMs }: Wish, times: Limits): JobsOptions {
  return {
    removeOnComplete: true,
    removeOnFail: { count: times.queueFailedJobs },
    ...(priority && { priority }),
    ...(delayMs && delayMs > 0 && { delay: Math.ceil(delayMs) }),
    deduplication: onceInMs === undefined ? { id, keepLastIfActive: true, reschedule: true } : { id, ttl: onceInMs },
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms).unref())
