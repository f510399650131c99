/** The life of workers at the hub (CP10–CP33), with an engine that is nothing but memory and devices that are scripts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type AuditEntry, listOf, type Project, runSchema } from '@meshbook/core/api.ts'
import { computeStatusSchema } from '@meshbook/core/compute-api.ts'
import { newId, type ProjectId, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import { deviceInfoSchema } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import { type Asked, askAsWorker } from '../testing/ask-as-worker.ts'
import { ScriptedDriver, ScriptedEngine } from '../testing/scripted-driver.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'
import type { WorkerSpec } from './port.ts'

interface World {
  it: TestHub
  engine: ScriptedEngine
  driver: ScriptedDriver
  document: string
  order(code?: string, language?: string): Promise<string>
  run(id: string): Promise<v.InferOutput<typeof runSchema>>
  spec(): Promise<WorkerSpec>
  devices(): Promise<string[]>
}

async function world(t: TestContext, options: TestHubOptions & { engine?: ScriptedEngine } = {}): Promise<World> {
  const engine = options.engine ?? new ScriptedEngine()
  let driver: ScriptedDriver | undefined
  const it = await startTestHub(t, {
    ...options,
    env: { MESHBOOK_COMPUTE: 'docker', ...options.env },
    limits: { workerLookMs: 30, ...options.limits },
    computeDriver: hub => (driver = new ScriptedDriver(engine, hub)),
  })
  const { id: document } = await it.document('a.md', '# A\n')
  return {
    it,
    engine,
    get driver() {
      return driver!
    },
    document,
    order: async (code = 'print(1)', language = 'python') =>
      (await it.json<{ id: string }>('POST', '/runs', { document, language, code })).id,
    run: async id => v.parse(runSchema, await it.json('GET', `/runs/${id}`)),
    spec: async () => {
      await until(() => engine.workers.size > 0)
      return [...engine.workers.values()].at(-1)!.spec
    },
    devices: async () =>
      v
        .parse(listOf(deviceInfoSchema), await it.json('GET', '/devices'))
        .items.map(({ kind, name }) => `${kind} ${name}`),
  }
}

const ask = ({ it }: World, ...asked: Asked) => askAsWorker(it.folder, ...asked)

const joinAs = (w: World, token: string, device: TestDevice) =>
  ask(w, 'POST', '/api/v1/workers/self', { token, publicKey: device.publicKey })

/** The worker that was ordered, joined and registered. */
async function joined(t: TestContext, w: World, projects: ProjectId[] = [w.it.project.id]): Promise<TestDevice> {
  const { token } = await w.spec()
  const device = new TestDevice('Worker')
  device.clock.offsetMs = w.it.clock.offsetMs
  assert.equal((await joinAs(w, token, device)).status, 200)
  await device.join(t, w.it.hub, projects, { heads: [], runs: [] }, ['python', 'bash'])
  return device
}

test('CP10 a run that no device can take waits for a worker, and goes there when it has registered', async t => {
  const w = await world(t)
  const id = await w.order()
  await until(async () => (await w.run(id)).reasons.includes('A cloud worker is started for it.'))
  const device = await joined(t, w)
  const { lease } = await device.next('LEASE')
  assert.equal(lease.run, id)
  await device.emit(lease, 1, [started, stdout('1\n'), completed])
  const run = await w.run(id)
  assert.deepEqual([run.status, run.deviceName], ['completed', 'Container of demo'])
  assert.deepEqual(await w.devices(), ['worker Container of demo'])
  const { workers } = v.parse(computeStatusSchema, await w.it.json('GET', '/compute'))
  assert.deepEqual(
    workers.map(({ state, device: of, projectName }) => [state, of, projectName]),
    [['up', device.id, 'demo']],
  )
})

test('CP10 a run that a device can take starts none, and a language that no worker has is refused as before', async t => {
  const w = await world(t)
  const desk = new TestDevice('Desk')
  await w.it.json('POST', '/devices', { publicKey: desk.publicKey, name: 'Desk', kind: 'desktop' })
  await desk.join(t, w.it.hub, [w.it.project.id])
  await w.order()
  await desk.next('LEASE')
  const julia = await w.order('1', 'julia')
  await until(async () => (await w.run(julia)).status === 'failed')
  assert.equal(w.engine.workers.size, 0)
})

test('CP11 runs of one project have one worker; beyond the most that a hub may have, a run says that it waits for a free one', async t => {
  const w = await world(t, { env: { MESHBOOK_COMPUTE_MOST: '1' } })
  await Promise.all([w.order('1'), w.order('2'), w.order('echo 3', 'bash'), w.order('4')])
  await w.spec()
  const other = await w.it.json<Project>('POST', '/projects', { name: 'other' })
  const { id: document } = await w.it.json<{ id: string }>('POST', '/documents', { project: other.id, path: 'b.md' })
  const { id } = await w.it.json<{ id: string }>('POST', '/runs', { document, language: 'python', code: '1' })
  await until(async () => /All 1 containers of this hub are in use/.test((await w.run(id)).reasons.join(' ')))
  assert.equal(w.engine.workers.size, 1)
  const [first] = w.engine.workers.keys()
  w.engine.workers.get(first!)!.state = 'ended'
  await until(async () => [...w.engine.workers.keys()].some(worker => worker !== first))
})

test('CP12 where no worker can be started the run says why and what to do, and gets one once it can', async t => {
  const engine = new ScriptedEngine()
  engine.answers = false
  const w = await world(t, { engine })
  const id = await w.order()
  await until(async () =>
    /could be started: Containers cannot be used.*compute status/.test((await w.run(id)).reasons.join(' ')),
  )
  assert.ok(!(await w.run(id)).reasons.includes('A cloud worker is started for it.'))
  const status = v.parse(computeStatusSchema, await w.it.json('GET', '/compute'))
  assert.match(status.problem ?? '', /the engine does not answer/)
  engine.answers = true
  w.it.clock.offsetMs += 120_000
  await w.spec()
})

test('CP13 CP15 a worker that nobody uses is asked to end; its device goes with it, and runs name it still', async t => {
  const w = await world(t, { env: { MESHBOOK_COMPUTE_IDLE_MINUTES: '1' } })
  const id = await w.order()
  const device = await joined(t, w)
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started])
  w.it.clock.offsetMs += 20 * 60_000
  await new Promise(resolve => setTimeout(resolve, 150))
  assert.equal(w.engine.workers.size, 1, 'a worker with a run is in use')
  await device.emit(lease, 2, [completed])
  const stopping = Promise.withResolvers<void>()
  const asked: string[] = []
  w.driver.onStop = async worker => {
    asked.push(worker)
    await stopping.promise
  }
  w.it.clock.offsetMs += 2 * 60_000
  await until(() => asked.length > 0)
  const late = await w.order('print(2)')
  await new Promise(resolve => setTimeout(resolve, 150))
  assert.equal((await w.run(late)).status, 'queued', 'nothing is given to a worker that stops')
  stopping.resolve()
  await until(async () => (await w.devices()).length === 0)
  assert.equal((await w.run(id)).deviceName, 'Container of demo')
  const again = await joined(t, w)
  assert.equal((await again.next('LEASE')).lease.run, late)
})

test('CP15 a worker that ends by itself ends its run at once, and a later run gets another worker', async t => {
  const w = await world(t)
  const id = await w.order()
  const device = await joined(t, w)
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started])
  for (const worker of w.engine.workers.values()) worker.state = 'ended'
  await until(async () => (await w.run(id)).status === 'interrupted')
  await until(() => w.engine.workers.size === 0)
  const later = await w.order('print(2)')
  const again = await joined(t, w)
  assert.equal((await again.next('LEASE')).lease.run, later)
  assert.notEqual(again.id, device.id)
})

test('CP16 a worker that does not register in time is stopped, and its token is void', async t => {
  const w = await world(t)
  await w.order()
  const { id, token } = await w.spec()
  w.it.clock.offsetMs += 61_000
  assert.equal((await joinAs(w, token, new TestDevice())).status, 401)
  await until(() => !w.engine.workers.has(id))
})

test('CP20 CP21 after a restart: containers that nobody knows are stopped, workers without one are ended, the others go on', async t => {
  const w = await world(t)
  const id = await w.order()
  const device = await joined(t, w)
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started, completed])
  const [known] = w.engine.workers.keys()
  const orphan = newId('worker', Date.now(), systemRandom)
  const { hub, spec } = w.engine.workers.get(known!)!
  await w.it.hub.close()
  w.engine.workers.set(orphan, { hub, spec: { ...spec, id: orphan }, state: 'running', said: '' })
  w.engine.workers.set(newId('worker', Date.now(), systemRandom), { hub: 'another', spec, state: 'running', said: '' })
  await w.it.restart()
  await until(() => !w.engine.workers.has(orphan))
  assert.equal(w.engine.workers.size, 2)
  assert.deepEqual(await w.devices(), ['worker Container of demo'])
  assert.equal((await w.run(id)).status, 'completed')
  await w.it.hub.close()
  w.engine.workers.delete(known!)
  await w.it.restart()
  await until(async () => (await w.devices()).length === 0)
})

test('CP20 a hub that was stopped in the middle of a start or a stop has nothing left over after it is back', async t => {
  const w = await world(t, { env: { MESHBOOK_COMPUTE_IDLE_MINUTES: '1' } })
  const never = new Promise<void>(() => undefined)
  w.driver.onStart = () => never
  await w.order()
  await until(async () => v.parse(computeStatusSchema, await w.it.json('GET', '/compute')).workers.length === 1)
  await w.it.restart()
  // The order of before was for a container that was never made; the run gets another one.
  const device = await joined(t, w)
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started, completed])
  w.driver.onStop = () => never
  w.it.clock.offsetMs += 2 * 60_000
  await until(
    async () => v.parse(computeStatusSchema, await w.it.json('GET', '/compute')).workers[0]?.state === 'stopping',
  )
  await w.it.restart()
  await until(async () => w.engine.workers.size === 0 && (await w.devices()).length === 0)
})

test('CP30 a token opens once; shown again, or made up, it opens nothing', async t => {
  const w = await world(t)
  await w.order()
  const device = await joined(t, w)
  const { token } = await w.spec()
  for (const shown of [token, `${token}x`, 'mw_'.padEnd(46, 'a'), ''])
    for (const other of [new TestDevice(), device]) assert.equal((await joinAs(w, shown, other)).status, 401)
  assert.deepEqual(await w.devices(), ['worker Container of demo'])
  const { items } = await w.it.json<{ items: AuditEntry[] }>('GET', '/audit')
  assert.ok(items.some(({ action }) => action === 'worker-started'))
  assert.ok(!w.it.logged.join('').includes(token))
})

test('CP31 on the socket for workers everything else is 404, whatever is shown', async t => {
  const w = await world(t)
  const desk = new TestDevice('Desk')
  await w.it.json('POST', '/devices', { publicKey: desk.publicKey, name: 'Desk', kind: 'desktop' })
  await w.order()
  const worker = await joined(t, w)
  const bearer = { authorization: `Bearer ${w.it.token}` }
  const asset = `/api/v1/assets/sha256-${'0'.repeat(64)}`
  for (const path of [
    '/',
    '/healthz',
    '/metrics',
    '/api/v1/me',
    '/api/v1/runs',
    '/api/v1/devices/self/token',
    '/api/v1/compute',
    asset,
  ])
    for (const method of ['GET', 'POST'])
      assert.equal((await ask(w, method, path, undefined, bearer)).status, 404, path)
  assert.equal((await ask(w, 'GET', asset, undefined, { authorization: desk.proof('127.0.0.1:1') })).status, 404)
  const own = await ask(w, 'GET', asset, undefined, { authorization: worker.proof('127.0.0.1:1') })
  assert.deepEqual([own.status, own.json.detail], [404, `sha256-${'0'.repeat(64)}`], 'this one was looked for')
  assert.equal(
    (await ask(w, 'GET', `${asset}/../../me`, undefined, { authorization: worker.proof('127.0.0.1:1') })).status,
    404,
  )
})

test('CP32 CP33 a worker sees its project alone, and starts nothing anywhere', async t => {
  const w = await world(t)
  const other = await w.it.json<Project>('POST', '/projects', { name: 'other' })
  const { id: secret } = await w.it.json<{ id: string }>('POST', '/documents', { project: other.id, path: 's.md' })
  await w.order()
  const { token } = await w.spec()
  const device = new TestDevice('Worker')
  await joinAs(w, token, device)
  const welcome = await device.join(t, w.it.hub, [w.it.project.id, other.id], { heads: [], runs: [] }, ['python'])
  const proof = () => ({ authorization: device.proof('127.0.0.1:1') })
  assert.equal((await ask(w, 'GET', '/api/v1/snapshots', undefined, proof())).status, 404)
  assert.deepEqual(
    welcome.projects.map(({ name }) => name),
    ['demo'],
  )
  const document = secret as typeof other.tree
  device.send({ type: 'OPEN', stream: 1, project: other.id, document })
  assert.equal((await device.next('CLOSE', ({ stream }) => stream === 1)).code, 'NOT_FOUND')
  const elsewhere = await w.it.json<{ id: string }>('POST', '/runs', {
    document: secret,
    language: 'python',
    code: '1',
  })
  await until(async () => w.engine.workers.size === 2)
  assert.equal((await w.run(elsewhere.id)).status, 'queued')
  const id = parseRunId(newId('run', Date.now(), systemRandom))
  const mine = w.document as typeof other.tree
  device.send({
    type: 'CLAIM',
    request: { id, document: mine, language: 'python', code: '1' },
    author: { client: 1, clock: 0 },
  })
  assert.equal((await device.next('RUN_REQUEST')).answer, 'elsewhere')
  const copy = {
    version: 1,
    recipient: device.id,
    sealed: 'x',
    by: device.id,
    byKey: device.publicKey,
    signature: 'A'.repeat(86),
  }
  device.send({ type: 'OWNER_KEY', version: 1, keyId: '0'.repeat(64), copies: [copy] })
  await until(() => device.socket?.readyState === 3)
  assert.ok(!device.received.some(({ type }) => type === 'OWNER_KEYS'))
})
