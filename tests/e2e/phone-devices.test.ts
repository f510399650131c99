/** The devices on the phone, by touch: what they are and do, renamed and revoked for good (PH70, W60-W62). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { started } from '@meshbook/hub/testing/test-device.ts'
import { eventually, startMesh, temporaryFolder } from '../mesh-process.ts'
import { fleetScene } from './fleet-scene.ts'
import { linkOf, looksGood, openPhone } from './phone-scene.ts'

test('W60 PH70 each device shows its kind, state, runtimes, load, battery, sessions, problems and how to wake it', async t => {
  const s = await fleetScene(t)
  const { id: document } = await s.document('deep/train.md', '# T\n')
  await s.json('POST', '/runs', { id: 'r', document, language: 'python', code: 'x', on: s.studio.id })
  const { lease } = await s.studio.next('LEASE')
  await s.studio.emit(lease, 1, [started])
  const { page, open, faults } = await openPhone(t, await linkOf(s))
  await open('/m/devices')
  const card = (name: string) => page.getByRole('article', { name })
  for (const text of ['Online', 'On battery, 62 %', 'Metered network', '34 %', 'python', 'r', 'bash', 'Computer'])
    await card('MacBook Pro').getByText(text).first().waitFor()
  for (const text of ['NVIDIA RTX 4090', '93 %', 'Server', '1 live session', 'train'])
    await card('Studio GPU').getByText(text).first().waitFor()
  await card('Pixel').getByText('Last seen 3 h ago').waitFor()
  await card('Pixel').getByRole('button', { name: 'Wake it…' }).tap()
  await card('Pixel').getByText('Open Meshbook on Pixel.').waitFor()
  await looksGood(page, 'devices')
  await card('Studio GPU').getByRole('link', { name: /train/ }).tap()
  await page.waitForURL('**/m/runs/r')
  await page.locator('.pill', { hasText: 'Running' }).waitFor()
  assert.deepEqual(faults, [])
})

test('W61 W62 a device is renamed and revoked on the phone; both need an answer, say what is lost, and last', async t => {
  const s = await fleetScene(t)
  const { page, open, faults } = await openPhone(t, await linkOf(s))
  await open('/m/devices')
  const card = (name: string) => page.getByRole('article', { name })
  await card('MacBook Pro').getByRole('button', { name: 'Rename' }).tap()
  await page.getByRole('dialog').getByLabel('Name').fill('Desk')
  await looksGood(page, 'device rename')
  await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).tap()
  await card('Desk').waitFor()
  await page.reload()
  await card('Desk').getByRole('button', { name: 'Revoke' }).tap()
  const dialog = page.getByRole('dialog', { name: 'Revoke Desk?' })
  await dialog.getByText('It must be paired again to come back.').waitFor()
  await looksGood(page, 'device revoke')
  await dialog.getByRole('button', { name: 'Cancel' }).tap()
  const names = async () => (await s.json<{ items: DeviceInfo[] }>('GET', '/devices')).items.map(({ name }) => name)
  assert.ok((await names()).includes('Desk'), 'nothing happens before it is confirmed')
  await card('Desk').getByRole('button', { name: 'Revoke' }).tap()
  await dialog.getByRole('button', { name: 'Revoke' }).tap()
  await eventually('it is gone', async () => (await card('Desk').count()) === 0)
  await page.reload()
  await card('Studio GPU').waitFor()
  assert.equal(await card('Desk').count(), 0)
  assert.ok(!(await names()).includes('Desk'))
  assert.deepEqual(faults, [])
})

test('PH72 a real device is there while its hub answers; afterwards it is said that this is how it was', async t => {
  const mesh = await startMesh(t, await temporaryFolder(t))
  const { page, open } = await openPhone(t, mesh)
  await open('/m/devices')
  const device = page.getByRole('article')
  await device.getByText('Online').waitFor()
  await device.getByText('python').first().waitFor()
  await mesh.kill('SIGKILL')
  await page.getByText('This is how they were when the hub last answered.').waitFor()
  assert.equal(await device.count(), 1)
})
