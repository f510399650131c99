import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { isAllowedHost, type PackagesProxyOptions, packagesProxy, parseAllowedHosts } from './packages-proxy.ts'

async function far(t: TestContext): Promise<number> {
  const server = createServer((asked, response) => response.end(`${asked.method} ${asked.url} ${asked.headers.host}`))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

async function proxy(t: TestContext, options: Partial<PackagesProxyOptions>) {
  const blocked: string[] = []
  const port = packagesProxy({ allowed: [], onBlocked: host => void blocked.push(host), ...options })
  const server = createServer(port.request).on('connect', port.connect)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { at: (server.address() as AddressInfo).port, blocked }
}

async function tunnel(at: number, path: string): Promise<{ status: number; text: string }> {
  const asked = request({ host: '127.0.0.1', port: at, method: 'CONNECT', path })
  asked.end()
  const [answer, socket, head] = (await once(asked, 'connect')) as [IncomingMessage, import('node:net').Socket, Buffer]
  if (answer.statusCode !== 200) {
    let text = head.toString()
    for await (const piece of socket) text += piece
    return { status: answer.statusCode!, text }
  }
  socket.write('GET /x HTTP/1.1\r\nhost: inside\r\nconnection: close\r\n\r\n')
  let text = ''
  for await (const piece of socket) text += piece
  return { status: 200, text }
}

async function plain(at: number, path: string): Promise<{ status: number; text: string }> {
  const asked = request({ host: '127.0.0.1', port: at, path, headers: { 'proxy-authorization': 'x' } })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  for await (const piece of answer) text += piece
  return { status: answer.statusCode!, text }
}

test('PP1 an allowed host is reached, by tunnel and plainly', async t => {
  const port = await far(t)
  const open = { lookup: async () => [{ address: '127.0.0.1' }], mayConnect: () => true, ports: [port] }
  const { at, blocked } = await proxy(t, { allowed: ['files.example.org', '*.mirror.example'], ...open })
  assert.match((await tunnel(at, `files.example.org:${port}`)).text, /GET \/x inside/)
  assert.match((await tunnel(at, `A.mirror.example.:${port}`)).text, /GET \/x inside/)
  assert.deepEqual(await plain(at, `http://files.example.org:${port}/a?b`), {
    status: 200,
    text: `GET /a?b files.example.org:${port}`,
  })
  assert.deepEqual(blocked, [])
})

test('PP1, PP2 by default nothing is allowed, and the answer says what was blocked', async t => {
  const { at, blocked } = await proxy(t, {})
  const answer = await tunnel(at, 'files.example.org:443')
  assert.equal(answer.status, 403)
  assert.match(answer.text, /Blocked by Meshbook: files\.example\.org:443\. No host is allowed/)
  assert.equal((await plain(at, 'http://files.example.org/x')).status, 403)
  assert.equal((await tunnel(at, 'other.example:443')).status, 403)
  assert.deepEqual(blocked, ['files.example.org', 'other.example'])
})

test('PP1 other ports, names beside the list and the end of a wildcard itself are blocked', async t => {
  const { at } = await proxy(t, {
    allowed: ['a.example', '*.b.example'],
    lookup: async () => [{ address: '192.0.2.1' }],
  })
  for (const path of ['a.example:22', 'b.example:443', 'xb.example:443', 'a.example.evil.test:443', 'xa.example:443'])
    assert.equal((await tunnel(at, path)).status, 403, path)
  assert.ok(isAllowedHost('x.y.b.example', ['*.b.example']))
  assert.ok(!isAllowedHost('b.example', ['*.b.example']))
})

test('PP3 an allowed name that leads inside is blocked', async t => {
  for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', 'fd00::1', '::ffff:10.0.0.1']) {
    const { at } = await proxy(t, {
      allowed: ['a.example'],
      lookup: async () => [{ address: '93.184.216.34' }, { address }],
    })
    const answer = await tunnel(at, 'a.example:443')
    assert.equal(answer.status, 403, address)
  }
})

test('PP4 addresses in the place of names are blocked, in every notation', async t => {
  const { at } = await proxy(t, { allowed: ['a.example'] })
  for (const path of [
    '127.0.0.1:443',
    '[::1]:443',
    '2130706433:443',
    '0x7f.1:443',
    'localhost:443',
    'a.example@b.example:443',
    'a.example',
    ':443',
    '*.a.example:443',
  ])
    assert.equal((await tunnel(at, path)).status, 403, path)
})

test('PP5 resets on either side end both and nothing else', async t => {
  const server = createTcpServer(socket => {
    socket.on('error', () => undefined)
    socket.resetAndDestroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const open = { lookup: async () => [{ address: '127.0.0.1' }], mayConnect: () => true, ports: [port, 1] }
  const { at } = await proxy(t, { allowed: ['a.example'], ...open })
  for (let round = 0; round < 30; round += 1) {
    const socket = connect(at, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`CONNECT a.example:${port} HTTP/1.1\r\nhost: a\r\n\r\n`)
    if (round % 2) await once(socket, 'data').catch(() => undefined)
    socket.resetAndDestroy()
  }
  assert.equal((await tunnel(at, 'a.example:1')).status, 502)
})

test('PP1 the list is names of hosts', () => {
  assert.deepEqual(parseAllowedHosts('A.example., *.b.example\n c.d.example'), [
    'a.example',
    '*.b.example',
    'c.d.example',
  ])
  for (const wrong of ['*', 'a', 'http://a.example', '*.*.a.example', 'a..b', '10.0.0.1', 'a.example:443'])
    assert.throws(() => parseAllowedHosts(wrong), { code: 'BAD_CONFIG' }, wrong)
})
