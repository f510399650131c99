/** Two people in one notebook: they see where the other is, and a move loses nothing of what the other types. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { besides } from '../browser.ts'
import { eventually, type MeshProcess } from '../mesh-process.ts'
import { openNotebook, selectItem } from './notebook-page.ts'

const cell = (code: string) => `\`\`\`python\n${code}\n\`\`\`\n`
const text = `# Two\n\n${cell('one = 1')}\n${cell('two = 2')}\n${cell('three = 3')}`

test('NB50 the caret and the selection of another browser show in the cell, with the name', async t => {
  const { page, context, mesh } = await openNotebook(t, text)
  const state = await context.storageState()
  const second = await besides(page, { storageState: state, colorScheme: 'dark' })
  await second.goto(`${mesh.url}/p/demo/page.md`)
  await second.locator('.cell .cm-content').first().click()
  await second.keyboard.press('Home')
  await second.keyboard.press('Shift+End')
  const caret = page.locator('.cell').first().locator('.remote-caret')
  await caret.waitFor()
  assert.equal(await page.locator('.cell').first().locator('.remote-selection').first().textContent(), 'one = 1')
  assert.notEqual(await caret.locator('.remote-name').textContent(), '')
  await second.keyboard.press('Escape')
  await caret.waitFor({ state: 'detached' })
})

test('NB30 NB31 a cell is dragged to another place with its output, and moved on with the keyboard', async t => {
  const output = '```output:run-0001\nsaid\n```\n'
  const { page, reloadWhen } = await openNotebook(t, text.replace('one = 1\n```\n', `one = 1\n\`\`\`\n\n${output}`))
  await selectItem(page, 1)
  const grip = page.locator('.item[data-selected="true"] .drag-handle')
  const from = (await grip.boundingBox())!
  const to = (await page.locator('.item').nth(3).boundingBox())!
  await page.mouse.move(from.x + 5, from.y + 5)
  await page.mouse.down()
  await page.mouse.move(from.x + 5, from.y + 40, { steps: 4 })
  await page.locator('.drop-line').waitFor()
  await page.mouse.move(from.x + 5, to.y + to.height - 4, { steps: 6 })
  await page.mouse.up()
  const order = (now: string) => [...now.matchAll(/^(one|two|three|said)/gm)].map(([name]) => name).join()
  await reloadWhen('the cell is the last, with its output', now => order(now) === 'two,three,one,said')
  await selectItem(page, 3)
  await page.locator('.item[data-selected="true"] .drag-handle').focus()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowUp')
  await reloadWhen('the keyboard moved it back', now => order(now) === 'one,said,two,three')
})

/** Another browser of the same user, with the cursor at the end of the first cell's line. */
async function writeElsewhere(page: Page, mesh: MeshProcess): Promise<Page> {
  const second = await besides(page, { storageState: await page.context().storageState() })
  await second.goto(`${mesh.url}/p/demo/page.md`)
  await second.locator('.cell .cm-content').first().click()
  await second.keyboard.press('End')
  return second
}

test('NB31 what is typed into a cell while another browser moves it stays in it', async t => {
  const { page, mesh, file } = await openNotebook(t, text)
  const second = await writeElsewhere(page, mesh)
  await second.context().setOffline(true)
  await second.keyboard.type(' + 41')
  await selectItem(page, 1)
  await page.keyboard.press('Shift+J')
  await page.keyboard.press('Shift+J')
  await eventually('the move is in the file', async () => /three = 3[\s\S]*one = 1/.test(await file()))
  await second.context().setOffline(false)
  const after = await eventually('both are in the file', async () => {
    const now = await file()
    return now.includes('one = 1 + 41') && now
  })
  assert.match(after, /three = 3[\s\S]*```python\none = 1 \+ 41\n```/)
  assert.equal(after.match(/\+ 41/g)?.length, 1)
})

test('NB33 who writes in a cell that another browser moves writes on in it', async t => {
  const { page, mesh, file } = await openNotebook(t, text)
  const second = await writeElsewhere(page, mesh)
  await second.keyboard.type(' + 4')
  await page.locator('.cell').first().getByText('one = 1 + 4').waitFor()
  await selectItem(page, 1)
  await page.keyboard.press('Shift+J')
  await page.keyboard.press('Shift+J')
  await second.locator('.cell').nth(2).getByText('one = 1 + 4').waitFor()
  await second.keyboard.type('2 # jdd')
  await eventually('all of it is in the cell', async () => /three = 3[\s\S]*one = 1 \+ 42 # jdd\n/.test(await file()))
})

test('NB33 dragging to the edge of the window scrolls, and what was dropped far away is selected', async t => {
  const many = Array.from({ length: 60 }, (_, at) => `Text ${at}\n\n${cell(`print(${at})`)}`).join('\n')
  const { page, file } = await openNotebook(t, many, { width: 1280, height: 700 })
  await selectItem(page, 1)
  const grip = (await page.locator('.item[data-selected="true"] .drag-handle').boundingBox())!
  await page.mouse.move(grip.x + 5, grip.y + 5)
  await page.mouse.down()
  await page.mouse.move(grip.x + 5, 690, { steps: 4 })
  const seen = () => page.locator('.stage').evaluate(stage => stage.scrollTop)
  await eventually('the notebook has scrolled', async () => (await seen()) > 900)
  await page.mouse.move(grip.x + 5, 350, { steps: 2 })
  await page.mouse.up()
  await eventually('the cell is far below', async () => {
    const now = await file()
    return now.indexOf('print(0)') > now.indexOf('print(8)')
  })
  assert.match((await page.locator('.item:focus').textContent()) ?? '', /print\(0\)/)
})
