import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { GithubServer } from '../../../../tests/github-server.ts'
import { CookieBrowser } from '../testing/cookie-browser.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

interface World {
  test: TestHub
  github: GithubServer
  start: string
}

async function world(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<World> {
  const github = await GithubServer.start(t)
  const test = await startTestHub(t, { env: { ...github.env(), MESHBOOK_SIGN_UP: 'open', ...env } })
  const start = `${test.hub.url}/api/v1/auth/github`
  github.register(`${start}/callback`)
  return { test, github, start }
}

async function whoIs({ test }: World, browser: CookieBrowser): Promise<string | undefined> {
  const answer = await browser.send('GET', `${test.hub.url}/api/v1/me`)
  return answer.status === 200 ? (JSON.parse(answer.text) as { user: string }).user : undefined
}

async function signIn(at: World, browser = new CookieBrowser()): Promise<{ browser: CookieBrowser; page: string }> {
  const { url } = await browser.follow(at.start)
  return { browser, page: url.pathname + url.search }
}

test('AU16 a person signs in with GitHub by its true protocol, and nothing is refused on the way', async t => {
  const at = await world(t)
  const { browser, page } = await signIn(at)
  assert.equal(page, '/')
  assert.equal(await whoIs(at, browser), 'octocat')
  assert.deepEqual(at.github.refused, [])
  const { items } = JSON.parse((await browser.send('GET', `${at.test.hub.url}/api/v1/identities`)).text) as {
    items: { label: string; email: string }[]
  }
  assert.deepEqual([items[0]?.label, items[0]?.email], ['octocat', 'octo@example.com'])
})

test('AU1 a login that passed to somebody else at GitHub is another person, and a renamed one is the same', async t => {
  const at = await world(t)
  await signIn(at)
  at.github.user = { ...at.github.user, login: 'renamed' }
  assert.equal(await whoIs(at, (await signIn(at)).browser), 'octocat')
  at.github.user = { ...at.github.user, id: 99, login: 'octocat' }
  assert.equal(await whoIs(at, (await signIn(at)).browser), 'octocat-2')
})

test('AU2 only the primary address counts, and only if it is verified', async t => {
  const at = await world(t)
  at.github.user.emails = [
    { email: 'other@example.com', primary: false, verified: true, visibility: null },
    { email: 'octo@example.com', primary: true, verified: false, visibility: null },
  ]
  assert.equal((await signIn(at)).page, '/signin?error=EMAIL_NOT_VERIFIED')
  const closed = await world(t, { MESHBOOK_SIGN_UP: 'old@example.com' })
  assert.equal((await signIn(closed)).page, '/signin?error=SIGN_UP_CLOSED')
})

test('AU11 a callback with another state, in another browser, of another provider or used before signs nobody in', async t => {
  const at = await world(t)
  const callback = async (browser: CookieBrowser) =>
    (await browser.follow(at.start, url => url.pathname.endsWith('/callback'))).url
  const browser = new CookieBrowser()
  const url = await callback(browser)
  const cookie = browser.cookie(at.test.hub.url, 'mb_attempt')!
  const expired = '/signin?error=SIGN_IN_EXPIRED'
  const page = async (who: CookieBrowser, to: URL) => {
    const end = await who.follow(to)
    return end.url.pathname + end.url.search
  }
  assert.equal(await page(new CookieBrowser(), url), expired)
  const altered = new URL(url)
  altered.searchParams.set('state', 'x')
  assert.equal(await page(browser, altered), expired)
  browser.jar.get(at.test.hub.url)!.set('mb_attempt', cookie)
  await browser.follow(url)
  assert.equal(await whoIs(at, browser), 'octocat')
  browser.jar.get(at.test.hub.url)!.set('mb_attempt', cookie)
  assert.equal(await page(browser, url), expired)
  const next = await callback(browser)
  next.searchParams.set('code', url.searchParams.get('code')!)
  assert.equal(await page(browser, next), '/signin?error=SIGN_IN_REFUSED')
})

test('AU12 a code is useless with another PKCE verifier', async t => {
  const at = await world(t)
  const browser = new CookieBrowser()
  const begun = new URL(String((await browser.visit(at.start)).headers.location))
  begun.searchParams.set('code_challenge', 'A'.repeat(43))
  const { url } = await browser.follow(begun)
  assert.equal(url.pathname + url.search, '/signin?error=SIGN_IN_REFUSED')
})

test('AU15 cancelling, wrong settings and a GitHub that is down are told with what to do', async t => {
  const at = await world(t)
  at.github.declines = true
  assert.equal((await signIn(at)).page, '/signin?error=SIGN_IN_CANCELLED')
  at.github.declines = false
  const wrong = await world(t, { MESHBOOK_GITHUB_URL: at.github.url, MESHBOOK_GITHUB_CLIENT_ID: at.github.clientId })
  at.github.register(`${wrong.start}/callback`)
  assert.equal((await signIn(wrong)).page, '/signin?error=PROVIDER_FAILED')
  assert.deepEqual(at.github.refused, ['incorrect_client_credentials'])
  assert.ok(wrong.test.logged.some(line => line.includes('incorrect_client_credentials')))
  at.github.register(`${at.start}/callback`)
  const browser = new CookieBrowser()
  const { url } = await browser.follow(at.start, next => next.pathname.endsWith('/callback'))
  at.github.down = true
  const end = await browser.follow(url)
  assert.equal(end.url.search, '?error=PROVIDER_FAILED')
})
