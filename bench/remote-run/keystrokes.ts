/** Two stock clients on one document: how long after a key is pressed at one the other shows it. */
import { ticketSchema } from '@meshbook/core/api.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import type { BenchMesh } from './mesh.ts'

export interface Typists {
  /** Milliseconds of each key, pressed every 20 ms until `until` is over. */
  type(until: Promise<unknown>): Promise<number[]>
  stop(): void
}

export async function startTypists(mesh: BenchMesh): Promise<Typists> {
  const [writer, reader] = [await open(mesh), await open(mesh)]
  const written = writer.doc.getText('content')
  const shown = reader.doc.getText('content')
  const press = (): Promise<number> => {
    const started = performance.now()
    return new Promise(resolve => {
      const look = (): void => {
        if (shown.length < written.length) return
        shown.unobserve(look)
        resolve(performance.now() - started)
      }
      shown.observe(look)
      written.insert(written.length, 'k')
    })
  }
  return {
    async type(until) {
      let isOver = false
      const over = until.finally(() => (isOver = true))
      const took: number[] = []
      while (!isOver) {
        took.push(await press())
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      await over
      return took
    },
    stop: () => {
      for (const { provider, doc } of [writer, reader]) {
        provider.destroy()
        doc.destroy()
      }
    },
  }
}

async function open({ client, document, hubUrl }: BenchMesh): Promise<{ doc: Y.Doc; provider: WebsocketProvider }> {
  const { ticket } = await client.post('/tickets', { document, scope: 'write' }, ticketSchema)
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${hubUrl.replace(/^http/, 'ws')}/sync/me/bench`, 'bench.md', doc, {
    params: { ticket },
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  await new Promise<void>(resolve => provider.once('sync', () => resolve()))
  return { doc, provider }
}
