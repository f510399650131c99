/** Find and replace in the page: everything is found, replacing is one step, and no pattern stops the page. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openNotebook, selectItem } from './notebook-page.ts'

const filler = Array.from({ length: 120 }, (_, n) => `\`\`\`python\nvalue_${n} = "air ${n}"\n\`\`\`\n`).join('\n')
const text = `# Air\n\n${filler}\nThe last air.\n`

test('NB20 NB22 find counts what is not drawn, goes to it, and replaces all of it as one step of undo', async t => {
  const { page, faults, reloadWhen, file } = await openNotebook(t, text)
  await page.keyboard.press('Control+f')
  const find = page.getByRole('search', { name: 'Find in the notebook' })
  await find.getByLabel('Find', { exact: true }).pressSequentially('air')
  await find.getByText('1 of 122').waitFor()
  await page.keyboard.press('Shift+Enter')
  await find.getByText('122 of 122').waitFor()
  await page.getByText('The last air.').waitFor()
  await find.getByRole('button', { name: 'Match case' }).press('Enter')
  await find.getByText('of 121').waitFor()
  await find.getByLabel('Find', { exact: true }).fill('value_(\\d+) = "air')
  await find.getByRole('button', { name: 'Regular expression' }).press('Enter')
  await find.getByText('of 120').waitFor()
  await page.keyboard.press('Control+Alt+f')
  await find.getByLabel('Replace with').fill('v$1 = "wind')
  await find.getByRole('button', { name: 'Replace all' }).press('Enter')
  const after = await reloadWhen('all is replaced', now => now.includes('v119 = "wind 119"'))
  assert.ok(!after.includes('value_') && after.includes('The last air.'))
  assert.deepEqual(faults, [])
  assert.ok((await file()).startsWith('# Air\n'))
})

test('NB22 undo takes back a replacement as one step', async t => {
  const { page, reloadWhen } = await openNotebook(t, text)
  await page.keyboard.press('Control+Alt+f')
  const find = page.getByRole('search', { name: 'Find in the notebook' })
  await find.getByLabel('Find', { exact: true }).fill('air')
  await find.getByLabel('Replace with').fill('wind')
  await find.getByText('of 122').waitFor()
  await find.getByRole('button', { name: 'Replace all' }).press('Enter')
  await page.getByText('122 replaced').waitFor()
  await page.keyboard.press('Escape')
  await selectItem(page, 1)
  await page.keyboard.press('Control+z')
  assert.equal(await reloadWhen('all is as it was', now => now === text), text)
})

test('NB21 a pattern that would take for ever is ended, and the page goes on', async t => {
  const { page } = await openNotebook(t, `# A\n\n\`\`\`python\n"${'a'.repeat(60)}!"\n\`\`\`\n`)
  await page.keyboard.press('Control+f')
  const find = page.getByRole('search', { name: 'Find in the notebook' })
  await find.getByRole('button', { name: 'Regular expression' }).press('Enter')
  await find.getByLabel('Find', { exact: true }).fill('(a+)+$')
  const alive = await page.evaluate(async () => {
    const started = performance.now()
    await new Promise(resolve => setTimeout(resolve, 300))
    return performance.now() - started
  })
  assert.ok(alive < 1_500, `the page stood still for ${alive} ms`)
  await find.getByText('takes too long').waitFor()
  await find.getByLabel('Find', { exact: true }).fill('(')
  await find.getByRole('alert').getByText('Invalid regular expression').waitFor()
  await find.getByLabel('Find', { exact: true }).fill('a{60}')
  await find.getByText('1 of 1').waitFor()
})

test('NB20 the bar takes what is typed also after the palette had the focus; a place in a folded output is unfolded; what was unfolded stays so', async t => {
  const { page, cell } = await openNotebook(
    t,
    `# Lines\n\n\`\`\`python\nfor n in range(900): print("entry", n)\n\`\`\`\n\n${filler}`,
  )
  await page.getByRole('button', { name: /^Run/ }).nth(1).press('Enter')
  const output = cell('range(900)').locator('.output')
  await output.getByRole('button', { name: 'Show all 900 lines' }).press('Enter')
  const stage = page.locator('.stage')
  await stage.evaluate(element => element.scrollTo(0, element.scrollHeight))
  await page.locator('.cell').filter({ hasText: 'value_119' }).waitFor()
  await stage.evaluate(element => element.scrollTo(0, 0))
  await output.getByRole('button', { name: 'Show less' }).press('Enter')
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+f')
  await page.locator('.find .field:focus').waitFor()
  await page.keyboard.type('entry 450')
  await page.locator('.find-count').getByText('1 of 1').waitFor()
  await page.waitForFunction(() => {
    const [range] = [...(CSS.highlights.get('found') ?? [])] as Range[]
    const box = range?.getBoundingClientRect()
    return box !== undefined && box.top > 0 && box.bottom < innerHeight
  })
  await output.getByRole('button', { name: 'Show less' }).waitFor()
})
