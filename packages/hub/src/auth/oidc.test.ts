import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Limits } from '@meshbook/core/limits.ts'
import { OidcServer } from '../../../../tests/oidc-server.ts'
import { CookieBrowser, type Stop } from '../testing/cookie-browser.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

interface World {
  test: TestHub
  oidc: OidcServer
  start: string
  isCallback(url: URL): boolean
}

async function world(t: TestContext, env: NodeJS.ProcessEnv = {}, limits: Partial<Limits> = {}): Promise<World> {
  const oidc = await OidcServer.start(t)
  const test = await startTestHub(t, { env: { ...oidc.env(), MESHBOOK_SIGN_UP: 'open', ...env }, limits })
  const start = `${test.hub.url}/api/v1/auth/oidc`
  oidc.register([`${start}/callback`])
  return { test, oidc, start, isCallback: url => url.href.startsWith(`${start}/callback`) }
}

async function whoIs({ test }: World, browser: CookieBrowser): Promise<string | undefined> {
  const answer = await browser.send('GET', `${test.hub.url}/api/v1/me`)
  return answer.status === 200 ? (JSON.parse(answer.text) as { user: string }).user : undefined
}

/** Signs in up to the callback and stops there, so that a test can alter it. */
async function toCallback(
  at: World,
  browser: CookieBrowser,
  alter: (url: URL) => void = () => undefined,
): Promise<URL> {
  const begun = await browser.visit(at.start)
  assert.equal(begun.status, 303)
  const provider = new URL(String(begun.headers.location))
  alter(provider)
  const { url } = await browser.follow(provider, at.isCallback)
  assert.ok(at.isCallback(url), url.href)
  return url
}

function assertFailed({ url, answer }: Stop, code: string): void {
  assert.equal(url.pathname + url.search, `/signin?error=${code}`)
  assert.ok(answer.status === 200 || answer.status === 503)
}

test('AU12 a person signs in at an OpenID provider, gets an account, and is the same person the next time', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const { url } = await browser.follow(`${at.start}?to=/p/demo/a.md`)
  assert.equal(url.href, `${at.test.hub.url}/p/demo/a.md`)
  assert.equal(await whoIs(at, browser), 'ada')
  const other = new CookieBrowser()
  await other.follow(at.start)
  assert.equal(await whoIs(at, other), 'ada')
  const { items } = JSON.parse((await other.send('GET', `${at.test.hub.url}/api/v1/identities`)).text) as {
    items: { provider: string; providerName: string; label: string; email: string }[]
  }
  assert.deepEqual(
    items.map(({ provider, providerName, label, email }) => [provider, providerName, label, email]),
    [['oidc', 'Test ID', 'ada@example.com', 'ada@example.com']],
  )
  assert.ok(at.oidc.asked.includes('/me'), 'the address is asked for where the ID token has none')
})

test('AU12 the provider is asked with PKCE, state and nonce, which differ each time and are not the cookie', async t => {
  const at = await world(t)
  const seen: string[] = []
  for (let i = 0; i < 2; i++) {
    const browser = new CookieBrowser()
    const begun = await browser.visit(at.start)
    const asked = new URL(String(begun.headers.location)).searchParams
    assert.equal(asked.get('code_challenge_method'), 'S256')
    assert.equal(asked.get('response_type'), 'code')
    assert.equal(asked.get('redirect_uri'), `${at.start}/callback`)
    assert.match(
      String(begun.headers['set-cookie']),
      /^mb_attempt=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/,
    )
    assert.equal(begun.headers['referrer-policy'], 'no-referrer')
    seen.push(browser.cookie(at.test.hub.url, 'mb_attempt')!)
    for (const name of ['state', 'nonce', 'code_challenge']) seen.push(asked.get(name)!)
  }
  assert.equal(new Set(seen).size, 8)
  for (const value of seen) assert.match(value, /^[\w-]{43}$/)
})

test('AU11 a callback with another state, or with none, is refused before the provider is asked', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const callback = await toCallback(at, browser)
  const asked = at.oidc.asked.length
  const cookie = browser.cookie(at.test.hub.url, 'mb_attempt')!
  for (const state of ['x', '', null]) {
    const altered = new URL(callback)
    if (state === null) altered.searchParams.delete('state')
    else altered.searchParams.set('state', state)
    browser.jar.get(at.test.hub.url)!.set('mb_attempt', cookie)
    assertFailed(await browser.follow(altered), 'SIGN_IN_EXPIRED')
  }
  assert.equal(at.oidc.asked.length, asked)
  assert.equal(await whoIs(at, browser), undefined)
})

test('AU10 AU11 a callback in another browser signs nobody in, and one that was used does not work again', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const callback = await toCallback(at, browser)
  const thief = new CookieBrowser()
  assertFailed(await thief.follow(callback), 'SIGN_IN_EXPIRED')
  const own = await toCallback(at, thief)
  const swapped = new URL(own)
  swapped.searchParams.set('code', callback.searchParams.get('code')!)
  assertFailed(await thief.follow(swapped), 'SIGN_IN_REFUSED')
  assert.equal(await whoIs(at, thief), undefined)

  const cookie = browser.cookie(at.test.hub.url, 'mb_attempt')!
  await browser.follow(callback)
  assert.equal(await whoIs(at, browser), 'ada')
  const replayer = new CookieBrowser()
  replayer.jar.set(at.test.hub.url, new Map([['mb_attempt', cookie]]))
  assertFailed(await replayer.follow(callback), 'SIGN_IN_EXPIRED')
  assert.equal(await whoIs(at, replayer), undefined)
})

test('AU12 a code that was redeemed before is refused by the provider and tells nobody anything', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const used = await toCallback(at, browser)
  await browser.follow(used)
  const next = await toCallback(at, browser)
  next.searchParams.set('code', used.searchParams.get('code')!)
  assertFailed(await browser.follow(next), 'SIGN_IN_REFUSED')
})

test('AU12 an ID token with another nonce is refused', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const callback = await toCallback(at, browser, url => url.searchParams.set('nonce', 'planted'))
  assertFailed(await browser.follow(callback), 'SIGN_IN_REFUSED')
  assert.equal(await whoIs(at, browser), undefined)
})

test('AU12 a code is useless with another PKCE verifier', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const callback = await toCallback(at, browser, url => url.searchParams.set('code_challenge', 'A'.repeat(43)))
  assertFailed(await browser.follow(callback), 'SIGN_IN_REFUSED')
})

test('AU12 a callback of another issuer, or of none where one is promised, is refused (mix-up)', async t => {
  const at = await world(t)
  for (const issuer of ['https://evil.example', null]) {
    const browser = new CookieBrowser()
    const callback = await toCallback(at, browser)
    assert.equal(callback.searchParams.get('iss'), at.oidc.url)
    if (issuer === null) callback.searchParams.delete('iss')
    else callback.searchParams.set('iss', issuer)
    assertFailed(await browser.follow(callback), 'SIGN_IN_REFUSED')
    assert.equal(await whoIs(at, browser), undefined)
  }
})

test('AU12 a document that names another issuer, or lacks what is needed, is not believed', async t => {
  for (const discovered of [{ issuer: 'https://evil.example' }, { authorization_endpoint: undefined }]) {
    const at = await world(t)
    at.oidc.discovered = discovered
    assertFailed(await new CookieBrowser().follow(at.start), 'PROVIDER_FAILED')
  }
})

test('AU10 an attempt that is older than ten minutes is over', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const callback = await toCallback(at, browser)
  at.test.clock.offsetMs += 10 * 60_000 + 1
  assertFailed(await browser.follow(callback), 'SIGN_IN_EXPIRED')
})

test('AU10 the hub may be restarted in the middle of a sign-in', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const callback = await toCallback(at, browser)
  const { port } = new URL(at.test.hub.url)
  at.test.config.port = Number(port)
  await at.test.restart()
  await browser.follow(callback)
  assert.equal(await whoIs(at, browser), 'ada')
})

test('AU2 AU3 an address that is not verified makes no account, and is not stored for who has one', async t => {
  const at = await world(t)
  at.oidc.person = { ...at.oidc.person, email_verified: false }
  const browser = new CookieBrowser()
  assertFailed(await browser.follow(at.start), 'EMAIL_NOT_VERIFIED')
  at.oidc.person = { ...at.oidc.person, email_verified: true }
  await new CookieBrowser().follow(at.start)
  at.oidc.person = { ...at.oidc.person, email: 'root@example.com', email_verified: false }
  const later = new CookieBrowser()
  await later.follow(at.start)
  assert.equal(await whoIs(at, later), 'ada')
  const { items } = JSON.parse((await later.send('GET', `${at.test.hub.url}/api/v1/identities`)).text) as {
    items: { email: string | null }[]
  }
  assert.equal(items[0]?.email, null)
})

test('AU3 a hub that is closed, as hubs are unless set, makes no account; nor one that names other addresses', async t => {
  for (const policy of ['', 'example.org', 'bob@example.com', '@sub.example.com']) {
    const at = await world(t, { MESHBOOK_SIGN_UP: policy })
    const browser = new CookieBrowser()
    assertFailed(await browser.follow(at.start), 'SIGN_UP_CLOSED')
    assert.equal(await whoIs(at, browser), undefined)
  }
})

test('AU3 a hub that names an address or its domain makes an account, with a name of its own each', async t => {
  const at = await world(t, { MESHBOOK_SIGN_UP: 'example.org, Ada@example.com' })
  await new CookieBrowser().follow(at.start)
  at.oidc.person = { sub: 'p-2', email: 'x@EXAMPLE.org', email_verified: true, preferred_username: 'ADA' }
  const second = new CookieBrowser()
  await second.follow(at.start)
  assert.equal(await whoIs(at, second), 'ada-2')
  at.oidc.person = { sub: 'p-3', email: 'y@example.org', email_verified: true, preferred_username: 'me' }
  const third = new CookieBrowser()
  await third.follow(at.start)
  assert.equal(await whoIs(at, third), 'me-2')
})

test('AU1 the same address with another subject is another person', async t => {
  const at = await world(t)
  await new CookieBrowser().follow(at.start)
  at.oidc.person = { ...at.oidc.person, sub: 'somebody-else' }
  const other = new CookieBrowser()
  await other.follow(at.start)
  assert.equal(await whoIs(at, other), 'ada-2')
})

test('AU13 a provider that is down, hangs, errs, redirects or never ends is told as such, and the hub works on', async t => {
  const at = await world(t, {}, { providerAnswerMs: 400 })
  for (const fault of ['silent', 'huge', 500, 'redirect', 'not json'] as const) {
    at.oidc.fault = () => fault
    const turnedAway = new CookieBrowser()
    assertFailed(await turnedAway.follow(at.start), 'PROVIDER_FAILED')
    assert.equal(turnedAway.cookie(at.test.hub.url, 'mb_attempt'), undefined, String(fault))
  }
  at.oidc.fault = () => undefined
  const browser = new CookieBrowser()
  const callback = await toCallback(at, browser)
  at.oidc.fault = path => (path === '/token' ? 'silent' : undefined)
  assertFailed(await browser.follow(callback), 'PROVIDER_FAILED')
  const late = await toCallback(at, browser)
  await at.oidc.stop()
  assertFailed(await browser.follow(late), 'PROVIDER_FAILED')
  assert.ok(
    at.test.logged.some(line => line.includes('ECONNREFUSED')),
    'the reason is in the log',
  )
})

test('AU15 who says no at the provider is told so, and an error of the provider is not shown', async t => {
  const at = await world(t)
  for (const [error, code] of [
    ['access_denied', 'SIGN_IN_CANCELLED'],
    ['<script>alert(1)</script>', 'PROVIDER_FAILED'],
  ] as const) {
    const browser = new CookieBrowser()
    const callback = await toCallback(at, browser)
    callback.searchParams.delete('code')
    callback.searchParams.set('error', error)
    callback.searchParams.set('error_description', 'canary description')
    const failed = await browser.follow(callback)
    assertFailed(failed, code)
    assert.ok(!failed.url.href.includes('canary'))
  }
})

test('AU14 no address leads away from the hub after sign-in', async t => {
  const at = await world(t)
  const hostile = [
    'https://evil.example/p/',
    '//evil.example/p/x',
    '/\\evil.example/p/x',
    '/p/../..//evil.example',
    '/p/\\..\\..\\evil',
    'javascript:alert(1)',
    '/p/@evil.example',
    '/api/v1/auth/oidc',
    '/p/..%2f..%2fevil',
    ' /p/x',
    '/p/x\r\nset-cookie: a=b',
    '/%2f%2fevil.example',
  ]
  for (const to of hostile) {
    const browser = new CookieBrowser()
    const { url } = await browser.follow(`${at.start}?to=${encodeURIComponent(to)}`)
    assert.equal(url.origin, at.test.hub.url, to)
    assert.ok(url.pathname === '/' || url.pathname.startsWith('/p/'), `${to} → ${url.href}`)
    assert.equal(url.search, '')
  }
})

test('S6 no other site can send a person through a sign-in', async t => {
  const at = await world(t)
  const answer = await new CookieBrowser().visit(at.start, 'https://evil.example')
  assert.equal(answer.status, 403)
})

test('AU35 over plain HTTP from another machine no sign-in is begun or finished', async t => {
  const oidc = await OidcServer.start(t)
  const env = { ...oidc.env(), MESHBOOK_PUBLIC_URL: 'http://mesh.example' }
  const { hub } = await startTestHub(t, { env })
  const { rawRequest } = await import('../testing/raw-request.ts')
  const headers = { host: 'mesh.example' }
  const begun = await rawRequest(`${hub.url}/api/v1/auth/oidc`, { headers })
  assert.deepEqual([begun.status, JSON.parse(begun.text).code], [403, 'PLAIN_HTTP'])
  const back = await rawRequest(`${hub.url}/api/v1/auth/oidc/callback?code=x&state=y`, { headers })
  assert.deepEqual([back.status, JSON.parse(back.text).code], [403, 'PLAIN_HTTP'])
})
