/** No keystroke lost, in a real browser: offline, killed, out of room, in two tabs. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { browserFlags, chromiumPath, openBrowser, openDocument, signIn } from '../browser.ts'
import { command, eventually, type MeshProcess, processesOf, startMesh, temporaryFolder } from '../mesh-process.ts'

const path = 'note.md'
const fence = '```'
const start = `# Note\n\n${fence}python\nx = 1\n${fence}\n`

async function meshWithNote(t: TestContext, folder: string): Promise<MeshProcess> {
  const data = join(folder, 'data')
  const mesh = await startMesh(t, data)
  await writeFile(join(data, 'projects/demo', path), start)
  return mesh
}

const restart = (t: TestContext, mesh: MeshProcess) => startMesh(t, mesh.data, ['--port', new URL(mesh.url).port])
const noteOf = (mesh: MeshProcess) => readFile(join(mesh.data, 'projects/demo', path), 'utf8')
const badge = (page: Page, kind: string) => page.locator(`[data-sync="${kind}"]`)

/** What the editor is made of comes from the hub; without it a cell can only be read. */
const editorOf = (page: Page) => page.locator('.cell .cm-content').first()

async function typeAtEnd(page: Page, text: string): Promise<void> {
  await page.locator('.cell .cm-content, .cell pre').first().click()
  await page.locator('.cell .cm-content').first().waitFor()
  await page.keyboard.press('Control+End')
  await page.keyboard.type(text)
}

async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.MESHBOOK_SCREENSHOTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

async function persistent(t: TestContext, profile: string): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(profile, { executablePath: chromiumPath, args: browserFlags })
  t.after(() => context.close().catch(() => assert.ok(true, 'it was killed')))
  return context
}

test('what the page called saved on this device is there after kill -9 of the browser in mid-typing (W1, W2)', async t => {
  const folder = await temporaryFolder(t)
  const profile = join(folder, 'profile')
  const mesh = await meshWithNote(t, folder)
  const page = await (await persistent(t, profile)).newPage()
  await signIn(page, mesh)
  await openDocument(page, mesh, path)
  await badge(page, 'synced').waitFor()
  await editorOf(page).waitFor()
  await mesh.kill('SIGKILL')
  await badge(page, 'offline').waitFor()
  await typeAtEnd(page, '\nkept = "saved on this device"')
  await badge(page, 'offline-saved').waitFor()
  const said = Number(await badge(page, 'offline-saved').getAttribute('data-unsent'))
  const more = page.keyboard.type('\n# typed while the browser is killed', { delay: 5 }).catch(() => undefined)
  await new Promise(resolve => setTimeout(resolve, 60))
  for (const { pid } of (await processesOf(profile)).filter(({ command }) => command.includes('--user-data-dir')))
    process.kill(pid, 'SIGKILL')
  await more

  const back = await restart(t, mesh)
  const again = await (await persistent(t, profile)).newPage()
  // The socket stays shut at first, so that what is seen comes from this device alone.
  let open = false
  await again.routeWebSocket(/\/sync\//, socket => (open ? void socket.connectToServer() : void socket.close()))
  await signIn(again, back)
  await again.goto(back.url)
  await again.locator('main').getByText('not on the hub yet').waitFor()
  await shot(again, 'list-unsent')
  await openDocument(again, back, path)
  await again.getByText('saved on this device', { exact: false }).first().waitFor()
  const kept = Number(await badge(again, 'offline-saved').getAttribute('data-unsent'))
  assert.ok(kept >= said, `${kept} edits are known, ${said} were called saved`)
  open = true
  await again.reload()
  await badge(again, 'synced').waitFor()
  await eventually(
    'the file has what was typed, once',
    async () => (await noteOf(back)).split('kept = "saved on this device"').length === 2,
  )
})

test('two tabs offline show each other what is typed, and one connection brings it to the hub when it is back (W10)', async t => {
  const folder = await temporaryFolder(t)
  const mesh = await meshWithNote(t, folder)
  const { context, page } = await openBrowser(t)
  await signIn(page, mesh)
  await openDocument(page, mesh, path)
  await badge(page, 'synced').waitFor()
  let sockets = 0
  const other = await context.newPage()
  other.on('websocket', socket => {
    if (socket.url().includes('/sync/')) sockets++
  })
  await openDocument(other, mesh, path)
  await badge(other, 'synced').waitFor()
  assert.equal(sockets, 0, 'the second tab has no connection of its own')
  await editorOf(page).waitFor()
  await mesh.kill('SIGKILL')
  await badge(other, 'offline').waitFor()
  await typeAtEnd(other, '\na = "from the second tab"')
  await page.getByText('from the second tab').first().waitFor()
  await page.bringToFront()
  await typeAtEnd(page, '\nb = "from the first tab"')
  await other.getByText('from the first tab').first().waitFor()
  await badge(other, 'offline-saved').waitFor()
  await shot(other, 'offline-light')
  await page.close()
  const back = await restart(t, mesh)
  await badge(other, 'synced').waitFor({ timeout: 40_000 })
  assert.ok(sockets > 0, 'it took over')
  await eventually('the file has both, once', async () => {
    const text = await noteOf(back)
    return ['from the second tab', 'from the first tab'].every(part => text.split(part).length === 2)
  })
})

test('with no room the page says that nothing is saved on this device and goes on syncing (W6): light, and dark at 390 px', async t => {
  const folder = await temporaryFolder(t)
  const mesh = await meshWithNote(t, folder)
  const { context, page } = await openBrowser(t, { width: 1280, height: 760 })
  // Before the first write: afterwards Chromium looks at the room that is left every half minute only.
  const devtools = await context.newCDPSession(page)
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(mesh.url).origin, quotaSize: 1 })
  await signIn(page, mesh)
  await openDocument(page, mesh, path)
  await badge(page, 'synced').waitFor()
  for (const look of [
    { name: 'light', width: 1280 },
    { name: 'dark', width: 390 },
  ] as const) {
    await page.setViewportSize({ width: look.width, height: 760 })
    await page.emulateMedia({ colorScheme: look.name })
    await typeAtEnd(page, `\nc = "no room here at ${look.width}"`)
    await page.getByText('not saved on this device').first().waitFor()
    await eventually('the hub has it all the same', async () =>
      (await noteOf(mesh)).includes(`no room here at ${look.width}`),
    )
    await page.locator('[data-sync="synced"] button').click()
    await page.getByText('no room left', { exact: false }).first().waitFor()
    await shot(page, `quota-${look.name}-${look.width}`)
    await page.keyboard.press('Escape')
  }
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(mesh.url).origin })
  await eventually('it is stored again', async () => (await page.getByText('not saved on this device').count()) === 0)
})

test('unsent edits of a document that was replaced on the hub are carried over once, and the old text is shown (W20, W22)', async t => {
  const folder = await temporaryFolder(t)
  const mesh = await meshWithNote(t, folder)
  const { context, page } = await openBrowser(t)
  await signIn(page, mesh)
  await openDocument(page, mesh, path)
  await badge(page, 'synced').waitFor()
  await editorOf(page).waitFor()
  await mesh.kill('SIGKILL')
  await badge(page, 'offline').waitFor()
  await typeAtEnd(page, '\nd = "unsent"')
  await badge(page, 'offline-saved').waitFor()
  await page.close()
  const back = await restart(t, mesh)
  const renewed = await command(['history', 'renew', join(mesh.data, 'projects/demo', path), '--data', mesh.data])
  assert.equal(renewed.code, 0, renewed.stderr)
  const again = await context.newPage()
  await again.goto(`${back.url}/p/demo/${path}`)
  await again.getByText('were carried over').waitFor()
  await badge(again, 'synced').waitFor()
  await shot(again, 'carried-light')
  await again.getByRole('button', { name: 'Show the old text' }).click()
  assert.ok((await again.locator('textarea.old-text').inputValue()).includes('d = "unsent"'))
  await shot(again, 'old-text-light')
  await again.getByRole('button', { name: 'Close' }).last().click()
  await again.setViewportSize({ width: 390, height: 760 })
  await again.emulateMedia({ colorScheme: 'dark' })
  await shot(again, 'carried-dark-390')
  await eventually('the file has it once', async () => (await noteOf(back)).split('d = "unsent"').length === 2)
  await again.getByRole('button', { name: 'Dismiss' }).first().click()
  // The notice goes when its dismissal is stored.
  await again.getByText('were carried over').waitFor({ state: 'hidden' })
  await again.reload()
  await badge(again, 'synced').waitFor()
  assert.equal(await again.getByText('were carried over').count(), 0)
  assert.equal((await noteOf(back)).split('d = "unsent"').length, 2)
})
