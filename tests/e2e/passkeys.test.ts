/** Passkeys in a real Chromium with a virtual authenticator: made, used, copied, removed, and asked for by a wrong page. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { CDPSession, Page } from 'playwright-core'
import { openBrowser, signInByCode } from '../browser.ts'
import { startMesh, temporaryFolder } from '../mesh-process.ts'
import { settle } from '../page-checks.ts'
import { linkOf, webFolder } from './phone-scene.ts'

/** A number is no domain: passkeys are for `localhost`. */
const atLocalhost = (address: string): string => address.replace('127.0.0.1', 'localhost')

interface Credential {
  credentialId: string
  isResidentCredential: boolean
  privateKey: string
  signCount: number
}

class Authenticator {
  readonly #cdp: CDPSession
  #id = ''

  private constructor(cdp: CDPSession) {
    this.#cdp = cdp
  }

  static async plugIn(page: Page): Promise<Authenticator> {
    const authenticator = new Authenticator(await page.context().newCDPSession(page))
    await authenticator.#cdp.send('WebAuthn.enable', { enableUI: false })
    await authenticator.renew()
    return authenticator
  }

  /** Another authenticator in the place of this one, with these credentials. */
  async renew(credentials: Credential[] = []): Promise<void> {
    if (this.#id !== '') await this.#cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: this.#id })
    const { authenticatorId } = await this.#cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        ctap2Version: 'ctap2_1',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    this.#id = authenticatorId
    for (const credential of credentials)
      await this.#cdp.send('WebAuthn.addCredential', { authenticatorId, credential })
  }

  async credentials(): Promise<Credential[]> {
    const found = await this.#cdp.send('WebAuthn.getCredentials', { authenticatorId: this.#id })
    return found.credentials as Credential[]
  }

  /** Whether the person passes the check of finger or PIN. */
  async verifies(isUserVerified: boolean): Promise<void> {
    await this.#cdp.send('WebAuthn.setUserVerified', { authenticatorId: this.#id, isUserVerified })
  }
}

interface Opened {
  page: Page
  authenticator: Authenticator
  base: string
}

/**
 * `list`: the browser offers passkeys under the field, which a virtual authenticator picks at once.
 * `mesh`: a whole one; passkeys are the hub's alone, so that most tests need no process and no device.
 */
async function open(t: TestContext, options: { mesh?: boolean; list?: boolean } = {}): Promise<Opened> {
  const started = options.mesh
    ? await startMesh(t, await temporaryFolder(t))
    : await linkOf(await startTestHub(t, { webFolder }))
  const base = atLocalhost(started.url)
  const { page } = await openBrowser(t)
  if (!options.list)
    await page.addInitScript(() => {
      PublicKeyCredential.isConditionalMediationAvailable = async () => false
    })
  const authenticator = await Authenticator.plugIn(page)
  await signInByCode(page, { url: base, link: atLocalhost(started.link) })
  return { page, authenticator, base }
}

async function addPasskey({ page, base }: Opened, name: string): Promise<void> {
  await page.goto(`${base}/account`)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.locator('.account-row').filter({ hasText: name }).waitFor()
}

async function signedOut({ page, base }: Opened): Promise<void> {
  await page.context().clearCookies()
  await page.goto(`${base}/signin`)
}

const pressPasskey = (page: Page): Promise<void> => page.getByRole('button', { name: 'Sign in with a passkey' }).click()

async function refused(page: Page): Promise<void> {
  await page.getByRole('alert').getByText('The passkey was not accepted').waitFor()
  assert.equal(new URL(page.url()).pathname, '/signin')
}

test('AU20 AU22 a passkey made while signed in signs in afterwards, without a name, and can be renamed', async t => {
  const opened = await open(t, { mesh: true })
  const { page, authenticator, base } = opened
  await addPasskey(opened, 'My laptop')
  const [credential] = await authenticator.credentials()
  assert.equal(credential?.isResidentCredential, true)
  await page.getByRole('button', { name: 'Rename My laptop' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Work laptop')
  await page.getByRole('button', { name: 'Rename', exact: true }).click()
  await page.locator('.account-row').filter({ hasText: 'Work laptop' }).waitFor()
  await signedOut(opened)
  await pressPasskey(page)
  await page.waitForURL(`${base}/`)
  await page.getByText('welcome').first().waitFor()
  await page.goto(`${base}/account`)
  await page.getByText('last used just now').waitFor()
})

test('AU22 a browser that lists passkeys under a field signs in when one is picked', async t => {
  const opened = await open(t, { list: true })
  const { page, base } = opened
  await addPasskey(opened, 'Listed')
  await page.context().clearCookies()
  await page.goto(`${base}/signin`)
  await page.waitForURL(`${base}/`)
})

test('AU22 a copied authenticator, whose counter has gone back, is refused', async t => {
  const opened = await open(t)
  const { page, authenticator, base } = opened
  await addPasskey(opened, 'Original')
  const copy = await authenticator.credentials()
  await signedOut(opened)
  await pressPasskey(page)
  await page.waitForURL(`${base}/`)
  const [original] = await authenticator.credentials()
  assert.ok(original!.signCount > copy[0]!.signCount)
  await authenticator.renew(copy)
  await signedOut(opened)
  await pressPasskey(page)
  await refused(page)
  await authenticator.renew([original!])
  await signedOut(opened)
  await pressPasskey(page)
  await page.waitForURL(`${base}/`)
})

test('AU22 without the check of finger or PIN nobody is signed in', async t => {
  const opened = await open(t)
  const { page, authenticator, base } = opened
  await addPasskey(opened, 'Unchecked')
  await signedOut(opened)
  await authenticator.verifies(false)
  await pressPasskey(page)
  await page.waitForTimeout(1_000)
  assert.equal(new URL(page.url()).pathname, '/signin')
  const status = await page.evaluate(async () => (await fetch('/api/v1/me')).status)
  assert.equal(status, 401)
  await authenticator.verifies(true)
  await pressPasskey(page)
  await page.waitForURL(`${base}/`)
})

test('AU22 AU23 a removed passkey signs nobody in any more, and is answered as one that never was', async t => {
  const opened = await open(t)
  const { page } = opened
  await addPasskey(opened, 'Lost phone')
  await page.getByRole('button', { name: 'Remove Lost phone' }).click()
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  await page.locator('.account-row').filter({ hasText: 'Lost phone' }).waitFor({ state: 'detached' })
  await signedOut(opened)
  await pressPasskey(page)
  await refused(page)
})

/** Lets a page sign a challenge, as a script of that page could; returns what it would send. */
function sign(page: Page, challenge: string): Promise<unknown> {
  return page.evaluate(async text => {
    const parse = (
      PublicKeyCredential as unknown as { parseRequestOptionsFromJSON(json: object): PublicKeyCredentialRequestOptions }
    ).parseRequestOptionsFromJSON
    const json = { challenge: text, rpId: 'localhost', userVerification: 'required' }
    const publicKey = parse.call(PublicKeyCredential, json)
    const made = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential
    return made.toJSON()
  }, challenge)
}

const post = (page: Page, path: string, body?: unknown): Promise<{ status: number; text: string }> =>
  page.evaluate(
    async ([to, sent]) => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`/api/v1${to}`, {
        method: 'POST',
        headers,
        ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
      })
      return { status: answer.status, text: await answer.text() }
    },
    [path, body] as const,
  )

async function challengeOf(page: Page): Promise<string> {
  return (JSON.parse((await post(page, '/auth/passkey/options')).text) as { challenge: string }).challenge
}

test('AU21 AU22 what another origin had signed is refused, and a challenge is good once', async t => {
  const opened = await open(t)
  const { page, base } = opened
  await addPasskey(opened, 'Here')
  await signedOut(opened)
  const challenge = await challengeOf(page)
  // Another hub on this machine: the same domain, another origin.
  const other = await startTestHub(t, { webFolder })
  await page.goto(`${atLocalhost(other.hub.url)}/theme.js`)
  const phished = await sign(page, challenge)
  await page.goto(`${base}/theme.js`)
  const answer = await post(page, '/auth/passkey', { credential: phished })
  assert.deepEqual([answer.status, JSON.parse(answer.text).code], [401, 'PASSKEY_REFUSED'])

  const own = await sign(page, await challengeOf(page))
  assert.equal((await post(page, '/auth/passkey', { credential: own })).status, 204)
  assert.equal((await post(page, '/auth/passkey', { credential: own })).status, 401)
  const invented = await sign(page, 'A'.repeat(43))
  assert.equal((await post(page, '/auth/passkey', { credential: invented })).status, 401)
})

test('AU4 AU20 who is invited makes an account with a passkey alone, and it is the last way in (AU6)', async t => {
  const opened = await open(t)
  const { page, base, authenticator } = opened
  await page.goto(`${base}/account`)
  await page.getByRole('button', { name: 'Invite somebody' }).click()
  await page.getByLabel('For whom').fill('Ada')
  await page.getByRole('button', { name: 'Make a link' }).click()
  const link = atLocalhost((await page.locator('.invitation code').textContent())!)
  await page.context().clearCookies()
  await page.goto(link)
  await page.getByText('You are invited to Meshbook').waitFor()
  assert.equal(new URL(page.url()).hash, '', 'the code is gone from the address')
  await page.getByLabel('Your name').fill('Ada Lovelace')
  await page.getByRole('button', { name: 'Make an account with a passkey' }).click()
  await page.waitForURL(`${base}/`)
  await page.goto(`${base}/account`)
  await page.getByRole('heading', { name: 'ada-lovelace' }).waitFor()
  await page.getByRole('button', { name: 'Remove Passkey' }).click()
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  await page.getByText('Add a passkey or connect another identity first').waitFor()
  assert.equal((await authenticator.credentials()).length, 1)
  await page.context().clearCookies()
  await page.goto(link)
  await page.getByLabel('Your name').fill('Eve')
  await page.getByRole('button', { name: 'Make an account with a passkey' }).click()
  await page.getByRole('alert').getByText('has been used, has expired or was withdrawn').waitFor()
})

test('AU24 a passkey is added once per device, and a person has at most twenty', async t => {
  const opened = await open(t)
  const { page, authenticator, base } = opened
  await addPasskey(opened, 'One')
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByText('This device has a passkey for your account already').waitFor()
  for (let n = 2; n <= 20; n++) {
    await authenticator.renew()
    await page.evaluate(async name => {
      const headers = { 'content-type': 'application/json' }
      const options = await (await fetch('/api/v1/passkeys/options', { method: 'POST' })).json()
      const parse = (
        PublicKeyCredential as unknown as {
          parseCreationOptionsFromJSON(json: object): PublicKeyCredentialCreationOptions
        }
      ).parseCreationOptionsFromJSON
      const publicKey = parse.call(PublicKeyCredential, options)
      const made = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential
      const credential = made.toJSON()
      await fetch('/api/v1/passkeys', { method: 'POST', headers, body: JSON.stringify({ name, credential }) })
    }, `Number ${n}`)
  }
  await authenticator.renew()
  await page.goto(`${base}/account`)
  const rows = page.locator('section[aria-labelledby=passkeys] .account-row')
  await rows.nth(19).waitFor()
  assert.equal(await rows.count(), 20)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByText('20 passkeys of one user').waitFor()
})

test('the account page has no serious accessibility issue and fits 390 px, light and dark', async t => {
  const opened = await open(t)
  const { page } = opened
  await addPasskey(opened, 'A device with quite a long name, as people give them')
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 844 })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await settle(page)
      const { violations } = await new AxeBuilder({ page }).analyze()
      assert.deepEqual(
        violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id),
        [],
      )
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth))
    }
  }
})
