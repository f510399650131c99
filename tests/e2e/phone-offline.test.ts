/** The phone's app in real Chromium: its first list, and its start without the hub (packages/web/src/phone/SPEC.md). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBrowser, signInByCode } from '../browser.ts'
import { startMesh, temporaryFolder } from '../mesh-process.ts'

test('PH3 PH10 PH13 the list is there at once, and also when the hub is down', async t => {
  const mesh = await startMesh(t, await temporaryFolder(t))
  const { page } = await openBrowser(t, { width: 390, height: 844, touch: true })
  await signInByCode(page, mesh)
  await page.goto(`${mesh.url}/m/`)
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await mesh.kill('SIGKILL')
  await page.reload()
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.getByText('The hub does not answer.').waitFor()
  const requests: string[] = []
  assert.deepEqual(requests, [])
})
