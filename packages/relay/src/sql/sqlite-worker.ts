/**
 * The main thread's end of one SQLite thread: queues calls, sends those that wait in one message (a busy thread makes
 * larger groups by itself), and matches the answers.
 */
import { Worker } from 'node:worker_threads'
import { MeshError } from '@meshbook/core/errors.ts'
import type { ThreadCall } from './call-group.ts'
import { CallTurns } from './call-turns.ts'
import { fromThreadError } from './sqlite-error.ts'
import type { SqliteThreadData, ThreadReply, ThreadRequest } from './sqlite-thread.ts'

interface Waiting extends ThreadCall {
  resolve(value: unknown): void
  reject(error: MeshError): void
}

/** So many may wait at the thread, so that it need not wait for us; the rest waits here, and goes in one message. */
const callsAhead = 1

export class SqliteWorker {
  /** Called when the disk failed, when a reopening succeeded or failed, and when the thread died. */
  onFailure: ((error: MeshError) => void) | undefined
  onReopened: (() => void) | undefined
  readonly #worker: Worker
  readonly #waiting = new CallTurns<Waiting>()
  #sent: Waiting[] = []
  #flushing = false
  #gone: MeshError | undefined
  #opening: { resolve(): void; reject(error: MeshError): void } | undefined
  #closed: (() => void) | undefined

  private constructor(data: SqliteThreadData) {
    this.#worker = new Worker(new URL('./sqlite-thread.ts', import.meta.url), { workerData: data })
    this.#worker.on('message', (message: ThreadReply) => this.#onReply(message))
    this.#worker.on('error', cause =>
      this.#end(new MeshError('STORAGE_FAILED', { detail: 'the thread of the database ended', cause })),
    )
    this.#worker.on('exit', code =>
      this.#end(
        this.#closed
          ? new MeshError('SHUTTING_DOWN', { detail: 'the database is closed' })
          : new MeshError('STORAGE_FAILED', { detail: `the thread of the database ended with ${code}` }),
      ),
    )
  }

  static async start(data: SqliteThreadData): Promise<SqliteWorker> {
    const worker = new SqliteWorker(data)
    await new Promise<void>((resolve, reject) => {
      worker.#opening = { resolve, reject }
    })
    return worker
  }

  call(name: string, args: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone)
      this.#waiting.add({ name, args, resolve, reject })
      if (this.#flushing) return
      this.#flushing = true
      // At the end of this tick, so that everything asked for in it shares a commit.
      queueMicrotask(() => {
        this.#flushing = false
        this.#flush()
      })
    })
  }

  /** The thread has ended: nothing can be asked of it any more. */
  get ended(): boolean {
    return this.#gone !== undefined
  }

  reopen(): void {
    this.#post({ type: 'reopen' })
  }

  async close(): Promise<void> {
    if (this.#gone) return
    await new Promise<void>(resolve => {
      this.#closed = resolve
      this.#send(this.#waiting.drain())
      this.#post({ type: 'close' })
    })
    await this.#worker.terminate()
  }

  #post(request: ThreadRequest): void {
    this.#worker.postMessage(request)
  }

  #flush(): void {
    this.#send(this.#waiting.take(callsAhead))
  }

  #send(calls: Waiting[]): void {
    if (calls.length === 0) return
    this.#sent.push(...calls)
    this.#post({ type: 'calls', calls: calls.map(({ name, args }) => ({ name, args })) })
  }

  #onReply(message: ThreadReply): void {
    switch (message.type) {
      case 'ready':
        this.#opening?.resolve()
        return
      case 'refused':
        this.#opening?.reject(fromThreadError(message.error))
        return
      case 'results':
        this.#onResults(message)
        return
      case 'reopened':
        message.error ? this.onFailure?.(fromThreadError(message.error)) : this.onReopened?.()
        return
      case 'closed':
        this.#closed?.()
        return
    }
  }

  #onResults({ results, failure }: ThreadReply & { type: 'results' }): void {
    // Whoever asked was told of the end already.
    if (this.#gone) return
    if (failure) this.onFailure?.(fromThreadError(failure))
    const answered = this.#sent.splice(0, results.length)
    for (const call of answered) this.#waiting.answered(call)
    for (const [i, result] of results.entries()) {
      if (result.ok) answered[i]!.resolve(result.value)
      else answered[i]!.reject(fromThreadError(result.error))
    }
    this.#flush()
  }

  #end(error: MeshError): void {
    if (this.#gone) return
    this.#gone = error
    this.#opening?.reject(error)
    const lost = [...this.#sent.splice(0), ...this.#waiting.drain()]
    for (const waiting of lost) waiting.reject(error)
    if (error.code !== 'SHUTTING_DOWN') this.onFailure?.(error)
    this.#closed?.()
  }
}
