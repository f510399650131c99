import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { BrowserSessionInfo, IdentityInfo, InvitationInfo, SignInWays } from '@meshbook/core/account-api.ts'
import type { Problem } from '@meshbook/core/errors.ts'
import { WebSocket } from 'ws'
import { GithubServer } from '../../../../tests/github-server.ts'
import { OidcServer } from '../../../../tests/oidc-server.ts'
import { atEnd } from '../testing/at-end.ts'
import { CookieBrowser } from '../testing/cookie-browser.ts'
import type { RawAnswer } from '../testing/raw-request.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

interface World {
  test: TestHub
  oidc: OidcServer
  github: GithubServer
}

async function world(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<World> {
  const [oidc, github] = [await OidcServer.start(t), await GithubServer.start(t)]
  const test = await startTestHub(t, { env: { ...oidc.env(), ...github.env(), ...env } })
  oidc.register([`${test.hub.url}/api/v1/auth/oidc/callback`])
  github.register(`${test.hub.url}/api/v1/auth/github/callback`)
  return { test, oidc, github }
}

class Person {
  readonly browser = new CookieBrowser()
  readonly #hub: TestHub['hub']

  constructor({ test }: Pick<World, 'test'>) {
    this.#hub = test.hub
  }

  call(method: string, path: string, body?: unknown): Promise<RawAnswer> {
    return this.browser.send(method, `${this.#hub.url}/api/v1${path}`, body)
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.call('GET', path)
    assert.equal(answer.status, 200, answer.text)
    return JSON.parse(answer.text) as T
  }

  async list<T>(path: string): Promise<T[]> {
    return (await this.get<{ items: T[] }>(path)).items
  }

  async name(): Promise<string | undefined> {
    const answer = await this.call('GET', '/me')
    return answer.status === 200 ? (JSON.parse(answer.text) as { user: string }).user : undefined
  }

  async byLink(): Promise<this> {
    const code = new URL(await this.#hub.signInLink()).hash.slice(1)
    assert.equal((await this.call('POST', '/auth/link', { code })).status, 204)
    return this
  }

  /** Goes through a provider; returns the page it ended on. */
  async through(provider: 'oidc' | 'github', invitation?: string): Promise<string> {
    return this.#walk(await this.call('POST', `/auth/${provider}`, invitation === undefined ? {} : { invitation }))
  }

  async link(provider: 'oidc' | 'github'): Promise<string> {
    return this.#walk(await this.call('POST', '/identities', { provider }))
  }

  async #walk(begun: RawAnswer): Promise<string> {
    assert.equal(begun.status, 200, begun.text)
    const { url } = await this.browser.follow((JSON.parse(begun.text) as { url: string }).url)
    return url.pathname + url.search
  }
}

const codeOf = ({ text }: RawAnswer): string => (JSON.parse(text) as Problem).code
const invitationIn = (link: string | undefined): string => /#invitation=([\w-]{43})$/.exec(link ?? '')![1]!

async function invite(person: Person): Promise<InvitationInfo> {
  const answer = await person.call('POST', '/invitations', { note: 'Bob' })
  assert.equal(answer.status, 201, answer.text)
  return JSON.parse(answer.text) as InvitationInfo
}

test('AU5 the first user connects two identities to the account, signs in with each, and disconnects one', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  assert.equal(await me.link('oidc'), '/account')
  assert.equal(await me.link('github'), '/account')
  for (const provider of ['oidc', 'github'] as const) {
    const later = new Person(at)
    assert.equal(await later.through(provider), '/')
    assert.equal(await later.name(), 'me', provider)
  }
  const [first] = await me.list<IdentityInfo>('/identities')
  assert.equal((await me.call('DELETE', `/identities/${first!.id}`)).status, 204)
  assert.equal(await new Person(at).through('oidc'), '/signin?error=SIGN_UP_CLOSED')
  assert.equal((await me.call('DELETE', `/identities/${first!.id}`)).status, 404)
})

test('AU5 linking needs a live browser session: no token begins it, and none is linked after signing out', async t => {
  const at = await world(t)
  const byToken = await at.test.api('POST', '/identities', { provider: 'oidc' })
  assert.equal(byToken.status, 403)
  const me = await new Person(at).byLink()
  const begun = JSON.parse((await me.call('POST', '/identities', { provider: 'oidc' })).text) as { url: string }
  await me.call('POST', '/auth/logout', {})
  const { url } = await me.browser.follow(begun.url)
  assert.equal(url.search, '?error=UNAUTHENTICATED')
  assert.equal(await new Person(at).through('oidc'), '/signin?error=SIGN_UP_CLOSED')
})

test('AU5 an identity of somebody else cannot be connected, and a stranger cannot disconnect it', async t => {
  const at = await world(t, { MESHBOOK_SIGN_UP: 'open' })
  const ada = new Person(at)
  await ada.through('oidc')
  const me = await new Person(at).byLink()
  assert.equal(await me.link('oidc'), '/signin?error=IDENTITY_TAKEN')
  const [identity] = await ada.list<IdentityInfo>('/identities')
  assert.equal((await me.call('DELETE', `/identities/${identity!.id}`)).status, 404)
  assert.equal((await ada.list('/identities')).length, 1)
})

test('ME7 AD1 who signs in with an address that was invited is a member at once, and both owners read it in their logs', async t => {
  const at = await world(t, { MESHBOOK_SIGN_UP: 'open' })
  const me = await new Person(at).byLink()
  const members = `/projects/${at.test.project.id}/members`
  assert.equal((await me.call('POST', members, { email: 'Ada@example.com', roles: ['editor'] })).status, 201)
  const ada = new Person(at)
  at.oidc.person.email_verified = false
  await ada.through('oidc', invitationIn((await invite(me)).link))
  assert.deepEqual(await ada.list('/projects'), [], 'an address that nobody has verified is nobody’s')
  at.oidc.person = { ...at.oidc.person, sub: 'p-2', email_verified: true }
  const other = new Person(at)
  await other.through('oidc')
  const [project] = await other.list<{ id: string; roles: string[] }>('/projects')
  assert.deepEqual([project?.id, project?.roles], [at.test.project.id, ['editor']])
  const logOf = async (person: Person) =>
    (await person.list<{ action: string; name: string | null; detail: object }>('/audit')).reverse()
  const joined = (await logOf(me)).filter(({ action }) => action === 'member-added')
  assert.deepEqual(
    joined.map(({ name, detail }) => [name, detail]),
    [[await other.name(), { member: await other.name(), roles: ['editor'], email: 'ada@example.com' }]],
  )
  assert.deepEqual(
    (await logOf(other)).map(({ action, detail }) => [action, detail]),
    [['sign-in', { by: 'oidc' }]],
  )
})

test('AU6 the last way in stays, also when two are removed at the same time; the first user has the link', async t => {
  const at = await world(t, { MESHBOOK_SIGN_UP: 'open' })
  const ada = new Person(at)
  await ada.through('oidc')
  const [only] = await ada.list<IdentityInfo>('/identities')
  const refused = await ada.call('DELETE', `/identities/${only!.id}`)
  assert.deepEqual([refused.status, codeOf(refused)], [409, 'LAST_WAY_IN'])
  assert.equal(await ada.link('github'), '/account')
  const both = await ada.list<IdentityInfo>('/identities')
  const answers = await Promise.all(both.map(({ id }) => ada.call('DELETE', `/identities/${id}`)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 409])
  assert.equal((await ada.list('/identities')).length, 1)

  const me = await new Person(at).byLink()
  at.github.user = { ...at.github.user, id: 7 }
  await me.link('github')
  const [own] = await me.list<IdentityInfo>('/identities')
  assert.equal((await me.call('DELETE', `/identities/${own!.id}`)).status, 204)
})

test('AU6 an identity of a provider that the hub no longer asks is no way in', async t => {
  const at = await world(t, { MESHBOOK_SIGN_UP: 'open' })
  const ada = new Person(at)
  await ada.through('oidc')
  await ada.link('github')
  at.test.config.accounts.github = null
  at.test.config.port = at.test.hub.port
  await at.test.restart()
  const [oidc] = await ada.list<IdentityInfo>('/identities')
  assert.equal(codeOf(await ada.call('DELETE', `/identities/${oidc!.id}`)), 'LAST_WAY_IN')
})

test('AU4 an invitation makes one account on a closed hub, once, and the account has a personal org', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  const made = await invite(me)
  assert.equal(made.expiresAt - made.createdAt, 7 * 24 * 3_600_000)
  const code = invitationIn(made.link)
  const ada = new Person(at)
  assert.equal(await ada.through('oidc', code), '/')
  assert.equal(await ada.name(), 'ada')
  const orgs = await Promise.all([me, ada].map(async who => (await who.get<{ org: string }>('/me')).org))
  assert.notEqual(orgs[0], orgs[1])
  assert.deepEqual(await ada.list('/projects'), [])
  assert.equal((await ada.call('POST', '/projects', { name: 'demo' })).status, 201)
  assert.equal(await new Person(at).through('github', code), '/signin?error=INVITATION_VOID')
  const [listed] = await me.list<InvitationInfo>('/invitations')
  assert.deepEqual([listed?.usedBy, listed?.note, listed?.link], ['ada', 'Bob', undefined])
})

test('AU4 an invitation is not used up by who has an account, by a failure, or by two at once', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  await me.link('oidc')
  const code = invitationIn((await invite(me)).link)
  const again = new Person(at)
  await again.through('oidc', code)
  assert.equal(await again.name(), 'me')
  at.github.declines = true
  assert.equal(await new Person(at).through('github', code), '/signin?error=SIGN_IN_CANCELLED')
  at.github.declines = false
  const people: { person: Person; url: URL }[] = []
  for (const id of [1, 2, 3]) {
    const person = new Person(at)
    const begun = JSON.parse((await person.call('POST', '/auth/github', { invitation: code })).text) as { url: string }
    at.github.user = { ...at.github.user, id, login: `u${id}` }
    const { url } = await person.browser.follow(begun.url, next => next.pathname.endsWith('/callback'))
    people.push({ person, url })
  }
  const pages = await Promise.all(people.map(async ({ person, url }) => (await person.browser.follow(url)).url.search))
  assert.deepEqual(pages.sort(), ['', '?error=INVITATION_VOID', '?error=INVITATION_VOID'])
})

test('AU4 invitations that are unknown, withdrawn or too old are answered alike', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  const withdrawn = await invite(me)
  assert.equal((await me.call('DELETE', `/invitations/${withdrawn.id}`)).status, 204)
  const old = await invite(me)
  const codes = ['A'.repeat(43), invitationIn(withdrawn.link), invitationIn(old.link)]
  at.test.clock.offsetMs += 7 * 24 * 3_600_000 + 1
  for (const code of codes) assert.equal(await new Person(at).through('oidc', code), '/signin?error=INVITATION_VOID')
})

test('AU30 signing in makes a new secret and ends the session that this browser had', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  await me.link('oidc')
  const secret = () => me.browser.cookie(at.test.hub.url, 'mb_session')!
  const seen = [secret()]
  await me.through('oidc')
  seen.push(secret())
  await me.byLink()
  seen.push(secret())
  assert.equal(new Set(seen).size, 3)
  const sessions = await me.list<BrowserSessionInfo>('/browser-sessions')
  assert.equal(sessions.length, 1)
  assert.deepEqual([sessions[0]?.browser, sessions[0]?.current], ['Chrome on Linux', true])
  for (const old of seen.slice(0, 2)) {
    const thief = new Person(at)
    thief.browser.jar.set(at.test.hub.url, new Map([['mb_session', old]]))
    assert.equal(await thief.name(), undefined)
  }
})

test('AU30 a session secret that somebody planted is never taken over', async t => {
  const at = await world(t)
  const me = new Person(at)
  me.browser.jar.set(at.test.hub.url, new Map([['mb_session', 'planted']]))
  await me.byLink()
  assert.notEqual(me.browser.cookie(at.test.hub.url, 'mb_session'), 'planted')
})

async function openSocket(t: TestContext, { test }: World, person: Person): Promise<WebSocket> {
  const cookie = `mb_session=${person.browser.cookie(test.hub.url, 'mb_session')}`
  const url = `${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md`
  const socket = new WebSocket(url, { headers: { cookie, origin: test.hub.url } })
  atEnd(t, () => socket.terminate())
  await once(socket, 'open')
  return socket
}

test('AU31 S8 one browser, the others, or all are signed out, and their sockets close at once', async t => {
  const at = await world(t)
  const people = await Promise.all([1, 2, 3].map(() => new Person(at).byLink()))
  const [me, second, third] = people as [Person, Person, Person]
  const sockets = await Promise.all(people.map(person => openSocket(t, at, person)))
  const closed = sockets.map(socket => once(socket, 'close', { signal: AbortSignal.timeout(20_000) }))
  const idOf = async (person: Person) =>
    (await person.list<BrowserSessionInfo>('/browser-sessions')).find(({ current }) => current)!.id
  assert.equal((await me.call('DELETE', `/browser-sessions/${await idOf(second)}`)).status, 204)
  assert.equal(((await closed[1]) as [number])[0], 4401)
  assert.deepEqual([await me.name(), await second.name(), await third.name()], ['me', undefined, 'me'])
  assert.equal((await me.call('DELETE', '/browser-sessions?others=true')).status, 204)
  assert.equal(((await closed[2]) as [number])[0], 4401)
  assert.equal(sockets[0]!.readyState, WebSocket.OPEN)
  const started = performance.now()
  const all = await me.call('DELETE', '/browser-sessions')
  assert.match(String(all.headers['set-cookie']), /^mb_session=; .*Max-Age=0$/)
  assert.equal(((await closed[0]) as [number])[0], 4401)
  t.diagnostic(`closed ${Math.round(performance.now() - started)} ms after the request`)
  assert.equal(await me.name(), undefined)
})

test('AU31 nobody ends the browser sessions of somebody else', async t => {
  const at = await world(t, { MESHBOOK_SIGN_UP: 'open' })
  const me = await new Person(at).byLink()
  const ada = new Person(at)
  await ada.through('oidc')
  const [own] = await me.list<BrowserSessionInfo>('/browser-sessions')
  assert.equal((await ada.call('DELETE', `/browser-sessions/${own!.id}`)).status, 404)
  await ada.call('DELETE', '/browser-sessions')
  assert.deepEqual([await me.name(), await ada.name()], ['me', undefined])
})

test('AU32 one address begins only so many sign-ins, and one person so many links', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  // The windows are minutes of the clock: the test begins with one.
  at.test.clock.offsetMs += 2 * 60_000 - ((Date.now() + at.test.clock.offsetMs) % 60_000)
  const links: number[] = []
  for (let i = 0; i < 32; i++) links.push((await me.call('POST', '/identities', { provider: 'github' })).status)
  assert.deepEqual([links.filter(status => status === 200).length, links.at(-1)], [30, 429])
  const stranger = new Person(at)
  const starts: number[] = []
  for (let i = 0; i < 122; i++) starts.push((await stranger.call('POST', '/auth/github', {})).status)
  assert.deepEqual([starts.filter(status => status === 200).length, starts.at(-1)], [120, 429])
  const backs: string[] = []
  for (let i = 0; i < 32; i++) {
    const back = await stranger.browser.visit(`${at.test.hub.url}/api/v1/auth/oidc/callback?state=x`)
    backs.push(String(back.headers.location))
  }
  assert.equal(backs.filter(page => page === '/signin?error=SIGN_IN_EXPIRED').length, 30)
  assert.equal(backs.at(-1), '/signin?error=SLOW_DOWN')
})

test('the sign-in page is told what there is, and passkeys are offered where browsers allow them', async t => {
  const at = await world(t)
  const ways = await new Person(at).get<SignInWays>('/auth')
  assert.deepEqual(ways.providers, [
    { provider: 'oidc', name: 'Test ID' },
    { provider: 'github', name: 'GitHub' },
  ])
  assert.deepEqual(ways.passkeys, { here: false, at: `http://localhost:${at.test.hub.port}` })
  const none = await startTestHub(t)
  const local = none.hub.url.replace('127.0.0.1', 'localhost')
  const bare = (await (await fetch(`${local}/api/v1/auth`)).json()) as SignInWays
  assert.deepEqual(bare, { providers: [], passkeys: { here: true, at: null } })
  const answer = await fetch(`${none.hub.url}/api/v1/auth/oidc`, { redirect: 'manual' })
  assert.equal(answer.headers.get('location'), '/signin?error=NOT_FOUND')
})

test('a client secret may be in a file, and one that is not there is named', async t => {
  const { oidc, test } = await world(t)
  const file = join(test.folder, 'secret')
  const { MESHBOOK_OIDC_CLIENT_SECRET: secret, ...env } = oidc.env()
  await writeFile(file, `${secret}\n`)
  const other = await startTestHub(t, {
    env: { ...env, MESHBOOK_OIDC_CLIENT_SECRET_FILE: file, MESHBOOK_SIGN_UP: 'open' },
  })
  oidc.register([`${other.hub.url}/api/v1/auth/oidc/callback`])
  const ada = new Person({ test: other })
  assert.equal(await ada.through('oidc'), '/')
  await assert.rejects(
    startTestHub(t, { env: { ...env, MESHBOOK_OIDC_CLIENT_SECRET_FILE: join(test.folder, 'nothing') } }),
    /MESHBOOK_OIDC_CLIENT_SECRET_FILE/,
  )
})

test('AU34 S7 no secret of a sign-in is in the database, a file, a log line or an address that stays', async t => {
  const at = await world(t, { MESHBOOK_SIGN_UP: 'open' })
  const me = await new Person(at).byLink()
  const used = invitationIn((await invite(me)).link)
  const open = invitationIn((await invite(me)).link)
  const secrets = [used, open, at.oidc.clientSecret, at.github.clientSecret]
  const people = [me, new Person(at), new Person(at)]
  await me.link('oidc')
  await people[1]!.through('github', used)
  const half = people[2]!
  await half.call('POST', '/auth/oidc', { invitation: open })
  const { url } = await half.browser.follow(`${at.test.hub.url}/api/v1/auth/oidc`, to =>
    to.pathname.endsWith('/callback'),
  )
  const altered = new URL(url)
  altered.searchParams.set('state', 'x')
  secrets.push(half.browser.cookie(at.test.hub.url, 'mb_attempt')!, url.searchParams.get('state')!)
  await half.browser.visit(altered)
  const codes = people.flatMap(({ browser }) =>
    browser.visited.flatMap(address =>
      [...new URL(address).searchParams].flatMap(([name, value]) => (name === 'code' ? [value] : [])),
    ),
  )
  assert.ok(codes.length >= 3)
  secrets.push(...codes, ...at.github.issued)
  for (const { browser } of people) {
    const session = browser.cookie(at.test.hub.url, 'mb_session')
    if (session) secrets.push(session)
    assert.ok(!new URL(browser.visited.at(-1)!).searchParams.has('code') || browser === half.browser)
  }
  const texts = [...at.test.logged]
  for (const entry of await readdir(at.test.folder, { recursive: true })) {
    const path = join(at.test.folder, entry)
    if ((await stat(path)).isFile()) texts.push((await readFile(path)).toString('latin1'))
  }
  assert.ok(at.test.logged.length > 10 && secrets.length > 10)
  for (const secret of secrets) assert.ok(!texts.some(text => text.includes(secret)), `found ${secret.slice(0, 12)}…`)
})
