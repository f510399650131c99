/** What a run asks a person, on the page of a real browser and on the command line: the exact bytes, one decision, a receipt. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Gate, Run } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { completed, started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import { openBrowser, signIn } from '../browser.ts'
import { command, eventually } from '../mesh-process.ts'

const webFolder = fileURLToPath(new URL('../../packages/web/dist', import.meta.url))
const shown = '<script>alert(1)</script> && rm -rf \u202e/build\n'

function question(): Extract<RunEvent, { type: 'gate-opened' }> {
  const at = Date.now()
  const gate = newId('gate', at, systemRandom)
  return {
    type: 'gate-opened',
    at,
    gate,
    nonce: Buffer.from(systemRandom(16)).toString('base64url'),
    title: 'Run this command?',
    shown,
    expiresAt: at + 600_000,
  }
}

interface Scene extends TestHub {
  desk: TestDevice
  lease: Lease
}

/** A device that has begun the run `r`. */
async function scene(t: TestContext): Promise<Scene> {
  const test = await startTestHub(t, { webFolder })
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('a.md', '# A\n\n```python\nx\n```\n')
  await test.json('POST', '/runs', { id: 'r', document, language: 'python', code: 'x' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  return Object.assign(test, { desk, lease })
}

for (const look of [
  { name: 'light, 1440 px', dark: false, width: 1440 },
  { name: 'dark, 390 px', dark: true, width: 390 },
])
  test(`RU2 RU4 RU6 S18 a page shows the exact bytes, takes one decision by keys, and shows the receipt (${look.name})`, async t => {
    const s = await scene(t)
    const { page, faults } = await openBrowser(t, look)
    await signIn(page, { url: s.hub.url, link: await s.hub.signInLink() })
    await page.goto(`${s.hub.url}/runs`)
    const asked = question()
    await s.desk.emit(s.lease, 2, [asked])
    const card = page.locator('.gate-card')
    await card.getByText('<script>alert(1)</script> && rm -rf ').waitFor()
    assert.equal(await card.locator('mark').textContent(), '⟨U+202E⟩')
    const { violations } = await new AxeBuilder({ page }).analyze()
    assert.deepEqual(
      violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
      [],
    )
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    assert.ok(wide <= 0, `${wide} px too wide`)
    if (process.env.MESHBOOK_SHOTS)
      await page.screenshot({ path: `${process.env.MESHBOOK_SHOTS}/gate-${look.width}.png` })
    await card.getByRole('textbox', { name: 'Comment' }).focus()
    await page.keyboard.type('fine')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    const told = await s.desk.next('GATE_DECIDED')
    assert.deepEqual([told.decision, told.comment, told.nonce], ['approved', 'fine', asked.nonce])
    await card.getByText('Desk has not confirmed it yet.').waitFor()
    await s.desk.emit(s.lease, 3, [{ type: 'gate-decided', at: Date.now(), gate: asked.gate, decision: 'approved' }])
    await card.getByText(/Desk has it since/).waitFor()
    assert.deepEqual(faults, [])
  })

test('RU20 RU21 RU32 a list of runs offers what was interrupted again, with a warning, and can be narrowed', async t => {
  const s = await scene(t)
  await s.desk.join(t, s.hub, [s.project.id])
  const { page } = await openBrowser(t, { width: 390 })
  await signIn(page, { url: s.hub.url, link: await s.hub.signInLink() })
  await page.goto(`${s.hub.url}/runs`)
  const rows = page.locator('.run-row')
  await rows.getByText('Interrupted', { exact: true }).waitFor()
  await page.getByRole('combobox', { name: 'State' }).selectOption('completed')
  await page.getByText('No run is like that').waitFor()
  await page.getByRole('combobox', { name: 'State' }).selectOption('')
  await rows.getByRole('button', { name: 'Run again' }).click()
  await rows.getByText('What it did outside may happen twice.').waitFor()
  if (process.env.MESHBOOK_SHOTS) await page.screenshot({ path: `${process.env.MESHBOOK_SHOTS}/again-390.png` })
  await rows.getByRole('button', { name: 'Run it again' }).click()
  const { lease } = await s.desk.next('LEASE')
  assert.notEqual(lease.run, 'r')
  assert.equal((await s.json<Run>('GET', `/runs/${lease.run}`)).againOf, 'r')
})

test('RU4 RU21 the command line lists, shows, approves and repeats, with codes for scripts', async t => {
  const s = await scene(t)
  const cli = (...args: string[]) => command([...args, '--hub', s.hub.url], { MESHBOOK_TOKEN: s.token })
  assert.match((await cli('gate', 'list')).stderr, /Nobody asks you anything/)
  const asked = question()
  await s.desk.emit(s.lease, 2, [asked])
  const listed = JSON.parse((await cli('gate', 'list', '--json')).stdout) as Gate
  assert.equal(listed.id, asked.gate)
  assert.match((await cli('gate', 'show', asked.gate)).stdout, /rm -rf ⟨U\+202E⟩\/build/)
  assert.equal((await cli('gate', 'approve', asked.gate)).code, 2, 'nobody to ask, and no --yes')
  assert.equal((await cli('gate', 'approve', asked.gate, '--digest', 'a'.repeat(64))).code, 5)
  assert.equal((await cli('gate', 'reject', asked.gate, '--digest', listed.digest)).code, 0)
  assert.equal((await s.desk.next('GATE_DECIDED')).decision, 'rejected')
  assert.equal((await cli('gate', 'approve', asked.gate, '--yes')).code, 5)

  const tail = cli('runs', 'tail', 'r', '--json')
  await s.desk.emit(s.lease, 3, [
    { type: 'failed', at: Date.now(), durationMs: 1, error: { name: 'E', message: 'm', traceback: [] } },
  ])
  assert.equal((await tail).code, 10)
  const again = cli('runs', 'again', 'r', '--json')
  const { lease } = await s.desk.next('LEASE')
  await s.desk.emit(lease, 1, [started, completed])
  assert.equal((await again).code, 0)
  assert.match((await cli('runs', 'show', lease.run)).stdout, /again of +r\n/)
  assert.match((await cli('sessions', 'list')).stdout, /default +python/)
  await s.desk.drop()
  await eventually('the device is away', async () => (await cli('sessions', 'restart', lease.session)).code === 4)
})
