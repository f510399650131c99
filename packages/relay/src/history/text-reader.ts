/**
 * Reads a document's text out of its updates: a Y.Doc is built for it and let go of at once, small ones here, large
 * ones in a thread that ends when nobody has asked for a while. Nothing of it is on the way of an update.
 */
import { Worker } from 'node:worker_threads'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { type TextsAsked, textsAt } from './texts-at.ts'

interface Question {
  asked: TextsAsked
  resolve(texts: string[]): void
  reject(error: MeshError): void
}

export type ThreadAnswer = { ok: true; texts: string[] } | { ok: false; message: string }

export class TextReader {
  readonly #limits: Limits
  readonly #queue: Question[] = []
  #current: Question | undefined
  #worker: Worker | undefined
  #timer: NodeJS.Timeout | undefined
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
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#end(new MeshError('SHUTTING_DOWN'))
    for (const question of this.#queue.splice(0)) question.reject(new MeshError('SHUTTING_DOWN'))
  }

  #next(): void {
    if (this.#current || this.#closed) return
    this.#current = this.#queue.shift()
    clearTimeout(this.#timer)
    if (!this.#current) {
      this.#worker?.unref()
      this.#timer = setTimeout(() => this.#end(undefined), this.#limits.roomIdleMs).unref()
      return
    }
    this.#worker ??= this.#start()
    this.#worker.ref()
    this.#timer = setTimeout(
      () => this.#abandon('reading the text of a document took too long'),
      this.#limits.requestMs,
    )
    this.#worker.postMessage(this.#current.asked)
  }

  #start(): Worker {
    const worker = new Worker(new URL('./text-thread.ts', import.meta.url))
    worker.on('message', (answer: ThreadAnswer) => this.#answered(answer))
    worker.on('error', thrown => {
      if (worker === this.#worker) this.#abandon(`the thread that reads texts ended: ${String(thrown)}`)
    })
    return worker
  }

  #answered(answer: ThreadAnswer): void {
    const question = this.#current
    this.#current = undefined
    if (answer.ok) question?.resolve(answer.texts)
    else question?.reject(new MeshError('INTERNAL', { detail: `a document cannot be read: ${answer.message}` }))
    this.#next()
  }

  #abandon(detail: string): void {
    this.#end(new MeshError('INTERNAL', { detail })).catch((cause: unknown) =>
      process.emitWarning(`ending a thread: ${String(cause)}`),
    )
    this.#next()
  }

  /** Ends the thread; what it was asked last is answered with the error. */
  async #end(error: MeshError | undefined): Promise<void> {
    const [worker, question] = [this.#worker, this.#current]
    this.#worker = undefined
    this.#current = undefined
    clearTimeout(this.#timer)
    if (error) question?.reject(error)
    await worker?.terminate()
  }
}
