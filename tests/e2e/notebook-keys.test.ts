/** The notebook by keyboard alone: what each key does is still so after a reload. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../mesh-process.ts'
import { openNotebook, selectItem } from './notebook-page.ts'

const cell = (code: string) => `\`\`\`python\n${code}\n\`\`\`\n`
const three = `# Keys\n\n${cell('one = 1')}\n${cell('two = 2')}\n${cell('three = 3')}`
const order = (text: string) => [...text.matchAll(/^(one|two|three|new|# Keys)/gm)].map(([name]) => name)

test('NB2 Enter edits, Escape leaves, and A, B, D D, Z, M and Y change the notebook', async t => {
  const { page, reloadWhen, file } = await openNotebook(t, three)
  await selectItem(page, 1)
  await page.keyboard.press('a')
  await page.keyboard.press('Enter')
  await page.locator('.cm-content:focus').waitFor()
  await page.keyboard.type('new = 0')
  // The first closes a list of completions, where one has opened.
  await eventually('the editor is left', async () => {
    await page.keyboard.press('Escape')
    await page.waitForTimeout(300)
    return (await page.locator('.item:focus').count()) === 1
  })
  let text = await reloadWhen('the new cell is in the file', now => now.includes('new = 0'))
  assert.deepEqual(order(text), ['# Keys', 'new', 'one', 'two', 'three'])
  await selectItem(page, 1)
  await page.keyboard.press('d')
  await page.keyboard.press('d')
  await reloadWhen('the new cell is gone', now => !now.includes('new = 0'))
  await selectItem(page, 2)
  await page.keyboard.press('m')
  text = await reloadWhen('the cell became text', now => !now.includes('```python\ntwo'))
  assert.ok(text.includes('two = 2'))
  await selectItem(page, 2)
  await page.keyboard.press('y')
  await reloadWhen('the text became a cell', now => now.includes('```python\ntwo = 2\n```'))
  await selectItem(page, 3)
  await page.keyboard.press('d')
  await page.keyboard.press('d')
  await page.keyboard.press('z')
  await page.waitForTimeout(800)
  assert.ok((await file()).includes('three = 3'))
})

test('NB3 several items are cut and pasted, moved and copied', async t => {
  const { page, context, mesh, reloadWhen } = await openNotebook(t, three)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: mesh.url })
  await selectItem(page, 1)
  await page.keyboard.press('Shift+ArrowDown')
  await page.locator('.item[data-chosen="true"]').nth(1).waitFor()
  assert.equal(await page.locator('.item[data-chosen="true"]').count(), 2)
  const items = await page.locator('.item').count()
  await page.keyboard.press('x')
  await eventually('the two are gone', async () => (await page.locator('.item').count()) === items - 2)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('v')
  let text = await reloadWhen('what was cut is below', now => order(now).join() === '# Keys,three,one,two')
  await selectItem(page, 3)
  await page.keyboard.press('Shift+K')
  text = await reloadWhen('it moved up', now => order(now).join() === '# Keys,three,two,one')
  await selectItem(page, 1)
  await page.keyboard.press('Control+Shift+ArrowDown')
  text = await reloadWhen('it moved down', now => order(now).join() === '# Keys,two,three,one')
  await selectItem(page, 1)
  await page.keyboard.press('c')
  await page.keyboard.press('Shift+V')
  text = await reloadWhen('the copy is above', now => order(now).join() === '# Keys,two,two,three,one')
  assert.doesNotMatch(text, /\n\n\n/)
})

test('NB1 the list of shortcuts shows what the keyboard obeys; line numbers are kept by this browser', async t => {
  const { page, reloadWhen } = await openNotebook(t, three)
  await selectItem(page, 1)
  await page.keyboard.press('?')
  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
  for (const words of ['Delete', 'Restart the runtime', 'Find in the notebook', 'Paste below', 'Line numbers'])
    await dialog.getByText(words).first().waitFor()
  await page.keyboard.press('Escape')
  await selectItem(page, 1)
  await page.keyboard.press('l')
  await page.locator('.cm-lineNumbers').first().waitFor()
  await reloadWhen('the notebook is as it was', now => now === three)
  await page.locator('.cm-lineNumbers').first().waitFor()
})

test('NB40 NB42 options are set with the keyboard, stand in the file, and hide the code', async t => {
  const { page, cell: cellOf, reloadWhen } = await openNotebook(t, three)
  await selectItem(page, 1)
  await page.keyboard.press('p')
  const dialog = page.getByRole('dialog', { name: 'Options of the cell' })
  await dialog.getByLabel('Tags').fill('slow, figures')
  await dialog.getByLabel('Hide the code').press('Space')
  await dialog.getByRole('button', { name: 'Save' }).press('Enter')
  await reloadWhen('the options are in the file', now =>
    now.includes('```python\n#| tags: [slow, figures]\n#| echo: false\none = 1'),
  )
  await page.getByRole('button', { name: 'Code is hidden' }).waitFor()
  await page.getByText('figures').waitFor()
  assert.equal(await cellOf('one = 1').count(), 0)
  await page.getByRole('button', { name: 'Code is hidden' }).press('Enter')
  await cellOf('one = 1').locator('.cm-content').waitFor()
})

test('NB41 settings are written into the front matter and read back', async t => {
  const { page, reloadWhen } = await openNotebook(t, `---\n# mine\nother: 1\n---\n\n${three}`)
  await page.locator('.front-matter summary').click()
  await page.getByRole('button', { name: 'Settings…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Settings of the notebook' })
  await dialog.getByLabel('Title').fill('Forty years')
  await dialog.getByLabel('Requires').fill('gpu')
  await dialog.getByLabel('Stop when a cell fails').press('Space')
  await dialog.getByRole('button', { name: 'Save' }).press('Enter')
  const text = await reloadWhen('the settings are in the file', now => now.includes('Forty years'))
  assert.ok(
    text.startsWith(
      '---\n# mine\nother: 1\ntitle: Forty years\nmeshbook:\n  requires:\n    - gpu\n  stop-on-error: false\n---\n',
    ),
    text,
  )
})
