import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { InvitationInfo, PasskeyInfo } from '@meshbook/core/account-api.ts'
import type { Problem } from '@meshbook/core/errors.ts'
import { CookieBrowser } from '../testing/cookie-browser.ts'
import type { RawAnswer } from '../testing/raw-request.ts'
import { type Lies, SoftAuthenticator } from '../testing/soft-authenticator.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

interface World {
  test: TestHub
  /** Under a name: passkeys are for a domain. */
  base: string
}

async function world(t: TestContext): Promise<World> {
  const test = await startTestHub(t)
  return { test, base: test.hub.url.replace('127.0.0.1', 'localhost') }
}

class Person {
  readonly browser = new CookieBrowser()
  readonly #at: World

  constructor(at: World) {
    this.#at = at
  }

  call(method: string, path: string, body?: unknown): Promise<RawAnswer> {
    return this.browser.send(method, `${this.#at.base}/api/v1${path}`, body)
  }

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call(method, path, body)
    assert.ok(answer.status < 300, `${path}: ${answer.status} ${answer.text}`)
    return JSON.parse(answer.text) as T
  }

  async byLink(): Promise<this> {
    const code = new URL(await this.#at.test.hub.signInLink()).hash.slice(1)
    assert.equal((await this.call('POST', '/auth/link', { code })).status, 204)
    return this
  }

  async add(authenticator: SoftAuthenticator, lies?: Lies): Promise<RawAnswer> {
    const options = await this.ask<{ challenge: string; user: { id: string } }>('POST', '/passkeys/options')
    return this.call('POST', '/passkeys', { name: 'Key', credential: authenticator.make(options, lies) })
  }

  async use(authenticator: SoftAuthenticator, lies?: Lies): Promise<RawAnswer> {
    const options = await this.ask<{ challenge: string }>('POST', '/auth/passkey/options')
    return this.call('POST', '/auth/passkey', { credential: authenticator.use(options, lies) })
  }

  async name(): Promise<string | undefined> {
    const answer = await this.call('GET', '/me')
    return answer.status === 200 ? (JSON.parse(answer.text) as { user: string }).user : undefined
  }
}

/** The answer without what differs for each request. */
function told({ status, text }: RawAnswer): unknown {
  const { requestId: _, ...problem } = JSON.parse(text) as Problem
  return { ...problem, status }
}

test('AU22 AU23 each lie of an authenticator is refused, with one and the same answer', async t => {
  const at = await world(t)
  const key = new SoftAuthenticator(at.base)
  assert.equal((await (await new Person(at).byLink()).add(key)).status, 201)
  const lies: Lies[] = [
    { origin: 'http://localhost:1' },
    { origin: 'https://localhost' },
    { domain: 'evil.example' },
    { type: 'webauthn.create' },
    { unverified: true },
    { wrongKey: true },
    { userHandle: Buffer.from('usr_somebody').toString('base64url') },
  ]
  const stranger = new Person(at)
  const answers = [told(await stranger.use(new SoftAuthenticator(at.base)))]
  for (const lie of lies) answers.push(told(await stranger.use(key, lie)))
  for (const answer of answers) assert.deepEqual(answer, answers[0])
  assert.equal((answers[0] as Problem).code, 'PASSKEY_REFUSED')
  assert.equal(await stranger.name(), undefined)
  assert.equal((await stranger.use(key)).status, 204)
  assert.equal(await stranger.name(), 'me')
})

test('AU22 a counter must grow once it counts, and one that never counts is taken', async t => {
  const at = await world(t)
  const key = new SoftAuthenticator(at.base)
  await (await new Person(at).byLink()).add(key)
  assert.equal((await new Person(at).use(key)).status, 204)
  assert.equal((await new Person(at).use(key)).status, 204)
  assert.equal((await new Person(at).use(key, { counter: 7 })).status, 204)
  for (const counter of [0, 6, 7]) assert.equal((await new Person(at).use(key, { counter })).status, 401, `${counter}`)
  assert.equal((await new Person(at).use(key, { counter: 8 })).status, 204)
})

test('AU20 a passkey that was not made here, for here and with verification is not kept', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  for (const lie of [
    { origin: 'http://localhost:1' },
    { domain: 'evil.example' },
    { type: 'webauthn.get' },
    { unverified: true },
  ])
    assert.equal((await me.add(new SoftAuthenticator(at.base), lie)).status, 401, JSON.stringify(lie))
  const { items } = await me.ask<{ items: PasskeyInfo[] }>('GET', '/passkeys')
  assert.deepEqual(items, [])
  const number = await new CookieBrowser().send('POST', `${at.test.hub.url}/api/v1/auth/passkey/options`)
  assert.deepEqual([number.status, (JSON.parse(number.text) as Problem).code], [401, 'PASSKEY_REFUSED'])
  assert.equal((await at.test.api('POST', '/passkeys/options')).status, 403, 'no token makes one')
})

test('AU21 a challenge is good once, for ten minutes, for its purpose and its person', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  const key = new SoftAuthenticator(at.base)
  await me.add(key)
  type Options = { challenge: string; user: { id: string } }
  const signIn = await me.ask<Options>('POST', '/auth/passkey/options')
  const used = key.use(signIn)
  const post = (credential: unknown) => new Person(at).call('POST', '/auth/passkey', { credential })
  assert.deepEqual([(await post(used)).status, (await post(used)).status], [204, 401])
  const late = await me.ask<Options>('POST', '/auth/passkey/options')
  at.test.clock.offsetMs += 10 * 60_000 + 1
  assert.equal((await post(key.use(late))).status, 401)
  const toAdd = await me.ask<Options>('POST', '/passkeys/options')
  assert.equal((await post(key.use(toAdd))).status, 401, 'one to add a passkey does not sign in')
  const other = new SoftAuthenticator(at.base)
  const toSignIn = await me.ask<Options>('POST', '/auth/passkey/options')
  const made = other.make({ ...toSignIn, user: toAdd.user })
  assert.equal((await me.call('POST', '/passkeys', { name: 'x', credential: made })).status, 401)
})

async function invited(me: Person): Promise<string> {
  const { link } = await me.ask<InvitationInfo>('POST', '/invitations', {})
  return new URL(link!).hash.replace('#invitation=', '')
}

test('AU4 AU21 an invitation with a passkey makes one account, and its challenge is for that invitation alone', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  const [first, second] = [await invited(me), await invited(me)]
  const ada = new Person(at)
  const key = new SoftAuthenticator(at.base)
  type Options = { challenge: string; user: { id: string } }
  const options = (invitation: string) =>
    ada.ask<Options>('POST', '/auth/passkey/sign-up/options', { invitation, name: 'Ada' })
  const wrong = { invitation: second, credential: key.make(await options(first)) }
  assert.equal((await ada.call('POST', '/auth/passkey/sign-up', wrong)).status, 401)
  const right = { invitation: first, credential: key.make(await options(first)) }
  assert.equal((await ada.call('POST', '/auth/passkey/sign-up', right)).status, 204)
  assert.equal(await ada.name(), 'ada')
  const again = await new Person(at).call('POST', '/auth/passkey/sign-up/options', { invitation: first, name: 'Eve' })
  assert.equal((JSON.parse(again.text) as Problem).code, 'INVITATION_VOID')
  const later = new Person(at)
  assert.equal((await later.use(key)).status, 204)
  assert.equal(await later.name(), 'ada')
})

test('AU24 a passkey belongs to its person: nobody else sees, renames or removes it, nor adds it as their own', async t => {
  const at = await world(t)
  const me = await new Person(at).byLink()
  const key = new SoftAuthenticator(at.base)
  const { id } = JSON.parse((await me.add(key)).text) as PasskeyInfo
  const ada = new Person(at)
  const own = new SoftAuthenticator(at.base)
  const invitation = await invited(me)
  const options = await ada.ask<{ challenge: string; user: { id: string } }>('POST', '/auth/passkey/sign-up/options', {
    invitation,
    name: 'Ada',
  })
  await ada.call('POST', '/auth/passkey/sign-up', { invitation, credential: own.make(options) })
  assert.equal((await ada.call('PATCH', `/passkeys/${id}`, { name: 'mine' })).status, 404)
  assert.equal((await ada.call('DELETE', `/passkeys/${id}`)).status, 404)
  assert.equal((await ada.add(key)).status, 401)
  const { items } = await ada.ask<{ items: PasskeyInfo[] }>('GET', '/passkeys')
  assert.deepEqual([items.length, items[0]?.id === id], [1, false])
  assert.equal((await me.call('DELETE', `/passkeys/${id}`)).status, 204)
  assert.equal((await new Person(at).use(key)).status, 401)
})

test('AU32 one account takes only so many tries of its passkey, wherever they come from', async t => {
  const test = await startTestHub(t, { env: { MESHBOOK_TRUSTED_PROXIES: '127.0.0.1' } })
  const at = { test, base: test.hub.url.replace('127.0.0.1', 'localhost') }
  const key = new SoftAuthenticator(at.base)
  await (await new Person(at).byLink()).add(key)
  // The windows are minutes of the clock: the test begins with one.
  test.clock.offsetMs += 2 * 60_000 - ((Date.now() + test.clock.offsetMs) % 60_000)
  const codes: number[] = []
  for (let i = 0; i < 32; i++) {
    const person = new Person(at)
    person.browser.address = `10.0.0.${i}`
    codes.push((await person.use(key, { wrongKey: true })).status)
  }
  assert.deepEqual([codes.filter(code => code === 401).length, codes.at(-1)], [30, 429])
})
