/** A long notebook: only what is near the window is drawn, and everything still works on what is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openNotebook, selectItem } from './notebook-page.ts'

const parts = Array.from(
  { length: 250 },
  (_, n) => `\`\`\`python\nvalue_${n} = ${n}\nprint(value_${n})\n\`\`\`\n${n % 50 === 49 ? `\n## Part ${n}\n` : ''}`,
)
const text = `# Long\n\n${parts.join('\n')}`

test('NB60 far items are placeholders; the outline, the keyboard, find and paper reach them', async t => {
  const { page, reloadWhen, faults } = await openNotebook(t, text)
  await page.locator('.cm-content').first().waitFor()
  const drawn = () => page.locator('.cell').count()
  assert.ok((await page.locator('.item').count()) < 120, 'what is far is one empty stretch')
  assert.ok((await drawn()) < 100, `${await drawn()} cells are drawn`)
  await selectItem(page, 0)
  await page.keyboard.press('t')
  await page.getByRole('button', { name: 'Part 199' }).press('Enter')
  await page.locator('.prose h2', { hasText: 'Part 199' }).waitFor()
  const inView = await page.locator('.prose h2', { hasText: 'Part 199' }).evaluate(heading => {
    const { top } = heading.getBoundingClientRect()
    return top >= 0 && top < innerHeight
  })
  assert.ok(inView, 'the heading is in the window')
  await page.keyboard.press('Control+f')
  await page.getByLabel('Find', { exact: true }).fill('value_120 =')
  await page.locator('.cell', { hasText: 'value_120' }).first().waitFor()
  await page.keyboard.press('Escape')
  await page.locator('.cell', { hasText: 'value_120' }).locator('.cm-content').click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type('  # far')
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  await page.waitForFunction(() => document.querySelectorAll('.cell').length === 250)
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  await reloadWhen('what was typed far down is in the file', now => now.includes('print(value_120)  # far'))
  assert.deepEqual(faults, [])
})
