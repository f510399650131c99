/**
 * A process of its own, so that the process that reads a stream of output is no part of what a keystroke takes: two stock
 * clients on one document; one presses a key every 20 ms, and it is measured when the other shows it.
 */
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { ticketSchema } from '@meshbook/core/api.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const [hubUrl, token, document] = process.argv.slice(2) as [string, string, string]
const client = new ApiClient({ hub: hubUrl, token })
const [writer, reader] = [await open(), await open()]
const written = writer.getText('content')
const shown = reader.getText('content')
let isTyping = false

process.on('message', (order: 'type' | 'stop') => {
  isTyping = order === 'type'
  if (isTyping) void type().then(took => process.send!(took))
})
process.on('disconnect', () => process.exit())
process.send!('ready')

async function type(): Promise<number[]> {
  const took: number[] = []
  while (isTyping) {
    took.push(await press())
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return took
}

function press(): Promise<number> {
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

async function open(): Promise<Y.Doc> {
  const { ticket } = await client.post('/tickets', { document, scope: 'write' }, ticketSchema)
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${hubUrl.replace(/^http/, 'ws')}/sync/me/bench`, 'bench.md', doc, {
    params: { ticket },
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  await new Promise<void>(resolve => provider.once('sync', () => resolve()))
  return doc
}
