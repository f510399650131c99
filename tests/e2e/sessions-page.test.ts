/** The list of sessions and the list of runs in a real browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import { completed, started } from '@meshbook/hub/testing/test-device.ts'
import { eventually } from '../mesh-process.ts'
import { assertGoodPage, shot } from '../page-checks.ts'
import { type FleetScene, fleetScene, inEachLook, lookAt, looks, openPage } from './fleet-scene.ts'

/** The run `r1` runs on the server, `r2` waits behind it. */
async function busySession(s: FleetScene): Promise<Lease> {
  const { id: document } = await s.document('deep/train.md', '```python\nx\n```\n')
  const ask = (id: string) => s.json('POST', '/runs', { id, document, language: 'python', code: 'x', on: s.studio.id })
  await ask('r1')
  const { lease } = await s.studio.next('LEASE')
  const { session, head, fence } = lease
  s.studio.send({ type: 'RUNTIME_UP', session, head, fence, language: 'python', kernel: 'python 3.13' })
  await s.studio.emit(lease, 1, [started])
  await ask('r2')
  return lease
}

test('W63 a session says where it is live, since when, what it runs and what waits, and is interrupted: light, and dark at 390 px', async t => {
  const s = await fleetScene(t)
  const { session } = await busySession(s)
  const { page, faults } = await openPage(t, s, '/sessions')
  const row = page.locator('.session-row')
  await inEachLook(page, async look => {
    for (const text of [
      'python',
      'demo',
      'train',
      'Studio GPU',
      'python 3.13 · since just now',
      'Running',
      '1 waiting',
    ])
      await row.getByText(text).first().waitFor()
    await assertGoodPage(page)
    await shot(page, `sessions-${look.name}`)
  })
  await lookAt(page, looks[1]!)
  await row.getByRole('button', { name: 'Interrupt' }).click()
  const asked = await s.studio.next('MRP_REQUEST')
  assert.deepEqual([asked.method, asked.session], ['interrupt', session])
  s.studio.send({ type: 'MRP_RESPONSE', id: asked.id, ok: true, result: {} })
  await page.getByText('Its variables are still there.').waitFor()
  assert.deepEqual(faults, [])
})

for (const queued of ['keep', 'cancel'] as const)
  test(`W63 W66 a restart from the palette asks what becomes of what waits: ${queued}`, async t => {
    const s = await fleetScene(t)
    const { session } = await busySession(s)
    const { page } = await openPage(t, s, '/sessions')
    await page.locator('.session-row').getByText('1 waiting').waitFor()
    await page.keyboard.press('Control+k')
    await page.keyboard.type('restart python')
    await page
      .getByRole('option', { name: /Restart python/ })
      .first()
      .waitFor()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Restart python?' })
    await dialog.getByRole('radio', { name: /keep it/ }).waitFor()
    if (queued === 'cancel') await page.keyboard.press('ArrowDown')
    await assertGoodPage(page)
    await shot(page, 'sessions-restart')
    await page.keyboard.press('Enter')
    const asked = await s.studio.next('MRP_REQUEST')
    assert.deepEqual([asked.method, asked.session], ['restart', session])
    s.studio.send({ type: 'MRP_RESPONSE', id: asked.id, ok: true, result: {} })
    const is = async (id: string) => (await s.json<Run>('GET', `/runs/${id}`)).status
    if (queued === 'cancel') await eventually('what waits is cancelled', async () => (await is('r2')) === 'cancelled')
    else await page.getByText('the outputs stay', { exact: false }).first().waitFor()
    if (queued === 'keep') assert.notEqual(await is('r2'), 'cancelled')
  })

test('W63 without a session the page says what one is and how it begins', async t => {
  const s = await fleetScene(t)
  const { page } = await openPage(t, s, '/sessions', looks[1])
  await page.getByText('It begins with the first run').waitFor()
  await assertGoodPage(page)
})

test('W54 W55 W64 the list of runs says why each waits or went where it went, and what would let it start: light, and dark at 390 px', async t => {
  const s = await fleetScene(t)
  const lease = await busySession(s)
  await s.studio.emit(lease, 2, [completed])
  const { lease: second } = await s.studio.next('LEASE')
  await s.studio.emit(second, 1, [started])
  s.laptop.send({ type: 'BYE', reason: 'sleep' })
  const { id: document } = await s.document('plan.md', '```bash\nx\n```\n')
  await s.json('POST', '/runs', { id: 'r3', document, language: 'bash', code: 'x', on: s.laptop.id })
  const { page, faults } = await openPage(t, s, '/runs')
  const rows = page.locator('.run-row')
  const waiting = rows.filter({ hasText: 'plan' })
  const done = rows.filter({ hasText: 'Completed' })
  await inEachLook(page, async () => {
    await waiting.getByText('Why it waits').waitFor()
    for (const text of ['You chose MacBook Pro; no other is tried.', 'Wake MacBook Pro, or choose another device.'])
      await waiting.getByText(text).waitFor()
  })
  await done.locator('.run-where').click()
  await inEachLook(page, async look => {
    await done.getByText('You chose Studio GPU; no other is tried.').waitFor()
    await done.getByText('It is the first run of its session').waitFor()
    await done.getByText('2 events').waitFor()
    assert.equal(await done.getByText(/fence/i).count(), 0)
    await assertGoodPage(page)
    await shot(page, `runs-${look.name}`)
  })

  await page.getByRole('combobox', { name: 'Device' }).selectOption({ label: 'Studio GPU' })
  await waiting.waitFor({ state: 'detached' })
  assert.equal(await rows.count(), 2)
  await page.getByRole('combobox', { name: 'State' }).selectOption('completed')
  await eventually('one is left', async () => (await rows.count()) === 1)
  await page.getByRole('combobox', { name: 'Device' }).selectOption('')
  await page.getByRole('combobox', { name: 'State' }).selectOption('live')
  await page.getByRole('combobox', { name: 'Project' }).selectOption({ label: 'demo' })
  await eventually('two go on', async () => (await rows.count()) === 2)
  await lookAt(page, looks[1]!)
  await waiting.getByRole('button', { name: 'Run on…', exact: true }).click()
  await page.getByRole('button', { name: 'Studio GPU online' }).click()
  const { lease: given } = await s.studio.next('LEASE')
  assert.equal((await s.json<Run>('GET', `/runs/${given.run}`)).againOf, 'r3')
  assert.equal((await s.json<Run>('GET', '/runs/r3')).status, 'cancelled')
  await waiting.getByRole('button', { name: 'Cancel the run' }).click()
  assert.equal((await s.studio.next('RUN_CANCEL')).run, given.run)
  assert.deepEqual(faults, [])
})

test('W64 runs that are older than a page are asked of the hub', async t => {
  const s = await fleetScene(t)
  s.laptop.send({ type: 'BYE', reason: 'sleep' })
  s.studio.send({ type: 'BYE', reason: 'sleep' })
  const { id: document } = await s.document('many.md', '```python\nx\n```\n')
  for (let n = 0; n < 103; n++) {
    await s.json('POST', '/runs', { id: `run${n}`, document, language: 'python', code: 'x', on: s.laptop.id })
    await s.json('POST', `/runs/run${n}/cancel`, {})
  }
  const { page } = await openPage(t, s, '/runs')
  const rows = page.locator('.run-row')
  await eventually('a page is there', async () => (await rows.count()) === 100)
  await page.getByRole('button', { name: 'Show older runs' }).click()
  await eventually('all are there', async () => (await rows.count()) === 103)
  assert.equal(await page.getByRole('button', { name: 'Show older runs' }).count(), 0)
})
