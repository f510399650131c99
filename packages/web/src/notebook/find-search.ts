/** Asks a worker to find, and ends it when it takes too long: no pattern makes the page stand still (NB21). */
import { limits } from '@meshbook/core/limits.ts'
import type { FindQuestion, FindReply } from './find-worker.ts'

const tooSlow = 'This pattern takes too long. Make it simpler.'

export class FindSearch {
  #worker: Worker | undefined
  #settle: ((reply: FindReply | undefined) => void) | undefined

  /** Answers undefined when another question took its place. */
  ask(question: FindQuestion): Promise<FindReply | undefined> {
    // A worker that is still at the question before it would keep this one waiting.
    if (this.#settle) this.#end(undefined)
    const worker = this.#start()
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#end({ problem: tooSlow }), limits.findMs)
      this.#settle = reply => {
        clearTimeout(timer)
        this.#settle = undefined
        resolve(reply)
      }
      worker.postMessage(question)
    })
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./find-worker.ts', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }: MessageEvent<FindReply>) => this.#settle?.(data)
    worker.onerror = () => this.#end({ problem: 'The search could not be started. Reload the page.' })
    this.#worker = worker
    return worker
  }

  #end(reply: FindReply | undefined): void {
    this.#worker?.terminate()
    this.#worker = undefined
    this.#settle?.(reply)
  }

  close(): void {
    this.#end(undefined)
  }
}
