/** Runs that are asked for on a phone without the hub, in real Chromium and by touch (packages/web/src/phone/SPEC.md). */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { clientOf, eventually, type MeshProcess, startMesh } from '../mesh-process.ts'
import { manySchedules } from '../phone-queue/many-schedules.ts'
import { beginMesh, type SharedMesh, sharedMesh } from './shared-mesh.ts'

const theMesh = sharedMesh()

const fence = '```'
const note = (code: string) => `# Note\n\nSome words.\n\n${fence}python\n${code}\n${fence}\n`
const counts = (name: string) => `open("${name}", "a").write("x"); print("ran ${name}")`

const again = (t: TestContext, mesh: MeshProcess) => startMesh(t, mesh.data, ['--port', new URL(mesh.url).port])
const marks = (mesh: MeshProcess, name: string) =>
  readFile(join(mesh.data, 'projects/demo', name), 'utf8').catch(() => '')
const synced = (page: Page) => page.getByText('Synced ✓').waitFor()

/** A notebook of its own with one cell, open on a phone that has the app. */
async function phoneAt(t: TestContext, mesh: SharedMesh, name: string, code: string) {
  await mesh.write(`${name}.md`, note(code))
  const { page, context } = await mesh.open(t, { width: 390, height: 844, touch: true })
  await page.goto(`${mesh.url}/m/`)
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await page.goto(`${mesh.url}/m/p/demo/${name}.md`)
  await page.getByRole('button', { name: 'Run the cell' }).waitFor()
  await synced(page)
  return { page, context }
}

/** What a run showed, and not its code. */
const output = (page: Page, text: string) => page.locator('.output').getByText(text, { exact: true }).first()
/** With what the page shows instead. */
const shows = (page: Page, text: string) =>
  page
    .getByText(text)
    .waitFor({ timeout: 60_000 })
    .catch(async thrown => {
      throw new Error(`${await page.locator('body').innerText()}`, { cause: thrown })
    })
const runCell = (page: Page) => page.getByRole('button', { name: 'Run the cell' }).tap()
test('PH21 PH22 a run that is queued while the hub is down is stored, survives a reload, and runs once when the hub is back', async t => {
  const mesh = await beginMesh(t)
  const { page } = await phoneAt(t, mesh, 'one', counts('one.txt'))
  await mesh.kill('SIGKILL')
  await page.getByText('The hub does not answer.').waitFor()
  await runCell(page)
  await page.getByText('Queued on this phone').waitFor()
  await page.reload()
  await page.getByText('Queued on this phone').waitFor()
  const back = await again(t, mesh)
  await output(page, 'ran one.txt').waitFor({ timeout: 60_000 })
  assert.equal(await marks(back, 'one.txt'), 'x')
  await page.reload()
  await output(page, 'ran one.txt').waitFor()
  await page.getByText('Queued on this phone').waitFor({ state: 'detached' })
  assert.equal(await marks(back, 'one.txt'), 'x')
})

test('PH21 what was taken back is never sent', async t => {
  const mesh = await theMesh()
  const { page, context } = await phoneAt(t, mesh, 'two', counts('two.txt'))
  await context.setOffline(true)
  await page.getByText('You are offline.').waitFor()
  await runCell(page)
  await page.getByRole('button', { name: 'Take back' }).tap()
  await page.getByRole('button', { name: 'Run the cell' }).waitFor()
  await context.setOffline(false)
  await page.getByText('You are offline.').waitFor({ state: 'detached', timeout: 60_000 })
  await page.waitForTimeout(2_000)
  assert.equal(await marks(mesh, 'two.txt'), '')
})

test('PH23 when the cell was changed meanwhile nothing runs until the user says what', async t => {
  const mesh = await theMesh()
  const { page, context } = await phoneAt(t, mesh, 'changed', counts('old.txt'))
  await context.setOffline(true)
  await page.getByText('You are offline.').waitFor()
  await runCell(page)
  await page.getByText('Queued on this phone').waitFor()
  const other = await mesh.show(t, 'changed.md')
  await writeFile(join(mesh.data, 'projects/demo/changed.md'), note(counts('new.txt')))
  await other.page.locator('.cell').getByText('new.txt').first().waitFor()
  await context.setOffline(false)
  await shows(page, 'Still want this?')
  await page.getByText('The cell has other code now').waitFor()
  assert.deepEqual([await marks(mesh, 'old.txt'), await marks(mesh, 'new.txt')], ['', ''])
  await page.getByRole('button', { name: 'Run the new code' }).tap()
  await output(page, 'ran new.txt').waitFor({ timeout: 60_000 })
  assert.deepEqual([await marks(mesh, 'old.txt'), await marks(mesh, 'new.txt')], ['', 'x'])
})

/** What is open when it is called stays open, and nothing comes or goes over it: a connection that died unnoticed. */
function deadSockets(): void {
  const Real = WebSocket
  const all = new Set<WebSocket>()
  const dead = new WeakSet<WebSocket>()
  globalThis.WebSocket = class extends Real {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      all.add(this)
      this.addEventListener('message', event => dead.has(this) && event.stopImmediatePropagation())
    }
    override send(data: Parameters<WebSocket['send']>[0]): void {
      if (!dead.has(this)) super.send(data)
    }
  }
  Object.assign(globalThis, { killSockets: () => all.forEach(socket => void dead.add(socket)) })
}

test('PH23 a cell is compared as the hub has it now, also while the connection of before is dead and does not know it', async t => {
  const mesh = await theMesh()
  const { page, context } = await phoneAt(t, mesh, 'compared', counts('before.txt'))
  await context.addInitScript(deadSockets)
  await page.reload()
  await page.getByRole('button', { name: 'Run the cell' }).waitFor()
  await synced(page)
  await page.evaluate(() => (globalThis as unknown as { killSockets(): void }).killSockets())
  await writeFile(join(mesh.data, 'projects/demo/compared.md'), note(counts('after.txt')))
  const client = await clientOf(mesh)
  const { id } = await client.documentAt('me/demo/compared.md')
  await eventually('the hub has the new code', async () =>
    (await (await page.request.get(`${mesh.url}/api/v1/documents/${id}/content`)).text()).includes('after.txt'),
  )
  await context.setOffline(true)
  await page.getByText('You are offline.').waitFor()
  await runCell(page)
  await page.getByText('Queued on this phone').waitFor()
  await context.setOffline(false)
  await shows(page, 'The cell has other code now')
  assert.deepEqual([await marks(mesh, 'before.txt'), await marks(mesh, 'after.txt')], ['', ''])
})

test('PH25 the worker sends what was queued when the browser wakes it, with no page open', async t => {
  const mesh = await theMesh()
  const { page, context } = await phoneAt(t, mesh, 'three', counts('three.txt'))
  await context.setOffline(true)
  await page.getByText('You are offline.').waitFor()
  await runCell(page)
  await page.getByText('Queued on this phone').waitFor()
  const elsewhere = await context.newPage()
  await elsewhere.goto('about:blank')
  const cdp = await context.newCDPSession(elsewhere)
  const registered = new Promise<string>(resolve => {
    cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const found = registrations.find(({ scopeURL }) => scopeURL.endsWith('/m/'))
      if (found) resolve(found.registrationId)
    })
  })
  await cdp.send('ServiceWorker.enable')
  await page.close()
  const registrationId = await registered
  await context.setOffline(false)
  await cdp.send('ServiceWorker.dispatchSyncEvent', {
    origin: mesh.url,
    registrationId,
    tag: 'meshbook-outbox',
    lastChance: false,
  })
  await eventually('the worker has sent it', async () => (await marks(mesh, 'three.txt')) === 'x')
})

test('PH21 PH22 PH23 PH25 random schedules of a phone: what is still wanted runs once, on the right device', async t => {
  const seed = 1_000 + Math.floor(performance.timeOrigin % 100_000)
  const sum = await manySchedules(t, { seed, count: 6 }, () => undefined)
  t.diagnostic(`from seed ${seed}: ${JSON.stringify(sum)}`)
  assert.equal(sum.schedules, 6)
})
