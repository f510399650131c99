/** Many cells at once: places in the queue, the stop after a failure, going on, and starting over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openNotebook, selectItem } from './notebook-page.ts'

const cell = (code: string) => `\`\`\`python\n${code}\n\`\`\`\n`
const text = `${cell('import time\ntime.sleep(1.5)\nprint("first", 6 * 7)')}\n${cell('1 / zero')}\n${cell('print("third", 2 + 1)')}\n${cell('#| eval: false\nprint("never", 1)')}\n${cell('print("fourth", 2 + 2)')}`

test('NB10 NB11 a failure ends the list and says so; going on runs the rest; the outputs are in the file', async t => {
  const { page, cell: cellOf, reloadWhen } = await openNotebook(t, text)
  await page.getByRole('button', { name: 'Run all' }).press('Enter')
  await page.getByRole('button', { name: /^Place 1 in the queue/ }).waitFor()
  await page.getByRole('button', { name: /^Place 3 in the queue/ }).waitFor()
  await page.getByText('Running 1 of 4').waitFor()
  const notice = page.getByRole('alert').filter({ hasText: '2 cells were not run' })
  await notice.waitFor()
  assert.equal(await cellOf('fourth').locator('.output').count(), 0)
  await notice.getByRole('button', { name: 'Go on' }).press('Enter')
  await cellOf('fourth').getByText('fourth 4').waitFor()
  const after = await reloadWhen('the outputs are in the file', now => now.includes('\nfourth 4\n'))
  assert.ok(after.includes('\nthird 3\n') && after.includes('\nfirst 42\n') && !after.includes('\nnever 1\n'))
  await cellOf('third').getByText('third 3').waitFor()
})

test('NB12 0 0 restarts the runtime, and restart and run all begins with no variables', async t => {
  const {
    page,
    cell: cellOf,
    file,
  } = await openNotebook(
    t,
    `${cell('count = globals().get("count", 0) + 1\nprint("count", count)')}\n${cell('print("end")')}`,
  )
  await selectItem(page, 0)
  await page.keyboard.press('Control+Enter')
  await cellOf('globals').getByText('count 1').waitFor()
  await page.keyboard.press('Control+Enter')
  await cellOf('globals').getByText('count 2').waitFor()
  await page.keyboard.press('0')
  await page.keyboard.press('0')
  await page.getByText('Restarted').first().waitFor()
  await page.keyboard.press('Shift+Enter')
  await cellOf('globals').getByText('count 1').waitFor()
  await page.keyboard.press('Control+k')
  await page.keyboard.type('restart and run all')
  await page.keyboard.press('Enter')
  await cellOf('"end"').locator('.output').getByText('end').waitFor()
  assert.ok((await file()).includes('globals'))
})

test('NB13 a list that waits for an answer says so wherever one looks, and leads to the question', async t => {
  const { page, cell: cellOf } = await openNotebook(
    t,
    `${Array.from({ length: 40 }, (_, n) => cell(`#| eval: false\nvalue_${n} = ${n}`)).join('\n')}\n${cell('print("hello", input("Your name? "))')}\n${cell('print("end", 1 + 1)')}`,
  )
  await page.getByRole('button', { name: 'Run all' }).press('Enter')
  const bar = page.getByRole('region', { name: 'Run queue' })
  await bar.getByText('A cell asks: Your name?').waitFor()
  await page.locator('[role="status"]').getByText('The program asks: Your name?').waitFor({ state: 'attached' })
  await bar.getByRole('button', { name: 'Answer' }).press('Enter')
  await page.locator('.stdin input:focus').waitFor()
  await page.keyboard.type('Ada')
  await page.keyboard.press('Enter')
  await cellOf('hello').getByText('hello Ada').waitFor()
  await cellOf('"end"').locator('.output').getByText('end 2').waitFor()
})
