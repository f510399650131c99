/**
 * Two phones and a desktop that were apart have the same text in the end, and so has the file; what was queued meanwhile
 * has run once, where it was to run (packages/web/src/phone/SPEC.md).
 */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { openBrowser, openDocument, signInByCode } from '../browser.ts'
import {
  clientOf,
  command,
  eventually,
  type MeshProcess,
  startMesh,
  startProcess,
  temporaryFolder,
} from '../mesh-process.ts'

const fence = '```'
const token = 'mb_0123456789abcdefghijklmnop'
const cell = (code: string) => `${fence}python\n${code}\n${fence}\n`
/** Notes where it ran, once for each time. */
const counts = (file: string) => `import os; open("${file}", "a").write(os.getcwd() + "\\n"); print("counted")`
const start = (file: string) =>
  ['# Trip\n', cell('first = 1'), cell('second = 2'), cell(counts(file)), 'The end.\n'].join('\n')

async function meshWithTrip(t: TestContext, ran: string): Promise<MeshProcess> {
  const data = join(await temporaryFolder(t), 'data')
  const mesh = await startMesh(t, data, ['--port', '0'], { MESHBOOK_BOOTSTRAP_TOKEN: token })
  await writeFile(join(data, 'projects/demo/trip.md'), start(ran))
  const client = await clientOf(mesh)
  await eventually('the notebook is at the hub', async () => {
    const found = await client.documentAt('me/demo/trip.md').catch(() => undefined)
    return found !== undefined
  })
  return mesh
}

/** Another device, with a copy of the project in this folder. */
async function anvilAt(t: TestContext, mesh: MeshProcess): Promise<string> {
  const args = ['up', '--hub', mesh.url, '--name', 'anvil']
  const anvil = await startProcess(t, await temporaryFolder(t), args, { MESHBOOK_TOKEN: token })
  const folder = join(anvil.data, 'demo')
  await mkdir(folder)
  assert.equal((await command(['attach', folder, '--project', 'demo', '--data', anvil.data])).code, 0)
  await eventually('anvil has the notebook', async () => (await readdir(folder)).includes('trip.md'))
  return folder
}

async function linkOf(mesh: MeshProcess): Promise<string> {
  return JSON.parse((await command(['link', '--json', '--data', mesh.data])).stdout).link
}

async function phoneOf(t: TestContext, mesh: MeshProcess): Promise<{ page: Page; context: BrowserContext }> {
  const { page, context } = await openBrowser(t, { width: 390, height: 844, touch: true })
  await signInByCode(page, { ...mesh, link: await linkOf(mesh) })
  await page.goto(`${mesh.url}/m/`)
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await page.goto(`${mesh.url}/m/p/demo/trip.md`)
  await page.getByText('Synced ✓').waitFor()
  return { page, context }
}

async function type(page: Page, code: string, text: string): Promise<void> {
  await page.locator('button.code').filter({ hasText: code }).tap()
  const area = page.getByRole('textbox', { name: 'Code' })
  // The area of the cell before may stand for a moment.
  await eventually('the cell is edited', async () =>
    (await area.inputValue({ timeout: 500 }).catch(() => '')).includes(code),
  )
  await area.press('Control+End')
  await page.keyboard.type(text)
  await page.getByText('saved locally').waitFor()
}

/** The runs of this notebook go to that device from now on. */
async function runOn(page: Page, device: string): Promise<void> {
  await page.getByRole('button', { name: /^Runs on:/ }).tap()
  await page.getByRole('button', { name: device }).tap()
  await page.getByRole('button', { name: `Runs on: ${device}` }).waitFor()
}

async function runQueued(page: Page): Promise<void> {
  const counting = page.locator('section.cell').filter({ hasText: 'os.getcwd' })
  await counting.getByRole('button', { name: 'Run the cell' }).tap()
  await counting.getByText('Queued on this phone').waitFor()
}

/** What the phone has of it in its storage, as it was shown last. */
const textHere = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<string>((resolve, reject) => {
        const opening = indexedDB.open('meshbook-phone')
        opening.onerror = () => reject(opening.error)
        opening.onsuccess = () => {
          const store = opening.result.transaction('kept').objectStore('kept')
          const all = store.getAll(IDBKeyRange.bound('text:', 'text;'))
          all.onsuccess = () => resolve(all.result.map(({ text }) => text).find(text => text.includes('# Trip')) ?? '')
        }
      }),
  )

test('PH13 PH22 PH24 W1 I13 what was edited and queued offline on two phones and at a desktop is in all three and the file, and ran once where it was to', async t => {
  const ran = join(await temporaryFolder(t), 'ran.txt')
  const mesh = await meshWithTrip(t, ran)
  const anvil = await anvilAt(t, mesh)
  const one = await phoneOf(t, mesh)
  const two = await phoneOf(t, mesh)
  const desk = await openBrowser(t)
  await signInByCode(desk.page, { ...mesh, link: await linkOf(mesh) })
  await openDocument(desk.page, mesh, 'trip.md')
  await desk.page.locator('[data-sync="synced"]').waitFor()
  await desk.page.locator('.cell .cm-content').first().waitFor()
  await runOn(two.page, 'anvil')
  await mesh.kill('SIGKILL')
  for (const { page } of [one, two]) await page.getByText('The hub does not answer.').waitFor()
  await type(one.page, 'first = 1', '\nfrom_one = "phone one"')
  await type(two.page, 'first = 1', '\nfrom_two = "phone two"')
  await type(two.page, 'second = 2', '\nalso_two = "both cells"')
  await runQueued(two.page)
  await desk.page.locator('.cell .cm-content').nth(1).click()
  await desk.page.keyboard.press('Control+End')
  await desk.page.keyboard.type('\nfrom_desk = "the desk"')
  await desk.page.locator('[data-sync="offline-saved"]').waitFor()
  // Both are also closed and started again without the hub.
  for (const [{ page }, mark] of [
    [one, 'from_one'],
    [two, 'also_two'],
  ] as const) {
    await page.reload()
    await page.getByText(mark).first().waitFor()
  }

  await startMesh(t, mesh.data, ['--port', new URL(mesh.url).port], { MESHBOOK_BOOTSTRAP_TOKEN: token })
  const marks = [
    'from_one = "phone one"',
    'from_two = "phone two"',
    'also_two = "both cells"',
    'from_desk = "the desk"',
  ]
  const file = () => readFile(join(mesh.data, 'projects/demo/trip.md'), 'utf8')
  const missing = (text: string) => [...marks, '\ncounted\n'].filter(mark => !text.includes(mark))
  await eventually('the file has all', async () => missing(await file()).length === 0, 90_000).catch(async thrown => {
    const shown = await Promise.all([one, two].map(({ page }) => page.locator('body').innerText()))
    throw new Error(`${missing(await file())} in the file; the phones show:\n${shown.join('\n-----\n')}`, {
      cause: thrown,
    })
  })
  for (const mark of marks) assert.equal((await file()).split(mark).length - 1, 1, mark)
  const ranAt = (await readFile(ran, 'utf8')).trimEnd().split('\n')
  assert.equal(ranAt.length, 1)
  assert.ok(ranAt[0]!.startsWith(anvil), `${ranAt[0]} is not of the device that was chosen`)

  for (const { page } of [one, two])
    await eventually('the phone has the text of the file', async () => (await textHere(page)) === (await file()))
  const codes = marks.map(mark => mark.split(' ')[0]!)
  for (const page of [one.page, two.page, desk.page])
    for (const mark of codes) await page.getByText(mark).first().waitFor({ timeout: 60_000 })
  const atDesk = (await desk.page.locator('.cell .cm-content .cm-line').allInnerTexts()).join('\n')
  for (const line of (await file()).split('\n').filter(line => / = /.test(line)))
    assert.ok(atDesk.includes(line), `${line} is not at the desk:\n${atDesk}`)
  assert.equal((await readFile(ran, 'utf8')).trimEnd().split('\n').length, 1)
})
