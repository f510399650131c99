/**
 * An answer on its way from the provider to the client (GW15): the next piece is read when the client has taken the one
 * before. However it ends, and also when nobody reads it, `ended` is called once, and awaited before the end is passed on.
 */
import type { IncomingMessage } from 'node:http'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Ending } from './bill.ts'
import type { Meter } from './meter.ts'

export interface PassingPorts {
  answer: IncomingMessage
  meter: Meter | undefined
  silentMs: number
  /** Aborted when the client leaves, the call takes too long, or the hub ends. */
  signal: AbortSignal
  ended(ending: Ending): Promise<void>
}

type Piece = IteratorResult<Uint8Array, undefined>

export class PassingAnswer implements AsyncIterable<Uint8Array> {
  readonly #ports: PassingPorts
  readonly #pieces: AsyncIterator<Uint8Array>
  readonly #left = (): void => void this.#end('left')
  #ending: Promise<void> | undefined

  constructor(ports: PassingPorts) {
    this.#ports = ports
    this.#pieces = (ports.answer as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
    ports.signal.addEventListener('abort', this.#left, { once: true })
    if (ports.signal.aborted) this.#left()
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this.#end('left')
        return { done: true, value: undefined }
      },
    }
  }

  async #next(): Promise<Piece> {
    const { answer, meter, signal } = this.#ports
    try {
      const piece = await this.#inTime(this.#pieces.next())
      if (piece.done !== true) {
        meter?.push(piece.value)
        return { done: false, value: piece.value }
      }
    } catch (thrown) {
      const isOurs = signal.aborted || (thrown instanceof MeshError && thrown.code === 'TIMEOUT')
      await this.#end(isOurs ? 'left' : 'cut')
      throw thrown
    }
    await this.#end(answer.complete ? 'whole' : 'cut')
    return { done: true, value: undefined }
  }

  async #inTime<T>(piece: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_, reject) => {
      const late = (): void => reject(new MeshError('TIMEOUT', { detail: 'the provider has fallen silent' }))
      timer = setTimeout(late, this.#ports.silentMs)
    })
    try {
      return await Promise.race([piece, silence])
    } finally {
      clearTimeout(timer)
    }
  }

  #end(ending: Ending): Promise<void> {
    this.#ending ??= this.#close(ending)
    return this.#ending
  }

  async #close(ending: Ending): Promise<void> {
    const { answer, signal, ended } = this.#ports
    signal.removeEventListener('abort', this.#left)
    // What was read to its end leaves a connection for the next call.
    if (!answer.complete) answer.destroy()
    await ended(ending)
  }
}
