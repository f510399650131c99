/** A phone with a push service, a hub and a device as a script: what the hub sent is given to the real worker of the page. */
import type { TestContext } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { PushKey, Way } from '@meshbook/core/notify-api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { CDPSession } from 'playwright-core'
import { PushService, type Subscription } from '../push-service.ts'
import { linkOf, openPhone, type Phone, webFolder } from './phone-scene.ts'

export interface ShownNotice {
  title: string
  body: string
  tag: string
  url: string
}

export interface PushScene extends TestHub {
  service: PushService
  desk: TestDevice
  phone: Phone
  /** Gives the worker a message, as the browser does with what its push service sent. */
  deliver(data: string): Promise<void>
  shown(): Promise<ShownNotice[]>
}

/** The browser's half of a subscription: Chromium's own needs the service of its vendor. All else is real. */
function subscribeAt(subscription: Subscription): string {
  const { endpoint, keys } = subscription.toJSON()
  return `
    const json = ${JSON.stringify({ endpoint, expirationTime: null, keys })}
    const bytes = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), one => one.charCodeAt(0)).buffer
    const has = () => localStorage.getItem('test.subscribed')
    const made = () => ({
      endpoint: json.endpoint, expirationTime: null, options: { applicationServerKey: bytes(has()) }, toJSON: () => json,
      unsubscribe: async () => { localStorage.removeItem('test.subscribed'); return true },
    })
    PushManager.prototype.getSubscription = async () => (has() ? made() : null)
    PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
      if (userVisibleOnly !== true) throw new DOMException('silent push', 'NotAllowedError')
      if (has() && has() !== applicationServerKey) throw new DOMException('another key', 'InvalidStateError')
      localStorage.setItem('test.subscribed', applicationServerKey)
      return made()
    }`
}

export async function pushScene(t: TestContext): Promise<PushScene & { subscription: Subscription }> {
  const service = await PushService.start(t)
  const env = { MESHBOOK_PUSH_SERVICES: service.origin }
  const hub = await startTestHub(t, { webFolder, env, limits: { noticeLookMs: 40 } })
  const desk = new TestDevice()
  await hub.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, hub.hub, [hub.project.id])
  const { key } = await hub.json<PushKey>('GET', '/push/key')
  const subscription = service.subscribe(key)
  const phone = await openPhone(t, await linkOf(hub))
  const { page, context } = phone
  await context.addInitScript(subscribeAt(subscription))
  const cdp = await context.newCDPSession(page)
  const registration = registrationOf(cdp)
  await phone.open('/m/')
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  const registrationId = await registration
  return Object.assign(hub, {
    ...{ service, desk, phone, subscription },
    deliver: (data: string) =>
      cdp.send('ServiceWorker.deliverPushMessage', { origin: hub.hub.url, registrationId, data }).then(() => undefined),
    shown: () =>
      page.evaluate(async () => {
        const notices = await (await navigator.serviceWorker.ready).getNotifications()
        return notices.map(({ title, body, tag, data }) => ({ title, body, tag, url: String(data?.url) }))
      }),
  })
}

async function registrationOf(cdp: CDPSession): Promise<string> {
  const found = new Promise<string>(resolve =>
    cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const own = registrations.find(({ scopeURL }) => scopeURL.endsWith('/m/'))
      if (own) resolve(own.registrationId)
    }),
  )
  await cdp.send('ServiceWorker.enable')
  return found
}

export const gateEvent = (): Extract<RunEvent, { type: 'gate-opened' }> => {
  const at = Date.now()
  const gate = newId('gate', at, systemRandom)
  return {
    type: 'gate-opened',
    at,
    gate,
    nonce: 'n'.repeat(32),
    title: 'Send it?',
    shown: 'x',
    expiresAt: at + 600_000,
  }
}

export async function begin(s: PushScene, id: string): Promise<Lease> {
  const { id: document } = await s.document(`${id}.md`, '# A\n')
  await s.json('POST', '/runs', { id, document, language: 'python', code: id, session: id })
  const { lease } = await s.desk.next('LEASE', ({ lease }) => lease.run === id)
  await s.desk.emit(lease, 1, [started])
  return lease
}

export const wayOf = async (s: PushScene): Promise<Way | undefined> =>
  (await s.phone.json<{ items: Way[] }>('GET', '/push/ways')).items[0]
