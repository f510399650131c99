/** A y-websocket server made of the relay, over real sockets: stock clients and monitors connect to any path. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { base32, type DocumentId, newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import { type WebSocket, WebSocketServer } from 'ws'

export class RelayServer {
  readonly #relay: Relay
  readonly #org = newId('org', 0, systemRandom)
  #server: WebSocketServer | undefined
  port = 0

  private constructor(now: () => number) {
    this.#relay = new Relay({ store: new MemoryDocumentStore(), now, random: systemRandom })
  }

  static async start(t: TestContext, now: () => number): Promise<RelayServer> {
    const server = new RelayServer(now)
    t.after(async () => {
      await server.stop()
      await server.#relay.close()
    })
    await server.listen()
    return server
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/room`
  }

  async listen(): Promise<void> {
    this.#server = new WebSocketServer({
      host: '127.0.0.1',
      port: this.port,
      maxPayload: limits.syncFrameBytes,
      perMessageDeflate: false,
    })
    this.#server.on('connection', (socket, request) => this.#serve(socket, request.url ?? ''))
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  /** Cuts every connection; the documents stay. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    for (const socket of server.clients) socket.terminate()
    await new Promise(resolve => server.close(resolve))
  }

  #serve(socket: WebSocket, path: string): void {
    const document =
      `doc_${base32(createHash('sha256').update(path.split('?')[0]!).digest()).slice(0, 26)}` as DocumentId
    const connection = this.#relay.open(
      { org: this.#org, document },
      {
        name: 'client',
        access: 'write',
        canRun: true,
        extensions: false,
        get backlogBytes() {
          return socket.bufferedAmount
        },
        send: frame => socket.send(frame),
        close: (code, reason) => socket.close(code, reason),
      },
    )
    socket.on('message', data => connection.receive(new Uint8Array(data as Buffer)))
    socket.on('close', () => connection.close())
  }
}
