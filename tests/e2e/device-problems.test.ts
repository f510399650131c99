/** What is wrong on a device, on the page of a real browser: told, kept over a restart of the hub, and gone once it is well. */
import assert from 'node:assert/strict'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import type { BrowserContext, Page } from 'playwright-core'
import { openBrowser, signInByCode } from '../browser.ts'
import { command, eventually, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'
const shots = process.env.MESHBOOK_SHOTS
const shot = async (page: Page, name: string) => {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`) })
}

async function noSeriousIssue(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const found = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  assert.deepEqual(
    found.map(({ id, nodes }) => [id, nodes]),
    [],
  )
}

/** A hub, and a device elsewhere whose folder is the project `work`. */
async function setUp(t: TestContext) {
  const hubData = await temporaryFolder(t)
  const startHub = (port: string) =>
    startProcess(t, hubData, ['hub', '--port', port], { MESHBOOK_BOOTSTRAP_TOKEN: token })
  const hub = await startHub('0')
  const data = await temporaryFolder(t)
  const folder = join(data, 'work')
  await mkdir(folder)
  await writeFile(join(folder, 'plan.md'), '# Plan\n')
  const startDevice = () =>
    startProcess(t, data, ['up', '--hub', hub.url, '--name', 'anvil'], { MESHBOOK_TOKEN: token })
  const device = await startDevice()
  assert.equal((await command(['attach', folder, '--data', data])).code, 0)
  return { hub, startHub, data, folder, device, startDevice }
}

interface Look {
  name: string
  width?: number
  height?: number
  dark?: boolean
}

interface View {
  look: string
  page: Page
}

/** The same hub in several looks; resolves with what calls something for the page of each. */
async function viewsOf(t: TestContext, hub: { url: string; link: string }, looks: readonly Look[]) {
  const views: View[] = []
  let cookies: Awaited<ReturnType<BrowserContext['cookies']>> | undefined
  for (const look of looks) {
    const { page, context } = await openBrowser(t, look)
    if (cookies) await context.addCookies(cookies)
    else await signInByCode(page, hub)
    cookies ??= await context.cookies()
    views.push({ look: look.name, page })
  }
  return async (see: (view: View) => Promise<unknown>): Promise<void> => {
    for (const view of views) await see(view)
  }
}

test('W42 DV70 PR3 a file that cannot be read shows at the device and in the sidebar, also after a restart of the hub, until it can: light, dark, on a phone', async t => {
  const { hub, startHub, folder } = await setUp(t)
  const looks = [{ name: 'light' }, { name: 'dark', dark: true }, { name: 'phone', width: 390, height: 800 }]
  const each = await viewsOf(t, hub, looks)
  const problemOn = (page: Page) => page.getByRole('list', { name: 'Problems' }).getByText('broken.md')
  await each(async ({ page }) => {
    await page.goto(`${hub.url}/devices`)
    await page.getByText('Online', { exact: true }).waitFor()
  })
  await writeFile(join(folder, 'broken.md'), Buffer.from([0xff, ...Buffer.from('secret words')]))
  await each(async ({ look, page }) => {
    const problem = problemOn(page)
    await problem.waitFor()
    assert.match((await problem.textContent()) ?? '', /Save the file as UTF-8 text/)
    await page.locator('.sidebar', { hasText: '1 problem' }).waitFor({ state: 'attached' })
    assert.equal(await page.getByText('secret').count(), 0)
    await noSeriousIssue(page)
    await shot(page, `problem-device-${look}`)
    await page.goto(`${hub.url}/p/work/broken.md`)
    await page.getByRole('alert').getByText('Save the file as UTF-8 text').waitFor()
    await page.getByRole('heading', { name: 'The notebook cannot be read as Markdown text' }).waitFor()
    await page.getByText('“broken.md” is on anvil').waitFor()
    await shot(page, `problem-file-${look}`)
    await page.goto(`${hub.url}/devices`)
    await problem.waitFor()
  })
  await hub.kill('SIGKILL')
  await startHub(new URL(hub.url).port)
  await each(async ({ page }) => {
    await page.reload()
    await problemOn(page).waitFor()
  })
  await writeFile(join(folder, 'broken.md'), 'text now\n')
  await each(async ({ page }) => {
    await problemOn(page).waitFor({ state: 'detached' })
    await page.locator('.sidebar', { hasText: '1 online' }).waitFor({ state: 'attached' })
  })
})

test('W42 DV64 DV72 a document whose file has a conflict copy names it until the copy is gone: light, and dark on a phone', async t => {
  const { hub, folder } = await setUp(t)
  const each = await viewsOf(t, hub, [{ name: 'light' }, { name: 'phone', width: 390, height: 800, dark: true }])
  const noticeOn = (page: Page) => page.locator('.banner', { hasText: '(conflict' })
  await each(async ({ page }) => {
    await page.goto(`${hub.url}/p/work/plan.md`)
    await page.getByRole('heading', { name: 'Plan', exact: true }).waitFor()
  })
  await writeFile(join(folder, 'plan.md'), Buffer.from([0xff, 0xfe, 0, 1]))
  const copies = async () => (await readdir(folder)).filter(name => name.includes('(conflict'))
  await each(async ({ look, page }) => {
    const notice = noticeOn(page)
    await notice.waitFor()
    const [copy = ''] = await copies()
    assert.ok((await notice.textContent())?.includes(copy), copy)
    await noSeriousIssue(page)
    await shot(page, `problem-conflict-${look}`)
  })
  const [copy = ''] = await copies()
  await rm(join(folder, copy))
  await each(({ page }) => noticeOn(page).waitFor({ state: 'detached' }))
})

test('W42 DV27 DV72 an edit of a file that was deleted elsewhere shows with the way back, until it is taken', async t => {
  const { hub, data, folder, device, startDevice } = await setUp(t)
  const { page } = await openBrowser(t)
  await signInByCode(page, hub)
  await page.goto(`${hub.url}/p/work/plan.md`)
  await page.getByRole('heading', { name: 'Plan', exact: true }).waitFor()
  await device.kill('SIGTERM')
  await writeFile(join(folder, 'plan.md'), '# Plan\nwritten while away\n')
  const api = (method: string, path: string) =>
    fetch(`${hub.url}/api/v1${path}`, { method, headers: { authorization: `Bearer ${token}` } })
  const { items } = (await (await api('GET', '/documents?path=me/work/plan.md')).json()) as { items: { id: string }[] }
  assert.equal((await api('DELETE', `/documents/${items[0]!.id}`)).status, 204)
  await startDevice()
  await page.goto(`${hub.url}/devices`)
  const problem = page.getByRole('list', { name: 'Problems' }).getByText('plan.md was deleted on another device')
  await problem.waitFor()
  const [, name = ''] = /meshbook trash restore "(.+?)"/.exec((await problem.textContent()) ?? '') ?? []
  await shot(page, 'problem-trash')
  await page.goto(`${hub.url}/p/work/plan.md`)
  await page.getByText('No such document').waitFor()
  await page.getByText(`meshbook trash restore "${name}"`).waitFor()
  await shot(page, 'problem-trash-document')
  const restored = await command(['trash', 'restore', name, '--data', data])
  assert.equal(restored.code, 0, restored.stderr)
  await eventually('the document is back', async () => {
    await page.reload()
    return page
      .getByText('written while away')
      .waitFor({ timeout: 2_000 })
      .then(
        () => true,
        () => false,
      )
  })
  await eventually('nothing is wrong any more', async () => (await page.locator('.banner').count()) === 0)
})
