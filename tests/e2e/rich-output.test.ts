/** Every kind of output that the page draws, made by a real Python with pandas and matplotlib, live and after a reload. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import type { OpenBrowser } from '../browser.ts'
import { assertGoodPage, shot } from '../page-checks.ts'
import { bringIntoView } from './notebook-page.ts'
import { sharedMesh } from './shared-mesh.ts'

// Debian's own Python is the one with pandas and matplotlib.
const theMesh = sharedMesh({ PATH: `/usr/bin:${process.env.PATH}`, MPLBACKEND: 'Agg' })

const plotly = `class Figure:
    def _repr_mimebundle_(self, **_):
        figure = {"data": [{"type": "scatter", "x": [1, 2, 3], "y": [2, 6, 4], "name": "first"}, {"type": "bar", "x": [1, 2, 3], "y": [1, 3, 2], "name": "second"}],
                  "layout": {"title": {"text": "A Plotly figure"}, "height": 320}}
        return {"application/vnd.plotly.v1+json": figure, "text/html": "<div>plotly as html</div>", "text/plain": "Figure()"}
Figure()`
const vega = `class Chart:
    def __init__(self, mime, spec): self.mime, self.spec = mime, spec
    def _repr_mimebundle_(self, **_): return {self.mime: self.spec, "text/plain": "Chart()"}
values = [{"a": a, "b": b} for a, b in zip("ABCD", (28, 55, 43, 91))]
Chart("application/vnd.vegalite.v5+json", {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "width": 320, "height": 200,
  "title": "A Vega-Lite figure", "data": {"values": values}, "transform": [{"calculate": "datum.b * 2", "as": "c"}], "mark": "bar",
  "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "c", "type": "quantitative"}}})`
const cells = {
  table: `import pandas as pd
pd.DataFrame({"city": ["Oslo", "Bern", "Rome"], "people": [709037, 134794, 2754719], "share": [0.12, 3.5, None]})`,
  wide: `pd.DataFrame([[row * column for column in range(12)] for row in range(40)], columns=["a column %d" % n for n in range(12)])`,
  matplotlib: `import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(5, 2.5))
axes.plot([1, 2, 4, 8]); axes.set_title("A matplotlib figure")
plt.show()`,
  latex: `class Formula:
    def _repr_latex_(self): return r"$\\displaystyle \\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2}$"
Formula()`,
  markdown: `class Note:
    def _repr_markdown_(self): return "A **note** with $e^{i\\\\pi} + 1 = 0$ and a price of $5 or $10."
Note()`,
  json: `class Data:
    def _repr_json_(self): return {"name": "mesh", "list": list(range(250)), "deep": {"er": {"est": True}}}
Data()`,
  html: `class Html:
    def _repr_html_(self): return "<h3>Framed</h3><p>by a <a href='https://example.com/x'>link</a></p><script>document.body.append('script ran')</script>"
Html()`,
  plotly,
  vega,
  error: `import json
def load(text):
    return json.loads(text)
load("{broken")`,
}

const front = `# Rich output

Prose with $a^2 + b^2 = c^2$, and in the open:

$$\\sum_{n=1}^\\infty \\frac{1}{n^2} = \\frac{\\pi^2}{6}$$
`

/** A notebook of its own in the mesh of the file. */
async function openScene(t: TestContext, path: string, codes: readonly string[], width = 1440): Promise<OpenBrowser> {
  const mesh = await theMesh()
  await mesh.write(path, front + codes.map(code => `\n\`\`\`python\n${code}\n\`\`\`\n`).join(''))
  return mesh.show(t, path, { width })
}

const cellWith = (page: Page, text: string): Locator => page.locator('.cell').filter({ hasText: text })

/** What is far from the window is not in the page (NB60), so cells are told by what is in them. */
async function runAll(page: Page, codes: readonly string[]): Promise<void> {
  for (const code of codes) {
    const cell = await bringIntoView(page, cellWith(page, code.split('\n')[0]!))
    await cell.getByRole('button', { name: 'Run the cell' }).click()
    await cell.locator('.ran-on').waitFor()
  }
}

/** What each output must show, whoever opens the page. */
async function assertShown(page: Page): Promise<void> {
  await page.locator('.item').first().waitFor()
  const shown = (text: string) => bringIntoView(page, cellWith(page, text))
  await bringIntoView(page, page.locator('.prose .katex'))
  const table = await shown('import pandas')
  await table.locator('.data-table').waitFor()
  assert.equal(await table.locator('tbody tr').count(), 3)
  await table.getByText('3 rows × 3 columns').waitFor()
  assert.equal(await table.locator('td.numeric').count(), 6)
  await (await shown('class Formula')).locator('.formula .katex').waitFor()
  const note = await shown('class Note')
  await note.locator('.prose .katex').waitFor()
  await note.locator('.prose').getByText('a price of $5 or $10').waitFor()
  await (await shown('class Data')).locator('.json-tree').getByText('name:').waitFor()
  await (await shown('import matplotlib')).locator('.output-image img').waitFor()
  await (await shown('class Html')).frameLocator('iframe').getByText('script ran').waitFor()
  const figure = await shown('class Figure')
  await figure.frameLocator('iframe').getByText('A Plotly figure').waitFor()
  const tools = await figure.frameLocator('iframe').locator('.modebar').boundingBox()
  const menu = await figure.locator('.output-tools').boundingBox()
  assert.ok(tools!.x + tools!.width <= menu!.x, "the figure's tools are beside the menu of the output, not below it")
  await (await shown('class Chart')).frameLocator('iframe').getByText('A Vega-Lite figure').waitFor()
  await (await shown('import json')).locator('.output-error').getByText('JSONDecodeError').first().waitFor()
}

async function takePictures(page: Page, look: string): Promise<void> {
  for (const [name, code] of Object.entries(cells)) {
    await bringIntoView(page, cellWith(page, code.split('\n').find(line => /class|import|DataFrame\(\[\[/.test(line))!))
    // What a figure draws in its frame comes to an end that the page does not see.
    if (process.env.MESHBOOK_SHOTS) await page.waitForTimeout(500)
    await shot(page, `rich ${look} ${name}`)
  }
}

test('OU1 OU2 every kind of output is shown, again after a reload, and on another device: light, dark, on a phone', async t => {
  const codes = Object.values(cells)
  const { page, faults } = await openScene(t, 'rich.md', codes, 1280)
  await runAll(page, codes)
  await assertShown(page)
  await page.reload()
  await assertShown(page)
  await takePictures(page, 'light')
  await assertGoodPage(page)
  assert.deepEqual(faults, [])
  for (const look of [
    { name: 'dark', width: 1280, dark: true },
    { name: 'phone', width: 390, height: 844 },
  ]) {
    const other = await (await theMesh()).show(t, 'rich.md', look)
    await assertShown(other.page)
    await takePictures(other.page, look.name)
    await assertGoodPage(other.page, { colours: look.dark === true })
    assert.deepEqual(other.faults, [])
  }
})

test('OU3 OU4 another form can be chosen; a table is sorted, counted and copied', async t => {
  const { page, context } = await openScene(t, 'forms.md', [cells.table, cells.plotly])
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await runAll(page, [cells.table, cells.plotly])
  const table = cellWith(page, 'import pandas')
  const cities = () => table.locator('tbody tr td:nth-child(2)').allTextContents()
  await table.getByRole('button', { name: 'people' }).click()
  assert.deepEqual(await cities(), ['Bern', 'Oslo', 'Rome'])
  await table.getByRole('button', { name: 'people' }).click()
  assert.deepEqual(await cities(), ['Rome', 'Oslo', 'Bern'])
  await table.getByRole('button', { name: 'Copy as CSV' }).click()
  await page.getByText('Copied as CSV').waitFor()
  const csv = await page.evaluate(() => navigator.clipboard.readText())
  assert.equal(csv, ',city,people,share\r\n2,Rome,2754719,NaN\r\n0,Oslo,709037,0.12\r\n1,Bern,134794,3.50\r\n')

  const figure = cellWith(page, 'class Figure')
  await figure.getByRole('button', { name: 'About this output' }).click()
  await page.locator('.menu-item', { hasText: /^Text$/ }).click()
  await figure.locator('.output-text').getByText('Figure()').waitFor()
  await figure.getByRole('button', { name: 'About this output' }).click()
  await page.locator('.menu-item', { hasText: /^JSON$/ }).click()
  await figure.locator('.json-tree').getByText('layout:').waitFor()
})

test('OU9 an error says what happened first; its frames lead to the line, those of libraries are folded', async t => {
  const { page } = await openScene(t, 'error.md', [cells.error])
  await runAll(page, [cells.error])
  const cell = cellWith(page, 'import json')
  await cell.getByText(/frames in libraries/).waitFor()
  assert.equal(await cell.getByText('raw_decode', { exact: false }).first().isVisible(), false)
  await cell.getByText(/frames in libraries/).click()
  await cell.locator('.trace-library').getByText('raw_decode', { exact: false }).first().waitFor()
  await cell.getByRole('button', { name: 'Cell 1, line 3' }).click()
  await cell.locator('.cm-editor.cm-focused').waitFor()
  await page.keyboard.type('#here')
  await cell.locator('.cm-line').getByText('#here    return json.loads(text)').waitFor()
})

test('OU8 a link of an output opens nothing by itself: the page asks', async t => {
  const { page, context } = await openScene(t, 'link.md', [cells.html])
  await runAll(page, [cells.html])
  const cell = cellWith(page, 'class Html')
  await cell.frameLocator('iframe').getByRole('link', { name: 'link' }).click()
  const asked = cell.getByRole('link', { name: 'https://example.com/x' })
  await asked.waitFor()
  assert.equal(context.pages().length, 1)
  await cell.frameLocator('iframe').getByText('Framed').waitFor()
  await cell.getByRole('button', { name: 'Dismiss' }).click()
  await asked.waitFor({ state: 'detached' })
})

test('OU10 an image has the size that its program asks for, and is enlarged by a press', async t => {
  const { page } = await openScene(t, 'image.md', [
    `import io, matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(4, 2))
file = io.BytesIO(); figure.savefig(file, format="png", dpi=200); plt.close(figure)
class Sharp:
    def _repr_png_(self): return file.getvalue(), {"width": 200, "height": 100}
Sharp()`,
  ])
  await runAll(page, ['import io'])
  const image = page.locator('.output-image[data-shown="there"] img').first()
  await image.waitFor()
  assert.deepEqual(await image.evaluate((img: HTMLImageElement) => [img.width, img.naturalWidth]), [200, 800])
  await page.getByRole('button', { name: /^Enlarge/ }).click()
  const large = page.locator('dialog.enlarged img')
  await large.waitFor()
  assert.equal(await large.evaluate((img: HTMLImageElement) => img.width), 800)
  await page.keyboard.press('Escape')
  await large.waitFor({ state: 'detached' })
})

test('OU4 columns of several levels, spanned rows and long tables; a table that was given colours is a frame', async t => {
  const { page } = await openScene(t, 'tables.md', [
    `import pandas as pd
frame = pd.DataFrame({"k": list("aabb"), "l": list("xyxy"), "v": [1, 2, 3, 4]})
frame.groupby(["k", "l"]).agg({"v": ["min", "max"]})`,
    `class Long:
    def _repr_html_(self): return "<table><thead><tr><th>n</th></tr></thead>" + "".join("<tr><td>%d</td></tr>" % n for n in range(3000)) + "</table>"
Long()`,
    `class Coloured:
    def _repr_html_(self): return "<style>td { background: yellow }</style><table><tr><td>1</td></tr></table>"
Coloured()`,
  ])
  await runAll(page, ['import pandas', 'class Long', 'class Coloured'])
  const levels = await bringIntoView(page, cellWith(page, 'import pandas'))
  assert.deepEqual(
    (await levels.locator('thead th').allTextContents()).map(text => text.trim()),
    ['k', 'l', 'v · min', 'v · max'],
  )
  assert.deepEqual(await levels.locator('tbody tr').nth(1).locator('th, td').allTextContents(), ['', 'y', '2', '2'])
  const long = await bringIntoView(page, cellWith(page, 'class Long'))
  assert.equal(await long.locator('tbody tr').count(), 200)
  await long.getByRole('button', { name: /2,800 of 3,000 rows/ }).click()
  assert.equal(await long.locator('tbody tr').count(), 1_200)
  const coloured = await bringIntoView(page, cellWith(page, 'class Coloured'))
  await coloured.frameLocator('iframe').locator('td').waitFor()
  assert.equal(await coloured.locator('.data-table').count(), 0)
})

test('OU15 a text that no parser ends is shown as it was written, and the page goes on at once', async t => {
  const { page, faults } = await openScene(t, 'endless.md', [
    `print('before')\n\`\`\`\n\n${'> '.repeat(3_000)}deep\n\n\`\`\`python\nprint(1)`,
  ])
  await page.getByText('it is shown as it was written').waitFor()
  await page.getByText('> > deep').waitFor()
  await page.locator('.cell').first().getByRole('button', { name: 'Run the cell' }).click()
  await page.locator('.cell').first().locator('.output').getByText('before').waitFor()
  assert.deepEqual(faults, [])
})
