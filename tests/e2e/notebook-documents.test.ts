/** Notebooks as documents while their page is open: made, renamed, looked for by name. */
import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { eventually } from '../mesh-process.ts'
import { openNotebook } from './notebook-page.ts'

const text = '# Named\n\n```python\none = 1\n```\n'

test('NB43 a new notebook opens with the cursor in its first cell', async t => {
  const { page, mesh } = await openNotebook(t, text)
  const button = page.getByRole('button', { name: 'New notebook', exact: true })
  const [row, side] = [await button.boundingBox(), await page.locator('.sidebar').boundingBox()]
  assert.ok(row!.x + row!.width <= side!.x + side!.width, 'the button is inside the sidebar')
  await button.click()
  await page.getByLabel('Name in demo').fill('notes/today')
  await page.keyboard.press('Enter')
  await page.locator('.cell .cm-content:focus').waitFor()
  await page.keyboard.type('made = 1')
  assert.equal(new URL(page.url()).pathname, '/p/demo/notes/today.md')
  await page.locator('.cell').getByText('made = 1').waitFor()
  assert.ok(mesh.url)
})

test('NB43 a notebook that is renamed on disk while it is open stays open, with the cursor where it was', async t => {
  const { page, mesh } = await openNotebook(t, text)
  await page.locator('.cell .cm-content').first().click()
  await page.keyboard.press('End')
  const folder = join(mesh.data, 'projects/demo')
  await rename(join(folder, 'page.md'), join(folder, 'other.md'))
  await page.waitForURL(/\/p\/demo\/other\.md$/)
  await page.keyboard.type(' + 41')
  await page.locator('.cell').getByText('one = 1 + 41').waitFor()
  await eventually('the heading says the new name', async () =>
    (await page.locator('h1.crumbs').textContent())?.includes('other'),
  )
})

/** A page to which these files come only when they are let through. */
async function comesLate(context: BrowserContext, files: RegExp): Promise<{ slow: Page; release: () => void }> {
  const slow = await context.newPage()
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  await slow.route(files, async route => {
    await held
    await route.continue()
  })
  return { slow, release }
}

test('NB62 what is typed right after the shortcut of the palette is in it, also before its code has come', async t => {
  const { page, context, mesh } = await openNotebook(t, text)
  const { slow, release } = await comesLate(context, /\/assets\/later-.*\.js/)
  await slow.goto(`${mesh.url}/p/demo/page.md`)
  await slow.locator('.item').first().waitFor()
  await slow.keyboard.press('Control+k')
  await slow.keyboard.type('outl')
  release()
  const input = slow.getByLabel('Search documents and actions')
  await input.waitFor()
  await slow.keyboard.type('ine')
  assert.equal(await input.inputValue(), 'outline')
  await page.close()
})

test('NB62 Ctrl+Enter runs the cell that has the focus also when it is pressed before its code has come', async t => {
  const { context, mesh } = await openNotebook(t, '# A\n\n```python\nprint("ea" "rly")\n```\n')
  const { slow, release } = await comesLate(context, /\/assets\/doing-.*\.js/)
  await slow.goto(`${mesh.url}/p/demo/page.md`)
  const item = slow.locator('.item').nth(1)
  await item.waitFor()
  await slow.waitForTimeout(300)
  await item.focus()
  await slow.keyboard.press('Control+Enter')
  release()
  await slow.locator('.cell').getByText('early', { exact: true }).waitFor({ timeout: 40_000 })
})

test('NB2 a cell that is run while its output has the focus keeps the keys', async t => {
  const { page } = await openNotebook(t, `${text}\n\`\`\`output:run-0001\nsaid\n\`\`\`\n`)
  await page.locator('.cell').getByText('said').click()
  await page.keyboard.press('Control+Enter')
  await page.locator('.cell').getByText('said').waitFor({ state: 'detached' })
  await page.keyboard.press('b')
  await page.locator('.item-cell').nth(1).waitFor()
})
