import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { LastFrames, websocketFrames } from './websocket-frames.ts'

test('a stock client reads the messages as they were, whatever their length', async t => {
  const server = new WebSocketServer({ port: 0, perMessageDeflate: false })
  t.after(() => server.close())
  await once(server, 'listening')
  const messages = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000].map(length =>
    new Uint8Array(length).fill(length % 251),
  )
  server.on('connection', (_, request) => {
    request.socket.write(websocketFrames(messages))
  })
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`)
  t.after(() => client.terminate())
  const received: Buffer[] = []
  client.on('message', data => received.push(data as Buffer))
  while (received.length < messages.length) await once(client, 'message')
  assert.ok(messages.every((message, i) => Buffer.compare(message, received[i]!) === 0))
})

test('the same array of messages is encoded once, another one anew', () => {
  const frames = new LastFrames()
  const [one, other] = [[new Uint8Array([1])], [new Uint8Array([1])]]
  const bytes = frames.bytesOf(one)
  assert.equal(frames.bytesOf(one), bytes)
  assert.notEqual(frames.bytesOf(other), bytes)
  assert.deepEqual([...bytes], [0x82, 1, 1])
})
