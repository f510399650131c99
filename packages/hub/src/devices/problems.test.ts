import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, DeviceProblem } from '@meshbook/core/messages.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

const problem = (text: string): DeviceProblem => ({ code: 'DISK_FULL', text, next: 'Free some space.' })

async function join(t: TestContext, test: TestHub, name: string): Promise<TestDevice> {
  const device = new TestDevice(name)
  await test.hub.registerDevice(device.publicKey, name, 'desktop')
  const { problems } = await device.join(t, test.hub, [test.project.id])
  assert.equal(problems, true)
  return device
}

async function shown(test: TestHub, device: TestDevice): Promise<string[]> {
  const { items } = await test.json<{ items: DeviceInfo[] }>('GET', '/devices')
  return items.find(({ id }) => id === device.id)?.problems?.items.map(({ text }) => text) ?? []
}

const shows = (test: TestHub, device: TestDevice, ...wanted: string[]) =>
  until(async () => JSON.stringify(await shown(test, device)) === JSON.stringify(wanted))

test('PR1 PR2 PR3 what a device tells is its own, replaces what it told, and stays while it is away', async t => {
  const test = await startTestHub(t)
  const [anvil, bench] = [await join(t, test, 'anvil'), await join(t, test, 'bench')]
  anvil.send({ type: 'PROBLEMS', items: [problem('The disk is full'), problem('A file cannot be read')], more: 0 })
  await shows(test, anvil, 'The disk is full', 'A file cannot be read')
  assert.deepEqual(await shown(test, bench), [])
  const list = await bench.next('DEVICE_LIST', ({ devices }) => devices.length === 2)
  assert.ok(list.devices.every(device => device.problems === undefined))
  await anvil.drop()
  assert.equal((await shown(test, anvil)).length, 2)
  await anvil.join(t, test.hub, [test.project.id])
  anvil.send({ type: 'PROBLEMS', items: [], more: 0 })
  await shows(test, anvil)
})

test('PR1 more or longer problems than allowed close the channel, and change nothing', async t => {
  const test = await startTestHub(t)
  for (const items of [
    Array.from({ length: limits.problemsPerDevice + 1 }, (_, n) => problem(`${n}`)),
    [problem('x'.repeat(limits.problemTextChars + 1))],
  ]) {
    const device = await join(t, test, 'anvil')
    const closed = once(device.socket!, 'close')
    device.send({ type: 'PROBLEMS', items, more: 0 })
    assert.equal((await closed)[0], 4400)
    assert.deepEqual(await shown(test, device), [])
  }
})

test('PR3 after a restart of the hub nothing is known until the device tells it anew', async t => {
  const test = await startTestHub(t)
  const device = await join(t, test, 'anvil')
  device.send({ type: 'PROBLEMS', items: [problem('The disk is full')], more: 0 })
  await shows(test, device, 'The disk is full')
  await test.restart()
  test.token = await test.hub.commandLineToken()
  assert.deepEqual(await shown(test, device), [])
})
