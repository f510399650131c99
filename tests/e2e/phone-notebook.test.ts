/** A notebook on the phone, by touch, against real kernels (packages/web/src/phone/SPEC.md). */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { eventually } from '../mesh-process.ts'
import { beginMesh, type SharedMesh, sharedMesh } from './shared-mesh.ts'

const theMesh = sharedMesh()

const note = `# Five

Some **words** before.

\`\`\`python
x = 20 + 1
print(x * 2)
\`\`\`

\`\`\`python
name = input('Who? ')
print('hello', name)
\`\`\`
`

interface World {
  page: Page
  file: string
  faults: string[]
}

/** The notebook under a name of its own, opened by touch. */
async function world(t: TestContext, mesh: SharedMesh, name: string): Promise<World> {
  await mesh.write(`${name}.md`, note)
  const { page, faults } = await mesh.open(t, { width: 390, height: 844, touch: true })
  await page.goto(`${mesh.url}/m/`)
  await page.getByRole('link', { name: new RegExp(name) }).tap()
  await page.getByRole('heading', { name: 'Five', exact: true }).waitFor()
  return { page, file: join(mesh.data, 'projects/demo', `${name}.md`), faults }
}

const cell = (page: Page, text: string) => page.locator('section.cell').filter({ hasText: text })
const text = (file: string) => readFile(file, 'utf8')

test('PH20 a cell runs by touch, its output and where it ran are there after a reload', async t => {
  const { page, file, faults } = await world(t, await theMesh(), 'five-run')
  await cell(page, 'x * 2').getByRole('button', { name: 'Run the cell' }).tap()
  await cell(page, 'x * 2').getByText('42', { exact: true }).waitFor()
  await eventually('the output in the file', async () => (await text(file)).includes('\n42\n'))
  await page.reload()
  await cell(page, 'x * 2').getByText('42', { exact: true }).waitFor()
  assert.deepEqual(faults, [])
})

test('PH20 a program that asks is answered by touch', async t => {
  const { page, file } = await world(t, await theMesh(), 'five-asks')
  await cell(page, 'Who?').getByRole('button', { name: 'Run the cell' }).tap()
  await page.getByLabel('Who?').fill('Ada')
  await page.getByRole('button', { name: 'Send' }).tap()
  await cell(page, 'Who?').getByText('hello Ada').waitFor()
  await eventually('the output in the file', async () => (await text(file)).includes('hello Ada'))
})

test('PH30 PH32 code and text are edited by touch and by the bar of keys, and stand in the file', async t => {
  const { page, file } = await world(t, await theMesh(), 'five-typed')
  await cell(page, 'x * 2').getByRole('button', { name: 'Run the cell' }).waitFor()
  await cell(page, 'x * 2').locator('.code').tap()
  const area = page.getByRole('textbox', { name: 'Code' })
  await area.waitFor()
  await page.keyboard.press('Enter')
  await page.keyboard.type('print')
  await page.getByRole('button', { name: '(', exact: true }).tap()
  await page.keyboard.type('7')
  await eventually('the code in the file', async () => (await text(file)).includes('print(x * 2)\nprint(7)'))
  await page.getByRole('button', { name: 'Edit the text' }).first().tap()
  await page.getByRole('textbox', { name: 'Text' }).waitFor()
  await page.keyboard.press('Control+Home')
  await page.keyboard.type('# New\n\n')
  await eventually('the text in the file', async () => (await text(file)).startsWith('# New\n\n# Five'))
  await page.reload()
  await page.getByRole('heading', { name: 'New', exact: true }).waitFor()
})

test('PH4 a notebook that was open here is drawn from what is kept, before the hub answers and without it', async t => {
  const mesh = await beginMesh(t)
  const { page } = await world(t, mesh, 'five-kept')
  await cell(page, 'x * 2').getByRole('button', { name: 'Run the cell' }).tap()
  await cell(page, 'x * 2').getByText('42', { exact: true }).waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await page.waitForTimeout(2_500)
  await mesh.kill('SIGKILL')
  await page.reload()
  await cell(page, 'x * 2').getByText('42', { exact: true }).waitFor()
  await page.getByText('The hub does not answer.').waitFor()
  await cell(page, 'x * 2').locator('.code').tap()
  await page.getByRole('textbox', { name: 'Code' }).waitFor()
  await page.keyboard.type(' # kept')
  await page.locator('.sync').getByText(/saved/i).waitFor()
  await page.reload()
  await page.getByText('# kept').first().waitFor()
})
