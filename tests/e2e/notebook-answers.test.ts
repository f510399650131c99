/** What a page asks of the hub that is behind, or away for a while: an answer to a program, a run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMesh } from '../mesh-process.ts'
import { openNotebook, selectItem } from './notebook-page.ts'

const code = (text: string) => `# A\n\n\`\`\`python\n${text}\n\`\`\`\n`

test('a program that asks in the middle of its output is answered the moment that it shows, one question after another', async t => {
  const asks =
    'for n in range(6):\n    for line in range(4000):\n        print("line", line)\n    got = input(f"Number {n}? ")\n    assert got == str(n), got\nprint("all", "answered")'
  const { page, cell, file, reloadWhen } = await openNotebook(t, code(asks))
  const statuses: number[] = []
  page.on('response', answer => answer.url().endsWith('/input') && statuses.push(answer.status()))
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  for (let n = 0; n < 6; n++) {
    await cell('Number').getByLabel(`Number ${n}?`).fill(String(n), { timeout: 40_000 })
    await page.keyboard.press('Enter')
  }
  await reloadWhen('the end of the output', text => text.includes('all answered'))
  t.diagnostic(`the hub answered ${statuses.join(' ')}`)
  assert.equal(statuses.filter(status => status === 204).length, 6)
  assert.ok(!(await file()).includes('AssertionError'))
})

test('keys pressed after an answer stay in its field: none of them is a command of the notebook', async t => {
  const asks = 'import time\nfirst = input("First? ")\ntime.sleep(2)\nsecond = input("Second? ")\nprint(first + second)'
  const { page, cell, reloadWhen } = await openNotebook(t, `${code(asks)}\n\`\`\`python\nkept = 1\n\`\`\`\n`)
  await page.route('**/input', async route => {
    await new Promise(resolve => setTimeout(resolve, 1_000))
    await route.continue()
  })
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  const first = cell('First').getByLabel('First?')
  await first.fill('a')
  await page.keyboard.press('Enter')
  await cell('First').getByRole('button', { name: 'Sent' }).waitFor()
  assert.ok(await first.evaluate(field => field === document.activeElement), 'the field keeps the focus')
  await page.keyboard.press('Enter')
  await page.keyboard.type('ddbbm')
  assert.equal(await first.inputValue(), 'a')
  const second = cell('First').getByLabel('Second?')
  await second.waitFor()
  await second.and(page.locator(':focus')).waitFor()
  await page.keyboard.type('b')
  await page.keyboard.press('Enter')
  const text = await reloadWhen('the sum', now => now.includes('\nab\n'))
  assert.equal(text.split('```python').length, 3)
  assert.ok(text.includes('kept = 1'))
})

test('W55 a cell that the hub could not be asked to run says so, and once it is back that it can be run again', async t => {
  const { page, mesh, cell, reloadWhen } = await openNotebook(t, code('print("ran", "again")'))
  await page.getByText('Synced ✓').waitFor()
  await mesh.kill('SIGKILL')
  await page.locator('[data-sync="offline"], [data-sync="offline-saved"]').first().waitFor()
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  const notice = cell('"ran"').getByRole('alert')
  await notice.getByText('Not run: the hub did not answer.').waitFor()
  await notice.getByText('Run the cell again when it is back.').waitFor()
  await startMesh(t, mesh.data, ['--port', new URL(mesh.url).port])
  await notice.getByText('It answers again: run the cell again.').waitFor({ timeout: 40_000 })
  assert.equal(await notice.getByText('does not answer').count(), 0)
  await reloadWhen('the link is back', () => true)
  await cell('"ran"').getByText('Not run: the hub did not answer.').waitFor()
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  await cell('"ran"').getByText('ran again', { exact: true }).waitFor({ timeout: 40_000 })
  assert.equal(await page.getByText('Not run').count(), 0)
  await reloadWhen('the output', text => text.includes('\nran again\n'))
  await cell('"ran"').getByText('ran again', { exact: true }).waitFor()
})
