/** The stock Yjs client on a document of a test's hub. */
import type { TestContext } from 'node:test'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { atEnd } from './at-end.ts'
import type { TestHub } from './test-hub.ts'

export function stockClient(t: TestContext, test: TestHub, path: string): Y.Doc {
  const doc = new Y.Doc()
  class WithToken extends WebSocket {
    constructor(url: string) {
      super(url, { headers: { authorization: `Bearer ${test.token}` } })
    }
  }
  const provider = new WebsocketProvider(`${test.hub.url.replace('http', 'ws')}/sync`, `me/demo/${path}`, doc, {
    WebSocketPolyfill: WithToken as never,
    disableBc: true,
  })
  atEnd(t, () => {
    provider.destroy()
    doc.destroy()
  })
  return doc
}
