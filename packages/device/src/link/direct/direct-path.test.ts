import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import { decodeFrame } from '@meshbook/core/frames.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { encodeMessage, parseDirect } from '@meshbook/core/messages.ts'
import { DirectSide, freshNonce, grantBoth, newIdentity } from '../../testing/direct-side.ts'
import { until } from '../../testing/until.ts'
import { deviceOfCertificate, type SecureIdentity } from './certificate.ts'
import { FrameReader, lengthOf } from './frame-reader.ts'
import type { LanGrant } from './grants.ts'

const newProject = () => newId('project', 0, systemRandom)
const newDocument = () => newId('document', 0, systemRandom)
const standing = (...sides: DirectSide[]): boolean => sides.every(({ path }) => path.peers().length === 1)
const alone = (...sides: DirectSide[]): boolean => sides.every(({ path }) => path.peers().length === 0)

async function pairOf(t: TestContext, changes: Partial<LanGrant> = {}, own = {}) {
  const [a, b] = [new DirectSide(t, own), new DirectSide(t, own)]
  const told = await grantBoth(a, b, changes)
  await until('they are connected', () => standing(a, b))
  return { a, b, ...told }
}

const nameOf = (nonce: string): string =>
  createHash('sha256').update(`meshbook direct\n${nonce}`).digest('hex').slice(0, 32)

/** What a stranger hears who dials, until it is closed. */
async function dialAs(
  listener: DirectSide,
  options: ConnectionOptions,
  say: Buffer | undefined,
  ms = 3_000,
): Promise<{ heard: number; closed: boolean }> {
  const { port } = (await listener.path.offer())!
  return new Promise(resolve => {
    let heard = 0
    const trusted = { ca: [listener.identity.certificate], checkServerIdentity: () => undefined }
    const socket = connect({ host: '127.0.0.1', port, minVersion: 'TLSv1.3', ...trusted, ...options })
    const timer = setTimeout(() => done(false), ms)
    const done = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ heard, closed })
    }
    socket.on('secureConnect', () => say && socket.write(say))
    socket.on('data', (data: Buffer) => (heard += data.byteLength))
    socket.on('error', () => undefined)
    socket.on('close', () => done(true))
  })
}
const as = ({ key, certificate }: SecureIdentity): ConnectionOptions => ({ key, cert: certificate })
const framed = (bytes: Uint8Array): Buffer => Buffer.concat([lengthOf(bytes.byteLength), bytes])
const hello = (nonce: string): Buffer => framed(encodeMessage({ type: 'LAN_HELLO', nonce }))
const refused = { heard: 0, closed: true }

test('LAN10 LAN11 a certificate says whose it is by its key alone, and a changed one says nothing', () => {
  const { id, identity } = newIdentity()
  assert.equal(deviceOfCertificate(identity.told), id)
  const der = Buffer.from(identity.told, 'base64url')
  for (const at of [60, 200, der.byteLength - 1]) {
    const changed = Buffer.from(der)
    changed[at] = changed[at]! ^ 1
    assert.notEqual(deviceOfCertificate(changed.toString('base64url')), id, `${at}`)
  }
  assert.equal(deviceOfCertificate('bm90IGEgY2VydGlmaWNhdGU'), undefined)
})

test('LAN21 documents of a granted project pass both ways from the first change on, each change stored once', async t => {
  const project = newProject()
  const document = newDocument()
  const { a, b } = await pairOf(t, { projects: [project] })
  const [here, there] = [await a.open(t, project, document), await b.open(t, project, document)]
  here.doc.getText('content').insert(0, 'one ')
  await until('it is there', () => there.doc.getText('content').toString() === 'one ')
  there.doc.getText('content').insert(4, 'two ')
  await until('and back', () => here.doc.getText('content').toString() === 'one two ')
  for (let i = 0; i < 50; i++) (i % 2 ? here : there).doc.getText('content').insert(0, `${i} `)
  await until(
    'both are the same',
    () =>
      here.doc.getText('content').toString() === there.doc.getText('content').toString() &&
      here.doc.getText('content').length > 140,
  )
  await Promise.all([here.durable(), there.durable()])
  for (const side of [a, b]) {
    const { position } = await side.store.open({ org: side.org, document })
    assert.ok(position <= 53, `${position} updates for 52 changes`)
  }
  assert.ok(a.path.mayBeAhead(document) && b.path.mayBeAhead(document))
})

test('LAN4 nothing of a project that is not granted passes, nor of one that no longer is', async t => {
  const [granted, other] = [newProject(), newProject()]
  const [open, secret] = [newDocument(), newDocument()]
  const { a, b, toDialer, toListener } = await pairOf(t, { projects: [granted] })
  const [shown, hidden] = [await b.open(t, granted, open), await b.open(t, other, secret)]
  const own = await a.open(t, other, secret)
  const mine = await a.open(t, granted, open)
  own.doc.getText('content').insert(0, 'secret')
  mine.doc.getText('content').insert(0, 'open')
  await until('what is granted passes', () => shown.doc.getText('content').toString() === 'open')
  assert.equal(hidden.doc.getText('content').toString(), '')
  // The one who would still send learns nothing of it: the other does not take it.
  b.path.granted({ ...toListener, projects: [] })
  mine.doc.getText('content').insert(0, 'still ')
  a.path.granted({ ...toDialer, projects: [] })
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal(shown.doc.getText('content').toString(), 'open')
  assert.ok(standing(a, b), 'the connection stays')
})

test('LAN21 a document of another epoch does not pass, and the connection stays', async t => {
  const project = newProject()
  const document = newDocument()
  const { a, b } = await pairOf(t, { projects: [project] })
  await b.store.replace({ org: b.org, document }, { epoch: { exactly: 7 as never }, updates: [] })
  const [here, there] = [await a.open(t, project, document), await b.open(t, project, document)]
  here.doc.getText('content').insert(0, 'of the old epoch')
  await here.durable()
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal(there.doc.getText('content').toString(), '')
  assert.ok(standing(a, b))
})

test('LAN12 nobody gets in with no certificate, another one, no name, no nonce, or a wrong, used or old one', async t => {
  const { a, b, toListener } = await pairOf(t)
  const thief = newIdentity()
  const next = freshNonce()
  b.path.granted({ ...toListener, nonce: next })
  const name = { servername: nameOf(next) }
  const wrong = (own: ConnectionOptions, nonce: string) => dialAs(b, { ...name, ...own }, hello(nonce))
  assert.deepEqual(await wrong({}, next), refused, 'no certificate')
  assert.deepEqual(await wrong(as(thief.identity), next), refused, 'a certificate of somebody else')
  assert.deepEqual(await wrong(as(b.identity), next), refused, 'its own certificate')
  assert.deepEqual(await dialAs(b, as(a.identity), hello(next)), refused, 'no name')
  const used = { ...as(a.identity), servername: nameOf(toListener.nonce) }
  assert.deepEqual(await dialAs(b, used, hello(toListener.nonce)), refused, 'a replay of what was used')
  assert.deepEqual(await wrong(as(a.identity), freshNonce()), refused, 'another nonce')
  assert.deepEqual(await wrong(as(a.identity), toListener.nonce), refused, 'the nonce of before')
  assert.ok(standing(a, b), 'the one that stands is untouched')
  const good = await dialAs(b, { ...as(a.identity), ...name }, hello(next), 500)
  assert.deepEqual(
    good,
    { heard: hello(next).byteLength, closed: false },
    'and the right one gets in, so the refusals mean something',
  )
  assert.deepEqual(await wrong(as(a.identity), next), refused, 'once')
  b.path.granted({ ...toListener, nonce: freshNonce(), ttlMs: 1 })
  await until('the grant is over', () => b.path.peers().length === 0)
})

test('LAN12 a grant that is over opens nothing', async t => {
  const [a, b] = [new DirectSide(t), new DirectSide(t)]
  const told = await b.grant(a, 'listen', { ttlMs: 20 })
  b.path.granted(told)
  await new Promise(resolve => setTimeout(resolve, 60))
  assert.deepEqual(await dialAs(b, { ...as(a.identity), servername: nameOf(told.nonce) }, hello(told.nonce)), refused)
})

test('LAN11 a grant that names the certificate of somebody else, or this device itself, is not taken', async t => {
  const [a, b] = [new DirectSide(t), new DirectSide(t)]
  const told = await a.grant(b, 'dial')
  assert.throws(() => a.path.granted({ ...told, certificate: newIdentity().identity.told }), { code: 'FORBIDDEN' })
  assert.throws(() => b.path.granted({ ...told, peer: b.id }), { code: 'FORBIDDEN' })
  for (let i = 0; i < limits.lanPeersPerDevice; i++) {
    const { id, identity } = newIdentity()
    a.path.granted({ ...told, role: 'listen', peer: id, certificate: identity.told })
  }
  assert.throws(() => a.path.granted(told), { code: 'TOO_MANY' })
})

test('LAN11 who is dialled and shows another certificate is left at once', async t => {
  const [a, b, c] = [new DirectSide(t), new DirectSide(t), new DirectSide(t)]
  const { port } = (await c.path.offer())!
  const nonce = freshNonce()
  c.path.granted(await c.grant(a, 'listen', { nonce }))
  a.path.granted(await a.grant(b, 'dial', { nonce, port }))
  await new Promise(resolve => setTimeout(resolve, 200))
  assert.ok(alone(a, b, c))
})

test('LAN4 a connection ends with its grant, lasts while the hub prolongs it, and ends at once by its word', async t => {
  const { a, b, toDialer, toListener } = await pairOf(t, { ttlMs: 400 })
  for (let i = 0; i < 4; i++) {
    await new Promise(resolve => setTimeout(resolve, 200))
    a.path.granted(toDialer)
    b.path.granted(toListener)
  }
  assert.ok(standing(a, b), 'twice as long as one grant')
  await until('nobody prolonged it', () => alone(a, b))
  await grantBoth(a, b)
  await until('connected again', () => standing(a, b))
  const from = performance.now()
  a.path.ended(b.id)
  await until('both have ended it', () => alone(a, b))
  assert.ok(performance.now() - from < 1_000)
  assert.ok(a.told >= 3, 'the hub is told of each change')
})

test('LAN20 garbage ends a connection: a frame too large, no frame at all, a message of the hub, a stream of the other side', async t => {
  const project = newProject()
  const bytes = (message: Parameters<typeof encodeMessage>[0]) => framed(encodeMessage(message))
  const open = { type: 'OPEN', project, document: newDocument() } as const
  const garbage: [string, Buffer][] = [
    ['too large', lengthOf(limits.channelFrameBytes + 1)],
    ['no JSON', framed(new Uint8Array([16, 0, 255, 255]))],
    ['no number', framed(new Uint8Array([255]))],
    ['RUN_CANCEL', bytes({ type: 'RUN_CANCEL', run: newId('run', 0, systemRandom), reason: '' })],
    ['REVOKED', bytes({ type: 'REVOKED' })],
    ['a second LAN_HELLO', hello(freshNonce())],
    ['a stream of the listener', bytes({ ...open, stream: 2 })],
    ['noise', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ]
  for (const [what, bad] of garbage) {
    const [a, b] = [new DirectSide(t), new DirectSide(t)]
    const told = await b.grant(a, 'listen', { projects: [project] })
    b.path.granted(told)
    const say = Buffer.concat([hello(told.nonce), bad])
    const { closed } = await dialAs(b, { ...as(a.identity), servername: nameOf(told.nonce) }, say)
    assert.ok(closed, what)
    assert.ok(alone(b), what)
  }
})

test('LAN12 before its nonce a dialer may say little, for a short time, and few may wait', async t => {
  const own = { handshakeMs: 300, lanStrangersPerDevice: 2 }
  const [a, b] = [new DirectSide(t), new DirectSide(t, own)]
  const told = await b.grant(a, 'listen')
  b.path.granted(told)
  const peer = { ...as(a.identity), servername: nameOf(told.nonce) }
  assert.deepEqual(await dialAs(b, peer, lengthOf(limits.lanHelloBytes + 1)), refused, 'too much')
  assert.deepEqual(await dialAs(b, peer, undefined), refused, 'nothing at all')
  const { port } = (await b.path.offer())!
  const sockets: Socket[] = []
  const ends = [1, 2, 3].map(
    () =>
      new Promise<number>(resolve => {
        const from = performance.now()
        const socket = connectTcp(port, '127.0.0.1')
        socket.on('error', () => undefined).on('close', () => resolve(performance.now() - from))
        sockets.push(socket)
      }),
  )
  t.after(() => sockets.forEach(socket => void socket.destroy()))
  const waited = await Promise.all(ends)
  assert.equal(waited.filter(ms => ms < 200).length, 1, `the third is cut at once: ${waited}`)
  await grantBoth(a, b)
  await until('who was granted gets in', () => standing(a, b))
})

test('LAN22 a connection on which nothing comes any more is dead, and a newer one takes the place of an older one', async t => {
  const project = newProject()
  const document = newDocument()
  const { a, b } = await pairOf(t, { projects: [project] }, { pingMs: 50 })
  await new Promise(resolve => setTimeout(resolve, 400))
  assert.ok(standing(a, b), 'signs of life keep it')
  await grantBoth(a, b, { projects: [project] })
  const here = await a.open(t, project, document)
  const there = await b.open(t, project, document)
  here.doc.getText('content').insert(0, 'over the new one')
  await until('it passes', () => there.doc.getText('content').toString() === 'over the new one')
  assert.ok(standing(a, b))
  const told = await b.grant(a, 'listen')
  b.path.granted(told)
  const { closed } = await dialAs(b, { ...as(a.identity), servername: nameOf(told.nonce) }, hello(told.nonce))
  assert.ok(closed, 'who gives no sign of life is left')
})

test('LAN21 who is where does not pass directly', async t => {
  const project = newProject()
  const document = newDocument()
  const { a, b } = await pairOf(t, { projects: [project] })
  const [here, there] = [await a.open(t, project, document), await b.open(t, project, document)]
  here.doc.getText('content').insert(0, 'x')
  await until('it passes', () => there.doc.getText('content').toString() === 'x')
  const frames: number[] = []
  const connection = b.relay.open(
    { org: b.org, document },
    {
      name: 'page',
      access: 'write',
      canRun: false,
      extensions: true,
      backlogBytes: 0,
      send: frame => void frames.push(frame[0]!),
      close: () => undefined,
    },
  )
  t.after(() => connection.close())
  const page = a.relay.open(
    { org: a.org, document },
    {
      name: 'page',
      access: 'write',
      canRun: false,
      extensions: true,
      backlogBytes: 0,
      send: () => undefined,
      close: () => undefined,
    },
  )
  t.after(() => page.close())
  // One state: client 5, clock 1, `{}`.
  page.receive(new Uint8Array([1, 6, 1, 5, 1, 2, 123, 125]))
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.ok(!frames.includes(1), 'no awareness')
})

test('LAN13 a path that is closed listens on nothing, and says that it has no address', async t => {
  const side = new DirectSide(t)
  const { port, addresses } = (await side.path.offer())!
  assert.deepEqual(addresses, ['127.0.0.1'], 'the ones that it was given, and no other')
  side.path.close()
  assert.equal(await side.path.offer(), undefined)
  const refusal = new Promise<NodeJS.ErrnoException>(resolve => connectTcp(port, '127.0.0.1').once('error', resolve))
  assert.equal((await refusal).code, 'ECONNREFUSED')
})

test('LAN20 frames come out as they went in, however the bytes are cut', () => {
  const frames = [hello(freshNonce()), framed(new Uint8Array(0)), framed(new Uint8Array(5_000)), hello(freshNonce())]
  const all = Buffer.concat(frames)
  for (const size of [1, 3, 7, 64, 4_999, all.byteLength]) {
    const reader = new FrameReader(10_000)
    const got: Uint8Array[] = []
    for (let at = 0; at < all.byteLength; at += size) got.push(...reader.add(all.subarray(at, at + size)))
    assert.deepEqual(
      got.map(({ byteLength }) => byteLength),
      [frames[0]!.byteLength - 4, 5_000, frames[3]!.byteLength - 4],
    )
    assert.equal(parseDirect(decodeFrame(got[0]!)).type, 'LAN_HELLO')
  }
})
