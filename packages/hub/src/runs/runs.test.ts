import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { type DocumentId, parseFence } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

interface Scene extends TestHub {
  desk: TestDevice
  doc: DocumentId
  run(body?: object): Promise<Run>
  show(id: string): Promise<Run>
  events(id: string): Promise<{ seq: number; event: RunEvent }[]>
}

/** A hub with one document and one connected device that has Python. */
async function scene(t: TestContext, options: TestHubOptions = {}): Promise<Scene> {
  const test = await startTestHub(t, options)
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: doc } = await test.document('a.md', '# A\n')
  return Object.assign(test, {
    desk,
    doc,
    run: (body: object = {}) =>
      test.json<Run>('POST', '/runs', { document: doc, language: 'python', code: 'print(1)', ...body }),
    show: (id: string) => test.json<Run>('GET', `/runs/${id}`),
    async events(id: string) {
      const text = await (await test.api('GET', `/runs/${id}/events`)).text()
      return [...text.matchAll(/id: (\d+)\ndata: (.*)\n/g)].map(([, seq, data]) => ({
        seq: Number(seq),
        event: JSON.parse(data!) as RunEvent,
      }))
    },
  })
}

const terminals = (events: { event: RunEvent }[]) =>
  events.filter(({ event }) => ['completed', 'failed', 'cancelled', 'interrupted'].includes(event.type))

test('a run is idempotent by id: 201, then 200, and 409 for other code', async t => {
  const { api, doc } = await scene(t)
  const post = (code: string) => api('POST', '/runs', { id: 'exec-1', document: doc, language: 'python', code })
  assert.equal((await post('a')).status, 201)
  const again = await post('a')
  assert.equal(again.status, 200)
  assert.equal(((await again.json()) as Run).id, 'exec-1')
  const other = await post('b')
  assert.equal(other.status, 409)
  assert.equal(((await other.json()) as { code: string }).code, 'RUN_EXISTS')
})

test('a request that comes after its own end is refused', async t => {
  const { api, doc } = await scene(t)
  const answer = await api('POST', '/runs', { document: doc, language: 'python', code: 'a', expiresAt: 1 })
  assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [409, 'RUN_EXPIRED'])
})

test('a hash that does not belong to the code is refused', async t => {
  const { api, doc } = await scene(t)
  const answer = await api('POST', '/runs', { document: doc, language: 'python', code: 'a', codeHash: '0'.repeat(64) })
  assert.equal(answer.status, 400)
})

test('the log is gapless and a duplicate changes nothing, however it comes (I5)', async t => {
  const { desk, run, events } = await scene(t)
  await run({ id: 'r' })
  const { lease } = await desk.next('LEASE')
  assert.equal((await desk.emit(lease, 1, [started, stdout('a')])).seq, 2)
  const gap = await desk.emit(lease, 4, [stdout('c')])
  assert.deepEqual([gap.seq, gap.refused], [2, 'SEQ_GAP'])
  const overlapping = await desk.emit(lease, 1, [started, stdout('a'), stdout('b')])
  assert.deepEqual([overlapping.seq, overlapping.refused], [3, undefined])
  assert.equal((await desk.emit(lease, 1, [started, stdout('a')])).seq, 3)
  assert.equal((await desk.emit(lease, 4, [completed])).seq, 4)
  const twice = await desk.emit(lease, 4, [completed])
  assert.deepEqual([twice.seq, twice.refused], [4, undefined])
  const log = await events('r')
  assert.deepEqual(
    log.map(({ seq }) => seq),
    [1, 2, 3, 4],
  )
  assert.deepEqual(
    log.map(({ event }) => (event.type === 'stdout' ? event.text : event.type)),
    ['started', 'a', 'b', 'completed'],
  )
})

test('a run ends once: what comes after its terminal event is refused (I5)', async t => {
  const { desk, run, events } = await scene(t)
  await run({ id: 'r' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started, completed])
  const late = await desk.emit(lease, 3, [stdout('late'), { type: 'interrupted', at: 1, durationMs: 1, reason: 'x' }])
  assert.equal(late.refused, 'RUN_ENDED')
  assert.equal(terminals(await events('r')).length, 1)
})

test('a stale fence, a fence that never was, and another device are refused (I4)', async t => {
  const { hub, project, desk, run, show } = await scene(t)
  const other = new TestDevice('Laptop')
  await hub.registerDevice(other.publicKey, 'Laptop', 'desktop')
  await other.join(t, hub, [project.id])
  await run({ id: 'r', on: desk.id })
  const { lease } = await desk.next('LEASE')
  assert.equal(
    (await desk.emit({ run: lease.run, fence: parseFence(lease.fence + 1) }, 1, [started])).refused,
    'STALE_FENCE',
  )
  assert.equal((await other.emit(lease, 1, [started])).refused, 'STALE_FENCE')
  assert.equal((await show('r')).seq, 0)
  await desk.emit(lease, 1, [started, completed])
  // The session moves to the laptop under the next fence; the desk's head is void from then on.
  await run({ id: 's', on: other.id })
  const moved = (await other.next('LEASE')).lease
  assert.equal(moved.session, lease.session)
  assert.equal(moved.fence, lease.fence + 1)
  assert.notEqual(moved.head, lease.head)
  assert.equal((await desk.emit({ run: moved.run, fence: lease.fence }, 1, [started])).refused, 'STALE_FENCE')
  const back = await desk.join(t, hub, [project.id], {
    heads: [{ session: lease.session, head: lease.head, fence: lease.fence }],
    runs: [],
  })
  assert.deepEqual(back.lost, [lease.head])
})

test('runs of one session are leased one at a time, in the order of their arrival; other sessions do not wait', async t => {
  const { desk, run, show } = await scene(t)
  for (const id of ['a', 'b', 'c']) await run({ id })
  await run({ id: 'other', session: 'second' })
  const leases = new Map<string, Lease>()
  for (let i = 0; i < 2; i++) {
    const { lease } = await desk.next('LEASE')
    leases.set(lease.run, lease)
  }
  assert.deepEqual([...leases.keys()].sort(), ['a', 'other'])
  assert.equal((await show('c')).position, 2)
  await desk.emit(leases.get('a')!, 1, [started, completed])
  const second = (await desk.next('LEASE')).lease
  assert.equal(second.run, 'b')
  assert.equal(second.head, leases.get('a')!.head)
  assert.equal(second.fence, leases.get('a')!.fence)
  await desk.emit(second, 1, [started, completed])
  assert.equal((await desk.next('LEASE')).lease.run, 'c')
})

test('TypeScript shares the session of JavaScript; a synonym is the same language', async t => {
  const { hub, project, desk, run } = await scene(t)
  await desk.join(t, hub, [project.id], undefined, ['javascript', 'python'])
  await run({ id: 'a', language: 'js' })
  const first = (await desk.next('LEASE')).lease
  await desk.emit(first, 1, [started, completed])
  await run({ id: 'b', language: 'ts' })
  const second = (await desk.next('LEASE')).lease
  assert.deepEqual([first.language, second.language], ['javascript', 'typescript'])
  assert.equal(first.session, second.session)
})

test('a run without a device waits and says why; it starts when one comes', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md')
  await test.json('POST', '/runs', { id: 'r', document: id, language: 'python', code: '1' })
  await until(async () => (await test.json<Run>('GET', '/runs/r')).reasons.length > 0)
  const waiting = await test.json<Run>('GET', '/runs/r')
  assert.equal(waiting.status, 'queued')
  assert.match(waiting.reasons.join(' '), /meshbook up/)
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  assert.equal((await desk.next('LEASE')).lease.run, 'r')
  assert.match((await test.json<Run>('GET', '/runs/r')).reasons.join(' '), /Desk/)
})

test('a language that no device has fails the run with the code of the catalogue', async t => {
  const { run, show } = await scene(t)
  await run({ id: 'r', language: 'cobol' })
  await until(async () => (await show('r')).status === 'failed')
  assert.equal((await show('r')).error?.code, 'KERNEL_MISSING')
})

test('the device that was chosen is never replaced: the run waits for it (I11)', async t => {
  const { hub, project, desk, run, show } = await scene(t)
  const other = new TestDevice('Laptop')
  await hub.registerDevice(other.publicKey, 'Laptop', 'desktop')
  await other.join(t, hub, [project.id])
  await other.drop()
  await run({ id: 'r', on: other.id })
  await until(async () => (await show('r')).reasons.length > 0)
  assert.equal((await show('r')).status, 'queued')
  assert.equal(
    desk.received.some(({ type }) => type === 'LEASE'),
    false,
  )
  await other.join(t, hub, [project.id])
  assert.equal((await other.next('LEASE')).lease.run, 'r')
})

test('a lease that was lost on the way is sent again; a run that began goes on under the same fence', async t => {
  const { hub, project, desk, run, show, events } = await scene(t)
  await run({ id: 'r' })
  const first = (await desk.next('LEASE')).lease
  await desk.drop()
  await desk.join(t, hub, [project.id])
  const again = (await desk.next('LEASE')).lease
  assert.deepEqual([again.run, again.fence, again.head], [first.run, first.fence, first.head])
  await desk.emit(again, 1, [started, stdout('a')])
  await desk.drop()
  assert.equal((await show('r')).status, 'running')
  const held = {
    heads: [{ session: again.session, head: again.head, fence: again.fence }],
    runs: [{ run: again.run, fence: again.fence, seq: 4 }],
  }
  const welcome = await desk.join(t, hub, [project.id], held)
  assert.deepEqual(welcome.runs, [{ run: again.run, fence: again.fence, seq: 2 }])
  assert.deepEqual(welcome.lost, [])
  await desk.emit(again, 3, [stdout('b'), completed])
  assert.equal((await events('r')).length, 4)
  assert.equal(
    desk.received.some(({ type }) => type === 'LEASE'),
    false,
  )
})

test('a device that comes back without a run it had begun: the run is interrupted, and the next one starts', async t => {
  const { hub, project, desk, run, show } = await scene(t)
  await run({ id: 'r' })
  await run({ id: 's' })
  await desk.emit((await desk.next('LEASE')).lease, 1, [started, stdout('a')])
  await desk.drop()
  await desk.join(t, hub, [project.id])
  assert.equal((await desk.next('LEASE')).lease.run, 's')
  const run1 = await show('r')
  assert.deepEqual([run1.status, run1.seq], ['interrupted', 3])
})

test('a queued run that is cancelled ends at once and is never leased', async t => {
  const { desk, run, json, events } = await scene(t)
  await run({ id: 'a' })
  await run({ id: 'b' })
  const { lease } = await desk.next('LEASE')
  assert.equal((await json<Run>('POST', '/runs/b/cancel', { reason: 'no more' })).status, 'cancelled')
  assert.equal((await json<Run>('POST', '/runs/b/cancel', {})).status, 'cancelled')
  await desk.emit(lease, 1, [started, completed])
  assert.deepEqual(
    (await events('b')).map(({ event }) => event.type),
    ['cancelled'],
  )
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal(
    desk.received.some(({ type }) => type === 'LEASE'),
    false,
  )
})

test('cancelling a run under way asks its device, again after a reconnect, until the log shows the end', async t => {
  const { hub, project, desk, run, json, show } = await scene(t)
  await run({ id: 'r' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  assert.equal((await json<Run>('POST', '/runs/r/cancel', {})).status, 'running')
  assert.equal((await desk.next('RUN_CANCEL')).run, 'r')
  await desk.drop()
  await desk.join(t, hub, [project.id], { heads: [], runs: [{ run: lease.run, fence: lease.fence, seq: 1 }] })
  assert.equal((await desk.next('RUN_CANCEL')).run, 'r')
  await desk.emit(lease, 2, [{ type: 'cancelled', at: 2, durationMs: 1, reason: 'asked' }])
  assert.equal((await show('r')).status, 'cancelled')
})

test('a run on a device that has gone can be cancelled; the device is told when it comes back, and its late events are refused', async t => {
  const { hub, project, desk, run, json, clock, events } = await scene(t)
  await run({ id: 'r' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  await desk.drop()
  clock.offsetMs += 61_000
  assert.equal((await json<Run>('POST', '/runs/r/cancel', {})).status, 'cancelled')
  clock.offsetMs = 0
  await desk.join(t, hub, [project.id], { heads: [], runs: [{ run: lease.run, fence: lease.fence, seq: 3 }] })
  assert.equal((await desk.next('RUN_CANCEL')).run, 'r')
  assert.equal((await desk.emit(lease, 3, [completed])).refused, 'RUN_ENDED')
  assert.equal(terminals(await events('r')).length, 1)
})

test('RU30 RU32 a run that waited too long is not executed: it asks, and goes on when it is confirmed', async t => {
  const { desk, run, show, hub, project, json, api } = await scene(t)
  await desk.drop()
  const { codeHash } = await run({ id: 'r', on: desk.id, expiresAt: Date.now() + 300 })
  await until(async () => (await show('r')).asks === 'expired')
  assert.equal((await show('r')).status, 'queued')
  await desk.join(t, hub, [project.id])
  await run({ id: 'next' })
  const { lease } = await desk.next('LEASE')
  assert.equal(lease.run, 'next')
  assert.equal((await api('POST', '/runs/r/confirm', { codeHash: 'f'.repeat(64) })).status, 409)
  assert.equal((await json<Run>('POST', '/runs/r/confirm', { codeHash })).asks, null)
  await desk.emit(lease, 1, [started, completed])
  assert.equal((await desk.next('LEASE')).lease.run, 'r')
})

test('input reaches the run that waits for it, once, and nothing else', async t => {
  const { desk, run, api, show } = await scene(t)
  await run({ id: 'r' })
  const { lease } = await desk.next('LEASE')
  assert.equal((await api('POST', '/runs/r/input', { text: 'x' })).status, 409)
  await desk.emit(lease, 1, [started, { type: 'input-request', at: 1, id: 'q1', prompt: '?', password: true }])
  assert.equal((await show('r')).status, 'waiting-for-input')
  assert.equal((await api('POST', '/runs/r/input', { id: 'q0', text: 'x' })).status, 409)
  assert.equal((await api('POST', '/runs/r/input', { id: 'q1', text: 'secret-canary' })).status, 204)
  const { id, text } = await desk.next('RUN_INPUT')
  assert.deepEqual([id, text], ['q1', 'secret-canary'])
  await desk.emit(lease, 3, [{ type: 'input-answered', at: 2, id: 'q1' }])
  assert.equal((await show('r')).status, 'running')
})

test('a session question is answered by the device that holds it, and by no other', async t => {
  const { hub, project, desk, run, api, json } = await scene(t)
  const other = new TestDevice('Laptop')
  await hub.registerDevice(other.publicKey, 'Laptop', 'desktop')
  await other.join(t, hub, [project.id])
  await run({ id: 'r', on: desk.id })
  const { lease } = await desk.next('LEASE')
  const asked = json<{ items: object[] }>('POST', `/sessions/${lease.session}/complete`, { code: 'pri', cursor: 3 })
  const request = await desk.next('MRP_REQUEST')
  assert.deepEqual([request.method, request.params], ['complete', { code: 'pri', cursor: 3 }])
  other.send({ type: 'MRP_RESPONSE', id: request.id, ok: true, result: { from: 0, to: 0, items: [] } })
  desk.send({ type: 'MRP_RESPONSE', id: request.id, ok: true, result: { from: 0, to: 3, items: [{ label: 'print' }] } })
  assert.deepEqual((await asked).items, [{ label: 'print' }])
  const interrupted = api('POST', `/sessions/${lease.session}/interrupt`, {})
  const { id } = await desk.next('MRP_REQUEST')
  desk.send({ type: 'MRP_RESPONSE', id, ok: true, result: null })
  assert.equal((await interrupted).status, 204)
  const failing = api('POST', `/sessions/${lease.session}/variables`, {})
  await desk.next('MRP_REQUEST')
  await desk.drop()
  assert.equal((await failing).status, 502)
})

test('S8 revoking a device closes its channel and ends what it holds at once; its proof is void', async t => {
  const { hub, desk, run, show, json } = await scene(t)
  await run({ id: 'r' })
  await desk.emit((await desk.next('LEASE')).lease, 1, [started])
  const closed = new Promise<number>(resolve => desk.socket!.once('close', resolve))
  const before = performance.now()
  await json('DELETE', `/devices/${desk.id}`)
  assert.equal(await closed, 4401)
  assert.ok(performance.now() - before < 1_000)
  assert.equal((await show('r')).status, 'interrupted')
  assert.equal((await json<{ items: unknown[] }>('GET', '/devices')).items.length, 0)
  await assert.rejects(desk.connect(t, hub), /401/)
  await assert.rejects(hub.registerDevice(desk.publicKey, 'Desk', 'desktop'), /revoked/)
})

test('a proof is good for one connection, for one hub and for a minute', async t => {
  const { hub } = await scene(t)
  const device = new TestDevice('Late')
  await hub.registerDevice(device.publicKey, 'Late', 'desktop')
  const { host } = new URL(hub.url)
  const proof = device.proof(host)
  await device.connect(t, hub, proof)
  await assert.rejects(device.connect(t, hub, proof), /401/)
  await assert.rejects(device.connect(t, hub, device.proof('other.example')), /401/)
  await assert.rejects(device.connect(t, hub, device.proof(host, Date.now() - 61_000)), /401/)
  await assert.rejects(device.connect(t, hub, new TestDevice().proof(host)), /401/)
  const stranger = new TestDevice()
  await assert.rejects(device.connect(t, hub, stranger.proof(host).replace(stranger.id, device.id)), /401/)
})

test('a newer channel of a device replaces the older one', async t => {
  const { hub, project, desk } = await scene(t)
  const older = desk.socket!
  const closed = new Promise(resolve => older.once('close', resolve))
  await desk.join(t, hub, [project.id])
  await closed
  const { devices } = await desk.next('DEVICE_LIST')
  assert.equal(devices[0]?.status, 'online')
})

test('a silent device is suspect, then offline; BYE is offline at once', async t => {
  const { hub, project, desk, json, clock } = await scene(t)
  const status = async () => (await json<{ items: { status: string }[] }>('GET', '/devices')).items[0]?.status
  assert.equal(await status(), 'online')
  clock.offsetMs += 31_000
  assert.equal(await status(), 'suspect')
  clock.offsetMs += 31_000
  assert.equal(await status(), 'offline')
  clock.offsetMs = 0
  await desk.join(t, hub, [project.id])
  assert.equal(await status(), 'online')
  desk.send({ type: 'BYE', reason: 'sleep' })
  await until(async () => (await status()) === 'offline')
})

test('heartbeats keep the lease of a head; a holder that is silent is waited for until its lease has run out (I4)', async t => {
  const { hub, project, desk, run, show, clock } = await scene(t)
  const other = new TestDevice('Laptop')
  await hub.registerDevice(other.publicKey, 'Laptop', 'desktop')
  other.clock = clock
  await run({ id: 'a', on: desk.id })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started, completed])
  clock.offsetMs += 50_000
  desk.send({
    type: 'HEARTBEAT',
    metrics: { cpu: 0, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] },
    heads: [{ session: lease.session, head: lease.head, fence: lease.fence }],
  })
  await desk.emit(lease, 1, [started])
  await desk.drop()
  await other.join(t, hub, [project.id])
  await run({ id: 'b' })
  await until(async () => (await show('b')).reasons.length > 0)
  assert.match((await show('b')).reasons.join(' '), /Waiting for Desk/)
  clock.offsetMs += 61_000
  await other.join(t, hub, [project.id])
  const moved = (await other.next('LEASE')).lease
  assert.deepEqual([moved.run, moved.fence], ['b', lease.fence + 1])
})

test('a channel that does not speak the protocol is closed with a code of the catalogue', async t => {
  const { hub, project } = await scene(t)
  const device = new TestDevice('Odd')
  await hub.registerDevice(device.publicKey, 'Odd', 'desktop')
  const closeCode = async (misbehave: () => void): Promise<number> => {
    await device.connect(t, hub)
    const closed = new Promise<number>(resolve => device.socket!.once('close', resolve))
    misbehave()
    return closed
  }
  assert.equal(await closeCode(() => device.socket!.send('text')), 4400)
  assert.equal(await closeCode(() => device.socket!.send(new Uint8Array([99, 0]))), 4400)
  assert.equal(await closeCode(() => device.send({ type: 'CLOSE', stream: 1 })), 4400)
  assert.equal(await closeCode(() => device.socket!.send(new Uint8Array(1024 * 1024 + 1))), 1009)
  assert.ok(project.id)
})
