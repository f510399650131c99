/** Two phones and a desktop that were apart have the same text in the end, and so has the file (packages/web/src/phone/SPEC.md). */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { clientOf, command, eventually, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'

const fence = '```'
const start = `# Trip\n\n${fence}python\nfirst = 1\n${fence}\n\n${fence}python\nsecond = 2\n${fence}\n`

async function meshWithTrip(t: TestContext): Promise<MeshProcess> {
  const data = join(await temporaryFolder(t), 'data')
  const mesh = await startMesh(t, data)
  await writeFile(join(data, 'projects/demo/trip.md'), start)
  const client = await clientOf(mesh)
  await eventually('the notebook is at the hub', async () => {
    const found = await client.documentAt('me/demo/trip.md').catch(() => undefined)
    return found !== undefined
  })
  return mesh
}

async function linkOf(mesh: MeshProcess): Promise<string> {
  return JSON.parse((await command(['link', '--json', '--data', mesh.data])).stdout).link
}

async function phoneOf(t: TestContext, mesh: MeshProcess): Promise<{ page: Page; context: BrowserContext }> {
  const { page, context } = await openBrowser(t, { width: 390, height: 844, touch: true })
  await signIn(page, { ...mesh, link: await linkOf(mesh) })
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

test('PH13 W1 I13 edits made offline on two phones and at a desktop converge, and the file has them all', async t => {
  const mesh = await meshWithTrip(t)
  const one = await phoneOf(t, mesh)
  const two = await phoneOf(t, mesh)
  const desk = await openBrowser(t)
  await signIn(desk.page, { ...mesh, link: await linkOf(mesh) })
  await openDocument(desk.page, mesh, 'trip.md')
  await desk.page.locator('[data-sync="synced"]').waitFor()
  await desk.page.locator('.cell .cm-content').first().waitFor()
  await mesh.kill('SIGKILL')
  for (const { page } of [one, two]) await page.getByText('The hub does not answer.').waitFor()
  await type(one.page, 'first = 1', '\nfrom_one = "phone one"')
  await type(two.page, 'first = 1', '\nfrom_two = "phone two"')
  await type(two.page, 'second = 2', '\nalso_two = "both cells"')
  await desk.page.locator('.cell .cm-content').nth(1).click()
  await desk.page.keyboard.press('Control+End')
  await desk.page.keyboard.type('\nfrom_desk = "the desk"')
  await desk.page.locator('[data-sync="offline-saved"]').waitFor()
  // One of them is also closed and started again without the hub.
  await one.page.reload()
  await one.page.getByText('from_one').first().waitFor()

  await startMesh(t, mesh.data, ['--port', new URL(mesh.url).port])
  await two.page.getByRole('heading', { name: 'Trip', exact: true }).tap()
  const marks = [
    'from_one = "phone one"',
    'from_two = "phone two"',
    'also_two = "both cells"',
    'from_desk = "the desk"',
  ]
  for (const page of [one.page, two.page, desk.page])
    for (const mark of marks) await page.getByText(mark, { exact: false }).first().waitFor({ timeout: 60_000 })
  const file = () => readFile(join(mesh.data, 'projects/demo/trip.md'), 'utf8')
  const text = await eventually('the file has all', async () => {
    const found = await file()
    return marks.every(mark => found.includes(mark)) && found
  })
  for (const mark of marks) assert.equal(text.split(mark).length - 1, 1, mark)
  const codes = (page: Page) => page.locator('button.code code').allInnerTexts()
  for (const { page } of [one, two]) {
    const shown = (await codes(page)).join('\n')
    for (const line of text.split('\n').filter(line => line.includes('='))) assert.ok(shown.includes(line), line)
  }
})
