/** A new version of the phone's app (packages/web/src/phone/SPEC.md, PH11 and PH12), with two builds in one folder. */
import assert from 'node:assert/strict'
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Page } from 'playwright-core'
import { openBrowser } from '../browser.ts'
import { temporaryFolder } from '../mesh-process.ts'

const dist = join(import.meta.dirname, '../../packages/web/dist')

/** The next build: its first script has another name, so has its worker another version. */
async function nextBuild(folder: string): Promise<void> {
  const m = join(folder, 'm')
  const html = await readFile(join(m, 'index.html'), 'utf8')
  const [, old] = /src="\/m\/assets\/([^"]+\.js)"/.exec(html)!
  const next = old!.replace('.js', 'Next.js')
  for (const name of await readdir(m, { recursive: true })) if (/\.(?:gz|br)$/.test(name)) await rm(join(m, name))
  const shell = await readFile(join(m, 'assets', old!), 'utf8')
  await writeFile(join(m, 'assets', old!), `${shell}\ndocument.documentElement.dataset.build='next'`)
  await rename(join(m, 'assets', old!), join(m, 'assets', next))
  const scripts = (await readdir(join(m, 'assets'))).filter(name => name.endsWith('.js'))
  for (const name of ['index.html', 'sw.js', ...scripts.map(script => `assets/${script}`)]) {
    const text = await readFile(join(m, name), 'utf8')
    await writeFile(join(m, name), text.replaceAll(old!, next))
  }
  const sw = await readFile(join(m, 'sw.js'), 'utf8')
  const versions = sw.match(/[`"'][0-9a-f]{16}[`"']/g) ?? []
  assert.equal(versions.length, 1, 'the version of the shell stands in the worker')
  await writeFile(join(m, 'sw.js'), sw.replace(versions[0]!, '"0123456789abcdef"'))
}

async function phone(t: TestContext) {
  const web = join(await temporaryFolder(t), 'web')
  await cp(dist, web, { recursive: true })
  const test = await startTestHub(t, { webFolder: web })
  await test.document('note.md', '# Note\n\n```python\nx = 1\n```\n')
  const { page, context } = await openBrowser(t, { width: 390, height: 844, touch: true })
  await page.goto(await test.hub.signInLink())
  await page.waitForURL(url => url.pathname !== '/signin')
  await page.goto(`${test.hub.url}/m/p/demo/note.md`)
  await page.getByText('Synced ✓').waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  return { web, hub: test.hub, page, context }
}

const build = (page: Page) => page.evaluate(() => document.documentElement.dataset.build ?? 'first')
/** As coming back from the background does. */
const comeBack = (page: Page) =>
  page.evaluate(() => void document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
const isNext = (page: Page) => page.waitForFunction(() => document.documentElement.dataset.build === 'next')

test('PH12 a new version waits while something is edited, is taken at a press, and the edit is there afterwards', async t => {
  const { web, page } = await phone(t)
  await nextBuild(web)
  await page.locator('button.code').tap()
  const area = page.getByRole('textbox', { name: 'Code' })
  await area.press('Control+End')
  await page.keyboard.type('\nunder_way = 2')
  await comeBack(page)
  await page.getByText('A new version is ready.').waitFor()
  await comeBack(page)
  await page.keyboard.type(' + 3')
  await page.waitForTimeout(500)
  assert.equal(await build(page), 'first', 'it waits')
  await page.getByRole('button', { name: 'Update' }).tap()
  await isNext(page)
  await page.getByText('under_way = 2 + 3').first().waitFor()
})

test('PH12 it takes itself when the app comes from the background and nothing is edited', async t => {
  const { web, page } = await phone(t)
  await nextBuild(web)
  await comeBack(page)
  await page.getByText('A new version is ready.').waitFor()
  await comeBack(page)
  await isNext(page)
})

test('PH12 an app from the cache that meets a hub with a newer protocol updates first', async t => {
  const { web, page, context } = await phone(t)
  await nextBuild(web)
  await context.route('**/api/v1/**', async route => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, headers: { ...answer.headers(), 'meshbook-protocol': '2' } })
  })
  await page.goto(page.url().replace('/p/demo/note.md', '/'))
  await isNext(page)
})
