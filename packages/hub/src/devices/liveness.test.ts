import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

async function join(t: TestContext, hub: TestHub, name = 'desk'): Promise<TestDevice> {
  const device = new TestDevice(name)
  await hub.hub.registerDevice(device.publicKey, name, 'desktop')
  await device.join(t, hub.hub, [])
  return device
}

/** Names of the events that `GET /events` tells, from now on. */
async function hear(t: TestContext, hub: TestHub): Promise<string[]> {
  const stop = new AbortController()
  t.after(() => stop.abort())
  const headers = { authorization: `Bearer ${hub.token}` }
  const response = await fetch(`${hub.hub.url}/api/v1/events`, { headers, signal: stop.signal })
  const heard: string[] = []
  let rest = ''
  const read = async () => {
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      heard.push(...lines.filter(line => line.startsWith('event: ')).map(line => line.slice('event: '.length)))
    }
  }
  read().catch(() => undefined)
  return heard
}

const statusOf = async (hub: TestHub) =>
  (await hub.json<{ items: DeviceInfo[] }>('GET', '/devices')).items[0]?.status ?? 'gone'

/** Seconds from now until each status, as they come. */
async function watch(hub: TestHub, last: string, stepMs: number): Promise<Map<string, number>> {
  const began = performance.now()
  const seen = new Map<string, number>()
  while (!seen.has(last)) {
    const status = await statusOf(hub)
    if (!seen.has(status)) seen.set(status, performance.now() - began)
    await new Promise(resolve => setTimeout(resolve, stepMs))
  }
  return seen
}

test('CH6 at the real times: a device that falls silent is suspect after 30 s and offline after 60 s, and that is told once', async t => {
  const hub = await startTestHub(t)
  const heard = await hear(t, hub)
  const device = await join(t, hub)
  device.socket?.pause()
  const seen = await watch(hub, 'offline', 500)
  const [suspect, offline] = [seen.get('suspect')!, seen.get('offline')!]
  t.diagnostic(`suspect after ${Math.round(suspect)} ms, offline after ${Math.round(offline)} ms`)
  assert.ok(suspect > 28_000 && suspect < 50_000, `${suspect}`)
  assert.ok(offline > 58_000 && offline < 90_000, `${offline}`)
  await until(() => heard.includes('device-offline'))
  await new Promise(resolve => setTimeout(resolve, 1_500))
  assert.equal(heard.filter(type => type === 'device-offline').length, 1)
})

test('CH6 each going offline is told once: silence, a goodbye, a cut; a device that is back in time is not told of', async t => {
  const hub = await startTestHub(t, { timesDivisor: 30 })
  const heard = await hear(t, hub)
  const told = () => heard.filter(type => type === 'device-offline').length
  const device = await join(t, hub)
  await device.drop()
  await device.join(t, hub.hub, [])
  await until(async () => (await statusOf(hub)) === 'online')
  assert.equal(told(), 0)
  await device.drop()
  await until(() => told() === 1)
  await device.join(t, hub.hub, [])
  device.send({ type: 'BYE', reason: 'sleep' })
  await until(() => told() === 2)
  await device.drop()
  await new Promise(resolve => setTimeout(resolve, 3_000))
  assert.equal(told(), 2)
})

test('CH30 CH31 heartbeats cost other devices nothing; what becomes of a device is told as a difference, without load', async t => {
  const hub = await startTestHub(t)
  const [anvil, bench] = [await join(t, hub, 'anvil'), await join(t, hub, 'bench')]
  const whole = await bench.next('DEVICE_LIST', ({ part }) => part !== true)
  assert.deepEqual(
    whole.devices.map(({ name, metrics }) => [name, metrics]),
    [
      ['anvil', null],
      ['bench', null],
    ],
  )
  await new Promise(resolve => setTimeout(resolve, 200))
  bench.received.length = 0
  const metrics = { cpu: 0.9, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }
  for (let i = 0; i < 20; i++) anvil.send({ type: 'HEARTBEAT', metrics, heads: [] })
  await until(async () => (await (await hub.api('GET', '/devices')).text()).includes('"cpu":0.9'))
  await new Promise(resolve => setTimeout(resolve, 200))
  assert.deepEqual(bench.received, [])
  await anvil.drop()
  const { part, devices } = await bench.next('DEVICE_LIST')
  assert.deepEqual([part, devices.map(({ name }) => name), devices[0]?.metrics], [true, ['anvil'], null])
  await hub.api('DELETE', `/devices/${anvil.id}`)
  assert.deepEqual((await bench.next('DEVICE_LIST')).gone, [anvil.id])
})
