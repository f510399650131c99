/** History in real browsers: two of one user, each named; what changed, back again, and nothing of the other lost. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { besides, openBrowser, openDocument, signInByCode } from '../browser.ts'
import { command, eventually, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'
import { settle } from '../page-checks.ts'
import { sharedMesh } from './shared-mesh.ts'

/** At 1/100: a version comes 300 ms after a change. */
const quick = { MESHBOOK_TIMES_DIVISOR: '100' }
const start = '# Plan\n\nfirst line\n\n```python\nx = 1\n```\n\nlast line\n'
const phone =
  'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'

const shared = sharedMesh(quick)

/** A document of one test alone, at the mesh of all. */
async function startWith(path: string) {
  const mesh = await shared()
  await mesh.write(path, start)
  return { mesh, file: join(mesh.data, 'projects/demo', path) }
}

/** A second browser of the same user, with a phone's name. */
async function openPhone(page: Page, mesh: MeshProcess, path: string): Promise<Page> {
  const { stdout } = await command(['link', '--data', mesh.data, '--json'])
  const other = await besides(page, { userAgent: phone })
  await signInByCode(other, { ...mesh, link: JSON.parse(stdout).link })
  await openDocument(other, mesh, path)
  return other
}

/** Types at the end of the cell. */
async function type(page: Page, text: string): Promise<void> {
  // The editor itself, not the plain text that stands in its place until it is loaded.
  await page.locator('.cell').first().locator('.cm-content').click()
  await page.locator('.cm-editor.cm-focused').waitFor()
  await page.keyboard.press('Control+End')
  // In one piece, so that it is one version on the slowest machine too.
  await page.keyboard.insertText(text)
  await page.getByText('Synced ✓').waitFor()
}

const rows = (page: Page) => page.locator('.version-row')

async function openHistory(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Version history' }).click()
  await rows(page).first().waitFor()
}

test('edits of a file and of two browsers are named; one is looked at, one restored while the other types', async t => {
  const { mesh, file } = await startWith('named.md')
  const { page, faults } = await mesh.show(t, 'named.md')
  await openHistory(page)
  await type(page, '\ndesk = 2')
  await rows(page).getByText('This browser').waitFor()
  const other = await openPhone(page, mesh, 'named.md')
  await type(other, '\nphone = 3')
  await rows(page).getByText('Chrome on Android').waitFor()

  await rows(page).filter({ hasText: 'Chrome on Android' }).first().click()
  const diff = page.locator('.diff')
  await diff.getByText('phone = 3').waitFor()
  assert.match(await diff.locator('tr.added').first().innerText(), /\+\s*added:\s*phone = 3/)
  await diff.getByText('Cell 1 · python').first().waitFor()
  await page.getByLabel('What changed since').check()
  await page.getByText('The text is the same now.').waitFor()

  const typing = other.keyboard.type('\nwhile = "restoring"', { delay: 30 })
  await rows(page).last().click()
  await page.getByRole('button', { name: 'Restore this version' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Restore', exact: true }).click()
  await page.getByText('Restored', { exact: true }).waitFor()
  await typing
  await type(other, '\nafter = 4')
  const text = await eventually('the file is restored and has what was typed after', async () => {
    const now = await readFile(file, 'utf8')
    return now.includes('after = 4') && !now.includes('desk = 2') && now
  })
  assert.ok(text.includes('# Plan\n\nfirst line') && text.includes('last line'))
  assert.deepEqual(faults, [])
})

test('the last change is undone from another browser, brought back, and undone by keyboard alone', async t => {
  const { mesh, file } = await startWith('undone.md')
  const { page } = await mesh.show(t, 'undone.md')
  await openHistory(page)
  const other = await openPhone(page, mesh, 'undone.md')
  await type(other, '\nphone = 3')
  await eventually('the file has it', async () => (await readFile(file, 'utf8')).includes('phone = 3'))
  await page.getByRole('button', { name: 'Undo my last change' }).click()
  await page.getByRole('dialog').getByText('Chrome on Android').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Undo the change' }).click()
  await eventually('it is gone', async () => (await readFile(file, 'utf8')) === start)
  await page.locator('.toast').getByRole('button', { name: 'Redo' }).click()
  await eventually('it is back', async () => (await readFile(file, 'utf8')).includes('phone = 3'))

  await page.keyboard.press('Control+k')
  await page.keyboard.type('undo my last')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').getByText('Undo your last change?').waitFor()
  await page.getByRole('button', { name: 'Undo the change' }).press('Enter')
  await eventually('it is gone again', async () => (await readFile(file, 'utf8')) === start)
})

test('the command line lists, shows, compares and restores versions of a file', async () => {
  const { mesh, file } = await startWith('listed.md')
  const history = async (...args: string[]) => {
    const { code, stdout, stderr } = await command(['history', ...args, '--data', mesh.data])
    assert.equal(code, 0, stderr)
    return stdout
  }
  const list = async () =>
    (await command(['history', 'list', file, '--json', '--data', mesh.data])).stdout
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line))
  await eventually('the first version', async () => (await list()).length === 1)
  await writeFile(file, start.replace('first line', 'first changed line'))
  await eventually('the second version', async () => (await list()).length === 2)
  assert.equal(await history('show', file, '1'), start)
  assert.match(
    await history('diff', file, '1', '2'),
    /^@@ line 1 @@\n {1}# Plan\n \n-first line\n\+first changed line\n/,
  )
  assert.match(await history(file), /VERSION +WHEN +BY +LINES/)
  await history('restore', file, '1')
  await eventually('the file is as it was', async () => (await readFile(file, 'utf8')) === start)
  await history('undo', file)
  await eventually('the file is changed again', async () => (await readFile(file, 'utf8')).includes('changed'))
  const none = await command(['history', 'redo', file, '--data', mesh.data])
  assert.equal(none.code, 0, none.stderr)
  const refused = await command(['history', 'redo', file, '--data', mesh.data])
  assert.equal(refused.code, 5, refused.stderr)
})

test('history has no serious accessibility issue and no sideways scroll, light and dark', async t => {
  const mesh = await startMesh(t, await temporaryFolder(t), ['--port', '0'], quick)
  await writeFile(join(mesh.data, 'projects/demo/plan.md'), start)
  const { page, context } = await openBrowser(t)
  await signInByCode(page, mesh)
  await openDocument(page, mesh, 'plan.md')
  await openHistory(page)
  await type(page, '\ny = 2')
  await rows(page).nth(1).waitFor()
  await rows(page).first().focus()
  await page.keyboard.press('Enter')
  await page.locator('.diff').waitFor()
  await assertAccessible(page)
  await page.keyboard.press('ArrowDown')
  await page.getByRole('heading', { name: /Version of/ }).waitFor()
  await page.setViewportSize({ width: 390, height: 844 })
  await page.locator('.diff').waitFor()
  await assertAccessible(page)
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth))
  await page.keyboard.press('Escape')
  await rows(page).first().waitFor()
  await context.setOffline(true)
  await mesh.kill('SIGKILL')
  await page.getByText('The history is on the hub, which cannot be reached now.').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Undo my last change' }).isDisabled())
})

/** Dark, and light as it is left. */
async function assertAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme })
    await settle(page)
    const { violations } = await new AxeBuilder({ page }).analyze()
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    assert.deepEqual(
      serious.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.target.join(' ')).join(', ')}`),
      [],
    )
  }
}
