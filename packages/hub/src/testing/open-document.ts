/** A document of a test's hub, held over a real socket. */
import type { TestContext } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { subprotocol } from '@meshbook/core/frames.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { atEnd } from './at-end.ts'
import type { TestHub } from './test-hub.ts'

export function openDocument(t: TestContext, test: TestHub, path: string): Y.Doc {
  const doc = new Y.Doc()
  const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/${path}`, subprotocol, {
    headers: { authorization: `Bearer ${test.token}` },
  })
  const send = (frame: Uint8Array): void => {
    if (socket.readyState === WebSocket.OPEN) socket.send(frame)
  }
  const client = new SyncClient({ doc, send, onStatus: () => undefined })
  socket.on('open', () => client.opened({ extensions: true }))
  socket.on('message', data => client.receive(new Uint8Array(data as Buffer)))
  atEnd(t, () => {
    socket.terminate()
    client.destroy(new MeshError('SHUTTING_DOWN'))
    doc.destroy()
  })
  return doc
}
