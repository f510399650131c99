/** How the notebook looks: every state at three sizes, light and dark, and with fingers; and what scrolling leaves of it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import type { OpenBrowser, openBrowser } from '../browser.ts'
import { eventually } from '../mesh-process.ts'
import { assertGoodPage, assertInWindow, assertNoSidewaysScrolling, shot } from '../page-checks.ts'
import { bringIntoView, openNotebook, selectItem } from './notebook-page.ts'
import { sharedMesh } from './shared-mesh.ts'

const mesh = sharedMesh()
let notebooks = 0

/** A notebook of this test alone, at the mesh of all. */
async function show(t: TestContext, text: string, options?: Parameters<typeof openBrowser>[1]): Promise<OpenBrowser> {
  const it = await mesh()
  const path = `look-${++notebooks}.md`
  await it.write(path, text)
  return it.show(t, path, options)
}

const fence = (language: string, code: string) => `\`\`\`${language}\n${code}\n\`\`\`\n`
const text = [
  '---\ntitle: Ice\n---\n',
  '# Ice\n\nThe slope is $\\hat\\beta$.\n\n| lake | days |\n|---|--:|\n| Inari | 191 |\n\n- [x] read\n',
  fence(
    'python',
    'print("\\x1b[7minverse\\x1b[0m \\x1b[44;97mon blue\\x1b[0m \\x1b[38;5;226mpale\\x1b[0m \\x1b[33;41mboth\\x1b[0m")',
  ),
  fence('python', 'class Data:\n    def _repr_json_(self): return {"list": [1, 2, 3]}\nData()'),
  `## What went wrong

| ${'a wide column | '.repeat(8)}
| ${'--- | '.repeat(8)}
| ${'1 | '.repeat(8)}

$$${'x_1 + '.repeat(40)} y$$

\`\`\`text
${'a long line of no program '.repeat(8)}
\`\`\`
`,
  fence('python', 'for n in range(300): print("a line", n)'),
  fence('python', '{}["nothing"]'),
].join('\n')

const sizes = [
  [1440, 900],
  [820, 1180],
  [390, 844],
] as const

/** At every size, light and dark, and without sideways scrolling on the narrowest phone. */
async function look(page: Page, name: string, within?: string): Promise<void> {
  const part = within === undefined ? {} : { within }
  for (const [width, height] of sizes) {
    await page.setViewportSize({ width, height })
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme })
      await assertGoodPage(page, { ...part, colours: theme === 'dark' })
      if (within !== undefined) await assertInWindow(page, within)
      await shot(page, `${name} ${width} ${theme}`)
    }
  }
  await page.setViewportSize({ width: 320, height: 640 })
  await assertNoSidewaysScrolling(page)
  if (within !== undefined) await assertInWindow(page, within)
  await shot(page, `${name} 320 dark`)
  await page.setViewportSize({ width: 1440, height: 900 })
}

/** What is open over or beside the notebook: how to open it, and the part of the page that it is. */
const states: Record<string, { within: string; open: (page: Page) => Promise<void>; close?: string }> = {
  find: {
    within: '.find',
    open: async page => {
      await fromMenu(page, 'Find and replace…')
      await page.locator('.find .field').first().fill('lake')
      await page.locator('.find-count').getByText('1 of').waitFor()
    },
  },
  variables: {
    within: '.side-panel',
    close: 'Close variables',
    open: async page => {
      await fromMenu(page, 'Variables')
      await page.locator('.variables tbody tr').first().waitFor()
    },
  },
  versions: {
    within: '.side-panel',
    close: 'Close history',
    open: async page => {
      await fromMenu(page, 'Version history')
      await page.locator('.side-panel').getByText('Today').waitFor()
    },
  },
  settings: { within: 'dialog[open]', open: page => fromMenu(page, 'Settings of the notebook…') },
  publish: { within: 'dialog[open]', open: page => fromMenu(page, 'Publish…') },
  palette: { within: 'dialog[open]', open: page => page.keyboard.press('Control+k') },
  'run on': { within: '.popover:popover-open', open: page => page.locator('.topbar .where').click() },
}

async function fromMenu(page: Page, entry: string): Promise<void> {
  await page.getByRole('button', { name: 'Notebook menu' }).click()
  await page.locator('.menu-item:visible').filter({ hasText: entry }).first().click()
}

async function runAll(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Run all' }).click()
  await page.locator('.output-error').first().waitFor()
}

test('NB71 the notebook, with an error, is without fault at three sizes, light and dark', {
  timeout: 400_000,
}, async t => {
  const { page, faults } = await show(t, text)
  await runAll(page)
  await look(page, 'notebook')
  assert.deepEqual(faults, [])
})

test('NB71 what opens over and beside the notebook is without fault at three sizes, light and dark', {
  timeout: 400_000,
}, async t => {
  const { page, faults } = await show(
    t,
    `# Ice\n\nA lake.\n\n${fence('python', 'lakes = {"Inari": 191}\nname = input("Which lake? ")\n{}[name]')}`,
  )
  await page.getByRole('button', { name: 'Run all' }).click()
  await page.locator('.stdin').waitFor()
  await look(page, 'question', '.stdin')
  await page.locator('.stdin input').fill('Saimaa')
  await page.keyboard.press('Enter')
  await page.locator('.output-error').waitFor()
  await look(page, 'error', '.cell')
  for (const [name, { within, open, close }] of Object.entries(states)) {
    await open(page)
    await page.locator(within).waitFor()
    await look(page, name, within)
    if (close) await page.getByRole('button', { name: close }).click()
    else await page.keyboard.press('Escape')
    await page.locator(within).waitFor({ state: 'hidden' })
  }
  assert.deepEqual(faults, [])
})

test('NB20 what is found is marked, also what scrolling brings', async t => {
  const { page } = await show(t, `lake\n\n${fence('python', 'x = 1\n'.repeat(90))}\nlake lake\n`)
  await fromMenu(page, 'Find and replace…')
  await page.locator('.find .field').first().fill('lake')
  await page.waitForFunction(() => CSS.highlights.get('found')?.size === 1)
  // The page grows while its editors are loaded, so its end is looked for until it is there.
  await eventually('what scrolling brings is marked', async () => {
    await page.locator('.stage').evaluate(element => element.scrollTo(0, element.scrollHeight))
    return page.evaluate(() => CSS.highlights.get('found')?.size === 2)
  })
})

test('NB72 a finger finds targets of 44 pixels', async t => {
  const { page } = await show(t, text, { width: 390, height: 844, touch: true })
  await runAll(page)
  await page.locator('.cell').first().tap()
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, summary, input, select')]
      .filter(element => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
      .filter(element => !element.closest('.prose') && getComputedStyle(element).pointerEvents !== 'none')
      .filter(element => {
        const { width, height } = element.getBoundingClientRect()
        const { top = '0', bottom = '0', content } = getComputedStyle(element, '::after')
        const reach = content === 'none' ? 0 : -Number.parseFloat(top) - Number.parseFloat(bottom)
        return width > 1 && (width < 44 || height + reach < 44)
      })
      .map(element => element.outerHTML.slice(0, 120)),
  )
  assert.deepEqual(small, [])
})

test('NB60 what was scrolled away is there again when one comes back, and before it can be seen', async t => {
  const cells = Array.from({ length: 60 }, (_, at) => fence('python', `value_${at} = ${at}\n`.repeat(12)))
  const { page } = await show(t, cells.join('\n'))
  const stage = page.locator('.stage')
  const drawn = (at: number) => page.locator('.cell').filter({ hasText: `value_${at} =` })
  await drawn(0).waitFor()
  assert.equal(await drawn(59).count(), 0)
  // What comes into view is measured then, which may move the end.
  await bringIntoView(page, drawn(59))
  assert.equal(await drawn(0).count(), 0)
  await stage.evaluate(element => element.scrollTo(0, 0))
  for (const at of [0, 2, 5]) await drawn(at).waitFor()
  await stage.evaluate(element => element.scrollTo(0, 4000))
  await page.waitForFunction(
    () => [...document.querySelectorAll('.cell')].some(cell => cell.getBoundingClientRect().top > innerHeight + 200),
    undefined,
    { timeout: 10_000 },
  )
})

test('NB73 whatever opens by keyboard closes with Escape and gives the focus back', async t => {
  const { page } = await show(t, text)
  await selectItem(page, 2)
  for (const [key, name] of [
    ['p', 'Options of the cell'],
    ['?', 'Keyboard shortcuts'],
    ['Control+k', 'Search documents and actions'],
  ] as const) {
    await page.keyboard.press(key)
    await page.locator('dialog[open]').first().waitFor()
    await page.keyboard.press('Escape')
    await page.locator('dialog[open]').waitFor({ state: 'detached' })
    const focused = await page.evaluate(() => document.activeElement?.classList.contains('item'))
    assert.ok(focused, `the focus is lost after “${name}”`)
  }
  await page.keyboard.press('Control+f')
  await page.locator('.find .field').first().waitFor()
  await page.keyboard.press('Escape')
  await page.locator('.item:focus').waitFor()
})

test('NB74 without the hub a panel that was never opened says that it cannot be, and the notebook stays', async t => {
  const { page, mesh: own } = await openNotebook(t, text)
  const title = page.getByRole('heading', { name: 'Ice' })
  await title.waitFor()
  await own.kill('SIGKILL')
  await fromMenu(page, 'Settings of the notebook…')
  await page.getByText('This could not be opened').waitFor()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  assert.ok(await title.isVisible())
  assert.equal(await page.getByText('The page could not be loaded').count(), 0)
})
