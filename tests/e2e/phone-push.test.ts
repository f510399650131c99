/**
 * Push on the phone: what the hub really sent, as a strict service decrypted it, is given to the real service worker of a
 * real Chromium, which shows it, confirms it, opens it and takes it away (NT11, NT20-NT22, PH50-PH53).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PushKey } from '@meshbook/core/notify-api.ts'
import { started } from '@meshbook/hub/testing/test-device.ts'
import { eventually } from '../mesh-process.ts'
import { begin, gateEvent, type PushScene, pushScene, wayOf } from './push-scene.ts'

test('PH50 PH51 PH52 NT20 NT21 notified by a press, told of a gate, tested to the last station, and led to what it is about', async t => {
  const s = await pushScene(t)
  const { page, context, tap, open, faults } = s.phone
  await open('/m/settings')
  await page.getByRole('button', { name: 'Notify me' }).waitFor()
  assert.equal(await page.evaluate(() => Notification.permission), 'default', 'nobody was asked before the press')
  await context.grantPermissions(['notifications'])
  await tap('Notify me')
  await page.getByText('This phone is told').waitFor()
  const way = page.locator('.way')
  await way.getByText('Nothing was sent this way yet').waitFor()
  assert.equal((await wayOf(s))?.current, true)

  const pass = async (title: string): Promise<void> => {
    const message = await eventually(`the service has “${title}”`, () =>
      s.subscription.received.findLast(({ payload }) => payload.title === title),
    )
    await s.deliver(JSON.stringify(message.payload))
  }
  await way.getByRole('button', { name: 'Test' }).tap()
  await way.getByText(/Waiting for the phone/).waitFor()
  await pass('Meshbook reaches you')
  await way.getByText(/^It went the whole way/).waitFor()
  await way.getByText(/^Push last confirmed at/).waitFor()
  await page.reload()
  await way.getByText(/^Push last confirmed at/).waitFor()
  await page.getByText('This phone is told').waitFor()
  assert.equal(s.subscription.received.length, 1, 'a start adds nothing that is there')

  const lease = await begin(s, 'deploy')
  const asked = gateEvent()
  await s.desk.emit(lease, 2, [asked])
  await pass('Send it?')
  const [notice] = await eventually('it is shown', async () => {
    const all = (await s.shown()).filter(({ title }) => title === 'Send it?')
    return all.length > 0 && all
  })
  assert.deepEqual(
    [notice!.body, notice!.url],
    ['deploy.md waits for your decision on Desk.', `/m/gates/${asked.gate}`],
  )
  await press(s, 'Send it?')
  await page.waitForURL(`**/m/gates/${asked.gate}`)
  await tap('Approve…')
  await tap('Yes, approve')
  await page.getByText(/^Approved by/).waitFor()
  assert.deepEqual(
    (await s.shown()).filter(({ title }) => title === 'Send it?'),
    [],
  )
  assert.deepEqual([faults, s.service.wrongs], [[], []])
})

/** As the browser tells the worker that its user pressed. Only it may bring windows to the front; the place is led to all the same. */
async function press({ phone: { context } }: PushScene, title: string): Promise<void> {
  const [worker] = context.serviceWorkers()
  await worker!.evaluate(async wanted => {
    const self = globalThis as unknown as {
      registration: ServiceWorkerRegistration
      NotificationEvent: new (type: string, init: { notification: unknown }) => Event
      dispatchEvent(event: Event): void
    }
    const notification = (await self.registration.getNotifications()).find(({ title }) => title === wanted)
    self.dispatchEvent(new self.NotificationEvent('notificationclick', { notification }))
  }, title)
}

test('NT11 the real worker shows something for every message, whatever is in it', async t => {
  const s = await pushScene(t)
  await s.phone.context.grantPermissions(['notifications'])
  const rubbish = [
    '',
    '{',
    'null',
    '[]',
    '{"title":""}',
    '{"title":5,"tag":{}}',
    '\u0000',
    'x'.repeat(3_000),
    '{"title":"T","text":"t","tag":"a","url":"//evil.example"}',
  ]
  let before = 0
  for (const data of rubbish) {
    await s.deliver(data)
    before = await eventually(`something is shown for ${data.slice(0, 20)}`, async () => {
      const now = (await s.shown()).length
      return now > before && now
    })
  }
  const all = await s.shown()
  assert.ok(all.every(({ title, body, url }) => title !== '' && body !== '' && url.startsWith('/m/')))
})

test('PH52 NT4 a notice is replaced by how it ended, and taken away when the app is looked at', async t => {
  const s = await pushScene(t)
  await s.phone.context.grantPermissions(['notifications'])
  const message = {
    v: 1,
    id: 'a',
    kind: 'gate',
    title: 'Send it?',
    text: 'Now?',
    tag: 'g',
    url: '/m/gates/gate_x',
    at: 1,
    receipt: 'r'.repeat(43),
  }
  await s.deliver(JSON.stringify(message))
  await eventually('it is shown', async () => (await s.shown()).length === 1)
  await s.deliver(JSON.stringify({ ...message, id: 'b', kind: 'over', text: 'Approved by ada.' }))
  await eventually('it is replaced', async () => (await s.shown())[0]?.body === 'Approved by ada.')
  assert.equal((await s.shown()).length, 1)
  await s.phone.page.reload()
  await eventually('it is taken away', async () => (await s.shown()).length === 0)
})

test('PH53 NT22 at a start a subscription that the hub has lost, or that is of another key, is made good; one that was turned off is not', async t => {
  const s = await pushScene(t)
  const { page, context, tap, open, json } = s.phone
  await context.grantPermissions(['notifications'])
  await open('/m/settings')
  await tap('Notify me')
  await page.getByText('This phone is told').waitFor()
  const { id } = (await wayOf(s))!
  await json('DELETE', `/push/ways/${id}`)
  await page.reload()
  await eventually('the hub has it again', async () => {
    const way = await wayOf(s)
    return way !== undefined && way.id !== id
  })
  await page.evaluate(() => localStorage.setItem('test.subscribed', 'BPk_-aE'))
  await page.reload()
  const { key } = await json<PushKey>('GET', '/push/key')
  await eventually('it is of the right key', () =>
    page.evaluate(wanted => localStorage.getItem('test.subscribed') === wanted, key),
  )
  await tap('Turn off')
  await page.getByRole('button', { name: 'Notify me' }).waitFor()
  assert.equal(await wayOf(s), undefined)
  await page.reload()
  await page.getByRole('button', { name: 'Notify me' }).waitFor()
  assert.deepEqual(
    [await wayOf(s), await page.evaluate(() => localStorage.getItem('test.subscribed'))],
    [undefined, null],
  )
})

test('NT2 what one looks at on the phone is not told; once the page is hidden it is', async t => {
  const s = await pushScene(t)
  const { page, context, tap, open, json } = s.phone
  await context.grantPermissions(['notifications'])
  await open('/m/settings')
  await tap('Notify me')
  await page.getByText('This phone is told').waitFor()
  await json('PUT', '/push/settings', { kinds: {}, afterSeconds: 0, quiet: null, projects: [] })
  const { id: notebook } = await s.document('n.md', '# N\n')
  const end = async (id: string) => {
    await json('POST', '/runs', { id, document: notebook, language: 'python', code: id, session: id })
    const { lease } = await s.desk.next('LEASE', ({ lease }) => lease.run === id)
    await s.desk.emit(lease, 1, [started, { type: 'completed', at: Date.now(), durationMs: 5 }])
  }
  await end('seen')
  await page.evaluate(() => {
    Object.defineProperty(globalThis.document, 'visibilityState', { get: () => 'hidden' })
    globalThis.document.dispatchEvent(new Event('visibilitychange'))
  })
  await page.waitForTimeout(500)
  await end('unseen')
  await eventually('the second is told', () => s.subscription.received.length > 0)
  assert.deepEqual(
    s.subscription.received.map(({ payload }) => payload.url),
    ['/m/runs/unseen'],
  )
})
