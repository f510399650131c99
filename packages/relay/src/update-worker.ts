/**
 * Runs jobs on updates: small ones at once, large ones in a thread of its own with a deadline, so that
 * no update of a stranger and no large document ever holds up the event loop. Strangers' updates, answers to clients and
 * compactions have a thread each, so that none delays another.
 */
import { Worker } from 'node:worker_threads'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { bytesOfJob, type JobName, type Jobs, jobs } from './update-jobs.ts'
import type { JobReply } from './update-thread.ts'

const MiB = 1024 * 1024

interface Job {
  name: JobName
  args: Jobs[JobName]['args']
  deadlineMs: number
  resolve(result: unknown): void
  reject(error: MeshError): void
}

export class UpdateWorker {
  readonly #limits: Limits
  readonly #checks: JobThread
  readonly #answers: JobThread
  readonly #compactions: JobThread

  constructor(limits: Limits) {
    this.#limits = limits
    this.#checks = new JobThread(limits.jobThreadIdleMs)
    this.#answers = new JobThread(limits.jobThreadIdleMs)
    this.#compactions = new JobThread(limits.jobThreadIdleMs)
  }

  run<N extends JobName>(name: N, args: Jobs[N]['args']): Jobs[N]['result'] | Promise<Jobs[N]['result']> {
    const bytes = bytesOfJob(args)
    if (bytes <= this.#inlineBytes(name)) return jobs[name](args)
    const { updateCheckMs, requestMs } = this.#limits
    const deadlineMs = name === 'inspect' ? updateCheckMs * (1 + Math.ceil(bytes / MiB)) : requestMs
    return this.#threadFor(name).run(name, args, deadlineMs) as Promise<Jobs[N]['result']>
  }

  /** Nobody waits for a compaction, so only what costs less than the way to the thread is done at once. */
  #inlineBytes(name: JobName): number {
    const { updateInlineBytes } = this.#limits
    return name === 'compact' ? updateInlineBytes / 16 : updateInlineBytes
  }

  #threadFor(name: JobName): JobThread {
    if (name === 'inspect') return this.#checks
    return name === 'compact' ? this.#compactions : this.#answers
  }

  async close(): Promise<void> {
    await Promise.all([this.#checks, this.#answers, this.#compactions].map(thread => thread.close()))
  }
}

class JobThread {
  readonly #idleMs: number
  #idle: NodeJS.Timeout | undefined
  #worker: Worker | undefined
  #queue: Job[] = []
  #current: Job | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(idleMs: number) {
    this.#idleMs = idleMs
  }

  run(name: JobName, args: Jobs[JobName]['args'], deadlineMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new MeshError('SHUTTING_DOWN'))
      this.#queue.push({ name, args, deadlineMs, resolve, reject })
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#idle)
    const left = [...(this.#current ? [this.#current] : []), ...this.#queue.splice(0)]
    this.#current = undefined
    for (const job of left) job.reject(new MeshError('SHUTTING_DOWN'))
    await this.#worker?.terminate()
  }

  #next(): void {
    if (this.#current || this.#closed) return
    const job = this.#queue.shift()
    if (!job) {
      this.#rest()
      return
    }
    clearTimeout(this.#idle)
    this.#current = job
    this.#worker ??= this.#start()
    this.#worker.ref()
    this.#timer = setTimeout(() => this.#abandon(`a job took more than ${job.deadlineMs} ms`), job.deadlineMs)
    this.#worker.postMessage({ name: job.name, args: job.args })
  }

  /** A thread costs ten megabytes; one that has had nothing to do for a while is ended. */
  #rest(): void {
    this.#worker?.unref()
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      const worker = this.#worker
      this.#worker = undefined
      worker?.terminate().catch((cause: unknown) => process.emitWarning(`ending a thread: ${String(cause)}`))
    }, this.#idleMs).unref()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./update-thread.ts', import.meta.url))
    worker.on('message', (reply: JobReply) => this.#finish(reply))
    worker.on('error', thrown => {
      if (worker === this.#worker) this.#abandon(`the thread ended: ${String(thrown)}`)
    })
    return worker
  }

  #finish(reply: JobReply): void {
    const job = this.#current
    this.#current = undefined
    clearTimeout(this.#timer)
    if (reply.ok) job?.resolve(reply.result)
    else job?.reject(new MeshError('INTERNAL', { detail: 'an update cannot be read', cause: new Error(reply.message) }))
    this.#next()
  }

  /** The thread is beyond asking: it is ended, and the next job gets a new one. */
  #abandon(reason: string): void {
    const job = this.#current
    const worker = this.#worker
    this.#current = undefined
    this.#worker = undefined
    clearTimeout(this.#timer)
    worker?.terminate().catch((cause: unknown) => process.emitWarning(`ending a thread: ${String(cause)}`))
    job?.reject(
      job.name === 'inspect'
        ? new MeshError('HOSTILE_UPDATE', { detail: reason })
        : new MeshError('INTERNAL', { detail: reason }),
    )
    this.#next()
  }
}
