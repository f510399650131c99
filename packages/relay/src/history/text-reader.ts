/**
 * Reads a document's text out of its updates: a Y.Doc is built for it and let go of at once, small ones here, large
 * ones in a thread that ends when it has nothing to do. Nothing of it is on the way of an update.
 */
import { Worker } from 'node:worker_threads'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { type TextsAsked, textsAt } from './texts-at.ts'

interface Waiting {
  asked: TextsAsked
  resolve(texts: string[]): void
  reject(error: MeshError): void
}

export class TextReader {
  readonly #limits: Limits
  readonly #queue: Waiting[] = []
  #running = false
  #worker: Worker | undefined
  #closed = false

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** The text after the first `ends[i]` pieces, for each i; `ends` in ascending order. */
  async texts(asked: TextsAsked): Promise<string[]> {
    const bytes = asked.pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
    if (bytes <= this.#limits.updateInlineBytes) return textsAt(asked)
    if (this.#closed) throw new MeshError('SHUTTING_DOWN')
    return new Promise((resolve, reject) => {
      this.#queue.push({ asked, resolve, reject })
      if (!this.#running) this.#next()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#worker?.terminate()
    for (const waiting of this.#queue.splice(0)) waiting.reject(new MeshError('SHUTTING_DOWN'))
  }

  #next(): void {
    const waiting = this.#queue.shift()
    this.#running = waiting !== undefined
    if (!waiting) return
    const worker = new Worker(new URL('./text-thread.ts', import.meta.url), { workerData: waiting.asked })
    this.#worker = worker
    const finish = (settle: () => void): void => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      clearTimeout(timer)
      settle()
      this.#next()
    }
    const fail = (detail: string, cause?: unknown): void =>
      finish(() => waiting.reject(new MeshError('INTERNAL', { detail, cause })))
    const timer = setTimeout(() => {
      worker.terminate().catch((cause: unknown) => process.emitWarning(`ending a thread: ${String(cause)}`))
      fail('reading the text of a document took too long')
    }, this.#limits.requestMs)
    worker.once('message', (texts: string[]) => finish(() => waiting.resolve(texts)))
    worker.once('error', cause => fail('a document cannot be read', cause))
    worker.once('exit', () => fail('the thread that reads texts ended'))
  }
}
