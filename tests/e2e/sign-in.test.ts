/** Signing in as a person does it, in a real Chromium at a real OpenID provider. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Page } from 'playwright-core'
import { openBrowser, signIn, signInByCode } from '../browser.ts'
import { GithubServer } from '../github-server.ts'
import { startMesh, temporaryFolder } from '../mesh-process.ts'
import { OidcServer } from '../oidc-server.ts'
import { settle } from '../page-checks.ts'
import { linkOf, webFolder } from './phone-scene.ts'

interface World {
  mesh: { url: string; link: string }
  oidc: OidcServer
  github: GithubServer
}

type StartHub = (t: TestContext, env: NodeJS.ProcessEnv) => Promise<World['mesh']>

const wholeMesh: StartHub = async (t, env) => startMesh(t, await temporaryFolder(t), ['--port', '0'], env)
/** Signing in is the hub's alone: most tests need no process and no device. */
const hubAlone: StartHub = async (t, env) => linkOf(await startTestHub(t, { webFolder, env }))

async function world(t: TestContext, env: NodeJS.ProcessEnv = {}, start = hubAlone): Promise<World> {
  const [oidc, github] = [await OidcServer.start(t), await GithubServer.start(t)]
  const mesh = await start(t, { ...oidc.env(), ...github.env(), ...env })
  oidc.register([`${mesh.url}/api/v1/auth/oidc/callback`])
  github.register(`${mesh.url}/api/v1/auth/github/callback`)
  return { mesh, oidc, github }
}

async function nothingSerious(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(
    violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(node => node.target.join(' ')).join(', ')}`),
    [],
  )
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'no sideways scroll')
}

test('AU5 AU12 the first user connects an identity on the account page and signs in with it by one press', async t => {
  const { mesh } = await world(t, {}, wholeMesh)
  const { page, context, faults } = await openBrowser(t)
  await signIn(page, mesh)
  await page.getByTitle('Account and settings').click()
  await page.getByRole('button', { name: 'Account', exact: true }).click()
  await page.getByRole('button', { name: 'Connect Test ID' }).click()
  await page.locator('.account-row').filter({ hasText: 'ada@example.com' }).waitFor()
  assert.equal(page.url(), `${mesh.url}/account`)
  await context.clearCookies()
  await page.goto(`${mesh.url}/p/demo/welcome.md`)
  await page.getByRole('button', { name: 'Continue with Test ID' }).click()
  await page.locator('.cell').first().waitFor()
  assert.equal(page.url(), `${mesh.url}/p/demo/welcome.md`, 'it ends where the person wanted to go')
  await page.goto(`${mesh.url}/signin`)
  await page.waitForURL(`${mesh.url}/`)
  assert.deepEqual(
    faults.filter(fault => !fault.includes('401')),
    [],
  )
})

test('AU15 who has no account is told what to do, on the sign-in page, with nothing left in the address', async t => {
  const { mesh, github } = await world(t)
  const { page } = await openBrowser(t)
  await page.goto(`${mesh.url}/signin`)
  await page.getByRole('button', { name: 'Continue with Test ID' }).click()
  await page.getByRole('alert').getByText('There is no account for you on this hub').waitFor()
  await page.getByRole('alert').getByText('Ask for an invitation').waitFor()
  assert.equal(page.url(), `${mesh.url}/signin`)
  github.declines = true
  await page.getByRole('button', { name: 'Continue with GitHub' }).click()
  await page.getByRole('alert').getByText('The sign-in was cancelled').waitFor()
  await page.goto(`${mesh.url}/signin?error=<script>`)
  await page.getByRole('button', { name: 'Continue with GitHub' }).waitFor()
  assert.equal(await page.getByRole('alert').count(), 0)
})

test('AU4 who is invited presses one button and is in; the link is void afterwards', async t => {
  const { mesh } = await world(t)
  const { page, context } = await openBrowser(t)
  await signInByCode(page, mesh)
  await page.goto(`${mesh.url}/account`)
  await page.getByRole('button', { name: 'Invite somebody' }).click()
  await page.getByLabel('For whom').fill('Ada')
  await page.getByRole('button', { name: 'Make a link' }).click()
  const link = (await page.locator('.invitation code').textContent())!
  await context.clearCookies()
  await page.goto(link)
  await page.getByRole('button', { name: 'Continue with Test ID' }).click()
  await page.waitForURL(`${mesh.url}/`)
  await page.goto(`${mesh.url}/account`)
  await page.getByRole('heading', { name: 'ada', exact: true }).waitFor()
  await context.clearCookies()
  await page.goto(link)
  await page.getByRole('button', { name: 'Continue with GitHub' }).click()
  await page.getByRole('alert').getByText('This invitation has been used').waitFor()
})

test('AU31 signing out everywhere shows at once in the other browser', async t => {
  const { mesh } = await world(t, { MESHBOOK_SIGN_UP: 'open' })
  const [first, second] = [await openBrowser(t), await openBrowser(t)]
  for (const { page } of [first, second]) {
    await page.goto(`${mesh.url}/signin`)
    await page.getByRole('button', { name: 'Continue with Test ID' }).click()
    await page.waitForURL(`${mesh.url}/`)
  }
  await first.page.goto(`${mesh.url}/account`)
  await first.page.getByText('this browser', { exact: true }).waitFor()
  assert.equal(await first.page.getByText('Chrome on Linux').count(), 2)
  await first.page.getByRole('button', { name: 'Sign out everywhere' }).click()
  await first.page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click()
  await first.page.waitForURL(`${mesh.url}/signin`)
  const status = await second.page.evaluate(async () => (await fetch('/api/v1/me')).status)
  assert.equal(status, 401)
})

test('where nothing is set up the page says how to get a link, and the keyboard reaches everything', async t => {
  const bare = await startMesh(t, await temporaryFolder(t))
  const { page } = await openBrowser(t, { width: 390, height: 844, dark: true })
  await page.goto(`${bare.url}/signin`)
  await page.getByText('npx meshbook link').waitFor()
  await page.getByText('Passkeys do not work at an address that is a number').waitFor()
  await nothingSerious(page)
  const { mesh } = await world(t)
  await page.goto(`${mesh.url.replace('127.0.0.1', 'localhost')}/signin`)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor()
  const reached: string[] = []
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press('Tab')
    reached.push(
      await page.evaluate(() => document.activeElement?.textContent || document.activeElement?.tagName || ''),
    )
  }
  for (const name of ['Continue with Test ID', 'Continue with GitHub', 'Sign in with a passkey'])
    assert.ok(reached.includes(name), `${name} in ${reached.join(', ')}`)
})

test('no serious accessibility issue when signing in: 1440 and 390 px, light and dark', async t => {
  const { mesh } = await world(t)
  const { page } = await openBrowser(t)
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 844 })
    await page.goto(`${mesh.url.replace('127.0.0.1', 'localhost')}/signin?error=SIGN_UP_CLOSED`)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await settle(page)
      await nothingSerious(page)
    }
  }
})
