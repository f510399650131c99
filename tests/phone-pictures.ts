/**
 * Pictures of the phone's screens for docs/phone.md, from the real app with a real kernel, light and dark:
 * `node --test tests/phone-pictures.ts`, after a build.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { openBrowser, signIn } from './browser.ts'
import { startMesh, temporaryFolder } from './mesh-process.ts'

const images = join(import.meta.dirname, '../docs/images')
const columns = 5

const note = `# Tides

How high the water stands at the pier, with $h = a \\sin(\\omega t)$.

\`\`\`python
heights = [1.2, 2.9, 3.1, 2.0]
print(max(heights), "m at", heights.index(max(heights)), "h")
\`\`\`

\`\`\`python
name = input("Which pier? ")
print("Reading", name)
\`\`\`

\`\`\`python
heights["noon"]
\`\`\`
`

interface Picture {
  name: string
  png: Buffer
}

async function screens(t: TestContext, dark: boolean): Promise<Picture[]> {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  await writeFile(join(data, 'projects/demo/tides.md'), note)
  const { page } = await openBrowser(t, { width: 390, height: 844, touch: true, dark })
  await signIn(page, mesh)
  const pictures: Picture[] = []
  const take = async (name: string) => {
    await page.waitForTimeout(700)
    pictures.push({ name, png: await page.screenshot() })
  }
  const cell = (text: string) => page.locator('section.cell').filter({ hasText: text })
  const visit = async (path: string, name: string) => {
    await page.goto(`${mesh.url}/m/${path}`)
    await page.getByRole('heading').first().waitFor()
    await take(name)
  }
  await page.goto(`${mesh.url}/m/`)
  await page.getByRole('link', { name: /tides/ }).waitFor()
  await take('Notebooks')
  await page.getByRole('link', { name: /tides/ }).tap()
  await page.getByRole('toolbar', { name: 'Notebook' }).waitFor()
  for (const text of ['max(heights)', 'noon', 'pier'])
    await cell(text).getByRole('button', { name: 'Run the cell' }).tap()
  await page.getByLabel('Which pier?').waitFor()
  await page.evaluate(() => scrollTo(0, 0))
  await take('A notebook')
  await page.getByLabel('Which pier?').scrollIntoViewIfNeeded()
  await take('A question')
  await page.getByLabel('Which pier?').fill('North')
  await page.getByRole('button', { name: 'Send' }).tap()
  await cell('pier').getByText('Reading North').waitFor()
  await cell('max(heights)').locator('button.ran').tap()
  await take('Why there, Run on…')
  await page.getByRole('button', { name: 'Close' }).tap()
  await page.getByRole('button', { name: 'More' }).tap()
  await take('More')
  await page.getByRole('button', { name: 'Close' }).tap()
  await cell('max(heights)').locator('.code').tap()
  await page.getByRole('textbox', { name: 'Code' }).waitFor()
  await take('Editing')
  await visit('p/demo', 'A project')
  await visit('search', 'Search')
  await visit('runs', 'Runs')
  await page.locator('.rows a.row').first().tap()
  await page.getByRole('button', { name: 'Run again' }).waitFor()
  await take('A run')
  await visit('inbox', 'Inbox')
  await visit('devices', 'Devices')
  await visit('pair', 'Pairing')
  await visit('settings', 'Settings')
  await visit('', 'Back to the list')
  pictures.pop()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await mesh.kill('SIGKILL')
  await page.goto(`${mesh.url}/m/p/demo/tides.md`)
  await page.getByText('The hub does not answer.').waitFor()
  await page.getByRole('toolbar', { name: 'Notebook' }).waitFor()
  await cell('max(heights)').getByRole('button', { name: 'Run the cell' }).tap()
  await page.getByText('Queued on this phone').first().waitFor()
  await page.evaluate(() => scrollTo(0, 0))
  await take('The hub is down')
  return pictures
}

async function sheet(page: Page, pictures: readonly Picture[], dark: boolean): Promise<Buffer> {
  const figures = pictures.map(
    ({ name, png }) =>
      `<figure><img src="data:image/png;base64,${png.toString('base64')}"><figcaption>${name}</figcaption></figure>`,
  )
  const style = `body{margin:0;padding:24px;display:grid;grid-template-columns:repeat(${columns},240px);gap:24px;background:${dark ? '#2a2b30' : '#e6e6ea'};color:${dark ? '#ddd' : '#333'};font:15px sans-serif}figure{margin:0}img{width:240px;border-radius:18px;display:block}figcaption{padding:8px 4px}`
  await page.setViewportSize({ width: columns * 264 + 24, height: 600 })
  await page.setContent(`<style>${style}</style>${figures.join('')}`)
  return await page.screenshot({ fullPage: true })
}

for (const dark of [false, true])
  test(`the screens of the phone, ${dark ? 'dark' : 'light'}`, async t => {
    const pictures = await screens(t, dark)
    const { page } = await openBrowser(t)
    await writeFile(join(images, `phone-${dark ? 'dark' : 'light'}.png`), await sheet(page, pictures, dark))
  })
