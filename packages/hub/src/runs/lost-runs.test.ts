import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

interface Scene extends TestHub {
  desk: TestDevice
  doc: DocumentId
  run(body?: object): Promise<Run>
  show(id: string): Promise<Run>
  /** Lets time pass without a pause of the hub's machine. */
  pass(seconds: number): Promise<void>
}

async function scene(t: TestContext, text = '# A\n'): Promise<Scene> {
  const test = await startTestHub(t)
  const desk = new TestDevice()
  desk.clock = test.clock
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: doc } = await test.document('a.md', text)
  return Object.assign(test, {
    desk,
    doc,
    run: (body: object = {}) =>
      test.json<Run>('POST', '/runs', { document: doc, language: 'python', code: 'print(1)', ...body }),
    show: (id: string) => test.json<Run>('GET', `/runs/${id}`),
    async pass(seconds: number) {
      for (let gone = 0; gone < seconds; gone += 20) {
        test.clock.offsetMs += 20_000
        await new Promise(resolve => setTimeout(resolve, 1_100))
      }
    },
  })
}

test('RU20 a run whose device is gone beyond its lease is interrupted, with what is known; the queue goes on', async t => {
  const { desk, run, show, pass } = await scene(t)
  await run({ id: 'begun' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started, stdout('epoch 1')])
  await run({ id: 'next' })
  await run({ id: 'unknown', session: 'other' })
  await desk.next('LEASE', ({ lease }) => lease.run === 'unknown')
  await desk.drop()
  await pass(40)
  assert.equal((await show('begun')).status, 'running')
  await pass(60)
  await until(async () => (await show('begun')).status === 'interrupted')
  const [log] = (await show('begun')).reasons
  assert.ok(log !== undefined)
  assert.deepEqual([(await show('next')).status, (await show('next')).position], ['queued', 0])
  await until(async () => (await show('unknown')).status === 'interrupted')
})

test('RU20 what is known stands in the log: whether it began, how far it came, since when nothing is heard', async t => {
  const { desk, run, show, pass, api } = await scene(t)
  await run({ id: 'r' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started, stdout('a')])
  await desk.drop()
  await pass(80)
  await until(async () => (await show('r')).status === 'interrupted')
  const text = await (await api('GET', '/runs/r/events')).text()
  assert.match(
    text,
    /Desk has not been heard of since 20\S+Z\. The run had begun; the last that came of it is event 2\./,
  )
})

test('RU20 after a start of the hub, and after a pause of its machine, devices have time to come back', async t => {
  const s = await scene(t)
  await s.run({ id: 'r' })
  const { lease } = await s.desk.next('LEASE')
  await s.desk.emit(lease, 1, [started])
  await s.desk.drop()
  s.clock.offsetMs += 3_600_000
  await new Promise(resolve => setTimeout(resolve, 1_500))
  assert.equal((await s.show('r')).status, 'running')
  await s.restart()
  await new Promise(resolve => setTimeout(resolve, 1_500))
  assert.equal((await s.show('r')).status, 'running')
  const heads = [{ session: lease.session, head: lease.head, fence: lease.fence }]
  await s.desk.join(t, s.hub, [s.project.id], { heads, runs: [{ run: lease.run, fence: lease.fence, seq: 1 }] })
  assert.equal((await s.desk.emit(lease, 2, [completed])).seq, 2)
})

test('RU21 RU22 RU23 RU24 run again is another run; what the device did afterwards stays out of the log and is told beside it', async t => {
  const s = await scene(t)
  await s.run({ id: 'r', code: 'train()' })
  const { lease } = await s.desk.next('LEASE')
  await s.desk.emit(lease, 1, [started])
  assert.equal((await s.api('POST', '/runs/r/again', {})).status, 409)
  await s.desk.drop()
  await s.pass(80)
  await until(async () => (await s.show('r')).status === 'interrupted')
  const held = {
    heads: [{ session: lease.session, head: lease.head, fence: lease.fence }],
    runs: [{ run: lease.run, fence: lease.fence, seq: 1 }],
  }
  const welcome = await s.desk.join(t, s.hub, [s.project.id], held)
  assert.deepEqual(
    welcome.runs.map(({ seq }) => seq),
    [1],
  )
  await new Promise(resolve => setTimeout(resolve, 200))
  assert.ok(!s.desk.received.some(({ type }) => type === 'RUN_CANCEL'), 'it may go on to its end')
  assert.equal((await s.desk.emit(lease, 2, [stdout('late')])).refused, 'RUN_ENDED')
  const other = { type: 'RUN_AFTERWARDS', run: lease.run, seq: lease.fence as never, event: completed } as const
  s.desk.send({ ...other, fence: (lease.fence + 1) as never })
  await s.desk.next('RUN_ACK')
  assert.equal((await s.show('r')).afterwards, null)
  s.desk.send({ ...other, fence: lease.fence, seq: 3 as never })
  assert.equal((await s.desk.next('RUN_ACK')).seq, 3)
  const after = await s.show('r')
  assert.deepEqual([after.status, after.seq], ['interrupted', 2])
  assert.deepEqual(after.afterwards, { status: 'completed', seq: 3, endedAt: 1_800_000_000_005, durationMs: 5 })

  const again = await s.api('POST', '/runs/r/again', { id: 'r2' })
  const repeated = (await again.json()) as Run
  assert.deepEqual([again.status, repeated.againOf, repeated.codeHash], [201, 'r', after.codeHash])
  assert.equal((await s.api('POST', '/runs/r/again', { id: 'r2' })).status, 200)
  assert.equal((await s.desk.next('RUN_CANCEL')).run, 'r')
  const { lease: next } = await s.desk.next('LEASE')
  assert.deepEqual([next.run, next.code, next.session], ['r2', 'train()', lease.session])
  await s.desk.join(t, s.hub, [s.project.id], held)
  assert.equal((await s.desk.next('RUN_CANCEL')).run, 'r')
})

test('RU31 RU32 a run that waited is set aside when its cell is another by now, and is not asked about twice', async t => {
  const s = await scene(t, '```python\nold\n```\n')
  const { codeHash, document } = await s.run({ id: 'same', code: 'old', cell: { by: 'index', index: 0 } })
  const { lease } = await s.desk.next('LEASE')
  await s.run({ id: 'here', code: 'old', cell: { by: 'index', index: 0 } })
  await s.run({ id: 'gone', code: 'older', cell: { by: 'index', index: 0 } })
  await s.run({ id: 'loose', code: 'of no cell' })
  await s.run({
    id: 'kept',
    code: 'of yesterday',
    cell: { by: 'index', index: 0 },
    askedAt: Date.now() - 86_400_000,
    session: 'other',
  })
  await until(async () => (await s.show('kept')).asks === 'changed')
  s.clock.offsetMs += 11_000
  const order: string[] = []
  for (let held = lease; ; held = (await s.desk.next('LEASE')).lease) {
    order.push(held.run)
    await s.desk.emit(held, 1, [started, completed])
    if (held.run === 'loose') break
  }
  assert.deepEqual(order, ['same', 'here', 'loose'])
  const gone = await s.show('gone')
  assert.deepEqual([gone.status, gone.asks, gone.document], ['queued', 'changed', document])
  assert.notEqual(gone.codeHash, codeHash)
  await s.json('POST', '/runs/gone/confirm', { codeHash: gone.codeHash })
  s.clock.offsetMs += 11_000
  assert.equal((await s.desk.next('LEASE')).lease.run, 'gone')
})

test('RU10 RU12 interrupting names what it is for; a device that is away is refused plainly, and nothing changes', async t => {
  const { desk, run, api, show } = await scene(t)
  await run({ id: 'r' })
  const { lease } = await desk.next('LEASE')
  const asked = api('POST', `/sessions/${lease.session}/interrupt`, { run: 'r' })
  const { id, method, params } = await desk.next('MRP_REQUEST')
  assert.deepEqual([method, params], ['interrupt', { run: 'r' }])
  desk.send({ type: 'MRP_RESPONSE', id, ok: false, code: 'CONFLICT' })
  assert.equal((await asked).status, 409)
  await run({ id: 'waits' })
  await desk.drop()
  for (const [what, body] of [
    ['interrupt', {}],
    ['restart', { queued: 'cancel' }],
  ] as const) {
    const answer = await api('POST', `/sessions/${lease.session}/${what}`, body)
    assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [502, 'UNREACHABLE'])
  }
  assert.equal((await show('waits')).status, 'queued')
})

test('RU11 a restart ends the head; what waits goes on under the next fence, or is cancelled', async t => {
  const { desk, run, json, show } = await scene(t)
  await run({ id: 'a' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  await run({ id: 'b' })
  const restart = async (queued?: 'cancel') => {
    const asked = json<{ cancelled: string[] }>('POST', `/sessions/${lease.session}/restart`, queued ? { queued } : {})
    const { id, params } = await desk.next('MRP_REQUEST')
    desk.send({ type: 'MRP_RESPONSE', id, ok: true, result: null })
    return { params, ...(await asked) }
  }
  assert.deepEqual(await restart(), { params: { head: lease.head }, cancelled: [] })
  await desk.emit(lease, 2, [{ type: 'cancelled', at: 1, durationMs: 1, reason: 'the session was restarted' }])
  const { lease: next } = await desk.next('LEASE')
  assert.deepEqual([next.run, next.fence], ['b', lease.fence + 1])
  assert.notEqual(next.head, lease.head)
  await run({ id: 'c' })
  assert.deepEqual((await restart('cancel')).cancelled, ['c'])
  assert.equal((await show('c')).status, 'cancelled')
  assert.deepEqual(await json('POST', `/sessions/${lease.session}/restart`, {}), { cancelled: [] })
})
