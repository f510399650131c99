import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { ApiClient } from './api-client.ts'

const event = (seq: number, body: object): string => `id: ${seq}\ndata: ${JSON.stringify(body)}\n\n`

test('I10 an event stream on which nothing comes any more is dead: the client goes on with another, behind what it has', async t => {
  const asked: (string | null)[] = []
  const hub = createServer((request, response) => {
    asked.push(new URL(request.url!, 'http://hub').searchParams.get('after'))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (asked.length === 1) response.write(event(1, { type: 'stdout', at: 1, text: 'one' }))
    else response.end(event(2, { type: 'completed', at: 2, durationMs: 1 }))
  })
  await new Promise<void>(resolve => hub.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    hub.closeAllConnections()
    hub.close()
  })
  const { port } = hub.address() as { port: number }
  const client = new ApiClient({ hub: `http://127.0.0.1:${port}`, token: 'mb_x' }, { silenceMs: 150 })
  const seen: number[] = []
  for await (const { seq } of client.events('run', 0, AbortSignal.timeout(10_000))) seen.push(seq)
  assert.deepEqual(seen, [1, 2])
  assert.deepEqual(asked, ['0', '1'])
})
