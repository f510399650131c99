/**
 * Has pages made in a thread of its own, one after the other, each with a deadline and a cap of memory (PB6): a document
 * that would hang or fill it ends the thread, and its page is made as plain text.
 */
import { Worker } from 'node:worker_threads'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { JobResult, KeptEntries, MadePage, PageContent, PageSettings, RenderJob } from './render-job.ts'
import type { ThreadAnswer } from './render-thread.ts'

interface Waiting {
  job: RenderJob
  resolve: (result: JobResult) => void
  reject: (error: MeshError) => void
}

export class PageMaker {
  readonly #limits: Limits
  readonly #queue: Waiting[] = []
  #current: Waiting | undefined
  #worker: Worker | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** The page, or where it cannot be made in time the text alone. */
  async page(content: PageContent, settings: PageSettings): Promise<MadePage & { plain: boolean }> {
    try {
      return { ...(await this.#ask<MadePage>({ kind: 'page', content, settings })), plain: false }
    } catch (thrown) {
      if (asMeshError(thrown).code !== 'TIMEOUT') throw thrown
      return { ...(await this.#ask<MadePage>({ kind: 'plain', content, settings })), plain: true }
    }
  }

  /** What the document knows of the runs in a text. */
  entries(pieces: readonly Uint8Array[], text: string): Promise<KeptEntries> {
    return this.#ask<KeptEntries>({ kind: 'entries', pieces, text })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#end(new MeshError('SHUTTING_DOWN'))
    for (const waiting of this.#queue.splice(0)) waiting.reject(new MeshError('SHUTTING_DOWN'))
  }

  #ask<R extends JobResult>(job: RenderJob): Promise<R> {
    if (this.#closed) return Promise.reject(new MeshError('SHUTTING_DOWN'))
    if (this.#queue.length >= this.#limits.publishRendersWaiting)
      return Promise.reject(new MeshError('SLOW_DOWN', { detail: 'too many pages are being made' }))
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve: result => resolve(result as R), reject })
      this.#next()
    })
  }

  #next(): void {
    if (this.#current || this.#closed) return
    clearTimeout(this.#timer)
    this.#current = this.#queue.shift()
    if (!this.#current) {
      this.#worker?.unref()
      this.#timer = setTimeout(() => this.#abandon('idle'), this.#limits.publishThreadIdleMs).unref()
      return
    }
    this.#worker ??= this.#start()
    this.#worker.ref()
    this.#watch()
    this.#worker.postMessage(this.#current.job)
  }

  #watch(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#abandon('making a page took too long'), this.#limits.publishRenderMs)
  }

  #start(): Worker {
    const worker = new Worker(new URL('./render-thread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.publishThreadMemoryMiB },
    })
    worker.on('message', (answer: ThreadAnswer) => {
      if (worker === this.#worker) this.#answered(answer)
    })
    worker.on('error', thrown => {
      if (worker === this.#worker) this.#abandon(`the thread that makes pages ended: ${String(thrown)}`)
    })
    return worker
  }

  /** What fails by itself is as a page that takes too long: it is shown as text. */
  #answered(answer: ThreadAnswer): void {
    if ('ready' in answer) {
      if (this.#current) this.#watch()
      return
    }
    const waiting = this.#current
    this.#current = undefined
    if (answer.ok) waiting?.resolve(answer.result)
    else waiting?.reject(new MeshError('TIMEOUT', { detail: `a page cannot be made: ${answer.message}` }))
    this.#next()
  }

  #abandon(detail: string): void {
    this.#end(new MeshError('TIMEOUT', { detail })).catch((cause: unknown) =>
      process.emitWarning(`ending a thread: ${String(cause)}`),
    )
    this.#next()
  }

  /** Ends the thread; what it was asked last is answered with the error. */
  async #end(error: MeshError): Promise<void> {
    const [worker, waiting] = [this.#worker, this.#current]
    this.#worker = undefined
    this.#current = undefined
    clearTimeout(this.#timer)
    waiting?.reject(error)
    await worker?.terminate()
  }
}
