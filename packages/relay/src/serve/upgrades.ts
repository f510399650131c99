/** What servers of WebSockets share: their limits, the address of a document, refusals before the upgrade, and the end. */
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { MeshError, problemOf } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type WebSocket, WebSocketServer } from 'ws'

export interface SyncPath {
  owner: string
  project: string
  path: string
}

export function newSocketServer(maxPayload: number): WebSocketServer {
  const handleProtocols = (offered: Set<string>): string | false => offered.has(subprotocol) && subprotocol
  return new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false, handleProtocols })
}

/** Of `/sync/:user/:project/<path>`; undefined for any other address. */
export function syncPathOf(pathname: string): SyncPath | undefined {
  const [, sync, ...encoded] = pathname.split('/')
  if (sync !== 'sync' || encoded.length < 3) return undefined
  try {
    const [owner = '', project = '', ...path] = encoded.map(decodeURIComponent)
    return { owner, project, path: path.join('/') }
  } catch (cause) {
    throw new MeshError('BAD_PATH', { cause })
  }
}

export function refuseUpgrade(socket: Duplex, error: MeshError): void {
  const problem = problemOf(error, randomUUID())
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.code}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    'X-Content-Type-Options: nosniff',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Closes every socket as going away; those that do not answer are cut. */
export async function closeSockets(sockets: readonly WebSocket[]): Promise<void> {
  for (const socket of sockets) socket.close(1001, 'SHUTTING_DOWN')
  const closed = sockets.map(
    socket =>
      new Promise<void>(resolve =>
        socket.readyState === socket.CLOSED ? resolve() : socket.once('close', () => resolve()),
      ),
  )
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.terminate()
  }, limits.shutdownMs / 5)
  await Promise.all(closed)
  clearTimeout(cut)
}
