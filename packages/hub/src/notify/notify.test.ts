import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import { notificationOf } from '@meshbook/core/notification.ts'
import {
  type MadeWay,
  type NotifySettings,
  type PushKey,
  pushPayloadSchema,
  type Way,
  type WayTest,
} from '@meshbook/core/notify-api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import * as v from 'valibot'
import { startNtfy, startWebhook } from '../../../../tests/notify-servers.ts'
import { PushService, type ReceivedPush, type Subscription } from '../../../../tests/push-service.ts'
import { atEnd } from '../testing/at-end.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { signIn } from '../testing/sign-in.ts'
import { completed, started, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { addTestUser, makeMember, setRoles } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'

interface Asking {
  json: TestHub['json']
}

interface Scene extends TestHub {
  service: PushService
  desk: TestDevice
  doc: string
  phone: Subscription
  subscribe(who?: Asking): Promise<{ phone: Subscription; way: MadeWay }>
  settings(change: Partial<NotifySettings>, who?: Asking): Promise<void>
  run(body?: object, who?: Asking): Promise<Lease>
  /** The next message of the phone that has the title; it must be a whole one. */
  told(title: RegExp, phone?: Subscription): Promise<ReceivedPush>
  titles(phone?: Subscription): unknown[]
  /** Long enough for whatever is due to be sent. */
  quiet(): Promise<void>
}

const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))
const lookMs = 40

async function scene(t: TestContext, limits: Partial<Limits> = {}): Promise<Scene> {
  const service = await PushService.start({ after: undo => atEnd(t, undo) })
  const env = { MESHBOOK_PUSH_SERVICES: service.origin }
  const base = await startTestHub(t, { env, limits: { noticeLookMs: lookMs, ...limits } })
  const desk = new TestDevice()
  desk.clock = base.clock
  await base.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, base.hub, [base.project.id])
  const { id: doc } = await base.document('work/train.md', '# A\n')
  const subscribe = async (who: Asking = base) => {
    const { key } = await who.json<PushKey>('GET', '/push/key')
    const phone = service.subscribe(key)
    const way = await who.json<MadeWay>('POST', '/push/ways', { kind: 'push', name: 'Phone', subscription: phone })
    return { phone, way }
  }
  const { phone } = await subscribe()
  let runs = 0
  const own: Scene = Object.assign(base, {
    ...{ service, desk, doc, phone, subscribe },
    async settings(change: Partial<NotifySettings>, who: Asking = base) {
      const all = { kinds: {}, afterSeconds: 0, quiet: null, projects: [], ...change }
      assert.deepEqual(await who.json('PUT', '/push/settings', all), all)
    },
    async run(body: object = {}, who: Asking = base) {
      const id = `run-${++runs}`
      await who.json('POST', '/runs', { id, session: id, document: doc, language: 'python', code: `${runs}`, ...body })
      return (await desk.next('LEASE', ({ lease }) => lease.session !== undefined && lease.code === `${runs}`)).lease
    },
    async told(title: RegExp, of: Subscription = phone) {
      const matches = ({ payload }: ReceivedPush) => title.test(String(payload.title))
      await until(() => of.received.some(matches))
      const found = of.received.find(matches)!
      const payload = v.parse(pushPayloadSchema, found.payload)
      const shown = notificationOf(JSON.stringify(payload))
      assert.deepEqual([shown.title, shown.options.body, shown.options.tag], [payload.title, payload.text, payload.tag])
      return found
    },
    titles: (of: Subscription = phone) => of.received.map(({ payload }) => payload.title),
    quiet: () => pause(6 * lookMs + 150),
  })
  atEnd(t, () => assert.deepEqual(service.wrongs, []))
  await own.settings({})
  return own
}

const at = () => Date.now()
const failed = (): RunEvent => ({
  ...{ type: 'failed', at: at(), durationMs: 61_000 },
  error: { name: 'ValueError', message: 'x must be positive', traceback: [] },
})
const ended = (): RunEvent => ({ type: 'completed', at: at(), durationMs: 61_000 })
const gateEvent = (
  title = 'Send it?',
  more: { deciders?: string[] } = {},
): Extract<RunEvent, { type: 'gate-opened' }> => ({
  type: 'gate-opened',
  ...{ at: at(), gate: newId('gate', at(), systemRandom), nonce: 'n'.repeat(32), title },
  ...{ shown: 'rm -rf /', expiresAt: at() + 86_400_000, ...more },
})

test('NT1 NT10 NT11 every kind is told, encrypted for the phone alone, signed by the hub, with words and a way to what it is about', async t => {
  const s = await scene(t)
  const lease = await s.run()
  await s.desk.emit(lease, 1, [
    started,
    { type: 'input-request', at: at(), id: 'q', prompt: 'Name? ', password: false },
  ])
  const asked = await s.told(/^train\.md needs input$/)
  assert.deepEqual([asked.payload.kind, asked.payload.url, asked.urgency], ['input', `/m/runs/${lease.run}`, 'high'])
  assert.equal(asked.payload.text, 'Name?\nIt runs on Desk.')
  await s.desk.emit(lease, 3, [{ type: 'input-answered', at: at(), id: 'q' }, ended()])
  const done = await s.told(/^train\.md finished$/)
  assert.deepEqual([done.payload.kind, done.payload.text], ['finished', 'It finished after 1 min 1 s on Desk.'])
  assert.deepEqual([done.payload.tag, done.topic], [asked.payload.tag, asked.payload.tag])
  assert.ok(done.ttl > 86_000 && done.ttl <= 86_400)

  const second = await s.run()
  await s.desk.emit(second, 1, [started, failed()])
  const broke = await s.told(/^train\.md failed$/)
  assert.match(String(broke.payload.text), /^ValueError: x must be positive\nIt failed after 1 min 1 s on Desk\.$/)

  const third = await s.run()
  const gate = gateEvent('Delete all?')
  await s.desk.emit(third, 1, [started, gate])
  const waits = await s.told(/^Delete all\?$/)
  assert.deepEqual([waits.payload.kind, waits.payload.url, waits.urgency], ['gate', `/m/gates/${gate.gate}`, 'high'])
  assert.ok(!JSON.stringify(waits.payload).includes('rm -rf'), 'what is decided about is read in the app')

  await s.desk.drop()
  await s.json('POST', '/runs', {
    id: 'old',
    session: 'old',
    document: s.doc,
    language: 'python',
    code: 'old',
    expiresAt: at() + 60,
  })
  const wanted = await s.told(/^Still want train\.md to run\?$/)
  assert.equal(wanted.payload.kind, 'wanted')
  for (let gone = 0; gone < 100; gone += 20) {
    s.clock.offsetMs += 20_000
    await pause(1_100)
  }
  const lost = await s.told(/^Desk was lost$/)
  assert.deepEqual([lost.payload.kind, lost.payload.url], ['device', '/m/devices'])
  assert.match(String(lost.payload.text), /it ran train\.md\./)
  await s.quiet()
  assert.ok(!s.titles().includes('train.md was interrupted'), 'the device is told of, not each of its runs')
})

test('NT2 what took no longer than was set is not told, unless it was asked for from a phone; what is looked at is not', async t => {
  const s = await scene(t)
  await s.settings({ afterSeconds: 30 })
  const cookie = await signIn(s, 'Mozilla/5.0 (Linux; Android 15) Chrome/140.0')
  const page = (path: string, body: object) =>
    rawRequest(`${s.hub.url}/api/v1${path}`, {
      method: 'POST',
      headers: { cookie, origin: s.hub.url, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  await s.desk.emit(await s.run(), 1, [started, completed])
  const byPhone = async (id: string) => {
    const answer = await page('/runs', { id, session: id, document: s.doc, language: 'python', code: id })
    assert.equal(answer.status, 201, answer.text)
    return (await s.desk.next('LEASE', ({ lease }) => lease.run === id)).lease
  }
  const first = await byPhone('p1')
  assert.equal((await page('/push/looking', { visible: true })).status, 204)
  await s.desk.emit(first, 1, [started, ended()])
  await s.quiet()
  assert.deepEqual(s.titles(), [])
  assert.equal((await page('/push/looking', { visible: false })).status, 204)
  await s.desk.emit(await byPhone('p2'), 1, [started, completed])
  await s.told(/finished/)
  const third = await byPhone('p3')
  await page('/push/looking', { visible: true })
  s.clock.offsetMs += 61_000
  await s.desk.emit(third, 1, [started, completed])
  await until(() => s.phone.received.length === 2)
})

test('NT3 S21 nobody is told of what is not theirs: not strangers, not who may not decide, not who may not read any more', async t => {
  const s = await scene(t)
  const [ann, eve, kim] = [await addTestUser(s, 'ann'), await addTestUser(s, 'eve'), await addTestUser(s, 'kim')]
  await makeMember(s, ann, ['runner', 'editor'])
  await makeMember(s, kim, ['viewer'])
  const phones = { ann: await s.subscribe(ann), eve: await s.subscribe(eve), kim: await s.subscribe(kim) }
  for (const who of [ann, eve, kim]) await s.settings({}, who)
  const lease = await s.run()
  await s.desk.emit(lease, 1, [started, gateEvent('For all?')])
  await s.told(/For all/)
  await s.told(/For all/, phones.ann.phone)
  const named = await s.run()
  await s.desk.emit(named, 1, [started, gateEvent('For ann?', { deciders: ['ann'] })])
  await s.told(/For ann/, phones.ann.phone)
  await s.desk.emit(named, 3, [ended()])
  await s.told(/finished/)
  await s.quiet()
  assert.deepEqual(s.titles(phones.eve.phone), [])
  assert.deepEqual(s.titles(phones.kim.phone), [])
  assert.ok(!s.titles().includes('For ann?') && !s.titles(phones.ann.phone).includes('train.md finished'))

  phones.ann.phone.answers.push({ status: 503, headers: { 'retry-after': '60' } })
  const last = await s.run({}, ann as unknown as Asking)
  await s.desk.emit(last, 1, [started, ended()])
  const before = phones.ann.phone.attempts
  await until(() => phones.ann.phone.attempts > before - 1 && phones.ann.phone.answers.length === 0)
  await setRoles(s, ann, [])
  const tried = phones.ann.phone.attempts
  s.clock.offsetMs += 120_000
  await s.quiet()
  assert.equal(phones.ann.phone.attempts, tried, 'checked again when it is sent')
})

test('NT4 a gate that is decided is replaced where it was shown, under the same tag; one that was not sent yet is not sent', async t => {
  const s = await scene(t)
  const other = await s.subscribe()
  other.phone.answers.push({ status: 503, headers: { 'retry-after': '3600' } })
  const lease = await s.run()
  const gate = gateEvent()
  await s.desk.emit(lease, 1, [started, gate])
  const shown = await s.told(/Send it/)
  await until(() => other.phone.attempts === 1)
  const { digest, nonce } = await s.json<{ digest: string; nonce: string }>('GET', `/gates/${gate.gate}`)
  await s.json('POST', `/gates/${gate.gate}/decide`, { decision: 'approved', digest, nonce })
  await until(() => s.phone.received.length === 2)
  const outcome = s.phone.received[1]!.payload
  assert.deepEqual([outcome.kind, outcome.tag, outcome.title], ['over', shown.payload.tag, 'Send it?'])
  assert.equal(outcome.text, 'Approved by me.')
  s.clock.offsetMs += 3_700_000
  await s.quiet()
  assert.deepEqual(other.phone.received, [])
})

test('NT5 in quiet hours only gates and input are told, the rest together when they end; a summary names what was', async t => {
  const s = await scene(t)
  const zone = 'Europe/Berlin'
  const clockIn = (ms: number) =>
    new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' }).format(ms)
  const quiet = { from: clockIn(at() - 3_600_000), to: clockIn(at() + 3_600_000), zone, urgent: true }
  await s.settings({ quiet })
  await s.desk.emit(await s.run(), 1, [started, ended()])
  await s.desk.emit(await s.run(), 1, [started, failed()])
  await s.desk.emit(await s.run(), 1, [started, gateEvent()])
  await s.told(/Send it/)
  await s.settings({ quiet: { ...quiet, urgent: false } })
  await s.desk.emit(await s.run(), 1, [started, gateEvent('Later?')])
  await s.quiet()
  assert.deepEqual(s.titles(), ['Send it?'])
  s.clock.offsetMs += 3_700_000
  const summary = await s.told(/run finished/)
  assert.deepEqual(
    [summary.payload.kind, summary.payload.title],
    ['summary', '1 run finished, 1 run failed, 1 decision waits'],
  )
  assert.match(String(summary.payload.text), /train\.md finished\ntrain\.md failed\nLater\?/)
  await s.quiet()
  assert.equal(s.phone.received.length, 2)
})

test('NT6 more than an hour has room for become one summary', async t => {
  const s = await scene(t)
  for (let n = 0; n < 34; n++) await s.desk.emit(await s.run(), 1, [started, ended()])
  await until(() => s.phone.received.length === 30, 20_000)
  await s.quiet()
  assert.equal(s.phone.received.length, 30)
  s.clock.offsetMs += 601_000
  const summary = await s.told(/runs finished/)
  assert.equal(summary.payload.title, '4 runs finished')
})

test('NT1 kinds are turned off for all projects or one, and on again for one', async t => {
  const s = await scene(t)
  await s.settings({ kinds: { finished: false }, projects: [{ project: s.project.id, kinds: { failed: false } }] })
  await s.desk.emit(await s.run(), 1, [started, ended()])
  await s.desk.emit(await s.run(), 1, [started, failed()])
  await s.quiet()
  assert.deepEqual(s.titles(), [])
  await s.settings({ kinds: { finished: false }, projects: [{ project: s.project.id, kinds: { finished: true } }] })
  await s.desk.emit(await s.run(), 1, [started, ended()])
  await s.told(/finished/)
  for (const bad of [
    { quiet: { from: '25:00', to: '07:00', zone: 'UTC', urgent: true } },
    { quiet: { from: '22:00', to: '07:00', zone: '+02:00', urgent: true } },
    { afterSeconds: -1 },
  ])
    assert.equal(
      (await s.api('PUT', '/push/settings', { kinds: {}, afterSeconds: 0, quiet: null, projects: [], ...bad })).status,
      400,
    )
})

test('NT12 what fails for a while is tried again, as late as the service says, over a restart of the hub too', async t => {
  const s = await scene(t)
  s.phone.answers.push({ status: 429, headers: { 'retry-after': '600' } }, 'cut', { status: 500 })
  await s.desk.emit(await s.run(), 1, [started, ended()])
  const waysNow = async () => (await s.json<{ items: Way[] }>('GET', '/push/ways')).items
  await until(async () => (await waysNow())[0]?.failure !== null)
  assert.equal((await waysNow())[0]!.failure!.code, 'slow-down')
  s.clock.offsetMs += 590_000
  await s.quiet()
  assert.equal(s.phone.attempts, 1)
  await s.restart()
  s.clock.offsetMs += 15_000
  await until(() => s.phone.attempts === 2)
  for (const attempts of [3, 4]) {
    await s.quiet()
    s.clock.offsetMs += 50_000
    await until(() => s.phone.attempts === attempts)
  }
  await s.told(/finished/)
  await until(async () => (await waysNow())[0]?.failure === null && (await waysNow())[0]?.acceptedAt !== null)
})

test('NT12 404 and 410 drop the subscription with what waits for it; 413, 400 and 403 end the delivery and stand at the way', async t => {
  const s = await scene(t)
  for (const status of [404, 410]) {
    const { phone, way } = await s.subscribe()
    phone.answers.push({ status })
    await s.desk.emit(await s.run(), 1, [started, ended()])
    await until(
      async () => !(await s.json<{ items: Way[] }>('GET', '/push/ways')).items.some(({ id }) => id === way.id),
    )
    assert.equal(phone.attempts, 1)
  }
  for (const [status, code] of [
    [413, 'too-large'],
    [400, 'not-accepted'],
    [403, 'not-allowed'],
    [302, 'moved'],
  ] as const) {
    const before = s.phone.attempts
    s.phone.answers.push({ status })
    await s.desk.emit(await s.run(), 1, [started, ended()])
    await until(async () => (await s.json<{ items: Way[] }>('GET', '/push/ways')).items[0]?.failure?.code === code)
    assert.equal(s.phone.attempts, before + 1)
    assert.ok((await s.json<{ items: Way[] }>('GET', '/push/ways')).items[0]!.failure!.next.length > 10)
  }
  const tried = s.phone.attempts
  s.clock.offsetMs += 7_200_000
  await s.quiet()
  assert.equal(s.phone.attempts, tried)
})

test('NT12 after a day a notice is given up, and the way says so', async t => {
  const s = await scene(t)
  s.phone.answers.push({ status: 503, headers: { 'retry-after': '999999' } })
  await s.desk.emit(await s.run(), 1, [started, ended()])
  await until(
    async () => (await s.json<{ items: Way[] }>('GET', '/push/ways')).items[0]?.failure?.code === 'server-error',
  )
  s.clock.offsetMs += 90_000_000
  await s.quiet()
  assert.equal(s.phone.attempts, 1)
})

test('NT13 NT15 S15 ways to other push services, to inside and beyond the number are refused; another subscription replaces the old one', async t => {
  const s = await scene(t)
  const refusal = async (
    who: { api(method: string, path: string, body?: unknown): Promise<Response> },
    body: object,
  ) => {
    const answer = await who.api('POST', '/push/ways', body)
    return [answer.status, ((await answer.json()) as { code?: string }).code]
  }
  const { phone, way } = await s.subscribe()
  const elsewhere = { ...phone.toJSON(), endpoint: 'http://127.0.0.1:9998/x' }
  assert.deepEqual(await refusal(s, { kind: 'push', subscription: elsewhere }), [422, 'PUSH_SERVICE'])
  const badKey = { ...phone.toJSON(), keys: { ...phone.toJSON().keys, p256dh: `B${'A'.repeat(86)}` } }
  assert.deepEqual(await refusal(s, { kind: 'push', subscription: badKey }), [400, 'BAD_REQUEST'])
  const eve = await addTestUser(s, 'eve')
  const inside = { kind: 'webhook', url: 'http://127.0.0.1:9999/hook' }
  assert.deepEqual(await refusal(eve, inside), [422, 'OUTGOING_REFUSED'])
  assert.deepEqual(await refusal(s, { kind: 'webhook', url: 'http://169.254.169.254/latest' }), [
    422,
    'OUTGOING_REFUSED',
  ])
  assert.deepEqual(await refusal(eve, { kind: 'ntfy', server: 'http://[::1]:80', topic: 't' }), [
    422,
    'OUTGOING_REFUSED',
  ])

  const again = await s.api('POST', '/push/ways', { kind: 'push', subscription: phone })
  assert.deepEqual([again.status, ((await again.json()) as Way).id], [200, way.id])
  const { key } = await s.json<PushKey>('GET', '/push/key')
  const newer = s.service.subscribe(key)
  const replaced = await s.json<MadeWay>('POST', '/push/ways', {
    kind: 'push',
    subscription: newer,
    replaces: phone.endpoint,
  })
  const ids = (await s.json<{ items: Way[] }>('GET', '/push/ways')).items.map(({ id }) => id)
  assert.ok(ids.includes(replaced.id) && !ids.includes(way.id))
  const shown = JSON.stringify(await s.json('GET', '/push/ways'))
  assert.ok(!shown.includes(newer.endpoint) && !shown.includes(newer.toJSON().keys.auth), 'the list has no secret')
  for (let n = ids.length; n < 20; n++) await s.json('POST', '/push/ways', inside)
  assert.deepEqual(await refusal(s, inside), [429, 'TOO_MANY'])
})

test('NT14 ntfy and webhooks are told the same, by their own rules, and their secrets are never shown again', async t => {
  const s = await scene(t)
  const teardown = { after: (undo: () => unknown) => atEnd(t, undo) }
  const ntfy = await startNtfy(teardown, 'tk_secret')
  let secret = ''
  const hook = await startWebhook(teardown, () => secret)
  await s.json('POST', '/push/ways', { kind: 'ntfy', server: ntfy.origin, topic: 'mine', token: 'tk_secret' })
  const made = await s.json<MadeWay>('POST', '/push/ways', { kind: 'webhook', url: `${hook.origin}/in?x=1` })
  secret = made.secret!
  hook.answers.push(503)
  const lease = await s.run()
  await s.desk.emit(lease, 1, [started, gateEvent('Grüße 🎈?')])
  await until(() => ntfy.told.length === 1)
  assert.deepEqual(
    { ...ntfy.told[0]!.body, click: '' },
    {
      topic: 'mine',
      title: 'Grüße 🎈?',
      message: 'train.md waits for your decision on Desk.',
      priority: 4,
      tags: ['warning'],
      click: '',
    },
  )
  await s.quiet()
  s.clock.offsetMs += 30_000
  await until(() => hook.told.length === 1)
  const { body } = hook.told[0]!
  assert.deepEqual([body.v, body.kind, body.title], [1, 'gate', 'Grüße 🎈?'])
  assert.match(String(body.url), new RegExp(`^${s.hub.url}/m/gates/`))
  assert.equal(body.receipt, undefined)
  const listed = JSON.stringify(await s.json('GET', '/push/ways'))
  for (const hidden of [secret, 'tk_secret', '/in?x=1', 'mine'])
    assert.ok(
      !listed.includes(`"${hidden}"`) && !s.logged.some(line => line.includes(hidden) && hidden.length > 6),
      hidden,
    )
  assert.deepEqual([...ntfy.wrongs, ...hook.wrongs], [])
})

test('NT20 NT21 a test says how far it came, a receipt works once and without a session, and tells nothing', async t => {
  const s = await scene(t)
  const { phone, way } = await s.subscribe()
  const result = await s.json<WayTest>('POST', `/push/ways/${way.id}/test`)
  assert.deepEqual([result.station, result.failure], ['accepted', null])
  const [message] = phone.received
  assert.equal(message!.payload.kind, 'test')
  const confirm = (receipt: unknown) =>
    fetch(`${s.hub.url}/api/v1/push/receipts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ receipt }),
    })
  const wayNow = async () =>
    (await s.json<{ items: Way[] }>('GET', '/push/ways')).items.find(({ id }) => id === way.id)!
  assert.deepEqual([(await confirm('x'.repeat(43))).status, (await wayNow()).confirmedAt], [204, null])
  assert.equal((await confirm(message!.payload.receipt)).status, 204)
  const { test: station, confirmedAt } = await wayNow()
  assert.equal(station!.station, 'confirmed')
  s.clock.offsetMs += 60_000
  assert.equal((await confirm(message!.payload.receipt)).status, 204)
  assert.equal((await wayNow()).confirmedAt, confirmedAt, 'once')
  assert.equal(s.phone.received.length, 0, 'one way alone')

  phone.answers.push({ status: 503 })
  const made = await s.json<WayTest>('POST', `/push/ways/${way.id}/test`)
  assert.deepEqual([made.station, made.failure?.code], ['made', 'server-error'])
  phone.answers.push({ status: 410 })
  assert.equal((await s.api('POST', `/push/ways/${way.id}/test`)).status, 404)
})

test('NT20 receipts are limited for each address', async t => {
  const s = await scene(t)
  const ask = async () =>
    (
      await fetch(`${s.hub.url}/api/v1/push/receipts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{"receipt":"${'x'.repeat(43)}"}`,
      })
    ).status
  const statuses: number[] = []
  for (let n = 0; n < 130; n++) statuses.push(await ask())
  assert.ok(statuses.slice(0, 60).every(status => status === 204) && statuses.includes(429))
})

test('NT23 signing out, and revoking a token, take their push ways along in the same moment', async t => {
  const s = await scene(t)
  const made = await s.json<{ id: string; token: string }>('POST', '/tokens', { name: 'phone' })
  const byToken = {
    json: async <T>(method: string, path: string, body?: unknown) =>
      (await (await s.api(method, path, body, { authorization: `Bearer ${made.token}` })).json()) as T,
  }
  const { way } = await s.subscribe(byToken)
  const cookie = await signIn(s)
  const { key } = await s.json<PushKey>('GET', '/push/key')
  const browser = s.service.subscribe(key)
  const headers = { cookie, origin: s.hub.url, 'content-type': 'application/json' }
  const body = JSON.stringify({ kind: 'push', subscription: browser })
  const answer = await rawRequest(`${s.hub.url}/api/v1/push/ways`, { method: 'POST', headers, body })
  const own = JSON.parse(answer.text) as Way
  assert.deepEqual([answer.status, own.current], [201, true])
  const ids = async () => (await s.json<{ items: Way[] }>('GET', '/push/ways')).items.map(({ id }) => id)
  assert.ok((await ids()).includes(own.id) && (await ids()).includes(way.id))
  await rawRequest(`${s.hub.url}/api/v1/auth/logout`, { method: 'POST', headers, body: '' })
  assert.ok(!(await ids()).includes(own.id))
  await s.json('DELETE', `/tokens/${made.id}`)
  assert.ok(!(await ids()).includes(way.id))
})

test('NT10 S19 the private key of the hub is in no answer and no line of the log', async t => {
  const s = await scene(t)
  const { way } = await s.subscribe()
  await s.json('POST', `/push/ways/${way.id}/test`)
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(`${s.folder}/hub.db`, { readOnly: true })
  const row = db.prepare('SELECT public_key AS pub, private_key AS priv FROM push_keys').get() as {
    pub: string
    priv: string
  }
  db.close()
  const answers = await Promise.all(
    ['/push/key', '/push/ways', '/push/settings', '/me', '/audit'].map(async path => (await s.api('GET', path)).text()),
  )
  for (const text of [...answers, ...s.logged, JSON.stringify(s.phone.received)]) assert.ok(!text.includes(row.priv))
  assert.equal((JSON.parse(answers[0]!) as PushKey).key, row.pub)
  await s.restart()
  assert.equal((await s.json<PushKey>('GET', '/push/key')).key, row.pub)
})
