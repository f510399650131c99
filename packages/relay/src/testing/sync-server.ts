/** The smallest WebSocket server over a relay, as a host of one would write it: async sign-in, early frames kept. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { subprotocol } from '@meshbook/core/frames.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type WebSocket, WebSocketServer } from 'ws'
import type { DocumentKey, Peer, Relay } from '../relay.ts'

export interface SyncServer {
  url: string
  /** Ends every socket, as a network failure would. */
  cut(): void
  close(): Promise<void>
}

export async function serveRelay(
  relay: Relay,
  keyOf: (path: string) => DocumentKey,
  options: { signInMs?: number; access?: Peer['access']; port?: number } = {},
): Promise<SyncServer> {
  const http = createServer()
  const server = new WebSocketServer({
    server: http,
    maxPayload: limits.syncFrameBytes,
    perMessageDeflate: false,
    handleProtocols: offered => (offered.has(subprotocol) ? subprotocol : false),
  })
  server.on('connection', (socket, request) => {
    const early: Uint8Array[] = []
    const keep = (frame: Buffer) => early.push(frame)
    socket.on('message', keep)
    setTimeout(() => {
      socket.off('message', keep)
      admit(socket, keyOf(new URL(request.url ?? '/', 'ws://host').pathname), early)
    }, options.signInMs ?? 0)
  })
  const admit = (socket: WebSocket, key: DocumentKey, early: Uint8Array[]) => {
    const connection = relay.open(key, peerOf(socket, options.access ?? 'write'))
    for (const frame of early) connection.receive(frame)
    socket.on('message', (frame: Buffer) => connection.receive(frame))
    socket.on('close', () => connection.close())
    if (socket.readyState !== socket.OPEN) connection.close()
  }
  http.listen(options.port ?? 0, '127.0.0.1')
  await once(http, 'listening')
  const cut = () => {
    for (const socket of server.clients) socket.terminate()
  }
  const close = async () => {
    cut()
    server.close()
    http.close()
    await once(http, 'close')
  }
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`, cut, close }
}

function peerOf(socket: WebSocket, access: Peer['access']): Peer {
  return {
    name: 'socket',
    access,
    canRun: false,
    extensions: socket.protocol === subprotocol,
    get backlogBytes() {
      return socket.bufferedAmount
    },
    send: frame => socket.send(frame),
    close: (code, reason) => socket.close(code, reason),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  }
}
