/** Everything that is asked of one hub and happens at another: runs, sessions, gates, members, keys, sign-ins (CH1–CH9). */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import type { Gate, Run } from '@meshbook/core/api.ts'
import { type DocumentId, newId, parseSeq, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, Lease } from '@meshbook/core/messages.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { rawRequest } from '@meshbook/hub/testing/raw-request.ts'
import { signIn } from '@meshbook/hub/testing/sign-in.ts'
import { completed, started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import type { TestHub } from '@meshbook/hub/testing/test-hub.ts'
import {
  addTestDevice,
  addTestUser,
  makeMember,
  openSync,
  setRoles,
  type TestUser,
} from '@meshbook/hub/testing/test-user.ts'
import { eventually, temporaryFolder } from '../mesh-process.ts'
import { TestPostgres } from '../postgres.ts'
import { hearEvents, repairMs, startTwoHubs, type TwoHubs } from '../two-hubs.ts'

const postgres = await TestPostgres.start({ after })

interface Scene extends TwoHubs {
  desk: TestDevice
  document: DocumentId
  /** Asks hub B; the device has its channel at A. */
  run(body?: object): Promise<Run>
  shown(test: TestHub, id: string): Promise<Run>
  /** A run that the device has begun. */
  begun(id: string): Promise<Lease>
}

async function scene(t: TestContext, options: { redis?: boolean } = {}): Promise<Scene> {
  const hubs = await startTwoHubs(t, postgres, options)
  const { a, b } = hubs
  const desk = new TestDevice('Desk')
  await a.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, a.hub, [a.project.id])
  keepBeating(t, desk)
  const { id: document } = await a.document('a.md', '# A\n')
  await online(b, desk)
  const run = (body: object = {}) =>
    b.json<Run>('POST', '/runs', { document, language: 'python', code: 'print(1)', ...body })
  return {
    ...hubs,
    desk,
    document,
    run,
    shown: (test, id) => test.json<Run>('GET', `/runs/${id}`),
    async begun(id) {
      await run({ id })
      const { lease } = await desk.next('LEASE', message => message.lease.run === id)
      const { session, head, fence } = lease
      desk.send({ type: 'RUNTIME_UP', session, head, fence, language: 'python', kernel: 'python' })
      await desk.emit(lease, 1, [started])
      return lease
    },
  }
}

/** A device that says nothing for a second is lost with these times. */
function keepBeating(t: TestContext, device: TestDevice): void {
  const metrics = { cpu: 0, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }
  const beating = setInterval(() => {
    if (device.socket?.readyState === device.socket?.OPEN) device.send({ type: 'HEARTBEAT', metrics, heads: [] })
  }, 300)
  t.after(() => clearInterval(beating))
}

async function online(test: Pick<TestHub, 'json'>, device: TestDevice): Promise<void> {
  await eventually(`${device.name} is there`, async () => {
    const { items } = await test.json<{ items: DeviceInfo[] }>('GET', '/devices')
    return items.find(({ id }) => id === device.id)?.status === 'online'
  })
}

test('CH3 CH1 a run, its questions and its session are asked for at another hub, and seen there', async t => {
  const { a, b, desk, run, shown, begun } = await scene(t)
  const heard = await hearEvents(t, b)
  const lease = await begun('r')
  await heard.has('run', '"running"')
  await desk.emit(lease, 2, [{ type: 'input-request', at: Date.now(), id: 'q', prompt: '?', password: false }])
  await eventually('it waits', async () => (await shown(b, 'r')).status === 'waiting-for-input')
  await b.json('POST', '/runs/r/input', { text: 'ada' })
  assert.equal((await desk.next('RUN_INPUT')).text, 'ada')
  await desk.emit(lease, 3, [{ type: 'input-answered', at: Date.now(), id: 'q' }])

  const answer = async (method: string, asked: Promise<unknown>, result: unknown) => {
    const request = await desk.next('MRP_REQUEST')
    assert.equal(request.method, method)
    desk.send({ type: 'MRP_RESPONSE', id: request.id, ok: true, result })
    return asked
  }
  const at = `/sessions/${lease.session}`
  await answer('interrupt', b.json('POST', `${at}/interrupt`, { run: 'r' }), {})
  const variables = b.json<{ items: object[] }>('POST', `${at}/variables`, {})
  assert.deepEqual(await answer('variables', variables, { items: [], truncated: false }), {
    items: [],
    truncated: false,
  })

  await b.json('POST', '/runs/r/cancel', { reason: 'enough' })
  assert.equal((await desk.next('RUN_CANCEL')).reason, 'enough')
  await desk.emit(lease, 4, [{ type: 'cancelled', at: Date.now(), durationMs: 1, reason: 'enough' }])
  await heard.has('run', '"cancelled"')

  const next = await begun('s')
  await run({ id: 'waits' })
  const restarting = b.json<{ cancelled?: unknown }>('POST', `${at}/restart`, { queued: 'cancel' })
  await answer('restart', restarting, {})
  await desk.emit(next, 2, [{ type: 'cancelled', at: Date.now(), durationMs: 1, reason: 'restarted' }])
  await eventually('what waited is cancelled', async () => (await shown(a, 'waits')).status === 'cancelled')

  await b.json('POST', '/runs/r/again', { id: 'r2' })
  const again = await desk.next('LEASE', message => message.lease.run === 'r2')
  await desk.emit(again.lease, 1, [started, completed])
  await eventually('it ran again', async () => (await shown(b, 'r2')).status === 'completed')
})

test('CH3 a run that was set aside at one hub and is still wanted at another goes to the device', async t => {
  const { a, b, database, desk, run, shown } = await scene(t)
  await run({ id: 'first' })
  const first = await desk.next('LEASE')
  await run({ id: 'second' })
  const { org } = (await database.query('findDevice', { id: desk.id }))!
  await database.call('setAside', { org, id: 'second' as never, why: 'changed', reason: 'Still?', now: Date.now() })
  await eventually('A asks for it', async () => (await shown(a, 'second')).asks === 'changed')
  await desk.emit(first.lease, 1, [started, completed])
  const { codeHash } = await shown(b, 'second')
  await b.json('POST', '/runs/second/confirm', { codeHash })
  assert.equal((await desk.next('LEASE')).lease.run, 'second')
})

test('CH7 a lease and a cancellation whose hub was killed right after its commit reach the device all the same', async t => {
  const { a, database, desk, begun, document } = await scene(t)
  const lease = await begun('r')
  const { org, user } = (await database.query('findDevice', { id: desk.id }))!
  const at = Date.now()
  await database.call('cancelRun', { org, id: lease.run, reason: 'by the killed hub', gone: [], now: at })
  assert.equal((await nextWithin(desk, 'RUN_CANCEL', repairMs)).reason, 'by the killed hub')
  await desk.emit(lease, 2, [{ type: 'cancelled', at, durationMs: 1, reason: 'by the killed hub' }])

  const code = 'x'
  const id = 'left' as Run['id']
  await database.call('createRun', {
    org,
    id,
    document,
    language: 'python',
    runtime: 'python',
    sessionName: 'other',
    newSession: newId('session', at, systemRandom),
    code,
    codeHash: createHash('sha256').update(code).digest('hex'),
    cell: null,
    chosenDevice: null,
    requestedBy: 'me',
    asker: { org, user },
    now: at,
    expiresAt: at + 60_000,
  })
  const newHead = newId('head', at, systemRandom)
  const leasing = { org, id, device: desk.id, newHead, reasons: [], now: at, expiresAt: at + limits.leaseMs }
  await database.call('leaseRun', leasing)
  const left = await nextWithin(desk, 'LEASE', repairMs)
  assert.equal(left.lease.run, id)
  await desk.emit(left.lease, 1, [started, completed])
  assert.equal((await a.json<Run>('GET', `/runs/${id}`)).status, 'completed')
})

async function nextWithin<T extends Parameters<TestDevice['next']>[0]>(device: TestDevice, type: T, ms: number) {
  await eventually(`${type} comes`, () => device.received.some(message => message.type === type), ms)
  return device.next(type)
}

const shownText = 'rm -rf build\n'
const digest = createHash('sha256').update(shownText).digest('hex')

async function openGate({ desk }: Scene, lease: Lease, seq: number, lastsMs = 60_000) {
  const at = Date.now()
  const gate = newId('gate', at, systemRandom)
  const nonce = Buffer.from(systemRandom(16)).toString('base64url')
  const asked = { gate, nonce, title: 'Run this?', shown: shownText, expiresAt: at + lastsMs }
  await desk.emit(lease, seq, [{ type: 'gate-opened', at, ...asked }])
  return { gate, nonce }
}

const decisionsAt = (desk: TestDevice) => desk.received.filter(({ type }) => type === 'GATE_DECIDED').length

test('CH3 RU1 RU6 a gate that a device opened at one hub is decided at another, and received once', async t => {
  const s = await scene(t)
  const { a, b, desk } = s
  const lease = await s.begun('r')
  const [atA, atB] = [await hearEvents(t, a), await hearEvents(t, b)]
  const { gate, nonce } = await openGate(s, lease, 2)
  for (const heard of [atA, atB]) await heard.has('gate', '"open"')
  await b.json('POST', `/gates/${gate}/decide`, { decision: 'approved', digest, nonce })
  const decided = await desk.next('GATE_DECIDED')
  assert.deepEqual([decided.gate, decided.decision, decided.by], [gate, 'approved', 'me'])
  for (const heard of [atA, atB]) await heard.has('gate', '"approved"')
  const again = await a.api('POST', `/gates/${gate}/decide`, { decision: 'rejected', digest, nonce })
  assert.equal(again.status, 409)
  await desk.emit(lease, 3, [{ type: 'gate-decided', at: Date.now(), gate, decision: 'approved' }])
  for (const hub of [a, b])
    await eventually('it is received', async () => (await hub.json<Gate>('GET', `/gates/${gate}`)).receivedAt !== null)
  desk.received.length = 0
  await new Promise(resolve => setTimeout(resolve, limits.neighbourPollMs + 200))
  assert.equal(decisionsAt(desk), 0, 'once it is received nobody tells it again')
})

test('CH7 RU6 a decision whose hub was killed right after its commit reaches the device, and one that time took is one', async t => {
  const s = await scene(t)
  const { a, b, database, desk } = s
  const { org } = (await database.query('findDevice', { id: desk.id }))!
  const lease = await s.begun('r')
  const first = await openGate(s, lease, 2)
  const answer = { decision: 'rejected' as const, digest, nonce: first.nonce }
  await database.call('decideGate', { org, id: first.gate, answer, by: 'me', now: Date.now() })
  const told = await nextWithin(desk, 'GATE_DECIDED', repairMs)
  assert.deepEqual([told.gate, told.decision], [first.gate, 'rejected'])
  await desk.emit(lease, 3, [{ type: 'gate-decided', at: Date.now(), gate: first.gate, decision: 'rejected' }])

  const second = await openGate(s, lease, 4, 300)
  const expired = await desk.next('GATE_DECIDED', ({ gate }) => gate === second.gate)
  assert.equal(expired.decision, 'expired')
  for (const hub of [a, b]) assert.equal((await hub.json<Gate>('GET', `/gates/${second.gate}`)).state, 'expired')
  const late = await b.api('POST', `/gates/${second.gate}/decide`, {
    decision: 'approved',
    digest,
    nonce: second.nonce,
  })
  assert.equal(late.status, 409)
})

async function withMember(t: TestContext, roles: string[]): Promise<Scene & { ann: TestUser; atB: TestUser }> {
  const s = await scene(t)
  const ann = await addTestUser(s.a, 'ann')
  await makeMember(s.b, ann, roles)
  // The same person, as she reaches the other hub.
  const json: TestUser['json'] = async (method, path, body) => {
    const answer = await s.b.api(method, path, body, { authorization: `Bearer ${ann.token}` })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as never
  }
  return { ...s, ann, atB: { ...ann, json } }
}

const askOf = (document: DocumentId, more: object = {}) => ({ document, language: 'python', code: 'print(1)', ...more })

test('ME8 CH4 a member who is removed at one hub has nothing open at another any more, and nothing runs', async t => {
  const { a, b, desk, document, ann } = await withMember(t, ['editor', 'runner'])
  const sync = await openSync(t, a, 'me/demo/a.md', ann.token)
  const events = await hearEvents(t, a, { authorization: `Bearer ${ann.token}` })
  await eventually('she is in', () => sync.client.synced)
  const mine = await hearEvents(t, a)
  const run = await ann.json<Run>('POST', '/runs', askOf(document))
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  await setRoles(b, ann, [])
  assert.equal((await sync.closed).code, 4403)
  await eventually('her events end', events.isOver)
  await mine.has('projects')
  assert.equal((await desk.next('RUN_CANCEL')).run, run.id)
  assert.equal(await ann.status('GET', `/runs/${run.id}`), 404)
})

test('ME8 CH7 the same where the hub was killed right after it had removed her', async t => {
  const { a, database, desk, document, ann } = await withMember(t, ['editor', 'runner'])
  const sync = await openSync(t, a, 'me/demo/a.md', ann.token)
  await eventually('she is in', () => sync.client.synced)
  const run = await ann.json<Run>('POST', '/runs', askOf(document))
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  const { org, user } = (await database.query('findDevice', { id: desk.id }))!
  const change = { org, project: a.project.id, user: ann.id, roles: [], by: user, now: Date.now() }
  await database.call('setRoles', change)
  assert.equal((await sync.closed).code, 4403)
  assert.equal((await nextWithin(desk, 'RUN_CANCEL', repairMs)).run, run.id)
})

test('ME22 CH3 a member runs on a device of theirs that is at another hub: lease, question, cancel, and what it did afterwards', async t => {
  const { a, b, database, document, atB, ann } = await withMember(t, ['editor', 'runner'])
  const [{ id: desk }] = (await a.json<{ items: DeviceInfo[] }>('GET', '/devices')).items as [DeviceInfo]
  await a.json('PATCH', `/devices/${desk}`, { policy: { runsOfOthers: 'never' } })
  const laptop = new TestDevice('Laptop')
  await addTestDevice(ann, laptop)
  await laptop.join(t, a.hub, [a.project.id])
  keepBeating(t, laptop)
  await online(atB, laptop)
  const run = await atB.json<Run>('POST', '/runs', askOf(document))
  const { lease } = await laptop.next('LEASE')
  assert.equal(lease.run, run.id)
  const { session, head, fence } = lease
  laptop.send({ type: 'RUNTIME_UP', session, head, fence, language: 'python', kernel: 'python' })
  const question = { type: 'input-request' as const, at: Date.now(), id: 'q', prompt: '?', password: false }
  assert.equal((await laptop.emit(lease, 1, [started, question])).seq, 2)
  await atB.json('POST', `/runs/${run.id}/input`, { text: 'hers' })
  assert.equal((await laptop.next('RUN_INPUT')).text, 'hers')
  await atB.json('POST', `/runs/${run.id}/cancel`, {})
  assert.equal((await laptop.next('RUN_CANCEL')).run, run.id)

  // The hubs give it up; then it comes back, at the other hub, and says how it ended there.
  const { org } = (await database.query('everyProject'))[0]!
  await database.call('endRun', { org, id: run.id, as: 'interrupted', reason: 'lost', now: Date.now() })
  await laptop.drop()
  const held = { heads: [{ session, head, fence }], runs: [{ run: run.id, fence, seq: parseSeq(2) }] }
  await laptop.join(t, b.hub, [a.project.id], held)
  laptop.send({ type: 'RUN_AFTERWARDS', run: run.id, fence, seq: parseSeq(3), event: completed })
  await laptop.next('RUN_ACK')
  await eventually('the owner is told', async () => (await a.json<Run>('GET', `/runs/${run.id}`)).afterwards?.seq === 3)
})

test('OK1 OK2 OK4 CH1 devices at different hubs have one owner key, and get the next when one of them is shut out', async t => {
  const { a, b } = await startTwoHubs(t, postgres)
  const ports = { now: Date.now, random: systemRandom, log: newLog('silent') }
  const open = async (at: TestHub, name: string): Promise<Device> => {
    const folder = await temporaryFolder(t)
    const times = { ...limits, reconnectMinMs: 20, reconnectMaxMs: 100 }
    const device = await startDevice(
      {
        folder,
        name,
        kind: 'desktop',
        hub: { url: at.hub.url },
        limits: times,
        kernels: createKernelSessions({ ...ports, folder: join(folder, 'sessions'), limits }),
        projectsFolder: folder,
        register: (key, label, kind) => at.hub.registerDevice(key, label, kind),
        recovery: async () => null,
      },
      ports,
    )
    t.after(() => device.close())
    return device
  }
  const version = async (device: Device, wanted: number) =>
    eventually(`${device.name} has ${wanted}`, async () => (await device.ownerKey.current())?.version === wanted)
  const keyOf = async (device: Device, n: number) => Buffer.from((await device.ownerKey.open(n)) ?? []).toString('hex')
  const desk = await open(a, 'desk')
  await version(desk, 1)
  const laptop = await open(b, 'laptop')
  await version(laptop, 1)
  const lost = await open(b, 'lost')
  await version(lost, 1)
  assert.deepEqual([await keyOf(laptop, 1), await keyOf(lost, 1)], Array(2).fill(await keyOf(desk, 1)))
  assert.equal((await a.api('DELETE', `/devices/${lost.id}`)).status, 204)
  for (const device of [desk, laptop]) await version(device, 2)
  assert.equal(await keyOf(desk, 2), await keyOf(laptop, 2))
  assert.equal((await lost.ownerKey.current())?.version, 1)
})

for (const redis of [true, false])
  test(`CH4 AU31 RV1 ${redis ? 'woken by Redis' : 'without Redis'}: a browser, a token, a device that end at one hub have nothing open at another`, async t => {
    const { a, b, desk } = await scene(t, { redis })
    const cookie = await signIn(a)
    const page = await hearEvents(t, a, { cookie })
    const answer = await rawRequest(`${b.hub.url}/api/v1/auth/logout`, {
      method: 'POST',
      headers: { cookie, origin: new URL(b.hub.url).origin },
    })
    assert.equal(answer.status, 204)
    await eventually('the page is told nothing more', page.isOver)

    const made = await b.json<{ id: string; token: string }>('POST', '/tokens', { name: 'mine' })
    const sync = await openSync(t, a, 'me/demo/a.md', made.token)
    await eventually('it is open', () => sync.client.synced)
    await b.json('DELETE', `/tokens/${made.id}`)
    assert.equal((await sync.closed).code, 4401)

    // The second command token of a device ends what the first had open, and both end with the device.
    const own = async () => {
      const headers = { authorization: desk.proof(new URL(b.hub.url).host), 'content-type': 'application/json' }
      const got = await fetch(`${b.hub.url}/api/v1/devices/self/token`, { method: 'POST', headers, body: '{}' })
      return ((await got.json()) as { token: string }).token
    }
    const before = await openSync(t, a, 'me/demo/a.md', await own())
    await eventually('it is open', () => before.client.synced)
    const token = await own()
    assert.equal((await before.closed).code, 4401)
    const last = await openSync(t, a, 'me/demo/a.md', token)
    await eventually('it is open', () => last.client.synced)
    const began = performance.now()
    await b.json('DELETE', `/devices/${desk.id}`)
    await desk.next('REVOKED')
    assert.equal((await last.closed).code, 4401)
    t.diagnostic(`closed at the other hub after ${Math.round(performance.now() - began)} ms`)
  })

test('CH4 AU30 a browser that signs in anew at one hub has nothing open with its former session at another', async t => {
  const { a, b } = await startTwoHubs(t, postgres)
  const cookie = await signIn(a)
  const page = await hearEvents(t, a, { cookie })
  const link = new URL(await b.hub.signInLink())
  const { origin } = new URL(b.hub.url)
  const headers = { 'content-type': 'application/json', origin, cookie }
  const body = JSON.stringify({ code: link.hash.slice(1) })
  assert.equal((await rawRequest(`${b.hub.url}/api/v1/auth/link`, { method: 'POST', headers, body })).status, 204)
  await eventually('the former page is over', page.isOver)
})

test('CH1 CH6 TK4 documents, a device that goes, and one that is shut out for its key are told at the other hub', async t => {
  const { a, b, desk } = await scene(t)
  const heard = await hearEvents(t, b)
  await a.document('new.md', '# New\n')
  await heard.has('documents', a.project.id)
  const other = new TestDevice('Other')
  await a.hub.registerDevice(other.publicKey, 'Other', 'desktop')
  const join = (at: TestHub, token?: string) =>
    other.join(t, at.hub, [], undefined, [], undefined, token === undefined ? {} : { token })
  const first = await join(a)
  const second = await join(b, first.token)
  await join(a, second.token)
  // A thief at the other hub shows what is used up.
  await join(b, first.token).catch(() => undefined)
  await heard.has('revoked', other.id)
  for (const hub of [a, b]) {
    const { items } = await hub.json<{ items: DeviceInfo[] }>('GET', '/devices')
    assert.deepEqual(
      items.map(({ name }) => name),
      ['Desk'],
    )
  }
  await desk.drop()
  await heard.has('device-offline', desk.id)
})
