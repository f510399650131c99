/** Asks the thread that reads documents for their assets, with a deadline each; the thread lives as long as there is work. */
import { Worker } from 'node:worker_threads'
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId } from '@meshbook/core/ids.ts'
import type { StoredDocument } from '@meshbook/relay/store/document-store.ts'
import type { ReferencesReply } from './reference-thread.ts'

export class ReferenceReader {
  readonly #deadlineMs: number
  #worker: Worker | undefined

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs
  }

  /** One document at a time. */
  async read({ snapshot, tail }: StoredDocument): Promise<AssetId[]> {
    const worker = this.#start()
    const { promise, resolve, reject } = Promise.withResolvers<ReferencesReply>()
    const end = (detail: string) => reject(new MeshError('TIMEOUT', { detail }))
    const timer = setTimeout(() => end('reading a document for its assets'), this.#deadlineMs)
    worker.once('message', resolve).once('error', thrown => end(String(thrown)))
    try {
      worker.postMessage(snapshot ? [snapshot.data, ...tail] : tail)
      const reply = await promise
      if ('assets' in reply) return reply.assets
      throw new MeshError('INTERNAL', { detail: `a document cannot be read for its assets: ${reply.failed}` })
    } catch (error) {
      await this.close()
      throw error
    } finally {
      clearTimeout(timer)
      worker.removeAllListeners('message').removeAllListeners('error')
    }
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #start(): Worker {
    this.#worker ??= new Worker(new URL('./reference-thread.ts', import.meta.url))
    return this.#worker
  }
}
