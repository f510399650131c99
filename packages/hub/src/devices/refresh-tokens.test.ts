import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { atEnd } from '../testing/at-end.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

async function paired(t: TestContext): Promise<{ test: TestHub; device: TestDevice }> {
  const test = await startTestHub(t)
  const device = new TestDevice()
  await test.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  return { test, device }
}

async function join(t: TestContext, test: TestHub, device: TestDevice, token?: string): Promise<string> {
  const { token: next } = await device.join(
    t,
    test.hub,
    [],
    undefined,
    undefined,
    undefined,
    token === undefined ? {} : { token },
  )
  assert.match(next ?? '', /^[\w-]{43}$/)
  await device.drop()
  return next!
}

/** Registers with a token that is used up; resolves once the hub has closed the channel. */
async function isShutOut(
  t: TestContext,
  test: TestHub,
  device: TestDevice,
  token?: string,
): Promise<string | undefined> {
  await device.connect(t, test.hub)
  const closed = once(device.socket!, 'close')
  device.send({
    type: 'REGISTER',
    version: 1,
    device: device.id,
    name: 'Desk',
    kind: 'desktop',
    os: 'linux',
    arch: 'x64',
    runtimes: [],
    metrics: { cpu: 0, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] },
    projects: [],
    heads: [],
    runs: [],
    ...(token === undefined ? {} : { token }),
  })
  const { reason } = await device.next('REVOKED')
  assert.equal((await closed)[0], 4401)
  return reason
}

test('TK1 each welcome brings the next token, for as long as anybody likes', async t => {
  const { test, device } = await paired(t)
  let token = await join(t, test, device)
  const seen = new Set([token])
  for (let i = 0; i < 5; i++) {
    token = await join(t, test, device, token)
    seen.add(token)
    test.clock.offsetMs += 200 * 24 * 3_600_000
    device.clock.offsetMs = test.clock.offsetMs
  }
  assert.equal(seen.size, 6)
})

test('TK2 a welcome that was lost, however often, costs nothing: the token before it is still good', async t => {
  const { test, device } = await paired(t)
  const first = await join(t, test, device)
  const second = await join(t, test, device, first)
  for (let i = 0; i < 3; i++) await join(t, test, device, first)
  const third = await join(t, test, device, first)
  assert.notEqual(third, second)
  await join(t, test, device, third)
})

test('TK3 the first token is handed out again until one has been shown, and never afterwards', async t => {
  const { test, device } = await paired(t)
  await join(t, test, device)
  const token = await join(t, test, device)
  await join(t, test, device, token)
  assert.match((await isShutOut(t, test, device)) ?? '', /two places/)
})

test('TK4 a token that is used up shuts the device out at once, ends what it holds, and says why', async t => {
  const { test, device } = await paired(t)
  const first = await join(t, test, device)
  const second = await join(t, test, device, first)
  const third = await join(t, test, device, second)
  const events = await fetch(`${test.hub.url}/api/v1/events`, { headers: { authorization: `Bearer ${test.token}` } })
  const open = new TestDevice('Thief')
  Object.assign(open, device)
  await device.join(t, test.hub, [], undefined, undefined, undefined, { token: third })
  const closed = once(device.socket!, 'close')
  assert.equal(await isShutOut(t, test, device, first), 'its key was used from two places; pair it again')
  await closed
  assert.deepEqual((await test.json<{ items: object[] }>('GET', '/devices')).items, [])
  const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/channel`, 'meshbook.v1', {
    headers: { authorization: device.proof(new URL(test.hub.url).host) },
  })
  socket.on('error', () => undefined)
  atEnd(t, () => socket.terminate())
  const [, answer] = (await once(socket, 'unexpected-response')) as [
    unknown,
    AsyncIterable<Buffer> & { statusCode: number },
  ]
  let body = ''
  for await (const chunk of answer) body += String(chunk)
  assert.match(body, /"code":"REVOKED".*two places/)
  const reader = events.body!.getReader()
  let told = ''
  while (!told.includes('event: revoked')) told += Buffer.from((await reader.read()).value!).toString()
  await reader.cancel()
  assert.match(told, /two places/)
})

test('AD1 TK4 RV1 a device that is shut out stands in the audit log with the reason', async t => {
  const { test, device } = await paired(t)
  const first = await join(t, test, device)
  const second = await join(t, test, device, first)
  await join(t, test, device, second)
  await isShutOut(t, test, device, first)
  const { items } = await test.json<{
    items: { action: string; target: string; credential: string; detail: object }[]
  }>('GET', '/audit?action=device-shut-out')
  assert.deepEqual(
    items.map(({ target, credential, detail }) => [target, credential, detail]),
    [[device.id, `device:${device.id}`, { reason: 'its key was used from two places; pair it again' }]],
  )
})

test('TK5 of two holders of one key, whoever comes second is noticed, whichever it is', async t => {
  const { test, device } = await paired(t)
  const shared = await join(t, test, device)
  const owners = await join(t, test, device, shared)
  await join(t, test, device, shared)
  assert.match((await isShutOut(t, test, device, owners)) ?? '', /two places/)
})

test('TK6 a registration that arrives late, from a connection older than the last one, changes nothing', async t => {
  const { test, device } = await paired(t)
  const first = await join(t, test, device)
  const host = new URL(test.hub.url).host
  const late = new TestDevice()
  const proof = device.proof(host)
  Object.assign(late, { id: device.id })
  await late.connect(t, test.hub, proof)
  await new Promise(resolve => setTimeout(resolve, 5))
  const second = await join(t, test, device, first)
  const third = await join(t, test, device, second)
  const closed = once(late.socket!, 'close')
  late.send({
    type: 'REGISTER',
    version: 1,
    device: device.id,
    name: 'Desk',
    kind: 'desktop',
    os: 'linux',
    arch: 'x64',
    runtimes: [],
    metrics: { cpu: 0, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] },
    projects: [],
    heads: [],
    runs: [],
    token: first,
  })
  assert.notEqual((await closed)[0], 4401)
  await join(t, test, device, third)
})

test('TK8 S7 the hub keeps hashes alone', async t => {
  const { test, device } = await paired(t)
  const first = await join(t, test, device)
  const second = await join(t, test, device, first)
  for (const token of [first, second]) assert.ok(!test.logged.some(line => line.includes(token)))
  const { readFile, readdir } = await import('node:fs/promises')
  for (const name of await readdir(test.folder))
    if (name.startsWith('hub.db')) {
      const bytes = await readFile(`${test.folder}/${name}`, 'latin1')
      assert.ok(!bytes.includes(first) && !bytes.includes(second), name)
    }
})

test('TK8 a hub that is killed between storing and telling keeps the device: it shows the token before', async t => {
  const { test, device } = await paired(t)
  const first = await join(t, test, device)
  await join(t, test, device, first)
  await test.restart()
  const again = await join(t, test, device, first)
  await test.restart()
  await join(t, test, device, again)
})

test('TK6 a device is not kept out until then when its clock and the one of the hub were wrong together and are set right', async t => {
  const { test, device } = await paired(t)
  device.clock = test.clock
  test.clock.offsetMs = 86_400_000
  const first = await join(t, test, device)
  test.clock.offsetMs = 0
  const second = await join(t, test, device, first)
  await join(t, test, device, second)
  assert.equal(await isShutOut(t, test, device, first), 'its key was used from two places; pair it again')
})
