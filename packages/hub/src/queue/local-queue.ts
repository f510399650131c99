/** The work queue of one process: what it forgets with the process stands in the store (WQ80). */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { within } from '@meshbook/relay/within.ts'
import { checkedJob, type Handle, type Job, type Pool, type QueueLog, type Wish, type WorkQueue } from './work-queue.ts'

interface Waiting {
  job: Job
  priority: number
}

interface Worker {
  concurrency: number
  handle: Handle
}

class LocalPool {
  /** By priority, in the order in which they came. */
  readonly #lines = new Map<number, Map<string, Waiting>>()
  readonly #waiting = new Map<string, Waiting>()
  readonly #delayed = new Map<string, NodeJS.Timeout>()
  /** What is worked on, and what came for it meanwhile. */
  readonly #active = new Map<string, { job: Job; wish: Wish } | undefined>()
  readonly #work = new Set<Promise<void>>()
  readonly #taken = new Map<string, number>()
  readonly #ports: { now: Now; log: Pick<QueueLog, 'warn'> }
  #worker: Worker | undefined
  #closed = false

  constructor(ports: { now: Now; log: Pick<QueueLog, 'warn'> }) {
    this.#ports = ports
  }

  add(job: Job, wish: Wish): boolean {
    if (this.#closed) return false
    if (wish.onceInMs !== undefined && !this.#isFirstIn(job.id, wish.onceInMs)) return true
    if (this.#waiting.has(job.id)) return true
    if (this.#active.has(job.id)) {
      this.#active.set(job.id, { job, wish })
      return true
    }
    clearTimeout(this.#delayed.get(job.id))
    this.#delayed.delete(job.id)
    if (this.#waiting.size + this.#delayed.size >= limits.queueWaitingJobs) return false
    if (wish.delayMs === undefined || wish.delayMs <= 0) this.#line(job, wish.priority ?? 0)
    else this.#delay(job, wish.priority ?? 0, wish.delayMs)
    return true
  }

  work(worker: Worker, signal: AbortSignal): void {
    if (this.#worker) throw new MeshError('INTERNAL', { detail: 'a pool has one worker' })
    this.#worker = worker
    const leave = (): void => {
      this.#worker = undefined
    }
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    this.#next()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#worker = undefined
    for (const timer of this.#delayed.values()) clearTimeout(timer)
    this.#delayed.clear()
    this.#waiting.clear()
    this.#lines.clear()
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  #isFirstIn(id: string, ms: number): boolean {
    const now = this.#ports.now()
    const until = this.#taken.get(id) ?? 0
    // A clock that was set back must not silence it.
    if (until > now && until <= now + ms) return false
    this.#taken.set(id, now + ms)
    return true
  }

  #delay(job: Job, priority: number, ms: number): void {
    const timer = setTimeout(() => {
      this.#delayed.delete(job.id)
      this.#line(job, priority)
    }, ms)
    this.#delayed.set(job.id, timer)
  }

  #line(job: Job, priority: number): void {
    const waiting = { job, priority }
    this.#waiting.set(job.id, waiting)
    const line = this.#lines.get(priority) ?? new Map<string, Waiting>()
    this.#lines.set(priority, line.set(job.id, waiting))
    this.#next()
  }

  #first(): Waiting | undefined {
    if (this.#waiting.size === 0) return undefined
    const line = this.#lines.get(Math.min(...this.#lines.keys()))
    return line?.values().next().value
  }

  #next(): void {
    while (this.#worker && this.#work.size < this.#worker.concurrency) {
      const first = this.#first()
      if (!first) return
      this.#leaveLine(first)
      const work = this.#do(first.job, this.#worker.handle)
      this.#work.add(work)
      void work.finally(() => {
        this.#work.delete(work)
        this.#next()
      })
    }
  }

  #leaveLine({ job: { id }, priority }: Waiting): void {
    this.#waiting.delete(id)
    const line = this.#lines.get(priority)
    line?.delete(id)
    if (line?.size === 0) this.#lines.delete(priority)
  }

  async #do(job: Job, handle: Handle): Promise<void> {
    this.#active.set(job.id, undefined)
    let settled = false
    const settle = (): void => {
      if (settled) return
      settled = true
      const again = this.#active.get(job.id)
      this.#active.delete(job.id)
      if (again) this.add(again.job, again.wish)
    }
    try {
      await handle(job, settle)
    } catch (thrown) {
      this.#ports.log.warn({ err: asMeshError(thrown), job: job.id }, 'a job of the work queue failed')
    } finally {
      settle()
    }
  }
}

export class LocalQueue implements WorkQueue {
  readonly #pools: Record<Pool, LocalPool>

  constructor(ports: { now: Now; log: Pick<QueueLog, 'warn'> }) {
    this.#pools = { orchestrator: new LocalPool(ports), step: new LocalPool(ports), system: new LocalPool(ports) }
  }

  async add(pool: Pool, job: Job, wish: Wish = {}): Promise<boolean> {
    return this.#pools[pool].add(checkedJob(job), wish)
  }

  work(pool: Pool, { concurrency }: { concurrency: number }, handle: Handle, signal: AbortSignal): void {
    this.#pools[pool].work({ concurrency, handle }, signal)
  }

  isShared(): boolean {
    return false
  }

  async close(withinMs: number): Promise<void> {
    const closed = Object.values(this.#pools).map(pool => pool.close())
    await within(withinMs, Promise.all(closed), 'work that goes on').catch(() => undefined)
  }
}
