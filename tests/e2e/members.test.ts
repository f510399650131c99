/** Members of a project and the audit log, from the command line and in a real browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import { TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { command, startMesh, temporaryFolder } from '../mesh-process.ts'

const webFolder = fileURLToPath(new URL('../../packages/web/dist', import.meta.url))

const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)

test('ME7 AD3 members of a project are listed, invited, given other roles and removed by commands, and it is all noted', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const run = (...args: string[]) => command([...args, '--data', data])
  const listed = async () =>
    lines((await run('members', 'list', 'demo', '--json')).stdout).map(({ name, email, roles }) => [
      name ?? email,
      roles,
    ])
  assert.deepEqual(await listed(), [['me', ['owner']]])
  assert.equal((await run('members', 'add', 'demo', 'kim@a.example', 'runner,editor')).code, 0)
  assert.deepEqual(await listed(), [
    ['me', ['owner']],
    ['kim@a.example', ['runner', 'editor']],
  ])
  assert.equal((await run('members', 'set', 'me/demo', 'kim@a.example', 'viewer')).code, 0)
  assert.deepEqual((await listed())[1], ['kim@a.example', ['viewer']])
  assert.equal((await run('members', 'remove', 'demo', 'kim@a.example')).code, 0)
  assert.deepEqual(await listed(), [['me', ['owner']]])
  const wrong = await run('members', 'add', 'demo', 'kim', 'boss')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /"boss" is no role; there are viewer, runner, editor, owner/)
  assert.equal((await run('members', 'add', 'demo', 'nobody', 'viewer')).code, 1)
  assert.equal((await run('members', 'leave', 'demo')).code, 5)
  assert.match((await run('members', 'list', 'demo')).stdout, /^NAME\s+ROLES/)
  const noted = lines((await run('audit', '--json')).stdout).map(({ action }) => action)
  for (const action of ['member-invited', 'invitation-withdrawn', 'device-added'])
    assert.ok(noted.includes(action), action)
  const only = lines((await run('audit', '--action', 'member-invited', '--json')).stdout)
  assert.ok(only.length > 0 && only.every(({ action, name }) => action === 'member-invited' && name === 'me'))
  assert.match((await run('audit', '--limit', '1')).stdout, /^TIME\s+ACTION\s+BY/)
  assert.equal((await run('audit', '--since', 'whenever')).code, 2)
})

test('ME7 AD3 an owner invites in the browser, changes roles and removes; the log shows it', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const { page, faults } = await openBrowser(t)
  await signIn(page, mesh)
  await openDocument(page, mesh, 'welcome.md')
  await page.getByRole('button', { name: 'Actions for demo', exact: true }).click()
  await page.getByRole('button', { name: 'Members…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Members of demo' })
  const row = dialog.locator('.member-row').filter({ hasText: 'kim@a.example' })
  await dialog.getByText('owner of the project').waitFor()
  await dialog.getByLabel('User or e-mail address').fill('kim@a.example')
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  await row.getByText('invited').waitFor()
  await row.getByRole('button', { name: 'editor' }).click()
  await row.locator('[aria-pressed=true]', { hasText: 'editor' }).waitFor()
  const { violations } = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(
    violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id),
    [],
  )
  await row.getByRole('button', { name: 'Remove kim@a.example' }).click()
  await row.waitFor({ state: 'detached' })
  await dialog.getByRole('button', { name: 'Close' }).click()
  await page.getByTitle('Account and settings').click()
  await page.getByRole('button', { name: 'Audit log' }).click()
  await page.getByRole('cell', { name: 'invitation-withdrawn' }).waitFor()
  await page.getByRole('combobox').selectOption('sign-in')
  await page.getByRole('cell', { name: 'invitation-withdrawn' }).waitFor({ state: 'detached' })
  await page.getByRole('cell', { name: 'sign-in', exact: true }).first().waitFor()
  const log = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(
    log.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id),
    [],
  )
  await page.goto(`${mesh.url}/audit`)
  await page.getByRole('heading', { name: 'Audit log' }).waitFor()
  assert.deepEqual(faults, [])
})

test('ME5 ME21 a runner opens what is shared, is told that they may not write, and runs a cell without a word into the document', async t => {
  const test = await startTestHub(t, { webFolder })
  const { id } = await test.document('a.md', '# Shared\n\n```python\nprint(41 + 1)\n```\n')
  const link = await test.hub.addUser('ann')
  await test.json('POST', `/projects/${test.project.id}/members`, { user: 'ann', roles: ['runner'] })
  const desk = new TestDevice('Desk')
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { page, faults } = await openBrowser(t)
  await signIn(page, { url: test.hub.url, link })
  await page.goto(`${test.hub.url}/p/demo/a.md`)
  await page.getByText('You may read this and run its cells as they stand').waitFor()
  await page.locator('.cell').first().hover()
  await page.locator('.cell .run-button').first().click()
  const { lease } = await desk.next('LEASE')
  assert.deepEqual([lease.requestedBy, lease.code, lease.cell], ['ann', 'print(41 + 1)', { by: 'index', index: 0 }])
  assert.equal(
    await (await test.api('GET', `/documents/${id}/content`)).text(),
    '# Shared\n\n```python\nprint(41 + 1)\n```\n',
  )
  await test.json('DELETE', `/projects/${test.project.id}/members/ann`)
  await page.goto(`${test.hub.url}/p/demo/a.md`)
  await page.getByText('No such project').waitFor()
  assert.deepEqual(
    faults.filter(fault => !/403|404|WebSocket/.test(fault)),
    [],
  )
})
