import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { Gate, Run } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { completed, started, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

type Opened = Extract<RunEvent, { type: 'gate-opened' }>

const shown = 'rm -rf build\u202e\n'
const digest = createHash('sha256').update(shown).digest('hex')

function question(change: Partial<Opened> = {}): Opened {
  const at = Date.now()
  return {
    type: 'gate-opened',
    at,
    gate: newId('gate', at, systemRandom),
    nonce: Buffer.from(systemRandom(16)).toString('base64url'),
    title: 'Run this command?',
    shown,
    expiresAt: at + 600_000,
    ...change,
  }
}

interface Scene extends TestHub {
  desk: TestDevice
  lease: Lease
  decide(gate: Opened, body?: object): Promise<{ status: number; code?: string; state?: string }>
  gate(id: string): Promise<Gate>
  status(): Promise<string>
}

/** A device that has begun the run `r`. */
async function scene(t: TestContext): Promise<Scene> {
  const test = await startTestHub(t)
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('a.md', '# A\n')
  await test.json('POST', '/runs', { id: 'r', document, language: 'python', code: 'x' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  return Object.assign(test, {
    desk,
    lease,
    async decide({ gate, nonce }: Opened, body: object = {}) {
      const answer = await test.api('POST', `/gates/${gate}/decide`, { decision: 'approved', digest, nonce, ...body })
      return { status: answer.status, ...((await answer.json()) as { code?: string; state?: string }) }
    },
    gate: (id: string) => test.json<Gate>('GET', `/gates/${id}`),
    status: async () => (await test.json<Run>('GET', '/runs/r')).status,
  })
}

test('RU1 RU5 a gate is opened by an event of the log, once however often it comes, and the run waits for it', async t => {
  const { desk, lease, gate, status, json } = await scene(t)
  const asked = question()
  await desk.emit(lease, 2, [asked])
  assert.equal((await desk.emit(lease, 2, [asked])).refused, undefined)
  assert.equal((await desk.emit(lease, 3, [{ type: 'stdout', at: 1, text: 'still here' }])).seq, 3)
  assert.equal(await status(), 'waiting-for-gate')
  const found = await gate(asked.gate)
  assert.deepEqual(
    [found.state, found.digest, found.nonce, found.shown, found.run, found.deciders],
    ['open', digest, asked.nonce, shown, 'r', null],
  )
  const { items } = await json<{ items: Gate[] }>('GET', '/gates?state=open&run=r')
  assert.deepEqual(
    items.map(({ id, shown }) => [id, shown]),
    [[asked.gate, undefined]],
  )
})

test('RU4 RU6 the first valid decision wins and is told to the executor, whose receipt has its time', async t => {
  const { desk, lease, gate, decide, status } = await scene(t)
  const asked = question()
  await desk.emit(lease, 2, [asked])
  const answers = await Promise.all([decide(asked, { comment: 'fine' }), decide(asked, { decision: 'rejected' })])
  const won = answers.find(({ status }) => status === 200)!
  assert.deepEqual(answers.map(({ status, code }) => [status, code ?? null]).sort(), [
    [200, null],
    [409, 'GATE_DECIDED'],
  ])
  const told = await desk.next('GATE_DECIDED')
  assert.deepEqual(
    [told.decision, told.digest, told.nonce, told.gate, told.by],
    [won.state, digest, asked.nonce, asked.gate, 'me'],
  )
  assert.equal((await gate(asked.gate)).receivedAt, null)
  await desk.emit(lease, 3, [{ type: 'gate-decided', at: 77, gate: asked.gate, decision: told.decision }])
  assert.deepEqual([(await gate(asked.gate)).receivedAt, await status()], [77, 'running'])
})

test('S18 RU4 an altered digest, a replayed nonce, a late decision and a stranger are refused and change nothing', async t => {
  const { desk, lease, gate, decide, clock } = await scene(t)
  const [first, second, forBob] = [question(), question(), question({ deciders: ['bob'] })]
  await desk.emit(lease, 2, [first, second, forBob])
  assert.deepEqual((await decide(first, { digest: 'a'.repeat(64) })).code, 'GATE_ALTERED')
  assert.deepEqual((await decide({ ...second, nonce: first.nonce })).code, 'GATE_REPLAYED')
  assert.deepEqual((await decide(forBob)).code, 'FORBIDDEN')
  for (const { gate: id } of [first, second, forBob]) assert.equal((await gate(id)).state, 'open')
  clock.offsetMs += 601_000
  const late = await decide(first)
  assert.deepEqual([late.status, late.code], [409, 'GATE_EXPIRED'])
  await until(async () => (await gate(first.gate)).state === 'expired')
})

test('RU3 a gate is void when its run ends, in the same step', async t => {
  const { desk, lease, gate, decide } = await scene(t)
  const asked = question()
  await desk.emit(lease, 2, [asked, completed])
  assert.equal((await gate(asked.gate)).state, 'void')
  assert.equal((await decide(asked)).code, 'GATE_VOID')
})

test('RU7 a gate that nobody decides expires and is told to the executor', async t => {
  const { desk, lease } = await scene(t)
  await desk.emit(lease, 2, [question({ expiresAt: Date.now() + 200 })])
  const { decision, by } = await desk.next('GATE_DECIDED')
  assert.deepEqual([decision, by], ['expired', null])
})

test('RU6 I9 a gate outlives restarts of the hub and of the device, and is told again until it is confirmed', async t => {
  const s = await scene(t)
  const asked = question()
  await s.desk.emit(s.lease, 2, [asked])
  await s.desk.drop()
  await s.restart()
  assert.equal((await s.decide(asked)).status, 200)
  const held = {
    heads: [{ session: s.lease.session, head: s.lease.head, fence: s.lease.fence }],
    runs: [{ run: s.lease.run, fence: s.lease.fence, seq: 2 }],
  }
  for (let time = 0; time < 2; time++) {
    await s.desk.join(t, s.hub, [s.project.id], held)
    assert.equal((await s.desk.next('GATE_DECIDED')).decision, 'approved')
  }
  await s.desk.emit(s.lease, 3, [{ type: 'gate-decided', at: 5, gate: asked.gate, decision: 'approved' }])
  const again = { ...held, runs: [{ ...held.runs[0]!, seq: 3 }] }
  await s.desk.join(t, s.hub, [s.project.id], again)
  await s.desk.emit(s.lease, 4, [completed])
  assert.equal(s.desk.received.filter(({ type }) => type === 'GATE_DECIDED').length, 0)
})

test('RU5 only so many gates of a run are open at a time; the next one is taken when there is room', async t => {
  const { desk, lease, decide } = await scene(t)
  const asked = Array.from({ length: 16 }, () => question())
  await desk.emit(lease, 2, asked)
  const more = question()
  assert.equal((await desk.emit(lease, 18, [more])).refused, 'TOO_MANY')
  await decide(asked[0]!)
  await desk.emit(lease, 18, [{ type: 'gate-decided', at: 1, gate: asked[0]!.gate, decision: 'approved' }])
  assert.equal((await desk.emit(lease, 19, [more])).seq, 19)
})

test('RU8 pages are told of gates as they change, without the text; another org sees none (S21)', async t => {
  const { desk, lease, decide, api } = await scene(t)
  const stream = (await api('GET', '/events')).body!.pipeThrough(new TextDecoderStream()).getReader()
  t.after(() => stream.cancel())
  let text = ''
  const reading = (async () => {
    for (let next = await stream.read(); !next.done; next = await stream.read()) text += next.value
  })()
  const asked = question()
  await desk.emit(lease, 2, [asked])
  await until(async () => text.includes('"state":"open"'))
  await decide(asked)
  await until(async () => text.includes('"state":"approved"'))
  assert.ok(!text.includes('rm -rf'))
  await stream.cancel()
  await reading
  assert.equal((await api('GET', `/gates/${newId('gate', 1, systemRandom)}`)).status, 404)
})
