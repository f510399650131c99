import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type DeviceId, type OrgId, type ProjectId, systemRandom, type UserId } from '@meshbook/core/ids.ts'
import type { LanOffer } from '@meshbook/core/lan.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, DownMessage, Metrics } from '@meshbook/core/messages.ts'
import { Metrics as HubMetrics } from '../metrics.ts'
import type { HubStore } from '../store/hub-store.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { addTestUser } from '../testing/test-user.ts'
import { LanGrants } from './lan-grants.ts'

const held = { heads: [], runs: [] }
const metrics = (networks?: string[]): Metrics => ({
  cpu: 0,
  memoryBytes: 1,
  memoryFreeBytes: 1,
  gpus: [],
  ...(networks && { networks }),
})
const offerOf = (name: string): LanOffer => ({
  addresses: ['192.168.1.7'],
  port: 4_000,
  certificate: name.padEnd(300, 'x'),
})

interface Setting {
  lan?: LanOffer | undefined
  projects?: ProjectId[]
}

async function join(t: TestContext, hub: TestHub, name: string, setting: Setting = {}): Promise<TestDevice> {
  const device = new TestDevice(name)
  await hub.hub.registerDevice(device.publicKey, name, 'desktop')
  const lan = 'lan' in setting ? setting.lan : offerOf(name)
  const projects = setting.projects ?? [hub.project.id]
  await device.join(t, hub.hub, projects, held, ['python'], metrics(), lan && { lan })
  return device
}

const beat = (device: TestDevice, direct: TestDevice[]): void =>
  device.send({
    type: 'HEARTBEAT',
    metrics: metrics(),
    heads: [],
    lan: offerOf(device.name),
    direct: direct.map(({ id }) => id),
  })

/** Nothing of the kind comes in the time in which it would. */
async function nothing(device: TestDevice, type: 'LAN_GRANT' | 'LAN_END'): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 150))
  assert.deepEqual(
    device.received.filter(message => message.type === type),
    [],
  )
}

test('LAN3 two devices of one user on one network are told of each other in one step: one dials, the other listens', async t => {
  const hub = await startTestHub(t)
  const [a, b] = [await join(t, hub, 'a'), await join(t, hub, 'b')]
  const [toA, toB] = [await a.next('LAN_GRANT'), await b.next('LAN_GRANT')]
  assert.deepEqual([toA.peer, toB.peer], [b.id, a.id])
  assert.deepEqual([toA.role, toB.role].sort(), ['dial', 'listen'])
  assert.equal(toA.nonce, toB.nonce)
  assert.deepEqual([toA.certificate, toB.certificate], [offerOf('b').certificate, offerOf('a').certificate])
  assert.deepEqual([toA.projects, toB.projects], [[hub.project.id], [hub.project.id]])
  assert.ok(toA.ttlMs <= 60_000)
  await nothing(a, 'LAN_GRANT')
})

test('LAN1 LAN3 nothing is granted to who does not offer it, has no project in common, or belongs to somebody else', async t => {
  const hub = await startTestHub(t)
  const a = await join(t, hub, 'a')
  const others = [await join(t, hub, 'silent', { lan: undefined }), await join(t, hub, 'apart', { projects: [] })]
  const stranger = new TestDevice('stranger')
  const user = await addTestUser(hub, 'Other')
  await user.json('POST', '/devices', { publicKey: stranger.publicKey, name: 'stranger', kind: 'desktop' })
  await stranger.join(t, hub.hub, [hub.project.id], held, [], metrics(), { lan: offerOf('stranger') })
  for (const device of [a, ...others, stranger]) await nothing(device, 'LAN_GRANT')
})

/** Devices at their places, without a hub around. */
function alone(networks: Record<string, string[]>) {
  const [org, user, project] = ['org_1' as OrgId, 'usr_1' as UserId, 'prj_1' as ProjectId]
  const sent: { to: string; message: DownMessage }[] = []
  const lan = new LanGrants({
    store: { query: async () => [{ id: project }] } as unknown as Pick<HubStore, 'query'>,
    fleet: {
      whereabouts: id => networks[id] && { org, user, networks: networks[id], projects: new Set([project]) },
      linked: () => Object.keys(networks) as DeviceId[],
      send: (to, message) => sent.push({ to, message }) > 0,
      connectedDirectly: () => undefined,
    },
    random: systemRandom,
    now: () => 0,
    times: limits,
    metrics: new HubMetrics(),
  })
  const join = (id: string): Promise<void> => lan.offered(id as DeviceId, offerOf(id), [])
  return { lan, join, sent }
}

test('LAN3 devices that share no network are not told of each other', async () => {
  const { join, sent } = alone({ a: ['home', 'x'], b: ['office', 'y'], c: ['office', 'x'] })
  for (const id of ['a', 'b', 'c']) await join(id)
  const pairs = sent.map(({ to, message }) => `${to}${message.type === 'LAN_GRANT' ? message.peer : ''}`).sort()
  assert.deepEqual(pairs, ['ac', 'bc', 'ca', 'cb'])
})

test('LAN3 a device is granted eight others at most', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `d${i}`)
  const { join, sent } = alone(Object.fromEntries(names.map(name => [name, ['home']])))
  for (const name of names) await join(name)
  for (const name of names) assert.ok(sent.filter(({ to }) => to === name).length <= limits.lanPeersPerDevice, name)
  assert.equal(sent.filter(({ to }) => to === 'd0').length, limits.lanPeersPerDevice)
})

test('LAN4 who says that it is connected has it prolonged by the same grant; LAN5 who is not gets another and the other one dials', async t => {
  const hub = await startTestHub(t)
  const [a, b] = [await join(t, hub, 'a'), await join(t, hub, 'b')]
  const [first] = [await a.next('LAN_GRANT'), await b.next('LAN_GRANT')]
  hub.clock.offsetMs = 16_000
  beat(a, [b])
  const [again, there] = [await a.next('LAN_GRANT'), await b.next('LAN_GRANT')]
  assert.deepEqual([again.nonce, there.nonce, again.role], [first.nonce, first.nonce, first.role])
  beat(b, [a])
  await nothing(b, 'LAN_GRANT')
  hub.clock.offsetMs = 32_000
  beat(b, [])
  const [fresh, freshThere] = [await a.next('LAN_GRANT'), await b.next('LAN_GRANT')]
  assert.notEqual(fresh.nonce, first.nonce)
  assert.equal(fresh.nonce, freshThere.nonce)
  assert.notEqual(fresh.role, first.role)
})

test('LAN4 revoking a device ends at once what others were granted with it; a lost channel does not', async t => {
  const hub = await startTestHub(t)
  const [a, b, c] = [await join(t, hub, 'a'), await join(t, hub, 'b'), await join(t, hub, 'c')]
  await c.next('LAN_GRANT', ({ peer }) => peer === b.id)
  await c.next('LAN_GRANT', ({ peer }) => peer === a.id)
  await a.drop()
  await nothing(c, 'LAN_END')
  await hub.api('DELETE', `/devices/${a.id}`)
  assert.equal((await c.next('LAN_END')).peer, a.id, 'what was granted before it left may still stand')
  const from = performance.now()
  await hub.api('DELETE', `/devices/${b.id}`)
  assert.equal((await c.next('LAN_END')).peer, b.id)
  t.diagnostic(`told after ${Math.round(performance.now() - from)} ms`)
  beat(c, [b])
  await nothing(c, 'LAN_GRANT')
})

test('LAN2 LAN26 addresses are shown to nobody; who is connected directly is shown to the owner', async t => {
  const hub = await startTestHub(t)
  const [a, b] = [await join(t, hub, 'a'), await join(t, hub, 'b')]
  beat(a, [b])
  beat(b, [a])
  const shown = async () => JSON.stringify(await hub.json('GET', '/devices'))
  for (let tries = 0; tries < 100 && !(await shown()).includes('"direct"'); tries++)
    await new Promise(resolve => setTimeout(resolve, 20))
  const { items } = await hub.json<{ items: DeviceInfo[] }>('GET', '/devices')
  assert.deepEqual(items.find(({ id }) => id === a.id)?.direct, [b.id])
  assert.ok(!(await shown()).includes('192.168.1.7') && !(await shown()).includes('xxxx'))
  assert.ok(!JSON.stringify(a.received.filter(({ type }) => type === 'DEVICE_LIST')).includes('192.168.1.7'))
  const scraped = await fetch(`${hub.hub.url}/metrics`, { headers: { authorization: `Bearer ${hub.token}` } })
  assert.match(await scraped.text(), /meshbook_direct_connections 1\n/)
})
