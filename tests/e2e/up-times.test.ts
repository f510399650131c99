/** `meshbook up` on its own: the times that it is given, and how it ends when its device is shut out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceInfo, deviceInfoSchema } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import { clientOf, command, eventually, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

const list = v.object({ items: v.array(deviceInfoSchema) })

test('RV3 a device that is shut out says so and ends with the code of a refusal, also while it waits for its end', async t => {
  const hub = await startMesh(t, await temporaryFolder(t))
  const data = await temporaryFolder(t)
  const client = await clientOf(hub)
  const { token } = await client.post('/tokens', { name: 'up' }, v.object({ token: v.string() }))
  const ending = command(['up', '--hub', hub.url, '--name', 'Shut', '--data', data, '--json'], {
    MESHBOOK_TOKEN: token,
  })
  const shut = await eventually('it is there', async () => {
    const { items } = await client.get('/devices', list)
    return items.find((device: DeviceInfo) => device.name === 'Shut' && device.status === 'online')
  })
  await client.send('DELETE', `/devices/${shut.id}`)
  const { code, stderr } = await ending
  assert.match(stderr, /revoked/)
  assert.equal(code, 3)
})

test('up divides its times as the hub does, and refuses a divisor that is none', async t => {
  const times = { MESHBOOK_TIMES_DIVISOR: '20' }
  const hub = await startMesh(t, await temporaryFolder(t), ['--port', '0'], times)
  const client = await clientOf(hub)
  const { token } = await client.post('/tokens', { name: 'up' }, v.object({ token: v.string() }))
  const data = await temporaryFolder(t)
  const args = ['up', '--hub', hub.url, '--name', 'Quick']
  const wrong = await command([...args, '--data', data, '--json'], {
    MESHBOOK_TOKEN: token,
    MESHBOOK_TIMES_DIVISOR: '0',
  })
  assert.match(wrong.stdout + wrong.stderr, /MESHBOOK_TIMES_DIVISOR/)
  await startProcess(t, data, args, { MESHBOOK_TOKEN: token, ...times })
  const status = async () => (await client.get('/devices', list)).items.find(({ name }) => name === 'Quick')?.status
  await eventually('it is there', async () => (await status()) === 'online')
  // Its longest wait for the next try is that of the divisor: a hub that was away for long is found again within moments.
  await hub.kill('SIGKILL')
  await new Promise(resolve => setTimeout(resolve, 6_000))
  const back = await startMesh(t, hub.data, ['--port', new URL(hub.url).port], times)
  const began = performance.now()
  const again = await clientOf(back)
  const online = async () =>
    (await again.get('/devices', list)).items.find(({ name }) => name === 'Quick')?.status === 'online'
  await eventually('it is back', online)
  assert.ok(performance.now() - began < 8_000, 'not after half a minute')
})
