import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Subscribed, Subscriber } from '../../notify/subscription.ts'
import { openNotice, type PushPorts, renewSubscription, showPush } from './push.ts'
import type { PageWindow } from './scope.ts'

const origin = 'https://mesh.example'
const receipt = 'r'.repeat(43)
const message = {
  v: 1,
  id: 'n',
  kind: 'gate',
  title: 'Send it?',
  text: 'Now?',
  tag: 'g',
  url: '/m/gates/g1',
  at: 1,
  receipt,
}

interface World extends PushPorts {
  did: unknown[]
}

function world(over: Partial<PushPorts> = {}, pages: PageWindow[] = []): World {
  const did: unknown[] = []
  return {
    did,
    show: async (title, options) => void did.push(['show', title, options.body, (options as { tag?: string }).tag]),
    send: async (method, path, body) => {
      did.push([method, path, body])
      return Response.json({ key: 'BPk_-bE' })
    },
    windows: async () => pages,
    open: async url => void did.push(['open', url]),
    subscriber: { getSubscription: async () => null, subscribe: async () => subscribed('https://push.example/new') },
    now: () => 0,
    ...over,
  }
}

const subscribed = (endpoint: string): Subscribed => ({
  endpoint,
  expirationTime: null,
  options: { applicationServerKey: new Uint8Array(Buffer.from('BPk_-aE', 'base64url')).buffer },
  unsubscribe: async () => true,
  toJSON: () => ({ endpoint }),
})

const page = (url: string, did: unknown[], state: Partial<PageWindow> = {}): PageWindow => ({
  url,
  focused: false,
  visibilityState: 'hidden',
  focus: async () => void did.push(['focus', url]),
  postMessage: said => void did.push(['say', url, said]),
  ...state,
})

test('NT11 whatever comes, exactly one notification is shown, and then confirmed', async () => {
  const told = world()
  await showPush(told, { text: () => JSON.stringify(message) })
  assert.deepEqual(told.did, [
    ['show', 'Send it?', 'Now?', 'g'],
    ['POST', '/push/receipts', { receipt }],
  ])
  const throws = () => {
    throw new TypeError('bytes that are no text')
  }
  for (const data of [null, { text: () => '' }, { text: () => '\0[[' }, { text: throws }]) {
    const rubbish = world()
    await showPush(rubbish, data)
    assert.deepEqual(rubbish.did, [['show', 'Something changed in Meshbook', 'Open Meshbook to see what.', '']])
  }
})

test('NT11 NT20 a browser that refuses an option shows the words alone, and what was not shown is not confirmed', async () => {
  const picky = world({
    show: async (title, options) => {
      if ('badge' in options) throw new TypeError('badge')
      picky.did.push(['show', title, options.body])
    },
  })
  await showPush(picky, { text: () => JSON.stringify(message) })
  assert.deepEqual(picky.did[0], ['show', 'Send it?', 'Now?'])
  const broken = world({ show: () => Promise.reject(new Error('no')) })
  await assert.rejects(showPush(broken, { text: () => JSON.stringify(message) }))
  assert.deepEqual(broken.did, [])
})

test('PH52 a press leads the window of the app there, or opens one, and takes the notice away', async () => {
  const press = async (pages: (did: unknown[]) => PageWindow[], url = '/m/gates/g1') => {
    const did: unknown[] = []
    const ports = world({ windows: async () => pages(did), open: async to => void did.push(['open', to]) })
    await openNotice(ports, { data: { url }, close: () => did.push('close') }, origin)
    return did
  }
  assert.deepEqual(await press(() => []), ['close', ['open', '/m/gates/g1']])
  assert.deepEqual(await press(() => [], 'https://elsewhere.example/'), ['close', ['open', '/m/']])
  const [desktop, phone, shown] = [`${origin}/p/x`, `${origin}/m/runs`, `${origin}/m/`]
  assert.deepEqual(await press(did => [page(desktop, did)]), ['close', ['open', '/m/gates/g1']])
  const open = { open: '/m/gates/g1' }
  const inApp = (did: unknown[]) => [
    page(desktop, did),
    page(phone, did),
    page(shown, did, { visibilityState: 'visible' }),
  ]
  assert.deepEqual(await press(inApp), ['close', ['say', shown, open], ['focus', shown]])
  const stubborn = (did: unknown[]) => [page(phone, did, { focus: () => Promise.reject(new Error('not allowed')) })]
  assert.deepEqual(await press(stubborn), ['close', ['say', phone, open]])
})

test('NT22 a subscription that the browser changed is told with the one before it', async () => {
  const old = subscribed('https://push.example/old')
  const subscriber: Subscriber = {
    getSubscription: async () => old,
    subscribe: async () => subscribed('https://push.example/new'),
  }
  const ports = world({ subscriber })
  await renewSubscription(ports, undefined)
  const body = { kind: 'push', subscription: { endpoint: 'https://push.example/new' }, replaces: old.endpoint }
  assert.deepEqual(ports.did, [
    ['GET', '/push/key', undefined],
    ['POST', '/push/ways', body],
  ])
  const signedOut = world({ send: async () => new Response(null, { status: 401 }) })
  await renewSubscription(signedOut, 'x')
  assert.deepEqual(signedOut.did, [])
})
