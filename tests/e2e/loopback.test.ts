/** The device's own web app with real processes and a real browser: the hub is killed, and work goes on. */
import assert from 'node:assert/strict'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { listOf, runSchema, tokenSchema } from '@meshbook/core/api.ts'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { clientOf, command, eventually, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

test('with the hub killed, the page of the device itself edits and makes documents; the hub gets all of it once it is back (LO4, LO6, LO8)', async t => {
  const folder = await temporaryFolder(t)
  const hub = await startMesh(t, join(folder, 'hub'))
  const client = await clientOf(hub)
  const { token } = await client.post('/tokens', { name: 'desk' }, tokenSchema)
  const desk = await startProcess(t, join(folder, 'desk'), ['up', '--hub', hub.url, '--name', 'Desk'], {
    MESHBOOK_TOKEN: token!,
  })
  const { stdout } = await command(['link', '--json', '--data', desk.data])
  const { link } = JSON.parse(stdout)
  const { page } = await openBrowser(t)
  await signIn(page, { url: desk.url, link })
  // The demo has no folder on this device: it comes from the hub through the device's own relay.
  await openDocument(page, desk, 'welcome.md')
  await page.locator('[data-sync="synced"]').waitFor()

  // What the hub alone knows is asked with the right of this device, which signed for it.
  const runs = () => page.evaluate(async () => (await fetch('/api/v1/runs')).status)
  assert.equal(await runs(), 200)
  // What the user chose goes with the request, however early a monitor sees it in the document (LO8, I11).
  const cell = page.locator('.cell').first()
  const runOn = async (name: string): Promise<void> => {
    await page.locator('.where').first().click()
    await page.locator('.run-on button', { hasText: name }).click()
    await cell.getByRole('button', { name: 'Run the cell' }).click()
  }
  await runOn('Desk')
  const run = await eventually('the run waits and says why', async () => {
    const { items } = await client.get('/runs', listOf(runSchema))
    return items[0]?.reasons.length ? items[0] : undefined
  })
  assert.deepEqual([run.status, run.reasons[0]], ['queued', 'You chose Desk; no other is tried.'])
  const attached = await temporaryFolder(t)
  await command(['attach', attached, '--project', 'demo', '--data', desk.data])
  await cell.locator('.ran-on', { hasText: 'Desk' }).waitFor()

  await eventually('the data came', () =>
    access(join(attached, 'data/co2-mauna-loa.csv')).then(
      () => true,
      () => false,
    ),
  )

  await hub.kill('SIGKILL')
  await page.reload()
  await page.locator('.cell pre, .cell .cm-content').first().click()
  await page.locator('.cell .cm-content').first().waitFor()
  await page.keyboard.press('Control+End')
  await page.keyboard.type('\n# typed without the hub')
  await page.locator('[data-sync="synced"]').waitFor()
  // It runs without the hub too, in the session that is here.
  await cell.getByRole('button', { name: 'Run the cell' }).click()
  const offline = await eventually('the run ends here', async () => {
    const { items, missing } = await page.evaluate(async () => (await fetch('/api/v1/runs')).json())
    return missing !== undefined && items[0]?.status === 'completed' ? (items[0] as { id: string }) : undefined
  })
  await page.locator('.cell .ran-on', { hasText: 'Desk' }).first().waitFor()
  const made = await page.evaluate(async () => {
    const { items } = await (await fetch('/api/v1/projects')).json()
    const body = JSON.stringify({ project: items[0].id, path: 'offline.md', content: '# Made offline\n' })
    const answer = await fetch('/api/v1/documents', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    return answer.status
  })
  assert.equal(made, 201)

  const back = await startMesh(t, hub.data, ['--port', new URL(hub.url).port])
  const fileOf = (name: string) => readFile(join(back.data, 'projects/demo', name), 'utf8').catch(() => '')
  await eventually(
    'the edit is in the file of the other device, once',
    async () => {
      return (await fileOf('welcome.md')).split('# typed without the hub').length === 2
    },
    40_000,
  )
  const later = await clientOf(back)
  const known = await eventually(
    'the hub has the run',
    async () =>
      (await later.get('/runs', listOf(runSchema))).items.find(({ id, endedAt }) => id === offline.id && endedAt),
    40_000,
  )
  assert.deepEqual([known.status, known.deviceName], ['completed', 'Desk'])
  await eventually('so is the new document', async () => (await fileOf('offline.md')) === '# Made offline\n', 40_000)
})
