import assert from 'node:assert/strict'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, BlockList, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { frameApp, listenerOf } from '@meshbook/relay/serve/http-app.ts'
import { until } from '../testing/until.ts'
import { HubCalls } from './hub-calls.ts'

const silent = { error: () => undefined }

async function listen(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** A page's way to the hub, through a server as the device has it. */
async function between(t: TestContext, hub: string, token: (stale?: string) => Promise<string>) {
  const calls = new HubCalls({ url: hub, token, linked: () => true })
  const config = { publicUrl: null, trustedProxies: new BlockList(), webFolder: null }
  const app = frameApp({ config, log: silent }, [{ method: 'GET', path: '/x' }], (_route, c) =>
    calls.pass({ incoming: c.env.incoming, body: undefined, signal: c.req.raw.signal }, 'runs'),
  )
  return listen(t, listenerOf(app))
}

const get = (url: string, agent: Agent) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = request(`${url}/x`, { agent }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    })
    asked.on('error', reject).end()
  })

test('I10 many requests over one connection leave nothing behind on it', async t => {
  const hub = await listen(t, (_, response) => response.end('ok'))
  const { server, url } = await between(t, hub.url, async () => 'mb_1')
  const sockets: Socket[] = []
  server.on('connection', socket => sockets.push(socket))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  await get(url, agent)
  const before = sockets[0]!.listenerCount('close')
  for (let i = 0; i < 30; i++) assert.deepEqual(await get(url, agent), { status: 200, text: 'ok' })
  assert.equal(sockets.length, 1)
  assert.equal(sockets[0]!.listenerCount('close'), before)
})

test('I10 a page that goes away ends the stream that the hub had open for it', async t => {
  let isOpen = false
  const hub = await listen(t, (_, response) => {
    isOpen = true
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    response.on('close', () => (isOpen = false))
  })
  const { url } = await between(t, hub.url, async () => 'mb_1')
  const gone = new AbortController()
  const answer = await fetch(`${url}/x`, { signal: gone.signal })
  const reader = answer.body!.getReader()
  assert.match(Buffer.from((await reader.read()).value!).toString(), /data: 1/)
  assert.equal(isOpen, true)
  gone.abort()
  await until('the hub knows', () => !isOpen)
})

test('LO7 a token that the hub takes no more is replaced once; a device that it refuses is told so as FORBIDDEN', async t => {
  let good = 'mb_2'
  const hub = await listen(t, ({ headers }, response) => {
    response.statusCode = headers.authorization === `Bearer ${good}` ? 200 : 401
    response.end('from the hub')
  })
  const asked: (string | undefined)[] = []
  const { url } = await between(t, hub.url, async stale => {
    asked.push(stale)
    return stale === undefined ? 'mb_1' : 'mb_2'
  })
  const agent = new Agent()
  assert.deepEqual(await get(url, agent), { status: 200, text: 'from the hub' })
  assert.deepEqual(asked, [undefined, 'mb_1'])
  good = 'mb_3'
  const { status, text } = await get(url, agent)
  assert.deepEqual([status, JSON.parse(text).code], [403, 'FORBIDDEN'])
})
