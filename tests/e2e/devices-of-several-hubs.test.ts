/** A device with its channel at one hub, asked for everything at another; and that hub killed. Real processes throughout. */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { type Completions, completionsSchema, type Run, runSchema } from '@meshbook/core/api.ts'
import { type DeviceInfo, deviceInfoSchema } from '@meshbook/core/messages.ts'
import type { NumberedEvent } from '@meshbook/core/run.ts'
import { createParser } from 'eventsource-parser'
import * as v from 'valibot'
import { type Cluster, clientOfHub, clusterToken, startBalancer, startCluster } from '../cluster.ts'
import { command, eventually, type MeshProcess, startProcess, temporaryFolder } from '../mesh-process.ts'
import { TestPostgres } from '../postgres.ts'

const postgres = await TestPostgres.start({ after })

interface Scene {
  cluster: Cluster
  /** Has the device's channel. */
  holder: MeshProcess
  other: MeshProcess
  device: MeshProcess
  document: string
  run(hub: MeshProcess, code: string): Promise<Run>
}

const devices = (hub: MeshProcess): Promise<DeviceInfo[]> =>
  clientOfHub(hub)
    .get('/devices', v.object({ items: v.array(deviceInfoSchema) }))
    .then(({ items }) => items)
const statusAt = async (hub: MeshProcess) => (await devices(hub))[0]?.status
const getRun = (hub: MeshProcess, id: string) => clientOfHub(hub).get(`/runs/${id}`, runSchema)

async function channels(hub: MeshProcess): Promise<number> {
  const headers = { authorization: `Bearer ${clusterToken}` }
  const text = await (await fetch(`${hub.url}/metrics`, { headers })).text()
  return Number(/sockets\{kind="channel"\} (\d+)/.exec(text)?.[1] ?? 0)
}

async function scene(t: TestContext): Promise<Scene> {
  const cluster = await startCluster(t, postgres, { MESHBOOK_TIMES_DIVISOR: '10' })
  const [holder, other] = cluster.hubs as [MeshProcess, MeshProcess]
  const balancer = await startBalancer(t, () => cluster.hubs)
  const data = await temporaryFolder(t)
  const folder = join(await temporaryFolder(t), 'demo')
  await mkdir(folder)
  const device = await startProcess(t, data, ['up', '--hub', balancer.url, '--name', 'Desk'], {
    MESHBOOK_TOKEN: clusterToken,
  })
  const attached = await command(['attach', folder, '--project', 'demo', '--data', data, '--json'])
  assert.equal(attached.code, 0, attached.stderr)
  const { id } = await clientOfHub(other).post(
    '/documents',
    { project: cluster.project, path: 'a.md', content: '# A\n' },
    v.object({ id: v.string() }),
  )
  await eventually('the other hub sees the device', async () => (await statusAt(other)) === 'online')
  const run = (hub: MeshProcess, code: string) =>
    clientOfHub(hub).post('/runs', { document: id, language: 'bash', code }, runSchema)
  return { cluster, holder, other, device, document: id, run }
}

async function log(hub: MeshProcess, run: string): Promise<NumberedEvent[]> {
  const events: NumberedEvent[] = []
  for await (const event of clientOfHub(hub).events(run, 0, AbortSignal.timeout(60_000))) events.push(event)
  return events
}

const textOf = (events: readonly NumberedEvent[]): string =>
  events.map(({ event }) => (event.type === 'stdout' ? event.text : '')).join('')

/** What `GET /events` of a hub tells, by name, from now on. */
async function hear(t: TestContext, hub: MeshProcess): Promise<{ type: string; data: string }[]> {
  const stop = new AbortController()
  t.after(() => stop.abort())
  const response = await fetch(`${hub.url}/api/v1/events`, {
    headers: { authorization: `Bearer ${clusterToken}` },
    signal: stop.signal,
  })
  const heard: { type: string; data: string }[] = []
  const parser = createParser({ onEvent: ({ event, data }) => void heard.push({ type: event ?? '', data }) })
  const reading = async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) parser.feed(chunk)
  }
  reading().catch(() => undefined)
  return heard
}

test('CH1 CH2 CH3 with its device at another hub: run, log, input, cancel, session requests, policy, events', async t => {
  const { holder, other, run } = await scene(t)
  const heard = await hear(t, other)
  const first = await run(other, 'echo hello; x=41')
  assert.equal(textOf(await log(other, first.id)).trim(), 'hello')
  await eventually('the events of the other hub tell of it', () =>
    heard.some(({ type, data }) => type === 'run' && data.includes(first.id) && data.includes('"completed"')),
  )

  const asking = await run(other, 'read -p "name? " n; echo "hi $n"')
  await eventually('it waits', async () => (await getRun(other, asking.id)).status === 'waiting-for-input')
  await clientOfHub(other).send('POST', `/runs/${asking.id}/input`, { text: 'ada' })
  assert.match(textOf(await log(other, asking.id)), /hi ada/)

  const sessions = v.object({ items: v.array(v.object({ id: v.string(), device: v.nullable(v.string()) })) })
  const [session] = (await clientOfHub(other).get('/sessions', sessions)).items
  assert.ok(session?.device)
  const about = { code: 'ech', cursor: 3 }
  for (const hub of [other, holder]) {
    const { items }: Completions = await clientOfHub(hub).post(
      `/sessions/${session.id}/complete`,
      about,
      completionsSchema,
    )
    assert.deepEqual(
      items.map(({ label }) => label),
      ['echo'],
    )
  }

  const endless = await run(other, 'sleep 60')
  await eventually('it runs', async () => (await getRun(other, endless.id)).status === 'running')
  await clientOfHub(other).send('POST', `/runs/${endless.id}/cancel`, {})
  await eventually('it was cancelled', async () => (await getRun(holder, endless.id)).status === 'cancelled')

  const [device] = await devices(other)
  await clientOfHub(other).send('PATCH', `/devices/${device!.id}`, { policy: { costPerHour: 3 } })
  await eventually('the holder knows the policy', async () => (await devices(holder))[0]?.policy.costPerHour === 3)
})

test('CH1 without Redis everything goes on, a little later', async t => {
  const { cluster, other, run } = await scene(t)
  await cluster.redis.stop()
  const asking = await run(other, 'read -p "name? " n; echo "hi $n"')
  await eventually('it waits', async () => (await getRun(other, asking.id)).status === 'waiting-for-input')
  await clientOfHub(other).send('POST', `/runs/${asking.id}/input`, { text: 'ada' })
  assert.match(textOf(await log(other, asking.id)), /hi ada/)
  const [device] = await devices(other)
  await clientOfHub(other).send('DELETE', `/devices/${device!.id}`)
  await eventually('no hub has the device', async () => (await devices(cluster.hubs[0]!)).length === 0)
})

test('CH5 I5 I9 kill -9 of the hub that has the device, in mid-run: it moves, and no event is lost or doubled', async t => {
  const { holder, other, run } = await scene(t)
  const heard = await hear(t, other)
  const lines = 400
  const long = await run(holder, `for i in $(seq 1 ${lines}); do echo "line $i"; sleep 0.01; done`)
  const viewing = log(other, long.id)
  await eventually('it is under way', async () => (await getRun(other, long.id)).seq > 20)
  await holder.kill('SIGKILL')
  const events = await viewing
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1),
  )
  const expected = Array.from({ length: lines }, (_, i) => `line ${i + 1}\n`).join('')
  assert.equal(textOf(events).replaceAll('\r', ''), expected)
  assert.equal(events.filter(({ event }) => event.type === 'completed').length, 1)
  const next = await run(other, 'echo after')
  assert.equal(textOf(await log(other, next.id)).trim(), 'after')
  assert.ok(!heard.some(({ type }) => type === 'device-offline'), 'it was never away for long enough')
})

test('CH4 CH6 a device revoked at one hub is cut off at the other, and one that is killed goes offline once at both', async t => {
  const { holder, other, device, run } = await scene(t)
  const heard = [await hear(t, holder), await hear(t, other)]
  const told = () => heard.map(events => events.filter(({ type }) => type === 'device-offline').length)
  await device.kill('SIGKILL')
  await eventually('both say that it is offline', () => told().every(count => count > 0))
  await new Promise(resolve => setTimeout(resolve, 2_000))
  assert.deepEqual(told(), [1, 1])
  assert.deepEqual(await Promise.all([holder, other].map(statusAt)), ['offline', 'offline'])
  await startProcess(t, device.data, ['up'])
  await eventually('it is back', async () => (await statusAt(other)) === 'online')
  const endless = await run(other, 'sleep 60')
  await eventually('it runs', async () => (await getRun(other, endless.id)).status === 'running')
  const [{ id }] = (await devices(other)) as [DeviceInfo]
  const began = performance.now()
  await clientOfHub(other).send('DELETE', `/devices/${id}`)
  await eventually('its channel is closed', async () => (await channels(holder)) === 0)
  t.diagnostic(`closed after at most ${Math.round(performance.now() - began)} ms`)
  assert.deepEqual(await Promise.all([holder, other].map(channels)), [0, 0])
  assert.equal((await getRun(holder, endless.id)).status, 'interrupted')
})
