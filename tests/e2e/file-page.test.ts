/** Files that are no notebooks on the page of a real browser: listed live, shown as what they are, downloaded under their name. */
import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import type { Locator, Page } from 'playwright-core'
import { sharedMesh } from './shared-mesh.ts'

const theMesh = sharedMesh()

const picture =
  'iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC'
const hostile = '<!doctype html><h1>Owned</h1><script>document.title = "owned"; parent.owned = true</script>\n'

const shots = process.env.MESHBOOK_SHOTS
const shot = async (page: Page, name: string) => {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`) })
}

async function noSeriousIssue(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(
    violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => [id, nodes]),
    [],
  )
}

const looks = [{ name: 'light' }, { name: 'dark', dark: true }, { name: 'phone', width: 390, height: 800 }]

interface View {
  look: string
  page: Page
  row(name: string): Locator
  open(name: string): Promise<void>
}

function viewOf(page: Page, look: string): View {
  const row = (name: string) => page.locator('.sidebar a.side-row', { hasText: name })
  const open = async (name: string) => {
    if (look === 'phone') {
      await page.locator('.sidebar').waitFor({ state: 'hidden' })
      await page.getByRole('button', { name: 'Show or hide the sidebar' }).click()
    }
    await row(name).click()
  }
  return { look, page, row, open }
}

test('W40 W41 S9 shared files are listed as they come, shown as what they are and never run, followed and downloaded: light, dark, on a phone', async t => {
  const mesh = await theMesh()
  const folder = join(mesh.data, 'projects/demo')
  const views: View[] = []
  const faults: string[][] = []
  for (const look of looks) {
    const opened = await mesh.open(t, look)
    await opened.page.goto(`${mesh.url}/p/demo/welcome.md`)
    faults.push(opened.faults)
    views.push(viewOf(opened.page, look.name))
  }
  /** Each look sees what the one folder holds. */
  const each = async (see: (view: View) => Promise<void>) => {
    for (const view of views) await see(view)
  }
  await each(({ row }) => row('welcome').waitFor({ state: 'attached' }))

  await mkdir(join(folder, 'shared'))
  await writeFile(join(folder, 'shared/täglich.csv'), 'day,value\n1,2\n')
  await writeFile(join(folder, 'shared/plot.png'), Buffer.from(picture, 'base64'))
  await writeFile(join(folder, 'shared/evil.html'), hostile)
  await writeFile(join(folder, 'shared/raw.bin'), Buffer.from([1, 0, 255, 254, 0, 9]))
  await each(async ({ row }) => {
    await row('täglich.csv').waitFor({ state: 'attached' })
    await row('raw.bin').waitFor({ state: 'attached' })
  })

  await each(async ({ look, page, open }) => {
    await open('täglich.csv')
    await page.getByRole('region', { name: 'Text of täglich.csv' }).getByText('day,value').waitFor()
    await page.getByText('CSV table').waitFor()
    await noSeriousIssue(page)
    await shot(page, `file-text-${look}`)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByText('Download', { exact: true }).click(),
    ])
    assert.equal(download.suggestedFilename(), 'täglich.csv')
    assert.equal(await readFile((await download.path())!, 'utf8'), 'day,value\n1,2\n')
  })

  await rename(join(folder, 'shared/täglich.csv'), join(folder, 'shared/weekly.csv'))
  await each(async ({ page }) => {
    await page.waitForURL(url => url.pathname.endsWith('/weekly.csv'))
    await page.getByText('day,value').waitFor()
  })
  await writeFile(join(folder, 'shared/weekly.csv'), 'week,value\n3,4\n')
  await each(({ page }) => page.getByText('week,value').waitFor())

  await each(async ({ look, page, open }) => {
    await open('plot.png')
    await page.locator('.output-image[data-shown="there"]').waitFor()
    await shot(page, `file-image-${look}`)
    await open('evil.html')
    await page.getByText('<h1>Owned</h1>').waitFor()
    assert.equal(await page.locator('h1', { hasText: 'Owned' }).count(), 0)
    assert.deepEqual(await page.evaluate(() => ['owned' in window, document.title]), [false, 'evil.html · Meshbook'])
    await open('raw.bin')
    await page.getByText('No preview').waitFor()
    await shot(page, `file-none-${look}`)
    await page.reload()
    await page.getByText('No preview').waitFor()
  })
  await rm(join(folder, 'shared/raw.bin'))
  await each(({ page }) => page.getByText('This file was deleted').waitFor())
  assert.deepEqual(faults, [[], [], []])
})

test('W41 a file whose bytes are not at the hub says where it is, how far it is, and appears by itself', async t => {
  const mesh = await theMesh()
  const { page } = await mesh.open(t)
  await page.goto(`${mesh.url}/p/demo/welcome.md`)
  let stored = false
  await page.route('**/api/v1/files/doc_*', async route => {
    const answer = await route.fetch()
    const state: object = await answer.json()
    await route.fulfill({ json: stored ? state : { ...state, stored: false, arrived: 3 } })
  })
  await writeFile(join(mesh.data, 'projects/demo/big.csv'), 'a,b,c,d,e\n')
  await page.locator('.sidebar').getByRole('link', { name: 'big.csv' }).click()
  await page.getByText('30 % of 10 B').waitFor()
  await page.getByText('The file is on').waitFor()
  assert.equal(await page.getByText('Download', { exact: true }).count(), 0)
  await noSeriousIssue(page)
  await shot(page, 'file-coming')
  stored = true
  await page.getByText('a,b,c,d,e').waitFor()
})
