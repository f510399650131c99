/** Plain HTTP from elsewhere, and the port that answers TLS and plain HTTP. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request as secureRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as secureConnect } from 'node:tls'
import { systemRandom } from '@meshbook/core/ids.ts'
import { canBeOverheard, visitOf } from '@meshbook/relay/serve/doorway.ts'
import { addSecurityHeaders } from '@meshbook/relay/serve/security-headers.ts'
import { WebSocket } from 'ws'
import { parseHubConfig } from '../config.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'
import { ensureAuthority, forgetAuthority } from './authority-folder.ts'
import { thisMachine } from './shown-certificate.ts'
import { waysOutPage } from './ways-out.ts'

/** A hub whose name is plain, so that requests for it count as coming from elsewhere. */
const far = { host: 'mesh.example' }
const env = { MESHBOOK_PUBLIC_URL: 'http://mesh.example' }

async function withAuthority(
  t: TestContext,
  offsetMs = 0,
): Promise<{ test: TestHub; ca: string; fingerprint: string }> {
  const test = await startTestHub(t, {
    env: { MESHBOOK_PUBLIC_URL: 'https://mesh.example' },
    limits: { tlsLookMs: 50 },
  })
  const { certificate } = await makeAuthority(test)
  test.clock.offsetMs = offsetMs
  await test.restart()
  return { test, ca: certificate.toString(), fingerprint: certificate.fingerprint256 }
}

function makeAuthority({ folder }: TestHub): ReturnType<typeof ensureAuthority> {
  const ports = { dataFolder: folder, now: Date.now(), random: systemRandom }
  return ensureAuthority(thisMachine('https://mesh.example'), ports)
}

function secureGet(
  port: number,
  ca: string,
  host: string,
  path = '/healthz',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      ca,
      path,
      agent: false,
      headers: { host: `${host}:${port}` },
      servername: host,
    }
    const sent = secureRequest(options, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => resolve({ status: response.statusCode!, text }))
    })
    sent.once('error', reject).end()
  })
}

/** The fingerprint of what is shown to somebody who connects now. */
function shownAt(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = secureConnect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

test('TL10 over plain HTTP from elsewhere nothing is served: no page, no file, no API, no socket, whatever is shown', async t => {
  const { hub, token } = await startTestHub(t, { env })
  const headers = { ...far, authorization: `Bearer ${token}` }
  for (const path of ['/', '/m/', '/signin', '/p/demo', '/pair', '/theme.js', '/@me/demo/a.md', '/assets/x.js']) {
    const answer = await rawRequest(`${hub.url}${path}`, { headers: { ...headers, accept: 'text/html,*/*;q=0.8' } })
    assert.deepEqual([answer.status, answer.headers['content-type']], [403, 'text/html; charset=utf-8'], path)
    assert.equal(answer.headers['set-cookie'], undefined)
    assert.match(answer.text, /can be overheard/)
  }
  for (const path of ['/api/v1/me', '/api/v1/openapi.json', '/api/v1/auth/options', '/metrics', '/api/nothing'])
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      const answer = await rawRequest(`${hub.url}${path}`, { method, headers })
      assert.equal(answer.status, 403, `${method} ${path}`)
      assert.equal((JSON.parse(answer.text) as { code: string }).code, 'PLAIN_HTTP')
    }
  for (const path of ['/channel', '/sync/me/demo/a.md']) {
    const socket = new WebSocket(`${hub.url.replace('http', 'ws')}${path}`, ['meshbook.v1'], { headers })
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    assert.equal(response.statusCode, 403, path)
    socket.on('error', () => undefined).terminate()
  }
})

test('TL11 health, the page and, where there is one, the authority are served; nothing is by another method', async t => {
  const { hub } = await startTestHub(t, { env })
  const get = (path: string, method = 'GET') => rawRequest(`${hub.url}${path}`, { method, headers: far })
  assert.equal((await get('/healthz')).status, 200)
  assert.equal((await get('/readyz')).status, 200)
  assert.equal((await get('/tls')).status, 200)
  assert.equal((await get('/tls', 'HEAD')).text, '')
  assert.equal((await get('/healthz', 'POST')).status, 403)
  assert.equal((await get('/tls', 'POST')).status, 403)
  for (const path of ['/tls/ca.crt', '/tls/meshbook.mobileconfig']) assert.equal((await get(path)).status, 404)
  for (const path of ['/tls/', '/tls/authority.json', '/tls/../tls/authority.json', '/healthz/x'])
    assert.equal((await get(path)).status, 403, path)
})

test('TL11 TL12 with an authority its certificate comes over plain HTTP, and the page has its fingerprint', async t => {
  const { test, ca, fingerprint } = await withAuthority(t)
  const base = `http://127.0.0.1:${test.hub.port}`
  const plainly = { host: 'mesh.example', 'x-forwarded-proto': 'http' }
  const certificate = await rawRequest(`${base}/tls/ca.crt`, { headers: plainly })
  assert.equal(certificate.headers['content-type'], 'application/x-x509-ca-cert')
  assert.equal(certificate.text, ca)
  const profile = await rawRequest(`${base}/tls/meshbook.mobileconfig`, { headers: plainly })
  assert.equal(profile.headers['content-type'], 'application/x-apple-aspen-config')
  const page = await rawRequest(`${base}/m/`, { headers: plainly })
  assert.equal(page.status, 403)
  assert.ok(page.text.includes(fingerprint))
  assert.match(page.text, /href="https:\/\/mesh\.example\/"/)
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'/)
})

test('TL12 the page has no script, and nothing of a request but a host name', async t => {
  const { hub } = await startTestHub(t, { env })
  const evil = '/<script>alert(1)</script>?"><img src=x onerror=alert(1)>'
  const answer = await rawRequest(`${hub.url}/x${encodeURI(evil)}`, {
    headers: { ...far, accept: 'text/html', referer: evil },
  })
  assert.ok(!/<script|onerror|alert/.test(answer.text))
  const page = waysOutPage({ secureUrl: null, fingerprint: null, port: 3005, isAsked: false })
  for (const way of [
    'meshbook tls',
    'MESHBOOK_TLS_CERT',
    'MESHBOOK_PUBLIC_URL',
    'MESHBOOK_TRUSTED_PROXIES',
    'ssh -L',
    'meshbook up',
  ])
    assert.ok(page.includes(way), way)
})

function incoming(remoteAddress: string, headers: Record<string, string>, encrypted = false): IncomingMessage {
  return { socket: { remoteAddress, localAddress: '192.168.7.10', encrypted }, headers } as unknown as IncomingMessage
}

test('TL10 TL13 what can be overheard, by who connects, the Host and what a proxy says', () => {
  const config = parseHubConfig({ MESHBOOK_PUBLIC_URL: 'https://mesh.example', MESHBOOK_TRUSTED_PROXIES: '10.0.0.0/8' })
  const overheard = (peer: string, host: string, proto?: string, encrypted = false): boolean =>
    canBeOverheard(incoming(peer, { host, ...(proto && { 'x-forwarded-proto': proto }) }, encrypted), config)
  // This machine, and a tunnel or a mapped port that ends at loopback.
  assert.equal(overheard('127.0.0.1', '127.0.0.1:3005'), false)
  assert.equal(overheard('::1', 'localhost:9999'), false)
  assert.equal(overheard('172.17.0.1', 'localhost:3005'), false)
  // A proxy here or a believed one, and what it says.
  assert.equal(overheard('127.0.0.1', 'mesh.example'), false)
  assert.equal(overheard('127.0.0.1', 'mesh.example', 'https'), false)
  assert.equal(overheard('127.0.0.1', 'mesh.example', 'http'), true)
  assert.equal(overheard('::ffff:10.1.2.3', 'mesh.example', 'https'), false)
  assert.equal(overheard('10.1.2.3', 'mesh.example', 'http'), true)
  // Past it, or through one that is not known.
  assert.equal(overheard('192.168.7.20', 'mesh.example'), true)
  assert.equal(overheard('192.168.7.20', 'mesh.example', 'https'), true)
  assert.equal(overheard('192.168.7.20', '192.168.7.10:3005'), true)
  assert.equal(overheard('192.168.7.20', 'desk.local:3005'), true, 'also under a name that is none of the hub')
  assert.equal(overheard('192.168.7.20', '192.168.7.10:3005', undefined, true), false)
  // A name that is none, from this machine, is refused as such.
  assert.equal(overheard('127.0.0.1', 'rebound.example'), false)
  assert.throws(() => visitOf(incoming('127.0.0.1', { host: 'rebound.example' }), config), { code: 'BAD_ORIGIN' })
})

test('TL6 TL7 one port answers TLS under the names of its certificate, and plain HTTP to this machine', async t => {
  const { test, ca } = await withAuthority(t)
  const { port } = test.hub
  const [, local] = thisMachine(null).hostname
    ? ['', `${thisMachine(null).hostname.toLowerCase().split('.')[0]}.local`]
    : []
  assert.equal((await secureGet(port, ca, 'localhost')).status, 200)
  assert.equal((await secureGet(port, ca, local!)).status, 200)
  assert.equal((await secureGet(port, ca, 'mesh.example', '/api/v1/me')).status, 401)
  await assert.rejects(secureGet(port, ca, 'evil.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  assert.equal((await rawRequest(`http://127.0.0.1:${port}/api/v1/me`, {})).status, 401)
  assert.equal(
    (await rawRequest(`http://127.0.0.1:${port}/healthz`, { headers: { host: `${local}:${port}` } })).status,
    403,
  )
  const socket = new WebSocket(`wss://localhost:${port}/channel`, ['meshbook.v1'], { ca })
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  assert.equal(response.statusCode, 401, 'the upgrade reached the door of devices')
  socket.on('error', () => undefined).terminate()
})

test('TL6 who says nothing, or nonsense, does not keep the hub from closing', async t => {
  const { test } = await withAuthority(t)
  const silent = connect(test.hub.port, '127.0.0.1')
  const nonsense = connect(test.hub.port, '127.0.0.1')
  const half = connect(test.hub.port, '127.0.0.1')
  const closed = (socket: Socket): Promise<unknown> =>
    new Promise(resolve => socket.on('error', () => undefined).once('close', resolve))
  const ends = [silent, nonsense, half].map(closed)
  await once(half, 'connect')
  nonsense.write(Buffer.from([0x16, 0xff, 0xff, 0xff, 0xff, 0, 1, 2]))
  half.write('GET / HT')
  const began = performance.now()
  await test.hub.close()
  await Promise.all(ends)
  t.diagnostic(`closed in ${Math.round(performance.now() - began)} ms`)
})

test('TL4 a running hub shows a new certificate without a restart, and open connections stay', async t => {
  const { test, ca } = await withAuthority(t, -300 * 86_400_000)
  const { port } = test.hub
  const before = await shownAt(port, ca)
  const open = secureConnect({ host: '127.0.0.1', port, ca, servername: 'localhost' })
  t.after(() => open.destroy())
  await once(open, 'secureConnect')
  test.clock.offsetMs = 0
  await until(async () => (await shownAt(port, ca)) !== before)
  open.write(`GET /healthz HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`)
  const [answer] = (await once(open, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 200/)
})

test('TL4 TL5 a certificate of the settings is taken anew when its files are whole, and damaged ones change nothing', async t => {
  const { test, ca } = await withAuthority(t)
  // Any pair does; this one is at hand.
  const { certificate, key } = await pairFor(test)
  const [certPath, keyPath] = [join(test.folder, 'cert.pem'), join(test.folder, 'key.pem')]
  const write = async (pair: { certificate: string; key: string }): Promise<void> => {
    await writeFile(keyPath, pair.key)
    await writeFile(certPath, pair.certificate)
  }
  await write({ certificate, key })
  test.config.tls = { cert: certPath, key: keyPath }
  await test.restart()
  const { port } = test.hub
  const first = await shownAt(port, ca)
  test.logged.length = 0
  await writeFile(certPath, certificate.slice(0, 200))
  const complaints = (): string[] => test.logged.filter(line => line.includes('cannot be renewed'))
  await until(async () => complaints().length > 0)
  const other = await pairFor(test)
  await writeFile(certPath, other.certificate)
  await until(async () => complaints().some(line => line.includes('the key of the certificate')))
  assert.equal(await shownAt(port, ca), first)
  assert.equal(complaints().length, 2, 'each state is told once')
  await write(other)
  await until(async () => (await shownAt(port, ca)) !== first)
})

async function pairFor(test: TestHub): Promise<{ certificate: string; key: string }> {
  const { makeCertificate } = await import('./certificates.ts')
  const authority = await makeAuthority(test)
  const made = makeCertificate(['localhost', '127.0.0.1'], authority, { now: Date.now(), random: systemRandom })
  return { certificate: made.certificate.toString(), key: String(made.key.export({ type: 'pkcs8', format: 'pem' })) }
}

test('TL4 another authority is shown, on the page too, without a restart', async t => {
  const { test } = await withAuthority(t)
  await forgetAuthority(test.folder)
  const { certificate } = await makeAuthority(test)
  const page = async () => (await rawRequest(`http://127.0.0.1:${test.hub.port}/tls`, {})).text
  await until(async () => (await page()).includes(certificate.fingerprint256))
  await shownAt(test.hub.port, certificate.toString())
})

test('TL1 the key of the authority is in no answer and no line of the log', async t => {
  const { test } = await withAuthority(t)
  const { key } = await makeAuthority(test)
  const secret = String(key.export({ type: 'pkcs8', format: 'pem' }))
    .split('\n')[2]!
    .slice(0, 40)
  const base = `http://127.0.0.1:${test.hub.port}`
  for (const path of ['/tls', '/tls/ca.crt', '/tls/meshbook.mobileconfig', '/tls/authority.json', '/metrics']) {
    const { text } = await rawRequest(`${base}${path}`, { headers: { authorization: `Bearer ${test.token}` } })
    assert.ok(!text.includes(secret) && !text.includes('PRIVATE'), path)
  }
  assert.ok(!test.logged.some(line => line.includes(secret) || line.includes('PRIVATE')))
})

test('TL14 only names of the Internet are told to be used with TLS for good', () => {
  const told = (origin: string): boolean => {
    const headers = new Headers()
    addSecurityHeaders(headers, { origin, host: '', secure: true, loopback: false, address: '' })
    return headers.has('strict-transport-security')
  }
  assert.ok(told('https://mesh.example') && told('https://hub.tailnet.ts.net:8443'))
  for (const host of ['localhost:3005', 'desk', 'desk.local:3005', '192.168.7.10:3005', '[fd00::1]:3005'])
    assert.ok(!told(`https://${host}`), host)
})
