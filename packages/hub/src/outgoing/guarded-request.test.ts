import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { atEnd } from '../testing/at-end.ts'
import { temporaryFolder } from '../testing/test-hub.ts'
import { type AddressKind, addressKind } from './address-kind.ts'
import { type OutgoingPorts, outgoing } from './guarded-request.ts'
import { pushServiceAllows } from './push-services.ts'

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => server.closeAllConnections())
  atEnd(t, () => server.close())
  return (server.address() as AddressInfo).port
}

const portOf = (t: TestContext, listener: RequestListener): Promise<number> => listening(t, createServer(listener))

const get = { method: 'GET', headers: {} } as const
const everything: readonly AddressKind[] = ['public', 'private']
const onlyPublic: readonly AddressKind[] = ['public']
const times = { outgoingMs: 2_000, outgoingAnswerBytes: limits.outgoingAnswerBytes }
const to = (...addresses: string[]): OutgoingPorts => ({
  resolve: async () => addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
  times,
})
const hasCode = (code: string) => (error: unknown) => error instanceof MeshError && error.code === code

/** As they stand in an address. */
const forms: readonly (readonly [host: string, kind: AddressKind])[] = [
  ['127.0.0.1', 'private'],
  ['127.1', 'private'],
  ['2130706433', 'private'],
  ['0x7f000001', 'private'],
  ['0177.0.0.1', 'private'],
  ['127.255.255.254', 'private'],
  ['0.0.0.0', 'never'],
  ['0', 'never'],
  ['10.1.2.3', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['169.254.169.254', 'never'],
  ['100.100.100.200', 'never'],
  ['168.63.129.16', 'never'],
  ['192.0.2.1', 'never'],
  ['198.18.0.1', 'never'],
  ['224.0.0.1', 'never'],
  ['255.255.255.255', 'never'],
  ['[::]', 'never'],
  ['[::1]', 'private'],
  ['[::ffff:127.0.0.1]', 'private'],
  ['[::ffff:a9fe:a9fe]', 'never'],
  ['[::127.0.0.1]', 'never'],
  ['[64:ff9b::10.0.0.1]', 'private'],
  ['[64:ff9b:1::7f00:1]', 'never'],
  ['[2002:7f00:1::]', 'private'],
  ['[2002:a9fe:a9fe::1]', 'never'],
  ['[2001:0:4136:e378:8000:63bf:3fff:fdd2]', 'never'],
  ['[fe80::1]', 'never'],
  ['[fec0::1]', 'never'],
  ['[fd12:3456::1]', 'private'],
  ['[fd00:ec2::254]', 'never'],
  ['[ff02::1]', 'never'],
  ['[2001:db8::1]', 'never'],
  ['[100::1]', 'never'],
  ['8.8.8.8', 'public'],
  ['172.32.0.1', 'public'],
  ['[2606:4700:4700::1111]', 'public'],
  ['[::ffff:8.8.8.8]', 'public'],
]

test(`S15 ${forms.length} forms of addresses: this machine, its network, where clouds keep credentials, nobody’s, and the world’s`, async () => {
  let asked = 0
  const resolve = async () => {
    asked++
    return []
  }
  for (const [host, kind] of forms) {
    const url = `http://${host}:8080/`
    assert.equal(addressKind(new URL(url).hostname), kind, host)
    if (kind === 'public') continue
    await assert.rejects(
      outgoing({ resolve, times })({ ...get, url, allows: onlyPublic }),
      hasCode('OUTGOING_REFUSED'),
      host,
    )
    const named = to(new URL(url).hostname.replace(/[[\]]/g, ''))
    await assert.rejects(
      outgoing(named)({ ...get, url: 'http://name.example/', allows: onlyPublic }),
      hasCode('OUTGOING_REFUSED'),
      `a name that leads to ${host}`,
    )
    if (kind === 'never')
      await assert.rejects(
        outgoing(named)({ ...get, url: 'http://n.example/', allows: everything }),
        hasCode('OUTGOING_REFUSED'),
      )
  }
  assert.equal(asked, 0, 'an address is not asked for')
  for (const text of ['', 'name', '1.2.3', 'fe80::1%eth0']) assert.equal(addressKind(text), 'never', text)
})

test('S15 only http and https, no password, no port of another service', async () => {
  const ask = outgoing(to('127.0.0.1'))
  for (const url of [
    'ftp://a.example/',
    'file:///etc/passwd',
    'gopher://a/',
    'data:,x',
    'x',
    'http://me:pw@a.example/',
    'http://a.example:22/',
    'https://a.example:25/',
    'http://a.example:1023/',
  ])
    await assert.rejects(ask({ ...get, url, allows: everything }), hasCode('OUTGOING_REFUSED'), url)
})

test('S15 one bad address among good ones is enough, and a name is resolved once: what it leads to later does not matter', async t => {
  await assert.rejects(
    outgoing(to('8.8.8.8', '127.0.0.1'))({ ...get, url: 'http://a.example/', allows: onlyPublic }),
    hasCode('OUTGOING_REFUSED'),
  )
  let asked = 0
  const port = await portOf(t, (request, answer) => answer.end(request.headers.host))
  const rebinding: OutgoingPorts = {
    times,
    resolve: async () => [{ address: asked++ === 0 ? '127.0.0.1' : '169.254.169.254', family: 4 }],
  }
  const answer = await outgoing(rebinding)({ ...get, url: `http://rebound.example:${port}/`, allows: everything })
  assert.deepEqual([answer.text, asked], [`rebound.example:${port}`, 1])
})

test('S15 over TLS the connection goes to the checked address under the name that was asked for', async t => {
  const folder = await temporaryFolder(t)
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=push.example', '-addext', 'subjectAltName=DNS:push.example']
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'pipe' },
  )
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, await readFile(cert, 'utf8')])
  atEnd(t, () => setDefaultCACertificates(before))
  let name: unknown
  const server = createTlsServer({ key: await readFile(key), cert: await readFile(cert) }, (request, answer) => {
    name = (request.socket as { servername?: unknown }).servername
    answer.end(request.headers.host)
  })
  const port = await listening(t, server)
  const ask = outgoing(to('127.0.0.1'))
  const answer = await ask({ ...get, url: `https://push.example:${port}/`, allows: everything })
  assert.deepEqual([answer.status, answer.text, name], [200, `push.example:${port}`, 'push.example'])
  await assert.rejects(
    ask({ ...get, url: `https://other.example:${port}/`, allows: everything }),
    hasCode('UNREACHABLE'),
  )
})

test('S15 a redirect is an answer and is not followed', async t => {
  let reached = 0
  const inside = await portOf(t, (_, answer) => {
    reached++
    answer.end('secret')
  })
  const port = await portOf(t, (_, answer) => answer.writeHead(302, { location: `http://127.0.0.1:${inside}/` }).end())
  const answer = await outgoing()({ ...get, url: `http://127.0.0.1:${port}/`, allows: everything })
  assert.deepEqual([answer.status, answer.text, reached], [302, '', 0])
})

test('S15 I10 an endless answer is cut, a silent one ends by the deadline', async t => {
  const endless = await portOf(t, (_, answer) => {
    const writing = setInterval(() => answer.write('x'.repeat(65_536)), 1)
    answer.on('close', () => clearInterval(writing))
  })
  const answer = await outgoing()({ ...get, url: `http://127.0.0.1:${endless}/`, allows: everything })
  assert.equal(answer.text.length, limits.outgoingAnswerBytes)
  const silent = await portOf(t, () => undefined)
  const dripping = await portOf(t, (_, answer) => {
    const writing = setInterval(() => answer.write('x'), 20)
    answer.on('close', () => clearInterval(writing))
  })
  const quick = outgoing({ resolve: async () => [], times: { ...times, outgoingMs: 300 } })
  for (const port of [silent, dripping])
    await assert.rejects(quick({ ...get, url: `http://127.0.0.1:${port}/`, allows: everything }), hasCode('TIMEOUT'))
  const hanging = outgoing({ resolve: () => new Promise(() => undefined), times: { ...times, outgoingMs: 300 } })
  await assert.rejects(hanging({ ...get, url: 'http://hangs.example/', allows: everything }), hasCode('TIMEOUT'))
})

test('NT13 an endpoint is at a service that browsers use, over TLS and at its own port, or at one that was allowed', () => {
  const own = ['http://127.0.0.1:9999']
  for (const endpoint of [
    'https://fcm.googleapis.com/fcm/send/x',
    'https://updates.push.services.mozilla.com/wpush/v2/x',
    'https://web.push.apple.com/x',
    'https://par02p.notify.windows.com/w/?token=x',
  ])
    assert.deepEqual(pushServiceAllows(endpoint, own), ['public'])
  assert.deepEqual(pushServiceAllows('http://127.0.0.1:9999/x', own), ['public', 'private'])
  for (const endpoint of [
    'http://fcm.googleapis.com/x',
    'https://fcm.googleapis.com:8443/x',
    'https://fcm.googleapis.com.evil.example/x',
    'https://evilpush.apple.com/x',
    'https://push.apple.com/x',
    'https://127.0.0.1:9999/x',
    'http://127.0.0.1:9998/x',
  ])
    assert.throws(() => pushServiceAllows(endpoint, own), hasCode('PUSH_SERVICE'), endpoint)
})
