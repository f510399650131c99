/** Rules RQ10 to RQ32 over HTTP; what Redis does is in tests/contract/rate-windows.test.ts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Problem } from '@meshbook/core/errors.ts'
import { parseHubConfig } from '../config.ts'
import type { Route } from '../http/route.ts'
import { routes } from '../http/routes.ts'
import type { Parts } from '../parts.ts'
import { type RawAnswer, rawRequest } from '../testing/raw-request.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { addTestUser } from '../testing/test-user.ts'
import { addressBlock } from './address-block.ts'
import { LocalWindows } from './rate-windows.ts'

type Env = Record<string, string>

/** At the beginning of a window, so that none begins while the test counts. */
async function countingHub(t: TestContext, env: Env): Promise<TestHub> {
  const it = await startTestHub(t, { env })
  it.clock.offsetMs += 60_000 - ((Date.now() + it.clock.offsetMs) % 60_000)
  return it
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

function ask(it: TestHub, path: string, headers: Record<string, string> = bearer(it.token), method = 'GET') {
  return rawRequest(it.hub.url + path, { method, headers })
}

async function statuses(times: number, once: () => Promise<RawAnswer>): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < times; i++) found.push((await once()).status)
  return found
}

test('RQ11 RQ20 RQ21 a token has its share, the org of its owner another; who is refused knows until when', async t => {
  const it = await countingHub(t, { MESHBOOK_RATE_READS: '3,5' })
  const first = await ask(it, '/api/v1/me')
  assert.equal(first.headers['ratelimit-policy'], '"read-token";q=3;w=60, "read-org";q=5;w=60')
  assert.match(String(first.headers.ratelimit), /^"read-token";r=2;t=1[12]\d, "read-org";r=4;t=1[12]\d$/)
  assert.equal(first.headers['retry-after'], undefined)
  const { token: second } = await it.json<{ token: string }>('POST', '/tokens', { name: 'second' })
  const stranger = await addTestUser(it, 'stranger')
  assert.deepEqual(await statuses(3, () => ask(it, '/api/v1/me')), [200, 200, 429])
  const refused = await ask(it, '/api/v1/projects')
  const problem = JSON.parse(refused.text) as Problem
  assert.deepEqual([refused.status, problem.code, problem.status], [429, 'SLOW_DOWN', 429])
  assert.equal(problem.detail, 'more than 3 requests of this kind with one credential within a minute')
  const seconds = Number(refused.headers['retry-after'])
  assert.ok(seconds > 60 && seconds <= 80, `${seconds}`)
  assert.equal(refused.headers.ratelimit, `"read-token";r=0;t=${seconds}, "read-org";r=2;t=${seconds + 40}`)
  assert.deepEqual(await statuses(3, () => ask(it, '/api/v1/me', bearer(second))), [200, 200, 429])
  const ofOrg = await ask(it, '/api/v1/me', bearer(second))
  assert.match(ofOrg.text, /of one org/)
  assert.equal(await stranger.status('GET', '/me'), 200, 'who else is here goes on')
  assert.equal(await it.api('POST', '/projects', { name: 'written' }).then(({ status }) => status), 201)
  it.clock.offsetMs += seconds * 1_000
  assert.deepEqual(await statuses(2, () => ask(it, '/api/v1/me')), [200, 429], 'after the wait one passes')
})

test('RQ12 RQ13 strangers count for their address; whoever has a credential is not shut out by them', async t => {
  const it = await countingHub(t, { MESHBOOK_RATE_ADDRESS: '4' })
  const wrong = () => ask(it, '/api/v1/me', bearer(`mb_${'x'.repeat(43)}`))
  const none = () => ask(it, '/api/v1/me', {})
  assert.deepEqual(await statuses(2, wrong), [401, 401])
  const third = await none()
  assert.deepEqual([third.status, third.headers['www-authenticate']], [401, 'Bearer'])
  assert.match(String(third.headers.ratelimit), /^"address";r=1;t=\d+$/)
  const code = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"code":"guess"}' }
  const guess = await rawRequest(`${it.hub.url}/api/v1/auth/link`, code)
  assert.equal(guess.status, 401)
  assert.equal(guess.headers['ratelimit-policy'], '"try-address";q=30;w=60, "address";q=4;w=60')
  for (const refused of [await wrong(), await none(), await ask(it, '/api/v1/openapi.json', {})]) {
    assert.equal(refused.status, 429)
    assert.ok(Number(refused.headers['retry-after']) >= 1)
  }
  assert.equal((await ask(it, '/api/v1/me')).status, 200)
  assert.deepEqual(await statuses(3, () => ask(it, '/healthz', {})), [200, 200, 200])
})

test('RQ15 a hub of one machine counts nothing but sign-ins', async t => {
  const it = await startTestHub(t)
  const { headers } = await ask(it, '/api/v1/me')
  assert.deepEqual([headers.ratelimit, headers['ratelimit-policy']], [undefined, undefined])
  const code = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"code":"guess"}' }
  const guess = await rawRequest(`${it.hub.url}/api/v1/auth/link`, code)
  assert.equal(guess.headers['ratelimit-policy'], '"try-address";q=30;w=60')
})

test('RQ15 whether requests are counted follows from who reaches the hub, or is set', () => {
  const rates = (env: Env, host?: string) => parseHubConfig(env, host === undefined ? {} : { host }).rates
  const database = { MESHBOOK_DATABASE_URL: 'postgresql://hub:x@db.example/meshbook' }
  assert.equal(rates({}), null)
  assert.equal(rates({}, '[::1]'), null)
  assert.equal(rates({ MESHBOOK_RATE_LIMITS: 'off' }, '0.0.0.0'), null)
  for (const found of [rates({}, '0.0.0.0'), rates(database), rates({ MESHBOOK_RATE_LIMITS: 'on' })])
    assert.deepEqual(found?.token, { read: 12_000, write: 6_000, heavy: 120, transfer: 30_000 })
  const set = rates({ MESHBOOK_RATE_HEAVY: '7, 9', MESHBOOK_RATE_ADDRESS: '11' })
  assert.deepEqual([set?.token.heavy, set?.org.heavy, set?.address], [7, 9, 11])
  for (const env of [
    { MESHBOOK_RATE_READS: '5' },
    { MESHBOOK_RATE_READS: '5,0' },
    { MESHBOOK_RATE_WRITES: '1,2,3' },
    { MESHBOOK_RATE_ADDRESS: 'many' },
    { MESHBOOK_RATE_LIMITS: 'yes' },
  ] as Env[])
    assert.throws(() => rates(env), /MESHBOOK_RATE_/)
})

const keyOf = ({ method, path }: Route): string => `${method} ${path.replace('/api/v1', '')}`
const ofClass = (rate: Route['rate']): string[] =>
  routes({} as Parts)
    .filter(route => route.rate === rate)
    .map(keyOf)

test('RQ10 every route has a class, and those that are not what their method says are known', () => {
  for (const { rate, access, method, path } of routes({} as Parts)) {
    assert.ok(rate, path)
    if (rate === 'begin' || rate === 'try') assert.equal(access.to, 'public', path)
    if (rate === 'read') assert.equal(method, 'GET', path)
    if (rate === 'write') assert.notEqual(method, 'GET', path)
  }
  assert.deepEqual(ofClass('none'), ['GET /healthz', 'GET /readyz', 'GET /metrics'])
  assert.deepEqual(ofClass('transfer').toSorted(), [
    'GET /assets/:asset',
    'POST /snapshots/parts',
    'POST /snapshots/parts/missing',
    'POST /snapshots/parts/read',
    'PUT /assets/:asset',
  ])
  assert.deepEqual(ofClass('heavy').toSorted(), [
    'GET /documents/:id/export',
    'GET /tasks/:id/export',
    'POST /documents/:id/renew',
    'POST /keys/turn',
    'POST /projects/:id/environments',
    'POST /sessions/:id/fork',
    'POST /sessions/:id/migrate',
    'POST /sessions/:id/snapshots',
    'POST /snapshots/:id/restore',
    'POST /tasks',
    'POST /tasks/:id/again',
    'POST /triggers',
    'POST /workflow-runs',
    'POST /workflow-runs/:id/fork',
  ])
  assert.deepEqual(
    ofClass('try').every(key => key.startsWith('POST /auth/')),
    true,
  )
})

test('RQ10 RQ21 every route is refused before its handler once its quota is used up, and says so', async t => {
  const one = { READS: '1,1', WRITES: '1,1', HEAVY: '1,1', TRANSFERS: '1,1', ADDRESS: '1' }
  const env = Object.fromEntries(Object.entries(one).map(([name, most]) => [`MESHBOOK_RATE_${name}`, most]))
  const it = await countingHub(t, env)
  const using = ['GET /me', 'POST /auth/logout', 'GET /tasks/none/export', 'GET /assets/none']
  for (const [method = '', path] of using.map(text => text.split(' '))) {
    const { status } = await ask(it, `/api/v1${path}`, bearer(it.token), method)
    assert.notEqual(status, 429, path)
  }
  assert.equal((await ask(it, '/api/v1/me', {})).status, 401)
  let refused = 0
  for (const route of routes({} as Parts)) {
    const isPublic = route.access.to === 'public'
    const path = route.path.replace(/:owner\{[^}]*\}/, '@me').replace(/:\w+(?:\{[^}]*\})?/g, 'none')
    const answer = await ask(it, path, isPublic ? {} : bearer(it.token), route.method)
    const what = `${keyOf(route)}: ${answer.status} ${answer.text.slice(0, 100)}`
    if (route.rate === 'none') {
      assert.equal(answer.status, 200, what)
      assert.equal(answer.headers.ratelimit, undefined, what)
      continue
    }
    assert.equal(answer.status, 429, what)
    const policy = String(answer.headers['ratelimit-policy'])
    assert.match(policy, isPublic ? /"address";q=1;w=60$/ : /^"(\w+)-token";q=1;w=60, "\1-org";q=1;w=60$/, what)
    if (!isPublic) assert.ok(policy.startsWith(`"${route.rate}-`), what)
    assert.match(String(answer.headers.ratelimit), /;r=0;t=\d+/, what)
    assert.ok(Number(answer.headers['retry-after']) > 1, what)
    assert.match(answer.text, /SLOW_DOWN/, what)
    refused++
  }
  assert.ok(refused > 100, `${refused}`)
})

test('RQ14 an address of IPv6 is its network of 64 bits', () => {
  assert.equal(addressBlock('203.0.113.9'), '203.0.113.9')
  assert.equal(addressBlock('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(addressBlock('2001:DB8:1:2::6'), '2001:db8:1:2::/64')
  assert.equal(addressBlock('2001:db8::6'), '2001:db8:0:0::/64')
  assert.equal(addressBlock('::1'), '0:0:0:0::/64')
  assert.equal(addressBlock('fe80::1%eth0'), 'fe80:0:0:0::/64')
  assert.equal(addressBlock(''), '')
})

test('RQ32 a flood of addresses takes no room from credentials, and room comes back', async () => {
  const clock = { ms: 0 }
  const windows = new LocalWindows(() => clock.ms, 50)
  const ofAddress = (i: number) => windows.take([{ of: 'address', key: `${i}`, most: 5 }])
  for (let i = 0; i < 50; i++) assert.ok((await ofAddress(i)).isAllowed)
  assert.equal((await ofAddress(50)).isAllowed, false)
  assert.ok((await ofAddress(7)).isAllowed, 'who is known goes on')
  assert.ok((await windows.take([{ of: 'token', key: 'a', most: 5 }])).isAllowed)
  clock.ms = 180_000
  assert.ok((await ofAddress(50)).isAllowed)
})
