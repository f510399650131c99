/**
 * What a notebook promises its users, clause by clause (the notebook's part of the experience that docs/notebook.md
 * describes): by keyboard, against real kernels of one hub, each by what is still so after a reload or in the file.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import type { BrowserContext, Locator, Page } from 'playwright-core'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { command, eventually, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'
import { bringIntoView, selectItem } from './notebook-page.ts'

const closers: (() => unknown)[] = []
const rest = { after: (close: () => unknown) => void closers.unshift(close) }
let mesh: MeshProcess

before(async () => {
  mesh = await startMesh(rest, await temporaryFolder(rest))
})
after(async () => {
  for (const close of closers) await close()
})

const code = (text: string, language = 'python') => `\`\`\`${language}\n${text}\n\`\`\`\n`

interface Scene {
  page: Page
  context: BrowserContext
  requests: string[]
  text(): Promise<string>
  has(what: string, holds: (text: string) => boolean): Promise<string>
  again(): Promise<void>
  cell(words: string): Locator
}

let documents = 0

async function open(t: TestContext, text: string): Promise<Scene & { name: string }> {
  const name = `clause-${++documents}.md`
  const path = join(mesh.data, 'projects/demo', name)
  await writeFile(path, text)
  const { page, context } = await openBrowser(t)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: mesh.url })
  const requests: string[] = []
  page.on('request', request => requests.push(new URL(request.url()).pathname))
  const { stdout } = await command(['link', '--data', mesh.data, '--json'])
  await signIn(page, { ...mesh, link: JSON.parse(stdout).link })
  await openDocument(page, mesh, name)
  // The file stays: one that goes while another like it comes, in the same inode, is its new name (DV26).
  const read = () => readFile(path, 'utf8')
  return {
    name,
    page,
    context,
    requests,
    text: read,
    has: (what, holds) => eventually(what, async () => ((now: string) => holds(now) && now)(await read()), 30_000),
    again: async () => {
      await page.reload()
      await page.locator('.item').first().waitFor()
    },
    cell: words => page.locator('.cell').filter({ hasText: words }),
  }
}

async function act(page: Page, words: string): Promise<void> {
  await page.keyboard.press('Control+k')
  await page.getByRole('dialog', { name: 'Command palette' }).waitFor()
  await page.keyboard.type(words)
  await page.getByRole('option').first().waitFor()
  await page.keyboard.press('Enter')
}

async function write(page: Page, at: number, text: string): Promise<void> {
  await selectItem(page, at)
  await page.keyboard.press('Enter')
  await page.locator('.cm-editor.cm-focused').waitFor()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(text)
}

test('prose is rendered and edited where it stands; the editor is a chunk that comes when it is wanted', async t => {
  const { page, requests, has, again } = await open(t, `# Air\n\nSome **bold** words.\n`.concat('\n', code('1')))
  await page.getByRole('heading', { name: 'Air' }).waitFor()
  await page.locator('strong', { hasText: 'bold' }).waitFor()
  const before = new Set(requests.filter(path => path.includes('code-editor'))).size
  await write(page, 0, '# Water\n\nSome *other* words.\n')
  await has('the text in the file', now => now.startsWith('# Water'))
  assert.ok(before <= 1)
  await again()
  await page.getByRole('heading', { name: 'Water' }).waitFor()
  await page.locator('em', { hasText: 'other' }).waitFor()
})

test('the caret of somebody else is seen where they write, and both texts are kept', async t => {
  const { page, context, cell, has, name } = await open(t, `# A\n\n${code('mine = 1')}\n${code('theirs = 2')}`)
  const other = await context.newPage()
  await openDocument(other, mesh, name)
  await other.bringToFront()
  await selectItem(other, 2)
  await other.keyboard.press('Enter')
  await other.locator('.cm-editor.cm-focused').waitFor()
  await other.keyboard.press('Control+End')
  await other.keyboard.type('\n# from the other')
  await cell('from the other').waitFor()
  await page.bringToFront()
  await selectItem(page, 1)
  await page.keyboard.press('Enter')
  await page.locator('.cm-editor.cm-focused').waitFor()
  await page.keyboard.press('Control+End')
  await page.keyboard.type('\n# from me')
  await has('both', now => now.includes('mine = 1\n# from me') && now.includes('theirs = 2\n# from the other'))
})

test('find leads to what is not on the screen, and replaces it in the file', async t => {
  const many = Array.from({ length: 60 }, (_, at) => code(`value_${at} = "air"`)).join('\n')
  const { page, has, again } = await open(t, `# A\n\n${many}`)
  await page.keyboard.press('Control+Alt+f')
  const find = page.getByRole('search', { name: 'Find in the notebook' })
  await find.getByLabel('Find', { exact: true }).fill('"air"')
  await find.getByText('of 60').waitFor()
  await find.getByLabel('Replace with').fill('"wind"')
  await find.getByRole('button', { name: 'Replace all' }).press('Enter')
  await has('all sixty', now => now.split('"wind"').length === 61)
  await again()
  await page.getByText('"wind"').first().waitFor()
})

test('the outline leads to a heading', async t => {
  const many = Array.from({ length: 50 }, (_, at) => `## Part ${at}\n\n${code(`${at}`)}`).join('\n')
  const { page } = await open(t, `# A\n\n${many}`)
  await selectItem(page, 0)
  await page.keyboard.press('t')
  const outline = page.getByRole('complementary', { name: 'Outline' })
  await outline.getByRole('button', { name: 'Part 45' }).press('Enter')
  await page.getByRole('heading', { name: 'Part 45' }).waitFor()
  assert.ok(await page.getByRole('heading', { name: 'Part 45' }).isVisible())
})

test('the palette does what it names', async t => {
  const { page, has, again, cell } = await open(t, `# A\n\n${code('print(6 * 7)')}`)
  await act(page, 'Run all cells')
  await cell('6 * 7').getByText('42', { exact: true }).waitFor()
  await has('the output', now => now.includes('\n42\n'))
  await again()
  await cell('6 * 7').getByText('42', { exact: true }).waitFor()
})

test('Shift+Enter runs and goes on, Ctrl+Enter runs and stays, Alt+Enter runs and inserts', async t => {
  const { page, has, again } = await open(t, `# A\n\n${code('print("o" "ne")')}\n${code('print("t" "wo")')}`)
  await selectItem(page, 1)
  await page.keyboard.press('Shift+Enter')
  await has('the first ran', now => now.includes('\none\n'))
  assert.equal(await page.evaluate(() => document.activeElement?.textContent?.includes('"wo"')), true)
  await page.keyboard.press('Control+Enter')
  await has('the second ran', now => now.includes('\ntwo\n'))
  await page.keyboard.press('Alt+Enter')
  await page.locator('.cm-editor.cm-focused').waitFor()
  await page.keyboard.type('three = 3')
  await has('a third stands below', now => now.trimEnd().endsWith('three = 3\n```'))
  await again()
  assert.equal(await page.locator('.cell').count(), 3)
})

test('A and B insert, Escape and Enter change the mode, M and Y turn text and code into each other', async t => {
  const { page, has, again } = await open(t, `# A\n\n${code('middle = 1')}`)
  await selectItem(page, 1)
  await page.keyboard.press('b')
  await write(page, 2, 'below = 2')
  await page.keyboard.press('Escape')
  await selectItem(page, 1)
  await page.keyboard.press('a')
  await write(page, 1, 'above = 0')
  await has('their order', now => /above = 0[\s\S]*middle = 1[\s\S]*below = 2/.test(now))
  await again()
  await selectItem(page, 3)
  await page.keyboard.press('m')
  await has('text', now => !now.includes('```python\nbelow'))
  await again()
  await selectItem(page, 3)
  await page.keyboard.press('y')
  await has('code', now => now.includes('```python\nbelow = 2'))
})

test('Ctrl+Shift+C interrupts what runs, also from an editor', async t => {
  const { page, again, cell } = await open(t, `# A\n\n${code('import time\nprint("began")\ntime.sleep(600)')}`)
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  await cell('sleep').getByText('began', { exact: true }).waitFor()
  await page.keyboard.press('Enter')
  await page.locator('.cm-editor.cm-focused').waitFor()
  await page.keyboard.press('Control+Shift+C')
  await cell('sleep').getByRole('button', { name: 'Run the cell' }).waitFor()
  await again()
  await cell('sleep').getByRole('button', { name: 'Run the cell' }).waitFor()
  await selectItem(page, 1)
  await page.keyboard.press('Enter')
  await page.locator('.cm-editor.cm-focused').waitFor()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('print("the kernel", "goes on")')
  await page.keyboard.press('Control+Enter')
  await cell('goes on').getByText('the kernel goes on', { exact: true }).waitFor()
})

test('nobody has to save: what was typed is there although the page was killed', async t => {
  const { page, context, has, name } = await open(t, `# A\n\n${code('x = 1')}`)
  await write(page, 1, 'kept = "without saving"')
  await page.getByText('Synced ✓').waitFor()
  await page.close({ runBeforeUnload: false })
  await has('the file', now => now.includes('kept = "without saving"'))
  const again = await context.newPage()
  await openDocument(again, mesh, name)
  await again.getByText('without saving').waitFor()
})

test('an earlier version is looked at and restored, and what came after is kept in the history', async t => {
  const { page, has, again } = await open(t, `# First\n\n${code('x = 1')}`)
  await selectItem(page, 0)
  await page.keyboard.press('h')
  const rows = page.locator('.version-row')
  await rows.first().waitFor({ timeout: 60_000 })
  const found = await rows.count()
  await write(page, 0, '# Second')
  await has('the change', now => now.startsWith('# Second'))
  await eventually('a version of it', async () => (await rows.count()) > found, 60_000)
  await rows.last().focus()
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Restore this version' }).press('Enter')
  await page.getByRole('dialog').getByRole('button', { name: 'Restore', exact: true }).press('Enter')
  await has('it is as it was', now => now.startsWith('# First'))
  await again()
  await page.getByRole('heading', { name: 'First' }).waitFor()
})

test('one’s last change is undone from another of one’s own browsers', async t => {
  const { page, has, again, name } = await open(t, `# A\n\n${code('x = 1')}`)
  await selectItem(page, 0)
  await page.keyboard.press('h')
  // The file is a version by then: devices of one user that write within ten seconds of each other share one (HI5).
  await page.locator('.version-row').first().waitFor()
  const other = await openBrowser(t)
  const { stdout } = await command(['link', '--data', mesh.data, '--json'])
  await signIn(other.page, { ...mesh, link: JSON.parse(stdout).link })
  await openDocument(other.page, mesh, name)
  await write(other.page, 1, 'from_elsewhere = 2')
  await has('it is there', now => now.includes('from_elsewhere'))
  await page.getByText('from_elsewhere').first().waitFor()
  await selectItem(page, 0)
  await act(page, 'undo my last')
  const dialog = page.getByRole('dialog').filter({ hasText: 'Undo your last change?' })
  await dialog.getByRole('button', { name: 'Undo the change' }).press('Enter')
  await has('it is gone', now => now.includes('x = 1') && !now.includes('from_elsewhere'))
  await again()
  await page.locator('.cell').getByText('x = 1').waitFor()
})

test('run above, run below and all stop at the first failure, and go on when asked', async t => {
  const cells = ['print("a" "1")', 'print("a" "2")', '1 / 0', 'print("a" "4")'].map(text => code(text)).join('\n')
  const { page, has, text } = await open(t, `# A\n\n${cells}`)
  await selectItem(page, 3)
  await act(page, 'Run cells above')
  await has('two ran', now => now.includes('\na1\n') && now.includes('\na2\n'))
  assert.ok(!(await text()).includes('ZeroDivisionError'))
  await selectItem(page, 3)
  await act(page, 'Run this cell and all below')
  await has('it failed', now => now.includes('ZeroDivisionError'))
  await page.waitForTimeout(700)
  assert.ok(!(await text()).includes('\na4\n'), 'what is below a failure is not run')
  await act(page, 'Go on with the cells that were not run')
  await has('the rest ran', now => now.includes('\na4\n'))
})

test('0 0 restarts: the variables are gone, the outputs stay; restart and run all runs all', async t => {
  const { page, has, again, cell } = await open(
    t,
    `# A\n\n${code('x = 5\nprint("x is", x)')}\n${code('print("again", x)')}`,
  )
  await act(page, 'Run all cells')
  await has('both ran', now => now.includes('\nagain 5\n'))
  await selectItem(page, 2)
  await page.keyboard.press('0')
  await page.keyboard.press('0')
  await page.getByText('The variables are gone; the outputs stay.').waitFor()
  await page.keyboard.press('Control+Enter')
  await has('the variable is gone', now => now.includes('NameError') && now.includes('\nx is 5\n'))
  await act(page, 'Restart and run all')
  await has('all ran', now => now.includes('\nagain 5\n') && !now.includes('NameError'))
  await again()
  await cell('"again"').getByText('again 5', { exact: true }).waitFor()
})

test('the place in the queue is shown, and what waits can be dropped', async t => {
  const { page, cell, has, text } = await open(
    t,
    `# A\n\n${code('import time\ntime.sleep(4)\nprint("sl" "ept")')}\n${code('print("se" "cond")')}\n${code('print("th" "ird")')}`,
  )
  await act(page, 'Run all cells')
  await cell('"cond"')
    .getByRole('button', { name: /Place 1 in the queue/ })
    .waitFor()
  await cell('"ird"')
    .getByRole('button', { name: /Place 2 in the queue/ })
    .press('Enter')
  await has('the first ended', now => now.includes('\nslept\n'))
  await page.waitForTimeout(1_000)
  assert.ok(!(await text()).includes('\nthird\n'), 'what was dropped is not run')
})

test('a program asks in place; a password is masked, and stands in no document', async t => {
  const asks = 'import getpass\nname = input("Who? ")\nsecret = getpass.getpass("Word? ")\nprint(name, len(secret))'
  const { page, has, cell } = await open(t, `# A\n\n${code(asks)}`)
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  await cell('getpass').getByLabel('Who?').fill('Ada')
  await page.keyboard.press('Enter')
  const word = cell('getpass').getByLabel('Word?')
  await word.waitFor()
  assert.equal(await word.getAttribute('type'), 'password')
  await word.fill('hunter2hunter2')
  await page.keyboard.press('Enter')
  const now = await has('the answer', text => text.includes('Ada 14'))
  assert.ok(!now.includes('hunter2'))
})

test('output goes on into the file while no window is open', async t => {
  const { page, context, has, name } = await open(
    t,
    `# A\n\n${code('import time\nfor n in range(8):\n    print("step", n, flush=True)\n    time.sleep(0.5)')}`,
  )
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  await page.getByText('step 0').first().waitFor()
  await page.close()
  await has('it ran to its end', now => now.includes('step 7'))
  const again = await context.newPage()
  await openDocument(again, mesh, name)
  await again.getByText('step 7').first().waitFor()
})

const rich = {
  progress:
    'import sys\nfor n in range(0, 101, 20):\n    sys.stdout.write(f"\\rdone {n}%")\nprint()\nprint("\\x1b[31mred\\x1b[0m")',
  table:
    'class Frame:\n    def _repr_html_(self):\n        return "<table><thead><tr><th>day</th></tr></thead><tbody><tr><td>monday</td></tr></tbody></table>"\nFrame()',
  latex: 'class Formula:\n    def _repr_latex_(self):\n        return "$x^2 + y^2$"\nFormula()',
  json: 'class Tree:\n    def _repr_json_(self):\n        return {"leaf": {"inner": 7}}\nTree()',
  svg: "class Plot:\n    def _repr_svg_(self):\n        return \"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><rect width='40' height='40'/></svg>\"\nPlot()",
  vega: 'class Chart:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n        return {"application/vnd.vegalite.v5+json": {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}}}\nChart()',
  plotly:
    'class Figure:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n        return {"application/vnd.plotly.v1+json": {"data": [{"x": [1, 2], "y": [3, 4], "type": "scatter"}], "layout": {}}}\nFigure()',
}

test('outputs are shown in the best of their forms, also after a reload', async t => {
  const { page, again, cell } = await open(
    t,
    `# A\n\n${Object.values(rich)
      .map(text => code(text))
      .join('\n')}`,
  )
  await act(page, 'Run all cells')
  const shown = async () => {
    const at = async (words: string, within: string) => {
      await bringIntoView(page, cell(words))
      await cell(words).locator(within).first().waitFor({ timeout: 40_000 })
    }
    await bringIntoView(page, cell('done {n}%'))
    await cell('done {n}%').getByText('done 100%').waitFor()
    assert.equal(await cell('done {n}%').getByText('done 20%').count(), 0, 'a carriage return begins the line anew')
    await at(
      '\\x1b[31mred',
      '.output-text span[style*="color"], .output-text span[class*="ansi"], .output-text .red, .output-text span span',
    )
    await at('_repr_html_', 'table, iframe')
    await at('_repr_latex_', '.katex, math')
    await at('_repr_json_', '.json-tree')
    await at('_repr_svg_', 'img, iframe')
    await at('vegalite', 'iframe')
    await at('plotly', 'iframe')
  }
  await shown()
  await again()
  await shown()
})

test('an error is folded to what matters and leads to its line; long output is folded, whole as an asset', async t => {
  const { page, again, cell, has } = await open(
    t,
    `# A\n\n${code('import json\njson.loads("{")')}\n${code('for n in range(60000):\n    print("line", n)')}`,
  )
  await act(page, 'Run all cells')
  await has('the error', now => now.includes('JSONDecodeError'))
  await page
    .getByText('Go on')
    .first()
    .waitFor()
    .catch(() => undefined)
  await selectItem(page, 2)
  await page.keyboard.press('Control+Enter')
  await cell('60000')
    .getByRole('link', { name: /Full output/ })
    .waitFor({ timeout: 40_000 })
  await again()
  await cell('json.loads')
    .getByRole('button', { name: /Cell.*line 2/ })
    .press('Enter')
  await page.locator('.cm-editor.cm-focused').waitFor()
  await bringIntoView(page, cell('60000'))
  const link = cell('60000').getByRole('link', { name: /Full output/ })
  const address = await link.getAttribute('href')
  const whole = await page.evaluate(async path => (await fetch(path)).text(), address!)
  assert.ok(whole.includes('line 59999') && whole.includes('line 30000'))
})

test('each output says where it ran, when, how long, and of which code', async t => {
  const { page, again, cell } = await open(t, `# A\n\n${code('print("prov" "enance")')}`)
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  await cell('enance').locator('.ran-on').waitFor()
  await again()
  await cell('enance').locator('.ran-on button').press('Enter')
  const hash = createHash('sha256').update('print("prov" "enance")').digest('hex').slice(0, 12)
  await page.getByText(hash).waitFor()
  await page.getByText('Why there').waitFor()
})

test('completion, documentation and variables come from the kernel', async t => {
  const { page, cell, has } = await open(
    t,
    `# A\n\n${code('temperature_of_air = 21\nprint("re" "ady")')}\n${code('x')}`,
  )
  await selectItem(page, 1)
  await page.keyboard.press('Control+Enter')
  await has('it ran', now => now.includes('\nready\n'))
  await write(page, 2, 'temperature_o')
  await page.keyboard.press('Control+Space')
  await page.locator('.cm-tooltip-autocomplete').getByText('temperature_of_air').first().waitFor()
  await page.waitForTimeout(300)
  await page.keyboard.press('Enter')
  await has('it was completed', now => now.includes('```python\ntemperature_of_air\n```'))
  await write(page, 2, 'len')
  await page.keyboard.press('Shift+Tab')
  await page.getByText('Return the number of items').first().waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await selectItem(page, 1)
  await page.keyboard.press('i')
  const variables = page.getByRole('complementary', { name: 'Variables' })
  await variables.getByText('temperature_of_air').waitFor()
  await variables.getByText('21').waitFor()
  assert.equal(await cell('temperature_of_air = 21').count(), 1)
})

test('exported as ipynb and imported again it has the same bytes; Quarto, MyST and HTML are made by a press', async t => {
  const { page, name } = await open(t, `# A\n\n${code('print("out" "put")')}`)
  await act(page, 'Run all cells')
  await page.getByText('output', { exact: true }).first().waitFor()
  await page.getByText('Synced ✓').waitFor()
  for (const [words, ending] of [
    ['Export as Jupyter', '.ipynb'],
    ['Export as Quarto', '.qmd'],
    ['Export as MyST', '.md'],
    ['Export as HTML', '.html'],
  ] as const) {
    const download = page.waitForEvent('download')
    await act(page, words)
    const file = await download
    assert.ok(file.suggestedFilename().endsWith(ending), `${words}: ${file.suggestedFilename()}`)
    const exported = await readFile(await file.path(), 'utf8')
    assert.ok(exported.includes(/ipynb|html/.test(ending) ? 'output' : 'print("out" "put")'), words)
  }
  const folder = join(mesh.data, 'projects/demo')
  const source = join(folder, name)
  const first = join(mesh.data, 'first.ipynb')
  const second = join(mesh.data, 'second.ipynb')
  const run = async (...args: string[]) => {
    const { code: status, stderr } = await command([...args, '--data', mesh.data])
    assert.equal(status, 0, stderr)
  }
  await run('export', source, '--to', 'ipynb', '-o', first)
  await writeFile(join(folder, 'back.ipynb'), await readFile(first))
  await run('import', join(folder, 'back.ipynb'))
  await run('export', join(folder, 'back.md'), '--to', 'ipynb', '-o', second)
  assert.equal(await readFile(second, 'utf8'), await readFile(first, 'utf8'))
})

test('a press publishes it: it is read without the app and without a script, until it is taken back', async t => {
  const { page, name } = await open(t, `# Published clause\n\n${code('print("shown" " here")')}`)
  await act(page, 'Run all cells')
  await page.getByText('shown here', { exact: true }).waitFor()
  await page.getByText('Synced ✓').waitFor()
  await act(page, 'Publish…')
  const dialog = page.getByRole('dialog', { name: `Publish ${name.replace('.md', '')}` })
  await dialog.getByRole('button', { name: 'Publish' }).press('Enter')
  const address = (await dialog.getByRole('link').getAttribute('href'))!
  const read = async () => fetch(new URL(address, mesh.url), { signal: AbortSignal.timeout(10_000) })
  const html = await eventually('the page is there', async () => {
    const answer = await read()
    const body = await answer.text()
    return answer.ok && body.includes('shown here') && body
  })
  assert.doesNotMatch(html, /<script/i)
  await dialog.getByRole('button', { name: 'Unpublish' }).press('Enter')
  await eventually('it is gone', async () => (await read()).status === 404)
})
