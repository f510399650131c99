/** Cells on the mesh, as an agent in a worker asks for them: by its broker, which decides whether it may (TW26, AL47). */
import type { CellEnd, MeshCells } from '@meshbook/engine/agent/ports.ts'
import type { BrokerChannel } from './broker-channel.ts'

export class CellsByBroker implements MeshCells {
  readonly #channel: Pick<BrokerChannel, 'cell' | 'stopCell'>
  readonly #over: AbortSignal

  /** `over`: this worker has to end, and another one goes on with what it asked for. */
  constructor(channel: Pick<BrokerChannel, 'cell' | 'stopCell'>, over: AbortSignal) {
    this.#channel = channel
    this.#over = over
  }

  async run(
    asked: Parameters<MeshCells['run']>[0],
    began: Parameters<MeshCells['run']>[1],
    signal: AbortSignal,
  ): Promise<CellEnd> {
    signal.throwIfAborted()
    const { promise: cut, reject } = Promise.withResolvers<never>()
    const stop = (): void => {
      if (!this.#over.aborted) this.#channel.stopCell(asked.call, whyOf(signal.reason))
      reject(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await Promise.race([this.#channel.cell(asked, began), cut])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}

const whyOf = (reason: unknown): string => (reason instanceof Error ? reason.message : 'its agent waits no longer')
