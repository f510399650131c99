/** What is displayed and then replaced, by the built-in Python: live, after a reload, in the file; and what is never kept. */
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { runSchema } from '@meshbook/core/api.ts'
import type { Locator, Page } from 'playwright-core'
import * as v from 'valibot'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { clientOf, eventually, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'

const html = `class Html:
    def __init__(self, text): self.text = text
    def __repr__(self): return "plain " + self.text
    def _repr_html_(self): return "<table><tr><th>value</th></tr><tr><td>%s</td></tr></table>" % self.text
`

interface Scene {
  mesh: MeshProcess
  page: Page
  file: string
}

async function openScene(t: TestContext, codes: string[]): Promise<Scene> {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const file = join(data, 'projects/demo/updates.md')
  await writeFile(file, `# Updates\n${codes.map(code => `\n\`\`\`python\n${code}\n\`\`\`\n`).join('')}\nThe end.\n`)
  const { page } = await openBrowser(t)
  await signIn(page, mesh)
  await openDocument(page, mesh, 'updates.md')
  return { mesh, page, file }
}

async function run(cell: Locator): Promise<void> {
  await cell.getByRole('button', { name: 'Run the cell' }).click()
}

test('OU11 a display is replaced in its place while the run goes on, and is so after a reload and in the file', async t => {
  const { page, file } = await openScene(t, [
    `${html}import os, time\nprint("before")\ndisplay(Html("0"), display_id="bar")\nprint("after")\nfor n in range(1, 3001):\n    update_display(Html(str(n)), display_id="bar")\n    while n == 1500 and not os.path.exists("seen"): time.sleep(0.05)\nprint("done")`,
  ])
  const cell = page.locator('.cell').first()
  await run(cell)
  await cell.locator('.data-table td', { hasText: '1500' }).waitFor()
  await writeFile(join(dirname(file), 'seen'), '')
  const assertEnd = async () => {
    await cell.locator('.data-table td', { hasText: '3000' }).waitFor()
    assert.equal(await cell.locator('.data-table').count(), 1)
    assert.deepEqual(await cell.locator('.output-text').allTextContents(), ['before', 'after\ndone'])
  }
  await cell.locator('.output-text', { hasText: 'done' }).waitFor()
  await assertEnd()
  await page.reload()
  await assertEnd()
  await eventually('the file says the last', async () =>
    (await readFile(file, 'utf8')).includes('before\nplain 3000\nafter\ndone\n'),
  )
})

test('OU12 a later cell replaces what an earlier one displayed, live, after a reload and in the file', async t => {
  const { page, file } = await openScene(t, [
    `${html}print("top")\ndisplay(Html("old"), display_id="shared")\nprint("bottom")`,
    'update_display(Html("new"), display_id="shared")\nprint("updated")',
  ])
  const [first, second] = [page.locator('.cell').nth(0), page.locator('.cell').nth(1)]
  await run(first)
  await first.locator('.data-table td', { hasText: 'old' }).waitFor()
  await run(second)
  const assertNew = async () => {
    await first.locator('.data-table td', { hasText: 'new' }).waitFor()
    await second.locator('.output-text', { hasText: 'updated' }).waitFor()
    assert.equal(await second.locator('.data-table').count(), 0)
    assert.deepEqual(await first.locator('.output-text').allTextContents(), ['top', 'bottom'])
  }
  await assertNew()
  await page.reload()
  await assertNew()
  await eventually('the file has it in the first cell', async () =>
    (await readFile(file, 'utf8')).includes('top\nplain new\nbottom\n'),
  )
})

test('OU11 clearing waits for what comes next, so that nothing flickers, and takes displays along', async t => {
  const { page } = await openScene(t, [
    `${html}import time\nprint("first")\ndisplay(Html("gone"))\nclear_output(wait=True)\ntime.sleep(1)\nprint("second")`,
  ])
  const cell = page.locator('.cell').first()
  await run(cell)
  await cell.locator('.output-text', { hasText: 'first' }).waitFor()
  await cell.locator('.output-text', { hasText: 'second' }).waitFor()
  assert.equal(await cell.locator('.data-table').count(), 0)
  await page.reload()
  await cell.locator('.output-text', { hasText: 'second' }).waitFor()
  assert.equal(await cell.locator('.data-table').count(), 0)
  assert.equal(await cell.getByText('first', { exact: true }).count(), 0)
})

test('OU13 output beyond the caps is folded, and whole one link away', async t => {
  const { page } = await openScene(t, ['for n in range(40_000): print("line", n)'])
  const cell = page.locator('.cell').first()
  await run(cell)
  const link = cell.getByRole('link', { name: /Full output/ })
  await link.waitFor()
  await cell.getByText('line 39999').first().waitFor()
  assert.equal(await cell.getByText('line 300', { exact: true }).count(), 0)
  const text = await page.evaluate(async url => (await fetch(url)).text(), (await link.getAttribute('href'))!)
  assert.equal(text, Array.from({ length: 40_000 }, (_, n) => `line ${n}\n`).join(''))
})

test('OU14 a password that a program asks for is in no file of the hub, the device or the kernel', async t => {
  const code = 'import getpass\nsecret = getpass.getpass("Password: ")\nprint("got", len(secret))'
  const { mesh, page } = await openScene(t, [code])
  const password = `p4ss-${Math.random().toString(36).slice(2)}-word`
  const cell = page.locator('.cell').first()
  await run(cell)
  const field = cell.locator('.stdin input[type=password]')
  await field.fill(password)
  await field.press('Enter')
  await cell.getByText(`got ${password.length}`).first().waitFor()
  const client = await clientOf(mesh)
  const runs = await client.get('/runs?limit=10', v.object({ items: v.array(runSchema) }))
  for (const { id } of runs.items)
    for await (const { event } of client.events(id, 0, AbortSignal.timeout(20_000)))
      assert.ok(!JSON.stringify(event).includes(password))
  const files = await filesBelow(mesh.data)
  assert.ok(files.some(name => name.endsWith('.db')) && files.some(name => name.endsWith('-wal')))
  const found: string[] = []
  let whole = 0
  for (const name of files) {
    const bytes = await readFile(name).catch(() => Buffer.alloc(0))
    whole += bytes.length
    if (bytes.includes(password) || bytes.includes(Buffer.from(password).toString('base64'))) found.push(name)
    // The search itself finds what is there.
    if (name.endsWith('updates.md')) assert.ok(bytes.includes(`got ${password.length}`) || bytes.includes('The end.'))
  }
  assert.deepEqual(found, [])
  assert.ok(whole > 100_000)
})

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}
