import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { isErrorCode, type Problem } from '@meshbook/core/errors.ts'
import { WebSocket } from 'ws'
import { atEnd } from '../testing/at-end.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { signIn } from '../testing/sign-in.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

interface OpenApi {
  openapi: string
  paths: Record<string, Record<string, { security: object[]; requestBody?: object }>>
}

/** Every operation of the hub, with ids that are well formed and belong to nothing. */
async function operations(
  test: TestHub,
): Promise<{ method: string; name: string; path: string; open: boolean; body: boolean }[]> {
  const api = (await (await fetch(`${test.hub.url}/api/v1/openapi.json`)).json()) as OpenApi
  assert.equal(api.openapi, '3.1.0')
  return Object.entries(api.paths).flatMap(([name, methods]) =>
    Object.entries(methods).map(([method, { security, requestBody }]) => ({
      method: method.toUpperCase(),
      name,
      path: name.replace('{asset}', `sha256-${'0'.repeat(64)}`).replace('{id}', 'run-1'),
      open: security.length === 0 || security.some(scheme => Object.keys(scheme).length === 0),
      body: requestBody !== undefined,
    })),
  )
}

function checkProblem(text: string, status: number): Problem {
  const problem = JSON.parse(text) as Problem
  assert.equal(problem.status, status)
  assert.ok(isErrorCode(problem.code))
  assert.ok(problem.hint.length > 0 && problem.title.length > 0)
  assert.match(problem.requestId, /^[0-9a-f-]{36}$/)
  return problem
}

type HeaderSet = [name: string, headers: (test: TestHub) => Promise<Record<string, string>> | Record<string, string>]
const json = { 'content-type': 'application/json' }
const bearer = (test: TestHub): Record<string, string> => ({ ...json, authorization: `Bearer ${test.token}` })

/** Refused on every route, public or not, also with a good credential. */
const refusedEverywhere: HeaderSet[] = [
  ['a foreign Host', test => ({ ...bearer(test), host: 'attacker.example' })],
  ['a rebound Host with our port', test => ({ ...bearer(test), host: `attacker.example:${test.hub.port}` })],
  ['a private address as Host', test => ({ ...bearer(test), host: `192.168.1.1:${test.hub.port}` })],
  [
    'no port of ours and a name that only looks like loopback',
    test => ({ ...bearer(test), host: '127.0.0.1.attacker.example' }),
  ],
]
/** Refused on everything that is not public. */
const refusedWhenProtected: HeaderSet[] = [
  ['no credential', () => json],
  ['an unknown token', () => ({ ...json, authorization: `Bearer mb_${'x'.repeat(43)}` })],
  ['a scheme we do not know', () => ({ ...json, authorization: 'Basic bWU6bWU=' })],
  ['an unknown cookie', test => ({ ...json, cookie: 'mb_session=nothing', origin: test.hub.url })],
  [
    'a cookie and a foreign Origin',
    async test => ({ ...json, cookie: await signIn(test), origin: 'http://attacker.example' }),
  ],
  [
    'a cookie and another port as Origin',
    async test => ({ ...json, cookie: await signIn(test), origin: 'http://127.0.0.1:1' }),
  ],
  [
    'a cookie from another site',
    async test => ({ ...json, cookie: await signIn(test), 'sec-fetch-site': 'cross-site' }),
  ],
  [
    'a cookie from the same site, another origin',
    async test => ({ ...json, cookie: await signIn(test), 'sec-fetch-site': 'same-site' }),
  ],
]
/** Refused on every request that changes something. */
const refusedChanges: HeaderSet[] = [
  ['a token and a foreign Origin', test => ({ ...bearer(test), origin: 'http://attacker.example' })],
  ['a token and Origin null', test => ({ ...bearer(test), origin: 'null' })],
  ['a token from another site', test => ({ ...bearer(test), 'sec-fetch-site': 'cross-site' })],
]

async function refuses(
  test: TestHub,
  sets: HeaderSet[],
  wanted: (operation: Awaited<ReturnType<typeof operations>>[number]) => boolean,
): Promise<void> {
  const all = (await operations(test)).filter(wanted)
  assert.ok(all.length > 5)
  for (const [name, headersOf] of sets) {
    const headers = await headersOf(test)
    await Promise.all(
      all.map(async ({ method, path }) => {
        const answer = await rawRequest(test.hub.url + path, {
          method,
          headers,
          ...(['GET', 'HEAD', 'DELETE'].includes(method) ? {} : { body: '{}' }),
        })
        assert.ok([401, 403].includes(answer.status), `${method} ${path} with ${name}: ${answer.status} ${answer.text}`)
        if (method !== 'HEAD') checkProblem(answer.text, answer.status)
        assert.equal(answer.headers['access-control-allow-origin'], undefined)
      }),
    )
  }
}

test('S5 every route refuses a Host that is not the hub, whatever credential comes with it', async t => {
  await refuses(await startTestHub(t), refusedEverywhere, () => true)
})

test('S5 every route but the public ones denies by default', async t => {
  await refuses(await startTestHub(t), refusedWhenProtected, ({ open }) => !open)
})

test('S6 no route that changes something takes a request of another page', async t => {
  const hub = await startTestHub(t)
  const changes = ({ method }: { method: string }) => method !== 'GET' && method !== 'HEAD'
  await refuses(hub, refusedChanges, changes)
  const silent: HeaderSet = ['a cookie without any origin', async test => ({ ...json, cookie: await signIn(test) })]
  await refuses(hub, [silent], operation => changes(operation) && !operation.open)
})

test('S5 exactly these routes are public', async t => {
  const open = (await operations(await startTestHub(t)))
    .filter(operation => operation.open)
    .map(({ method, name }) => `${method} ${name}`)
  assert.deepEqual(open.sort(), [
    'GET /api/v1/auth',
    'GET /api/v1/auth/github',
    'GET /api/v1/auth/github/callback',
    'GET /api/v1/auth/oidc',
    'GET /api/v1/auth/oidc/callback',
    'GET /api/v1/openapi.json',
    'GET /healthz',
    'GET /metrics',
    'GET /readyz',
    // Of what was published, and nothing else (PB11).
    'GET /{owner}/{project}',
    'GET /{owner}/{project}/',
    'GET /{owner}/{project}/{path}',
    'HEAD /{owner}/{project}',
    'HEAD /{owner}/{project}/',
    'HEAD /{owner}/{project}/{path}',
    'POST /api/v1/auth/device',
    'POST /api/v1/auth/device/token',
    'POST /api/v1/auth/github',
    'POST /api/v1/auth/link',
    'POST /api/v1/auth/oidc',
    'POST /api/v1/auth/passkey',
    'POST /api/v1/auth/passkey/options',
    'POST /api/v1/auth/passkey/sign-up',
    'POST /api/v1/auth/passkey/sign-up/options',
    'POST /api/v1/pair',
    'POST /api/v1/pair/result',
    // By a token that stands in a message, and tells nothing (NT20).
    'POST /api/v1/push/receipts',
    // By the signature of whoever has the hook's secret (GT60).
    'POST /hooks/{id}',
  ])
})

/** What programs call in the words of OAuth: public, and deaf to cookies, so that a page gains nothing by posting to it. */
const formRoutes = ['/api/v1/auth/device', '/api/v1/auth/device/token']

test('S6 every route with a body takes JSON only, and none but OAuth takes a form', async t => {
  const hub = await startTestHub(t)
  for (const { method, path, body, open } of await operations(hub)) {
    if (method !== 'POST' && method !== 'PATCH') continue
    if (formRoutes.includes(path)) {
      assert.ok(open, path)
      const page = { ...json, 'content-type': 'application/x-www-form-urlencoded', origin: 'http://attacker.example' }
      assert.equal((await rawRequest(hub.hub.url + path, { method, headers: page, body: 'a=1' })).status, 403)
      continue
    }
    for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain']) {
      const answer = await rawRequest(hub.hub.url + path, {
        method,
        headers: { ...bearer(hub), 'content-type': type },
        body: '{"a":1}',
      })
      assert.equal(answer.status, 400, `${method} ${path} as ${type}: ${answer.text}`)
      assert.equal(checkProblem(answer.text, 400).code, 'BAD_REQUEST')
    }
    if (!body) continue
    const malformed = await rawRequest(hub.hub.url + path, { method, headers: bearer(hub), body: '{"a":' })
    assert.equal(malformed.status, 400, `${method} ${path}`)
  }
})

test('I10 every route with a body refuses one that is too large, also when its length is not said', async t => {
  const hub = await startTestHub(t)
  const large = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20)
  for (const { method, path, body } of await operations(hub)) {
    // What takes bytes takes more of them (HS4).
    if (!body || path.endsWith('/snapshots/parts')) continue
    const declared = await fetch(hub.hub.url + path, { method, headers: bearer(hub), body: large })
    assert.equal(declared.status, 413, `${method} ${path}`)
    const streamed = await fetch(hub.hub.url + path, {
      method,
      headers: bearer(hub),
      body: new Blob([large]).stream(),
      duplex: 'half',
    } as RequestInit)
    assert.equal(checkProblem(await streamed.text(), 413).code, 'TOO_LARGE')
  }
})

test('a token does only what its scopes say', async t => {
  const hub = await startTestHub(t)
  const { token } = await hub.json<{ token: string }>('POST', '/tokens', { name: 'reader', scopes: ['read'] })
  const call = (method: string, path: string, body?: unknown) =>
    hub.api(method, path, body, { authorization: `Bearer ${token}` })
  assert.equal((await call('GET', '/projects')).status, 200)
  assert.equal((await call('POST', '/projects', { name: 'x' })).status, 403)
  assert.equal(
    (await call('POST', '/runs', { document: 'doc_01h00000000000000000000000', language: 'python', code: '1' })).status,
    403,
  )
  assert.equal((await call('POST', '/tokens', { name: 'x' })).status, 403)
  assert.equal((await call('GET', '/tokens')).status, 403)
  assert.equal((await call('POST', '/tickets', { project: hub.project.id, scope: 'write' })).status, 403)
  assert.equal((await call('POST', '/tickets', { project: hub.project.id, scope: 'read' })).status, 201)
})

/** What devices bring and fetch of saved sessions. */
const savedByDevices = /^(?:GET|POST) \/api\/v1\/snapshots(?:\/parts.*|\/\{id\}(?:\/refused)?)?$/

test('S5 a device proof opens assets, saved sessions and the token of its own commands, and nothing else of the API', async t => {
  const hub = await startTestHub(t)
  const device = new TestDevice()
  await hub.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  for (const { method, path, name, open, body } of await operations(hub)) {
    if (open) continue
    const headers = { ...json, authorization: device.proof(`127.0.0.1:${hub.hub.port}`) }
    const answer = await rawRequest(hub.hub.url + path, { method, headers, ...(body ? { body: '{}' } : {}) })
    if (name.endsWith('/devices/self/token')) assert.equal(answer.status, 200, answer.text)
    else if (name.includes('{asset}'))
      assert.ok([400, 404].includes(answer.status), `${method} ${name}: ${answer.text}`)
    else if (savedByDevices.test(`${method} ${name}`))
      assert.ok([200, 400, 404].includes(answer.status), `${method} ${name}: ${answer.text}`)
    else assert.equal(answer.status, 403, `${method} ${name}: ${answer.text}`)
  }
})

test('a method or path that is not in the list is 405 or 404 as a problem', async t => {
  const { hub, token } = await startTestHub(t)
  const headers = { authorization: `Bearer ${token}` }
  const wrongMethod = await rawRequest(`${hub.url}/api/v1/runs`, { method: 'DELETE', headers })
  assert.equal(checkProblem(wrongMethod.text, 405).code, 'METHOD_NOT_ALLOWED')
  assert.equal(wrongMethod.headers.allow, 'GET, POST')
  const nowhere = await rawRequest(`${hub.url}/api/v1/nothing`, { headers })
  assert.equal(checkProblem(nowhere.text, 404).code, 'NOT_FOUND')
  assert.equal((await rawRequest(`${hub.url}/../../etc/passwd`, {})).status, 404)
})

test('every answer carries the security headers and none may be framed or sniffed', async t => {
  const { hub, token } = await startTestHub(t)
  for (const path of ['/', '/healthz', '/api/v1/runs', '/api/v1/nothing']) {
    const { headers } = await rawRequest(hub.url + path, { headers: { authorization: `Bearer ${token}` } })
    assert.match(String(headers['content-security-policy']), /default-src '(none|self)'.*frame-ancestors 'none'/)
    assert.doesNotMatch(String(headers['content-security-policy']), /script-src[^;]*unsafe/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['x-frame-options'], 'DENY')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.ok(headers['x-request-id'])
  }
})

async function upgradeStatus(
  t: TestContext,
  url: string,
  headers: Record<string, string>,
  protocol?: string,
): Promise<number | 'open' | 'closed'> {
  const socket = new WebSocket(url, protocol, { headers })
  atEnd(t, () => socket.terminate())
  socket.on('error', () => undefined)
  const outcome = await Promise.race([
    once(socket, 'open').then(() => 'open' as const),
    once(socket, 'unexpected-response').then(([, response]) => (response as { statusCode: number }).statusCode),
    once(socket, 'close').then(() => 'closed' as const),
  ])
  if (outcome !== 'open') return outcome
  const closed = await Promise.race([
    once(socket, 'close').then(() => true),
    new Promise<false>(resolve => setTimeout(resolve, 300, false)),
  ])
  return closed ? 'closed' : 'open'
}

test('S5 one upgrade router, default deny: no address opens for a foreign page, Host or stranger', async t => {
  const hub = await startTestHub(t)
  const base = hub.hub.url.replace('http', 'ws')
  const good = { authorization: `Bearer ${hub.token}` }
  const paths = [
    '/',
    '/channel',
    '/sync/me/demo/a.md',
    '/sync/me/demo',
    '/sync',
    '/api/v1/runs',
    '/api/v1/events',
    '/sync/me/demo/%zz',
  ]
  const sets: Record<string, string>[] = [
    { host: 'attacker.example' },
    { origin: 'http://attacker.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]
  for (const path of paths) {
    for (const set of sets)
      assert.equal(await upgradeStatus(t, base + path, { ...good, ...set }), 403, `${path} ${JSON.stringify(set)}`)
    const stranger = await upgradeStatus(t, `${base}${path}?ticket=mt_wrong`, {})
    assert.notEqual(stranger, 'open', path)
  }
  assert.equal(await upgradeStatus(t, `${base}/channel`, good, 'meshbook.v1'), 401)
  assert.equal(await upgradeStatus(t, `${base}/sync/me/demo/a.md`, { cookie: await signIn(hub) }), 403)
  assert.equal(await upgradeStatus(t, `${base}/sync/me/demo/a.md`, good), 'open')
  assert.equal(
    await upgradeStatus(t, `${base}/sync/me/demo/a.md`, { cookie: await signIn(hub), origin: hub.hub.url }),
    'open',
  )
})
