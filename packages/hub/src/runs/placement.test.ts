/** What the hub tells the router, and what comes of it: over real sockets, with devices as scripts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { policyOf } from '@meshbook/core/device-policy.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import type { DeviceInfo, Metrics, UpMessage } from '@meshbook/core/messages.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { atEnd } from '../testing/at-end.ts'
import { signIn } from '../testing/sign-in.ts'
import { started, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

type Up = Extract<UpMessage, { type: 'CLAIM' }>

const idle: Metrics = { cpu: 0.1, memoryBytes: 100, memoryFreeBytes: 50, gpus: [] }
const busy: Metrics = { ...idle, cpu: 0.95 }
const card = { name: 'A', memoryBytes: 1, memoryFreeBytes: 1, load: 0 }
const drained: Metrics = { ...idle, battery: { level: 0.9, charging: false } }
const network = 'a'.repeat(64)

interface Scene extends TestHub {
  doc: DocumentId
  add(name: string, metrics?: Metrics, kind?: DeviceInfo['kind']): Promise<TestDevice>
  run(body?: object): Promise<Run>
  show(id: string): Promise<Run>
}

async function scene(t: TestContext, text = '# A\n'): Promise<Scene> {
  const test = await startTestHub(t)
  const { id: doc } = await test.document('a.md', text)
  return Object.assign(test, {
    doc,
    async add(name: string, metrics = idle, kind: DeviceInfo['kind'] = 'desktop') {
      const device = new TestDevice(name)
      await test.hub.registerDevice(device.publicKey, name, kind)
      await device.join(t, test.hub, [test.project.id], undefined, ['python'], metrics)
      return device
    },
    run: (body: object = {}) =>
      test.json<Run>('POST', '/runs', { document: doc, language: 'python', code: 'print(1)', ...body }),
    show: (id: string) => test.json<Run>('GET', `/runs/${id}`),
  })
}

const said = (run: Run): string => run.reasons.join(' ')
async function waiting({ show }: Scene, id: string): Promise<Run> {
  await until(async () => (await show(id)).reasons.length > 0)
  return show(id)
}

test('RT6 RT30 what the request requires is a demand: it is placed where it is met, and refused where nobody meets it', async t => {
  const s = await scene(t)
  await s.add('Desk', idle)
  await s.run({ id: 'none', requires: ['gpu'] })
  await until(async () => (await s.show('none')).status === 'failed')
  const { error, reasons } = await s.show('none')
  assert.deepEqual(reasons.length, 2)
  assert.equal(error?.code, 'NO_DEVICE')
  assert.match(error?.message ?? '', /requires gpu, which Desk cannot offer\. Start Meshbook on a machine that has it/)
  const studio = await s.add('Studio', { ...busy, gpus: [card] })
  await s.run({ id: 'some', requires: ['gpu'] })
  assert.equal((await studio.next('LEASE')).lease.run, 'some')
})

test('RT2 RT30 `runs-on` of the request is obeyed: it waits for that device, by name', async t => {
  const s = await scene(t)
  await s.add('Desk')
  const studio = await s.add('Studio')
  await studio.drop()
  await s.run({ id: 'r', runsOn: 'studio' })
  assert.match(said(await waiting(s, 'r')), /The notebook says that it runs on studio/)
  await studio.join(t, s.hub, [s.project.id])
  assert.equal((await studio.next('LEASE')).lease.run, 'r')
})

test('RT10 a cell that imports torch goes to the device with a GPU, one that only talks of it does not', async t => {
  const s = await scene(t)
  const desk = await s.add('Desk', idle)
  const studio = await s.add('Studio', { ...busy, gpus: [card] })
  await s.run({ id: 'a', session: 'a', code: 'import torch' })
  assert.equal((await studio.next('LEASE')).lease.run, 'a')
  assert.match(said(await s.show('a')), /Studio has a GPU.*imports torch/)
  await s.run({ id: 'b', session: 'b', code: '"""\nimport torch\n"""' })
  assert.equal((await desk.next('LEASE')).lease.run, 'b')
})

test('RT12 RT33 code that took more than 30 s in this document prefers the device that is always on', async t => {
  const s = await scene(t)
  const desk = await s.add('Desk', idle)
  const server = await s.add('Server', busy, 'server')
  const code = 'train()'
  await s.run({ id: 'first', session: 'a', code })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started, { type: 'completed', at: started.at + 40_000, durationMs: 40_000 }])
  await s.run({ id: 'again', session: 'b', code })
  assert.equal((await server.next('LEASE')).lease.run, 'again')
  assert.match(said(await s.show('again')), /The cell took 40 s before, so a device that is always on is preferred/)
  await s.run({ id: 'other', session: 'c', code: 'quick()' })
  assert.equal((await desk.next('LEASE')).lease.run, 'other')
  const { id: elsewhere } = await s.document('b.md')
  await s.run({ id: 'elsewhere', session: 'd', code, document: elsewhere })
  assert.equal((await desk.next('LEASE')).lease.run, 'elsewhere')
})

test('RT35 a policy is shown with its device, changes by field, outlives a restart, and holds for runs that wait', async t => {
  const s = await scene(t)
  const desk = await s.add('Desk')
  const policy = async () => (await s.json<{ items: DeviceInfo[] }>('GET', '/devices')).items[0]!.policy
  const change = (body: object) => s.api('PATCH', `/devices/${desk.id}`, body)
  assert.deepEqual(await policy(), policyOf('desktop', {}))
  assert.equal((await change({ policy: { executes: false } })).status, 204)
  assert.equal((await change({ name: 'Studio', policy: { costPerHour: 2 } })).status, 204)
  assert.deepEqual(await policy(), policyOf('desktop', { executes: false, costPerHour: 2 }))
  await s.run({ id: 'r' })
  assert.match(said(await waiting(s, 'r')), /Studio is set to run no code/)
  for (const bad of [{}, { policy: { battery: 'sometimes' } }, { policy: { costPerHour: -1 } }, { policy: 1 }])
    assert.equal((await change(bad)).status, 400, JSON.stringify(bad))
  await s.restart()
  assert.equal((await policy()).executes, false)
  await desk.join(t, s.hub, [s.project.id])
  assert.equal((await change({ policy: { executes: true } })).status, 204)
  assert.equal((await desk.next('LEASE')).lease.run, 'r')
})

test('RT9 RT36 a run that waits for a plug begins with the heartbeat that tells of it', async t => {
  const s = await scene(t)
  const laptop = await s.add('Laptop', drained)
  await s.api('PATCH', `/devices/${laptop.id}`, { policy: { battery: 'never' } })
  await s.run({ id: 'r' })
  assert.match(said(await waiting(s, 'r')), /Laptop runs on battery.*Plug Laptop in/)
  const heartbeat = (metrics: Metrics) => laptop.send({ type: 'HEARTBEAT', metrics, heads: [] })
  heartbeat({ ...drained, cpu: 0.2 })
  heartbeat({ ...drained, battery: { level: 0.9, charging: true } })
  assert.equal((await laptop.next('LEASE')).lease.run, 'r')
})

test('RT34 the networks of a device are kept for the router and shown to nobody', async t => {
  const s = await scene(t)
  const desk = await s.add('Desk', { ...idle, metered: true, networks: [network] })
  const { devices } = await desk.next('DEVICE_LIST', list => list.devices.length === 1)
  assert.equal(devices[0]?.metrics, null)
  const answer = await (await s.api('GET', '/devices')).text()
  assert.match(answer, /"metered":true/)
  for (const text of [answer, JSON.stringify(devices)]) assert.doesNotMatch(text, /network|aaaaaaaa/)
})

/** A client as the app's page or a foreign one is: with a cookie, or with a ticket to run. */
async function intent(t: TestContext, s: Scene, as: 'page' | 'foreign', run: string, code: string): Promise<Y.Doc> {
  const cookie = as === 'page' ? await signIn(s) : undefined
  const ticket = { document: s.doc, scope: 'run' }
  const params = as === 'page' ? {} : { ticket: (await s.json<{ ticket: string }>('POST', '/tickets', ticket)).ticket }
  class WithCookie extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols, cookie === undefined ? {} : { headers: { cookie, origin: new URL(s.hub.url).origin } })
    }
  }
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${s.hub.url.replace('http', 'ws')}/sync/me/demo`, 'a.md', doc, {
    WebSocketPolyfill: WithCookie as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    params,
  })
  atEnd(t, () => {
    provider.destroy()
    doc.destroy()
  })
  await until(() => provider.synced)
  doc.getMap('executions').set(run, { status: 'requested', code })
  return doc
}

/** Asks again until the intent has reached the hub, as a monitor does. */
async function claim(device: TestDevice, doc: Y.Doc, asked: object, expected: string): Promise<void> {
  const request = { language: 'python', code: 'print(1)', ...asked } as Up['request']
  await until(async () => {
    device.send({ type: 'CLAIM', request, author: { client: doc.clientID, clock: 0 } })
    return (await device.next('RUN_REQUEST')).answer === expected
  })
}

test('RT31 a CLAIM is not believed about where its run goes: the hub reads its own copy of the notebook', async t => {
  const s = await scene(t, '---\nmeshbook:\n  runs-on: Desk\n---\n')
  const desk = await s.add('Desk', busy)
  const thief = await s.add('Thief', { ...idle, gpus: [card] })
  const doc = await intent(t, s, 'foreign', 'r', 'print(1)')
  const drawn = { on: thief.id, runsOn: 'Thief', requires: ['gpu'] }
  await claim(thief, doc, { id: 'r', document: s.doc, ...drawn }, 'wait')
  assert.equal((await desk.next('LEASE')).lease.run, 'r')
  assert.match(said(await s.show('r')), /The notebook says that it runs on Desk/)
  assert.ok(!thief.received.some(({ type }) => type === 'LEASE'))
})

test('RU67 the kernel that is asked for comes with the lease, and a session of its own with it', async t => {
  const s = await scene(t, '---\nkernelspec: python3\n---\n')
  const desk = await s.add('Desk')
  const asked = await s.run({ id: 'asked', kernel: 'python3' })
  const { lease } = await desk.next('LEASE')
  assert.deepEqual([lease.run, lease.kernel, lease.sessionName], ['asked', 'python3', 'default (python3)'])
  await s.run({ id: 'plain' })
  const plain = (await desk.next('LEASE')).lease
  assert.deepEqual([plain.run, plain.kernel, plain.sessionName], ['plain', undefined, 'default'])
  assert.notEqual(asked.session, plain.session)
  const doc = await intent(t, s, 'foreign', 'claimed', 'print(1)')
  await claim(desk, doc, { id: 'claimed', document: s.doc, kernel: 'another' }, 'wait')
  assert.equal((await s.show('claimed')).session, asked.session, 'the notebook is believed, not the device (RT31)')
})

test('RT32 I11 an intent of the page runs nothing before its request, which carries the choice of the user', async t => {
  const s = await scene(t)
  const desk = await s.add('Desk', idle)
  const studio = await s.add('Studio', busy)
  const doc = await intent(t, s, 'page', 'r', 'print(1)')
  await claim(desk, doc, { id: 'r', document: s.doc }, 'elsewhere')
  assert.equal((await s.api('GET', '/runs/r')).status, 404)
  await s.run({ id: 'r', on: studio.id })
  assert.equal((await studio.next('LEASE')).lease.run, 'r')
})
