/** The list of devices in a real browser: what it shows, what can be done, and that nothing jumps while it changes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { eventually } from '../mesh-process.ts'
import { assertGoodPage, shot } from '../page-checks.ts'
import { fleetScene, inEachLook, looks, onBattery, openPage, watchShifts, webFolder, withCard } from './fleet-scene.ts'

const deviceNamed = async (scene: { json<T>(method: string, path: string): Promise<T> }, name: string) =>
  (await scene.json<{ items: DeviceInfo[] }>('GET', '/devices')).items.find(device => device.name === name)

test('W60 each device shows what it is, can, holds and does; load and status change without a jump: light, and dark at 390 px', async t => {
  const s = await fleetScene(t)
  const { id: document } = await s.document('deep/train.md', '```python\nx\n```\n')
  await s.json('POST', '/runs', { id: 'r', document, language: 'python', code: 'x', on: s.studio.id })
  const { lease } = await s.studio.next('LEASE')
  await s.studio.emit(lease, 1, [started])
  const heads = [{ session: lease.session, head: lease.head, fence: lease.fence }]
  for (const [index, look] of looks.entries()) {
    const { page, faults } = await openPage(t, s, '/devices', look)
    const laptop = page.getByRole('article', { name: 'MacBook Pro' })
    const studio = page.getByRole('article', { name: 'Studio GPU' })
    const phone = page.getByRole('article', { name: 'Pixel' })
    for (const text of ['Online', 'On battery, 62 %', 'Metered network', '34 %', 'python', 'r', 'bash'])
      await laptop.getByText(text).first().waitFor()
    for (const text of ['NVIDIA RTX 4090', '93 %', 'Always on', '1 live session', 'train'])
      await studio.getByText(text).first().waitFor()
    await phone.getByText('Last seen 3 h ago').waitFor()
    await assertGoodPage(page)
    await shot(page, `devices-${look.name}`)

    const shifts = await watchShifts(page)
    const busy = 0.99 + index / 100
    s.studio.send({ type: 'HEARTBEAT', metrics: { ...withCard, cpu: busy }, heads })
    await studio.getByText(`${Math.round(busy * 100)} %`).waitFor()
    s.laptop.send({ type: 'HEARTBEAT', metrics: { ...onBattery, cpu: 0.01 }, heads: [] })
    await laptop.getByText('1 %', { exact: true }).waitFor()
    assert.ok((await shifts()) < 0.001)
    s.laptop.send({ type: 'HEARTBEAT', metrics: onBattery, heads: [] })
    assert.deepEqual(faults, [])
  }
})

test('W62 revoking says first which session and run are lost, and does nothing until it is confirmed', async t => {
  const s = await fleetScene(t)
  const { id: document } = await s.document('train.md', '```python\nx\n```\n')
  await s.json('POST', '/runs', { id: 'r', document, language: 'python', code: 'x', on: s.studio.id })
  const { lease } = await s.studio.next('LEASE')
  await s.studio.emit(lease, 1, [started])
  const { page } = await openPage(t, s, '/devices', looks[1])
  const ask = async () => {
    await page.getByRole('button', { name: 'Actions for Studio GPU' }).click()
    await page.getByRole('button', { name: 'Revoke…' }).click()
    return page.getByRole('dialog', { name: 'Revoke Studio GPU?' })
  }
  const dialog = await ask()
  await dialog.getByText('1 live session with all variables: python.').waitFor()
  await dialog.getByText('1 run on it, ended as interrupted: train.').waitFor()
  await assertGoodPage(page)
  await shot(page, 'devices-revoke')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  assert.ok(await deviceNamed(s, 'Studio GPU'))
  await (await ask()).getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('article', { name: 'Studio GPU' }).waitFor({ state: 'detached' })
  assert.equal(await deviceNamed(s, 'Studio GPU'), undefined)
})

test('W61 W66 what a device is used for is changed by keys alone, and only that is sent: light, and dark at 390 px', async t => {
  const s = await fleetScene(t)
  const { page, faults } = await openPage(t, s, '/devices')
  await page.getByRole('article', { name: 'MacBook Pro' }).waitFor()
  await page.keyboard.press('Control+k')
  await page.keyboard.type('what macbook is used')
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'What MacBook Pro is used for' })
  await dialog.getByRole('combobox', { name: 'On battery' }).selectOption('never')
  await dialog.getByRole('checkbox', { name: /Always on/ }).focus()
  await page.keyboard.press('Space')
  await inEachLook(page, async look => {
    await assertGoodPage(page)
    await shot(page, `devices-policy-${look.name}`)
  })
  const sent = page.waitForRequest(request => request.method() === 'PATCH')
  await page.keyboard.press('Enter')
  assert.deepEqual((await sent).postDataJSON(), { policy: { battery: 'never', alwaysOn: true } })
  await inEachLook(page, () => page.getByRole('article', { name: 'MacBook Pro' }).getByText('Not on battery').waitFor())
  await dialog.waitFor({ state: 'detached' })
  assert.equal((await deviceNamed(s, 'MacBook Pro'))?.policy.battery, 'never')
  assert.deepEqual(faults, [])
})

test('W60 a rename shows at once; a device that goes away keeps its place and says since when', async t => {
  const s = await fleetScene(t)
  const { page } = await openPage(t, s, '/devices')
  await page.getByRole('button', { name: 'Actions for MacBook Pro' }).click()
  await page.getByRole('button', { name: 'Rename…' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Travel')
  await page.keyboard.press('Enter')
  const card = page.getByRole('article', { name: 'Travel' })
  await card.waitFor()
  const shifts = await watchShifts(page)
  s.laptop.send({ type: 'BYE', reason: 'sleep' })
  await card.getByText('Last seen just now').waitFor()
  await card.getByText('–').first().waitFor()
  assert.ok((await shifts()) < 0.001)
  await card.getByRole('button', { name: 'Wake it…' }).click()
  await page.getByText('Open its lid or press a key').waitFor()
  await assertGoodPage(page)
  await shot(page, 'devices-away')
})

test('W60 without a device the page teaches both ways to add one, and shows it by itself once it is there', async t => {
  const s = await startTestHub(t, { webFolder })
  const { page } = await openPage(t, s, '/devices', looks[1])
  const line = page.getByText(`npx meshbook up --hub ${s.hub.url}`)
  await line.waitFor()
  const { x = 0, width = 0 } = (await line.boundingBox()) ?? {}
  assert.ok(x > 16 && x + width < 374, 'the command is inside of its box')
  await assertGoodPage(page)
  await shot(page, 'devices-none')
  await page.getByRole('button', { name: 'Show a QR code' }).click()
  await page.locator('dialog[open]').waitFor()
  await page.keyboard.press('Escape')
  const { publicKey } = new TestDevice()
  await s.hub.registerDevice(publicKey, 'First', 'desktop')
  await page.getByRole('article', { name: 'First' }).waitFor()
  await eventually('the teaching is gone', async () => (await page.locator('.teach').count()) === 0)
})
