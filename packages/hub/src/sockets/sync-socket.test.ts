import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { DocumentInfo } from '@meshbook/core/api.ts'
import { errors } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { frameTypes, splitSync } from '@meshbook/core/messages.ts'
import { step1Frame, updateFrame } from '@meshbook/relay/sync-frames.ts'
import * as encoding from 'lib0/encoding'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { atEnd } from '../testing/at-end.ts'
import { signIn } from '../testing/sign-in.ts'
import { completed, started, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

interface Client {
  doc: Y.Doc
  provider: WebsocketProvider
  closeCodes: number[]
}

/** The stock client, unmodified. */
function stockClient(
  t: TestContext,
  { hub }: Pick<TestHub, 'hub'>,
  room: string,
  params: Record<string, string>,
): Client {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${hub.url.replace('http', 'ws')}/sync`, room, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    params,
    maxBackoffTime: 100,
  })
  const closeCodes: number[] = []
  provider.on('connection-close', event => void (event && closeCodes.push(event.code)))
  atEnd(t, () => {
    provider.destroy()
    doc.destroy()
  })
  return { doc, provider, closeCodes }
}

const ticketFor = async (test: TestHub, about: object): Promise<string> =>
  (await test.json<{ ticket: string }>('POST', '/tickets', about)).ticket
const textOf = ({ doc }: Client): string => doc.getText('content').toString()

test('two stock y-websocket clients with tickets see each other, and what they wrote is there after a restart', async t => {
  const test = await startTestHub(t)
  const about = { project: test.project.id, scope: 'write' }
  const a = stockClient(t, test, 'me/demo/notes/über a.md', { ticket: await ticketFor(test, about) })
  const b = stockClient(t, test, 'me/demo/notes/über a.md', { ticket: await ticketFor(test, about) })
  a.doc.getText('content').insert(0, 'hello ')
  await until(() => textOf(b) === 'hello ')
  b.doc.getText('content').insert(6, 'world')
  await until(() => textOf(a) === 'hello world')
  const { items } = await test.json<{ items: DocumentInfo[] }>(
    'GET',
    `/documents?path=${encodeURIComponent('me/demo/notes/über a.md')}`,
  )
  assert.equal(items.length, 1)
  await until(
    async () => (await (await test.api('GET', `/documents/${items[0]!.id}/content`)).text()) === 'hello world',
  )
  await test.restart()
  assert.equal(await (await test.api('GET', `/documents/${items[0]!.id}/content`)).text(), 'hello world')
})

test('a stock client reconnects with its ticket, and the ticket is void for another client and after its issuer', async t => {
  const test = await startTestHub(t)
  const { id, token } = await test.json<{ id: string; token: string }>('POST', '/tokens', { name: 'maker' })
  const made = await test.api(
    'POST',
    '/tickets',
    { project: test.project.id, scope: 'write' },
    { authorization: `Bearer ${token}` },
  )
  const { ticket } = (await made.json()) as { ticket: string }
  const a = stockClient(t, test, 'me/demo/a.md', { ticket })
  await until(() => a.provider.synced)
  a.provider.ws!.close()
  await until(() => !a.provider.wsconnected)
  await until(() => a.provider.synced && a.provider.wsconnected)
  a.doc.getText('content').insert(0, 'x')
  await test.json('DELETE', `/tokens/${id}`)
  await until(() => a.closeCodes.includes(4401))
})

test('a stock tab that is open while its document is renewed neither doubles the text nor is told the new one (RL57)', async t => {
  const test = await startTestHub(t)
  const ticket = await ticketFor(test, { project: test.project.id, scope: 'write' })
  const room = 'me/demo/renewed.md'
  const open = stockClient(t, test, room, { ticket })
  open.doc.getText('content').insert(0, 'once')
  const second = stockClient(t, test, room, {
    ticket: await ticketFor(test, { project: test.project.id, scope: 'read' }),
  })
  await until(() => textOf(second) === 'once')
  const { items } = await test.json<{ items: DocumentInfo[] }>('GET', `/documents?path=${encodeURIComponent(room)}`)
  const content = `/documents/${items[0]!.id}/content`
  await until(async () => (await (await test.api('GET', content)).text()) === 'once')
  const renewed = await test.api('POST', `/documents/${items[0]!.id}/renew`)
  assert.equal(renewed.status, 200)
  await until(() => open.closeCodes.length === 1)
  // Version 3.1 waits to be told; earlier ones come again by themselves.
  open.provider.connect()
  await until(() => open.closeCodes.length === 2)
  assert.deepEqual([open.closeCodes, textOf(open)], [[4409, 4409], 'once'])
  const fresh = stockClient(t, test, room, {
    ticket: await ticketFor(test, { project: test.project.id, scope: 'write' }),
  })
  await until(() => textOf(fresh) === 'once')
  fresh.doc.getText('content').insert(4, ', and more')
  await until(async () => (await (await test.api('GET', content)).text()) === 'once, and more')
})

test('a ticket is first used within a minute, for its document and scope only', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', 'text')
  await test.document('b.md')
  const late = await ticketFor(test, { document: id, scope: 'read' })
  test.clock.offsetMs += 61_000
  const tooLate = stockClient(t, test, 'me/demo/a.md', { ticket: late })
  await until(() => tooLate.closeCodes.includes(4401))
  const read = await ticketFor(test, { document: id, scope: 'read' })
  const elsewhere = stockClient(t, test, 'me/demo/b.md', { ticket: read })
  await until(() => elsewhere.closeCodes.includes(4403))
  const reader = stockClient(t, test, 'me/demo/a.md', { ticket: read })
  await until(() => textOf(reader) === 'text')
  reader.doc.getText('content').insert(0, 'not mine')
  await until(() => reader.closeCodes.includes(4403))
  assert.equal(await (await test.api('GET', `/documents/${id}/content`)).text(), 'text')
  const creator = stockClient(t, test, 'me/demo/new.md', {
    ticket: await ticketFor(test, { project: test.project.id, scope: 'read' }),
  })
  await until(() => creator.closeCodes.includes(4404))
})

test('S7 a ticket that was read from an address is void for any other client', async t => {
  const test = await startTestHub(t, { env: { MESHBOOK_TRUSTED_PROXIES: '127.0.0.1' } })
  await test.document('a.md', 'text')
  const ticket = await ticketFor(test, { project: test.project.id, scope: 'read' })
  const outcome = async (address: string): Promise<string | number> => {
    const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md?ticket=${ticket}`, {
      headers: { 'x-forwarded-for': address },
    })
    atEnd(t, () => socket.terminate())
    return Promise.race([
      once(socket, 'message').then(([data]) => ((data as Buffer)[0] === 0 ? 'open' : 'refused')),
      once(socket, 'close').then(([code]) => code as number),
    ])
  }
  assert.equal(await outcome('203.0.113.1'), 'open')
  assert.equal(await outcome('203.0.113.2'), 'refused')
  assert.equal(await outcome('203.0.113.1'), 'open')
})

test('S7 a long-lived token is not taken from an address', async t => {
  const test = await startTestHub(t)
  const client = stockClient(t, test, 'me/demo/a.md', { ticket: test.token })
  await until(() => client.closeCodes.includes(4401))
})

test('a first message of auth type carries the token; frames before it are kept', async t => {
  const test = await startTestHub(t)
  await test.document('a.md', 'kept')
  const open = async (token: string): Promise<{ socket: WebSocket; frames: Uint8Array[] }> => {
    const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md`)
    atEnd(t, () => socket.terminate())
    const frames: Uint8Array[] = []
    socket.on('message', data => frames.push(new Uint8Array(data as Buffer)))
    await once(socket, 'open')
    socket.send(step1Frame(new Uint8Array([0])))
    const auth = encoding.createEncoder()
    encoding.writeVarUint(auth, 2)
    encoding.writeVarString(auth, token)
    socket.send(encoding.toUint8Array(auth))
    return { socket, frames }
  }
  const { frames } = await open(test.token)
  await until(() => frames.some(frame => Buffer.from(frame).includes('kept')))
  const refused = await open(`mb_${'x'.repeat(43)}`)
  const [code] = await once(refused.socket, 'close')
  assert.equal(code, 4401)
  assert.equal(refused.frames[0]?.[0], 2)
})

test('S12 before authentication a frame may have 64 KiB and there may be 64', async t => {
  const test = await startTestHub(t)
  const closeCodeAfter = async (frames: Uint8Array[]): Promise<number> => {
    const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md`)
    atEnd(t, () => socket.terminate())
    await once(socket, 'open')
    const closed = once(socket, 'close')
    for (const frame of frames) socket.send(frame)
    return (await closed)[0]
  }
  assert.equal(await closeCodeAfter([new Uint8Array(64 * 1024 + 1)]), 4413)
  assert.equal(await closeCodeAfter(Array.from({ length: 65 }, () => new Uint8Array([0, 0, 1, 0]))), 4413)
})

test('S8 logging out closes the sockets of that browser session and no others', async t => {
  const test = await startTestHub(t)
  await test.document('a.md')
  const cookies = [await signIn(test), await signIn(test)]
  const sockets = await Promise.all(
    cookies.map(async cookie => {
      const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md`, 'meshbook.v1', {
        headers: { cookie, origin: test.hub.url },
      })
      atEnd(t, () => socket.terminate())
      await once(socket, 'message')
      return socket
    }),
  )
  const closed = once(sockets[0]!, 'close')
  const answer = await fetch(`${test.hub.url}/api/v1/auth/logout`, {
    method: 'POST',
    headers: { cookie: cookies[0]!, origin: test.hub.url },
  })
  assert.equal(answer.status, 204)
  assert.equal((await closed)[0], 4401)
  assert.equal(sockets[1]!.readyState, WebSocket.OPEN)
  assert.equal((await fetch(`${test.hub.url}/api/v1/me`, { headers: { cookie: cookies[0]! } })).status, 401)
  assert.equal((await fetch(`${test.hub.url}/api/v1/me`, { headers: { cookie: cookies[1]! } })).status, 200)
})

test('RT32 a device syncs documents over its channel, large ones in parts, and a request it delivered and vouches for may be claimed', async t => {
  const test = await startTestHub(t)
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('a.md', `# A\n${'x'.repeat(900_000)}`)
  desk.send({ type: 'OPEN', stream: 1, project: test.project.id, document })
  desk.socket!.send(splitSync(1, step1Frame(new Uint8Array([0])))[0]!)
  await until(() => desk.synced.some(({ bytes }) => bytes.byteLength > 900_000))
  const doc = new Y.Doc()
  doc.getMap('executions').set('exec-1', { status: 'requested', code: '1' })
  for (const frame of splitSync(1, updateFrame(Y.encodeStateAsUpdate(doc)))) desk.socket!.send(frame)
  const request = { id: 'exec-1' as never, document, language: 'python', code: '1' }
  desk.send({ type: 'CLAIM', request, author: { client: doc.clientID, clock: 1_000 } })
  const refused = await desk.next('RUN_REQUEST')
  assert.deepEqual([refused.answer, refused.code], ['refuse', 'FORBIDDEN'])
  await until(async () => (await (await test.api('GET', `/documents/${document}`)).json()) !== undefined)
  await new Promise(resolve => setTimeout(resolve, 100))
  // What a page of the device wrote only shows what its own request asks for, and another device cannot know (I11).
  const other = new TestDevice('Studio')
  await test.hub.registerDevice(other.publicKey, 'Studio', 'desktop')
  await other.join(t, test.hub, [test.project.id], { heads: [], runs: [] }, ['bash'])
  for (const [device, vouched] of [
    [desk, false],
    [other, false],
    [other, true],
  ] as const) {
    device.send({ type: 'CLAIM', request, author: { client: doc.clientID, clock: 0 }, vouched })
    assert.equal((await device.next('RUN_REQUEST')).answer, 'elsewhere')
  }
  assert.equal((await test.api('GET', '/runs/exec-1')).status, 404)
  desk.send({ type: 'CLAIM', request, author: { client: doc.clientID, clock: 0 }, vouched: true })
  assert.equal((await desk.next('RUN_REQUEST')).answer, 'wait')
  const { lease } = await desk.next('LEASE')
  assert.deepEqual([lease.run, lease.requestedBy], ['exec-1', 'me'])
  desk.send({ type: 'CLAIM', request, author: { client: doc.clientID, clock: 0 } })
  assert.equal((await desk.next('LEASE')).lease.fence, lease.fence)
  await desk.emit(lease, 1, [started, completed])
  desk.send({ type: 'CLAIM', request, author: { client: doc.clientID, clock: 0 } })
  assert.equal((await desk.next('RUN_REQUEST')).code, 'RUN_ENDED')
})

test('S16 a request written over a connection that may not run is not granted', async t => {
  const test = await startTestHub(t)
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('a.md', 'x')
  const claim = async (scope: string): Promise<string> => {
    const client = stockClient(t, test, 'me/demo/a.md', { ticket: await ticketFor(test, { document, scope }) })
    await until(() => client.provider.synced)
    client.doc.getMap('executions').set(`by-${scope}`, { status: 'requested', code: '1' })
    await until(async () => JSON.stringify(client.doc.getMap('executions')).includes(scope))
    await new Promise(resolve => setTimeout(resolve, 150))
    desk.send({
      type: 'CLAIM',
      request: { id: `by-${scope}` as never, document, language: 'python', code: '1' },
      author: { client: client.doc.clientID, clock: 0 },
    })
    return (await desk.next('RUN_REQUEST')).answer
  }
  assert.equal(await claim('write'), 'refuse')
  assert.equal(await claim('run'), 'wait')
})

test('a stream for a document of another project is refused; an unknown id becomes a document of the project', async t => {
  const test = await startTestHub(t)
  const other = await test.hub.ensureProject('other')
  const { id: elsewhere } = await test.json<DocumentInfo>('POST', '/documents', { project: other.id, path: 'x.md' })
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  desk.send({ type: 'OPEN', stream: 1, project: test.project.id, document: elsewhere })
  const refused = await desk.next('CLOSE')
  assert.deepEqual([refused.stream, refused.code], [1, 'FORBIDDEN'])
  const made = 'doc_01k00000000000000000000000' as DocumentInfo['id']
  desk.send({ type: 'OPEN', stream: 2, project: test.project.id, document: made })
  desk.socket!.send(splitSync(2, step1Frame(new Uint8Array([0])))[0]!)
  await until(() => desk.synced.some(({ stream }) => stream === 2))
  desk.send({ type: 'OPEN', stream: 2, project: test.project.id, document: made })
  const [code] = await once(desk.socket!, 'close')
  assert.equal(code, 4400)
})

test('CH22 parts that never become a payload close the channel at the cap', async t => {
  const test = await startTestHub(t)
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('a.md')
  const closed = once(desk.socket!, 'close')
  desk.send({ type: 'OPEN', stream: 1, project: test.project.id, document })
  await until(() => desk.synced.length > 0)
  const part = Buffer.concat([new Uint8Array([frameTypes.SYNC_PART, 1]), new Uint8Array(limits.channelFrameBytes / 2)])
  for (let bytes = 0; bytes <= limits.syncFrameBytes; bytes += part.length - 2) desk.socket!.send(part)
  assert.equal((await closed)[0], errors.TOO_LARGE.close)
})

/** A socket that says hello and is in the document. */
async function openSync(t: TestContext, test: TestHub, path = 'me/demo/a.md'): Promise<WebSocket> {
  const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/${path}`, {
    headers: { authorization: `Bearer ${test.token}` },
  })
  atEnd(t, () => socket.terminate())
  await once(socket, 'message')
  return socket
}

test('S24 a user who sends too fast is read more slowly: everything arrives, in order, and nobody is cut', async t => {
  const test = await startTestHub(t, { limits: { syncFramesPerUserSecond: 200 } })
  await test.document('a.md')
  const socket = await openSync(t, test)
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('content')
  const rounds = [0, 1, 2, 3]
  const started = performance.now()
  for (const _ of rounds) {
    for (let i = 0; i < 150; i++) text.insert(text.length, 'x')
    for (const update of updates.splice(0)) socket.send(updateFrame(update))
    await new Promise(resolve => setTimeout(resolve, 30))
  }
  const id = (await test.json<{ items: DocumentInfo[] }>('GET', '/documents?path=me%2Fdemo%2Fa.md')).items[0]!.id
  await until(async () => (await (await test.api('GET', `/documents/${id}/content`)).text()).length === 600)
  assert.ok(performance.now() - started > 700, 'it took the time that the rate allows')
  assert.equal(socket.readyState, WebSocket.OPEN)
})

test('S24 a document takes as many sockets as the cap says, and again one when one has left', async t => {
  const test = await startTestHub(t, { limits: { socketsPerDocument: 2 } })
  await test.document('a.md')
  const [first] = [await openSync(t, test), await openSync(t, test)]
  const third = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md`, {
    headers: { authorization: `Bearer ${test.token}` },
  })
  atEnd(t, () => third.terminate())
  const [code] = await once(third, 'close')
  assert.equal(code, 4429)
  await openSync(t, test, 'me/demo/b.md')
  first.terminate()
  await once(first, 'close')
  await new Promise(resolve => setTimeout(resolve, 50))
  await openSync(t, test)
})

test('S24 a user has as many sockets as the cap says', async t => {
  const test = await startTestHub(t, { limits: { socketsPerUser: 1 } })
  await test.document('a.md')
  await openSync(t, test)
  const second = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md`, {
    headers: { authorization: `Bearer ${test.token}` },
  })
  atEnd(t, () => second.terminate())
  assert.equal((await once(second, 'close'))[0], 4429)
})
