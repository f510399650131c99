/** The newcomer's story in a real browser, against real kernels: open the link, run the demo, watch, answer, come back. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import type { Locator, Page } from 'playwright-core'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { eventually, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'

async function openNotebook(page: Page, mesh: MeshProcess, path: string): Promise<void> {
  await signIn(page, mesh)
  await openDocument(page, mesh, path)
}

function cellWith(page: Page, text: string): Locator {
  return page.locator('.cell').filter({ hasText: text })
}

async function run(cell: Locator): Promise<void> {
  await cell.getByRole('button', { name: 'Run the cell' }).click()
}

test('a newcomer opens the link, runs the demo in three languages, and finds the output in the Markdown file', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const file = join(data, 'projects/demo/welcome.md')
  const { page, faults } = await openBrowser(t)
  await signIn(page, mesh)
  await page.locator('.cell').first().waitFor()
  assert.equal(new URL(page.url()).pathname, '/p/demo/welcome.md', 'the link opens the demo')
  assert.equal(new URL(page.url()).hash, '', 'the one-time code is gone from the address')

  await run(cellWith(page, 'import csv'))
  await cellWith(page, 'import csv').getByText('521 months, from 1958.2 to 2002.0').waitFor()
  await cellWith(page, 'import csv').locator('.ran-on').waitFor()
  await run(cellWith(page, 'class Plot'))
  await cellWith(page, 'class Plot').locator('img, iframe').first().waitFor()
  await run(cellWith(page, 'awk -F'))
  await cellWith(page, 'awk -F').getByText('2000 369.4 ppm').waitFor()
  await run(cellWith(page, 'const swing'))
  await cellWith(page, 'const swing').getByText('1960: 6.1 ppm').waitFor()

  await run(cellWith(page, 'Which year were you born'))
  const answer = cellWith(page, 'Which year were you born').getByLabel('Which year were you born')
  await answer.fill('1984')
  await answer.press('Enter')
  await cellWith(page, 'Which year were you born').getByText('In 1984 the air held 344').waitFor()

  await run(cellWith(page, 'monhts'))
  await cellWith(page, 'monhts').getByText("name 'monhts' is not defined").first().waitFor()

  await page.getByText('Synced ✓').waitFor()
  await eventually('the file has every output', async () => {
    const text = await readFile(file, 'utf8')
    return [
      '521 months, from 1958.2',
      '](asset:sha256-',
      '2000  369.4 ppm',
      '1960: 6.1 ppm',
      'In 1984 the air held',
      "NameError: name 'monhts'",
    ].every(part => text.includes(part))
  })
  assert.deepEqual(faults, [])
})

test('output that is produced while no page is open is there when one opens', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  await writeFile(
    join(data, 'projects/demo/long.md'),
    '# Long\n\n```python\nimport time\nfor i in range(20):\n    print("tick", i, flush=True)\n    time.sleep(0.1)\n```\n',
  )
  const { context, page } = await openBrowser(t)
  await signIn(page, mesh)
  await openDocument(page, mesh, 'long.md')
  await run(page.locator('.cell').first())
  await page.getByText('tick 2', { exact: false }).first().waitFor()
  await page.close()
  await new Promise(resolve => setTimeout(resolve, 2_500))
  const again = await context.newPage()
  await again.goto(`${mesh.url}/p/demo/long.md`)
  await again.getByText('tick 19', { exact: false }).first().waitFor({ timeout: 15_000 })
})

test('what is typed in the editor of the page and in the file on disk is merged into both (I13)', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const file = join(data, 'projects/demo/welcome.md')
  const { page } = await openBrowser(t)
  await openNotebook(page, mesh, 'welcome.md')
  const editor = cellWith(page, 'import csv').locator('.cm-content, pre').first()
  await editor.click()
  await cellWith(page, 'import csv').locator('.cm-content').waitFor()
  await page.keyboard.press('Control+End')
  await page.keyboard.type('\n# typed in the page')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('# Forty years of air', '# Forty years of clean air'))
  await page.getByText('Forty years of clean air').first().waitFor()
  await eventually('the file has both', async () => {
    const now = await readFile(file, 'utf8')
    return now.includes('# typed in the page') && now.includes('clean air')
  })
})

test('a stock EventSource sees each event of a run once, in order, and stops for good after the end', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const { page } = await openBrowser(t)
  await openNotebook(page, mesh, 'welcome.md')
  await run(cellWith(page, 'import csv'))
  await cellWith(page, 'import csv').locator('.ran-on').waitFor()
  const seen = await page.evaluate(async () => {
    const { items } = await (await fetch('/api/v1/runs?limit=1')).json()
    const source = new EventSource(`/api/v1/runs/${items[0].id}/events`)
    const events: [string, string][] = []
    source.onmessage = message => events.push([message.lastEventId, JSON.parse(message.data).type])
    await new Promise<void>(resolve => {
      source.onerror = () => source.readyState === EventSource.CLOSED && resolve()
    })
    return events
  })
  assert.deepEqual(
    seen.map(([id]) => id),
    seen.map((_, i) => String(i + 1)),
  )
  assert.deepEqual([seen[0]?.[1], seen.at(-1)?.[1]], ['started', 'completed'])
})

test('scripts in outputs reach nothing: no frame leaves its sandbox, nothing is fetched, no cookie is read (S9)', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const payloads = [
    '<script>top.owned = 1; parent.owned = 1; fetch("/api/v1/me").then(() => { top.owned = 2 })</script>',
    '<img src=x onerror="top.owned = 3; fetch(\'/api/v1/tokens\')">',
    '<svg onload="top.owned = 4"><script>top.owned = 5</script></svg>',
    '<iframe src="/"></iframe><object data="/"></object><embed src="/">',
    '<form action="/api/v1/auth/logout" method="post"><button id=b>x</button></form><script>b.click()</script>',
    '<meta http-equiv="refresh" content="0; url=/"><base href="https://elsewhere.example/">',
    '<a href="javascript:top.owned = 6" id=a>x</a><script>a.click()</script>',
    '<script>try { document.cookie = "x=1"; localStorage.x = 1 } catch (e) { console.log(e) } window.open("/"); top.location = "/"</script>',
  ]
  const code = `class Html:\n    def __init__(self, html): self.html = html\n    def _repr_html_(self): return self.html\nimport json\nfor html in json.loads(${JSON.stringify(JSON.stringify(payloads))}): display(Html(html))\nprint("done")`
  await writeFile(
    join(data, 'projects/demo/hostile.md'),
    `# Hostile <img src=x onerror="top.owned = 7">\n\n<script>top.owned = 8</script>\n\n[link](javascript:top.owned=9)\n\n\`\`\`python\n${code}\n\`\`\`\n`,
  )
  const { page } = await openBrowser(t)
  await signIn(page, mesh)
  await openDocument(page, mesh, 'hostile.md')
  const answered: string[] = []
  page.on('response', response => {
    if (response.frame() !== page.mainFrame()) answered.push(response.url())
  })
  await run(page.locator('.cell').first())
  await page.locator('.cell').first().getByText('done', { exact: true }).first().waitFor()
  assert.ok(
    (await eventually(
      'the outputs are framed',
      async () => (await page.locator('iframe').count()) >= 4 && page.locator('iframe').count(),
    )) >= 4,
  )
  await page.waitForTimeout(1_500)
  assert.equal(await page.evaluate(() => (window as unknown as { owned?: number }).owned), undefined)
  assert.deepEqual(
    answered.filter(url => url.startsWith('http')),
    [],
  )
  assert.equal(new URL(page.url()).pathname, '/p/demo/hostile.md')
  for (const frame of await page.locator('iframe').all())
    assert.equal(await frame.getAttribute('sandbox'), 'allow-scripts')
})

for (const dark of [false, true]) {
  test(`no serious accessibility issue, ${dark ? 'dark' : 'light'}: list and notebook with outputs`, async t => {
    const data = await temporaryFolder(t)
    const mesh = await startMesh(t, data)
    const { page } = await openBrowser(t, { dark })
    await signIn(page, mesh)
    await page.goto(mesh.url)
    await page.getByText('welcome').first().waitFor()
    await assertAccessible(page)
    await openDocument(page, mesh, 'welcome.md')
    await run(cellWith(page, 'import csv'))
    await cellWith(page, 'import csv').locator('.ran-on').waitFor()
    await assertAccessible(page)
    await page.setViewportSize({ width: 320, height: 700 })
    await page.waitForTimeout(300)
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
      true,
      'no sideways scroll at 320 px',
    )
  })
}

async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  assert.deepEqual(
    serious.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.target.join(' ')).join(', ')}`),
    [],
  )
}
