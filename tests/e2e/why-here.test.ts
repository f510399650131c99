/** Why a run went where it went, as a person reads it in a real browser. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { startMesh, temporaryFolder } from '../mesh-process.ts'

const cell = '```python\ntry:\n    import torch\nexcept ImportError:\n    print("there is", "none")\n```\n'
const notebook = (session: string, mesh: string): string =>
  `---\nsession: ${session}\nmeshbook: {${mesh}}\n---\n${cell}`

test('RT2 RT10 RT20 the page sends what the notebook demands, and shows why the run went there or nowhere', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const { page } = await openBrowser(t)
  await signIn(page, mesh)
  const { items } = (await (await page.request.get(`${mesh.url}/api/v1/devices`)).json()) as {
    items: { name: string }[]
  }
  const { name } = items[0]!
  const files = {
    'named.md': notebook('a', `runs-on: "${name}"`),
    'open.md': notebook('b', ''),
    'far.md': notebook('c', 'runs-on: A device that nobody has'),
  }
  for (const [path, text] of Object.entries(files)) await writeFile(join(data, 'projects/demo', path), text)
  const why = async (path: string): Promise<string> => {
    await openDocument(page, mesh, path)
    await page.locator('.cell').first().getByRole('button', { name: 'Run the cell' }).click()
    await page.locator('.ran-on button').first().click()
    await page.locator('.why li').first().waitFor()
    return (await page.locator('.why li').allTextContents()).join(' ')
  }
  assert.match(await why('named.md'), /The notebook says that it runs on .*; no other device is tried\./)
  assert.match(await why('open.md'), /is the only online device that can run it\. The cell imports torch/)
  await openDocument(page, mesh, 'far.md')
  await page.locator('.cell').first().getByRole('button', { name: 'Run the cell' }).click()
  const notice = page.locator('.notice.bad')
  await notice.waitFor()
  const text = await notice.innerText()
  assert.match(text, /asks for A device that nobody has, and no device has this name\. Choose a device with "Run on…"/)
})
