/** The phone's app on the home screen, and in the hand: install card, manifest, pulling, ways in, by touch (PH62, PH71). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Page } from 'playwright-core'
import { openBrowser } from '../browser.ts'
import { linkOf, looksGood, openPhone, webFolder } from './phone-scene.ts'

/** What Android's Chromium does once it finds that the app can be installed. */
const offerInstall = (page: Page, outcome: 'accepted' | 'dismissed') =>
  page.evaluate(outcome => {
    const event = Object.assign(new Event('beforeinstallprompt', { cancelable: true }), {
      prompt: async () => Object.assign(globalThis, { prompted: true }),
      userChoice: Promise.resolve({ outcome }),
    })
    dispatchEvent(event)
    return event.defaultPrevented
  }, outcome)

test('PH62 installing is said once below the lists, put off for good, and stays in the settings', async t => {
  const hub = await startTestHub(t, { webFolder })
  const { page, open, tap } = await openPhone(t, await linkOf(hub))
  await open('/m/')
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  const card = page.getByRole('complementary', { name: 'Install Meshbook' })
  assert.equal(await card.count(), 0)
  assert.equal(await offerInstall(page, 'dismissed'), true, 'the browser shows nothing of its own')
  await card.waitFor()
  await looksGood(page, 'install card')
  await tap('Not now')
  await card.waitFor({ state: 'detached' })
  await page.reload()
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await offerInstall(page, 'accepted')
  await tap('Settings', 'link')
  await page.getByRole('button', { name: 'Install Meshbook' }).waitFor()
  await looksGood(page, 'install settings')
  await tap('Notebooks', 'link')
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  assert.equal(await card.count(), 0, 'it was put off')
  await tap('Settings', 'link')
  await tap('Install Meshbook')
  await page.waitForFunction(() => 'prompted' in globalThis)
  await page.getByRole('button', { name: 'Install Meshbook' }).waitFor({ state: 'detached' })
})

test('PH62 on an iPhone the steps are told, and inside the installed app nothing is', async t => {
  const hub = await startTestHub(t, { webFolder })
  const phone = await openPhone(t, await linkOf(hub))
  const { page, context } = phone
  await context.addInitScript(() => {
    const userAgent = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)'
    Object.defineProperty(navigator, 'userAgent', { get: () => userAgent })
  })
  await phone.open('/m/')
  await page.getByText('Add to Home Screen').waitFor()
  await looksGood(page, 'install iphone')
  await context.addInitScript(() => Object.defineProperty(navigator, 'standalone', { get: () => true }))
  await page.reload()
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await offerInstall(page, 'accepted')
  await phone.tap('Settings', 'link')
  await page.getByRole('heading', { name: 'Account' }).waitFor()
  assert.equal(await page.getByText('Add to Home Screen').count(), 0)
  assert.equal(await page.getByRole('button', { name: 'Install Meshbook' }).count(), 0)
})

test('PH62 the manifest is whole: every picture that it names is there and as large as it says', async t => {
  const hub = await startTestHub(t, { webFolder })
  const { page, url } = await openPhone(t, await linkOf(hub))
  await page.goto(`${url}/m/`)
  interface Picture {
    src: string
    sizes: string
    type: string
    purpose?: string
  }
  const manifest = (await (await page.request.get(`${url}/m/manifest.webmanifest`)).json()) as Record<
    string,
    unknown
  > & {
    icons: Picture[]
    screenshots: Picture[]
    shortcuts: { name: string; url: string; icons: Picture[] }[]
  }
  const { id, start_url, scope, display } = manifest
  assert.deepEqual(
    { id, start_url, scope, display },
    { id: '/m/', start_url: '/m/', scope: '/m/', display: 'standalone' },
  )
  assert.deepEqual(
    manifest.shortcuts.map(({ name }) => name),
    ['Inbox', 'Runs', 'Search'],
  )
  assert.ok(manifest.icons.some(({ purpose }) => purpose === 'maskable'))
  assert.ok(manifest.screenshots.length >= 3)
  for (const { src, sizes, type } of [...manifest.icons, ...manifest.screenshots]) {
    const answer = await page.request.get(url + src)
    assert.equal(answer.headers()['content-type'], type, src)
    if (sizes === 'any') continue
    const bytes = await answer.body()
    assert.equal(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, sizes, src)
  }
  const cdp = await page.context().newCDPSession(page)
  const { errors } = (await cdp.send('Page.getAppManifest')) as { errors: unknown[] }
  assert.deepEqual(errors, [])
})

test('PH71 back leads to the place of the page where one was', async t => {
  const hub = await startTestHub(t, { webFolder })
  const phone = await openPhone(t, await linkOf(hub))
  const { page } = phone
  const { items } = await phone.json<{ items: { id: string; name: string }[] }>('GET', '/projects')
  const project = items.find(({ name }) => name === 'demo')!.id
  for (let n = 0; n < 30; n++)
    await phone.json('POST', '/documents', { project, path: `n${n}.md`, content: `# ${n}\n` })
  await phone.open('/m/p/demo')
  await page.getByRole('link', { name: /^n29/ }).waitFor()
  await page.getByRole('link', { name: /^n29/ }).scrollIntoViewIfNeeded()
  await page.waitForFunction(() => scrollY > 300)
  const was = await page.evaluate(() => scrollY)
  await page.getByRole('link', { name: /^n29/ }).tap()
  await page.getByRole('button', { name: 'Back' }).tap()
  await page.waitForFunction(top => Math.abs(scrollY - top) < 4, was)
})

test('PH73 a phone is offered its own app once, and signing in leads back to it, and to no other page of the web', async t => {
  const hub = await startTestHub(t, { webFolder })
  const { page } = await openBrowser(t, { width: 390, height: 844, touch: true })
  await page.goto(`${hub.hub.url}/m/inbox`)
  const signIn = page.getByRole('link', { name: 'Sign in' })
  assert.equal(await signIn.getAttribute('href'), '/signin?to=%2Fm%2Finbox')
  const link = new URL(await hub.hub.signInLink())
  await page.goto(`${link.origin}/signin?to=%2Fm%2Finbox${link.hash}`)
  await page.waitForURL(/\/m\/inbox$/)
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()
  for (const hostile of ['//evil.example', '/m/../..//evil.example', '/m\\evil', 'https://evil.example/m/']) {
    const again = new URL(await hub.hub.signInLink())
    await page.goto(`${again.origin}/signin?to=${encodeURIComponent(hostile)}${again.hash}`)
    await page.waitForURL(url => url.pathname !== '/signin')
    assert.equal(new URL(page.url()).origin, hub.hub.url, hostile)
  }
  await page.goto(`${hub.hub.url}/`)
  const offer = page.getByRole('complementary', { name: 'Meshbook for phones' })
  await offer.getByRole('button', { name: 'Not now' }).tap()
  await page.reload()
  await page.getByRole('heading').first().waitFor()
  assert.equal(await offer.count(), 0)
})
