/**
 * The port of an agent of somebody else to its model, on loopback where tools are (TW41): nothing but a way to the runner,
 * which decides what passes.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { limits } from '@meshbook/core/limits.ts'
import { Tunnel } from '@meshbook/engine/tunnel.ts'

export class ModelsPort {
  readonly #tunnel: Tunnel
  #server: Server | undefined
  #port: Promise<number> | undefined

  constructor(send: (message: Uint8Array) => void) {
    this.#tunnel = new Tunnel({ send, fail: () => this.close() })
  }

  /** The same one, however often it is asked for. */
  open(): Promise<number> {
    this.#port ??= this.#listen()
    return this.#port
  }

  take(message: Uint8Array): void {
    this.#tunnel.take(message)
  }

  close(): void {
    this.#server?.close()
    this.#tunnel.close()
  }

  async #listen(): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, near => {
      const far = this.#tunnel.open('models')
      near.on('error', () => near.destroy())
      far.once('close', () => near.destroy())
      near.once('close', () => far.destroy())
      near.pipe(far)
      far.pipe(near)
    })
    this.#server = server
    server.maxConnections = limits.brokerConnectionsPerSocket
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
}
