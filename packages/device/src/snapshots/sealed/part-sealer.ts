/**
 * Names, seals and opens parts without holding up this thread: large ones go to threads, small ones are done at once. A
 * thread that dies fails what it had; the next job gets a new one.
 */
import { Worker } from 'node:worker_threads'
import { MeshError } from '@meshbook/core/errors.ts'
import type { PartId } from '@meshbook/core/snapshot.ts'
import type { PartKeys } from './part-keys.ts'
import { perform, type SealJob, type SealReply } from './seal-thread.ts'

type Bytes = Uint8Array<ArrayBuffer>
type Done = { part: PartId; bytes: Bytes }

/** Below it handing over takes as long as the work. */
const threadedBytes = 128 * 1024
/** A part takes some milliseconds; a thread that needs so long is stuck. */
const deadlineMs = 60_000

export class PartSealer {
  readonly #idle: Worker[] = []
  readonly #waiting: ((worker: Worker) => void)[] = []
  readonly #all = new Set<Worker>()
  readonly #most: number
  #closed = false

  constructor(threads: number) {
    this.#most = threads
  }

  /** The name, and the bytes in memory of their own: the given ones may change from now on. */
  name(keys: PartKeys, bytes: Uint8Array): Promise<Done> {
    return this.#do({ do: 'name', keys, bytes: new Uint8Array(bytes) })
  }

  /** Takes the bytes over. */
  async seal(keys: PartKeys, part: PartId, bytes: Bytes): Promise<Bytes> {
    return (await this.#do({ do: 'seal', keys, part, bytes })).bytes
  }

  /** Takes the sealed bytes over. Throws SNAPSHOT_REFUSED. */
  async open(keys: PartKeys, part: PartId, sealed: Bytes): Promise<Bytes> {
    return (await this.#do({ do: 'open', keys, part, bytes: sealed })).bytes
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#all].map(worker => worker.terminate()))
  }

  async #do(job: SealJob): Promise<Done> {
    if (this.#closed) throw new MeshError('SHUTTING_DOWN')
    if (job.bytes.byteLength < threadedBytes) return perform(job)
    const worker = await this.#take()
    const reply = await this.#ask(worker, wholeBuffer(job))
    if ('failed' in reply) throw new MeshError(reply.failed, { detail: reply.detail })
    return reply
  }

  #take(): Promise<Worker> | Worker {
    const idle = this.#idle.pop()
    if (idle) return idle
    if (this.#all.size < this.#most) return this.#start()
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  #start(): Worker {
    const worker = new Worker(new URL('./seal-thread.ts', import.meta.url))
    worker.unref()
    this.#all.add(worker)
    return worker
  }

  async #ask(worker: Worker, job: SealJob): Promise<SealReply> {
    const { promise, resolve, reject } = Promise.withResolvers<SealReply>()
    const lost = (detail: string) => reject(new MeshError('INTERNAL', { detail }))
    const timer = setTimeout(() => lost('sealing a part takes too long'), deadlineMs)
    const failed = (thrown: unknown) => lost(`a thread that seals failed: ${String(thrown)}`)
    const ended = () => lost('a thread that seals has ended')
    worker.once('message', resolve).once('error', failed).once('exit', ended)
    worker.ref()
    try {
      worker.postMessage(job, [job.bytes.buffer])
      const reply = await promise
      worker.off('message', resolve).off('error', failed).off('exit', ended)
      worker.unref()
      this.#free(worker)
      return reply
    } catch (thrown) {
      this.#replace(worker)
      throw thrown
    } finally {
      clearTimeout(timer)
    }
  }

  #free(worker: Worker): void {
    const next = this.#waiting.shift()
    if (next) next(worker)
    else this.#idle.push(worker)
  }

  #replace(worker: Worker): void {
    this.#all.delete(worker)
    void worker.removeAllListeners().terminate()
    if (this.#waiting.length > 0 && !this.#closed) this.#free(this.#start())
  }
}

/** Only a buffer that is all the part's own can be handed over. */
function wholeBuffer(job: SealJob): SealJob {
  const { bytes } = job
  return bytes.byteLength === bytes.buffer.byteLength ? job : { ...job, bytes: new Uint8Array(bytes) }
}
