/** The portal's pages of files, history, keys, usage and hooks, in real Chromium at a real hub (tasks/SPEC.md, portal/SPEC.md). */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { Hook } from '@meshbook/core/hooks-api.ts'
import { newId, type OrgId, parseRunId, systemRandom, type UserId } from '@meshbook/core/ids.ts'
import type { ModelKey } from '@meshbook/core/models-api.ts'
import type { Retention, StoredKey } from '@meshbook/core/tasks-api.ts'
import { type OpenStore, openStore } from '@meshbook/hub/store/open-store.ts'
import { hashSecret } from '@meshbook/relay/serve/secrets.ts'
import { eventually } from '../mesh-process.ts'
import { looksGood, type PortalScene, portalScene } from './portal-scene.ts'
import { repo } from './task-scene.ts'

async function ended(s: PortalScene, prompt: string): Promise<string> {
  const { id } = await s.give(prompt)
  const worker = await s.worker(id)
  await worker.write(
    { type: 'heard', id: 'first', by: 'me', text: prompt },
    ...s.turn(1, `My key is ghp_${'A'.repeat(36)}.`),
    s.checkpoint(1),
    s.completed,
  )
  await eventually('the end', async () => (await s.tasks()).find(task => task.id === id)?.endedAt != null)
  return id
}

test('TP7 the files of a task are looked through by keys: folders, text, what is no text, what is too large, links', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  const id = await ended(s, 'Mend the failing test')
  await s.open(`/portal/tasks/${id}`)
  await page.getByRole('tab', { name: /^Changes/ }).focus()
  await page.keyboard.press('ArrowRight')
  const files = page.locator('.task-files')
  await files.getByRole('button', { name: 'README.md' }).waitFor()
  assert.deepEqual((await files.locator('.task-entry-name').allTextContents()).slice(0, 3), [
    'src',
    'README.md',
    'build.sh',
  ])
  assert.equal(await files.getByRole('button', { name: /^docs/ }).isDisabled(), true)
  await looksGood(page, 'files')
  await files.getByRole('button', { name: 'README.md' }).press('Enter')
  await files.getByText('<b>bold</b>').waitFor()
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Files')
  await files.getByRole('button', { name: 'All files' }).press('Enter')
  await files.getByRole('button', { name: 'logo.png' }).click()
  await files.getByText('20.5 KB that cannot be read here').waitFor()
  await files.getByRole('button', { name: 'All files' }).click()
  await files.getByRole('button', { name: 'latest' }).click()
  await files.getByText('A link to').waitFor()
  await files.getByRole('button', { name: 'All files' }).click()
  await files.getByRole('button', { name: 'src' }).click()
  await files.getByRole('button', { name: 'sum.test.ts' }).click()
  await files.getByText('The beginning of 4.2 MB').waitFor()
  await looksGood(page, 'file')
  assert.deepEqual(faults, [])
})

test('TP6 TP15 TP16 tasks are found by words and state, saved without secrets, deleted after a question; a project keeps its logs for as long as chosen', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  const id = await ended(s, 'Mend the failing test')
  await ended(s, 'Write the docs')
  await s.open('/portal/')
  const rows = page.locator('.task-row')
  await eventually('both', async () => (await rows.count()) === 2)
  await page.getByRole('searchbox', { name: 'Find tasks' }).fill('mend me/code')
  await eventually('one', async () => (await rows.count()) === 1)
  await page.getByLabel('State').selectOption('Failed')
  await page.getByText('No task is like that').waitFor()
  await looksGood(page, 'none found')
  await page.getByRole('button', { name: 'Show all tasks' }).click()
  await eventually('both', async () => (await rows.count()) === 2)
  await page.getByText('How long transcripts are kept').click()
  await page.getByLabel('How long demo keeps transcripts').selectOption('90 days')
  await eventually('it is set', async () => {
    const { days } = await s.it.json<Retention>('GET', `/projects/${s.it.project.id}/retention`)
    return days === 90
  })
  await looksGood(page, 'history')
  await rows.filter({ hasText: 'Mend' }).click()
  await page.getByText('Save or delete…').click()
  for (const [button, ending] of [
    ['Save as Markdown', 'md'],
    ['Save as JSON', 'json'],
  ]) {
    const coming = page.waitForEvent('download')
    await page.getByRole('button', { name: button! }).click()
    const download = await coming
    assert.equal(download.suggestedFilename(), `${id}.${ending}`)
    const text = await readFile(await download.path(), 'utf8')
    assert.match(text, /My key is ⟨secret⟩/)
  }
  await looksGood(page, 'keep')
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: 'Delete it' }).click()
  await page.waitForURL(url => url.pathname === '/portal/tasks')
  await eventually('one is left', async () => (await rows.count()) === 1)
  assert.equal((await s.it.api('GET', `/tasks/${id}`)).status, 404)
  assert.deepEqual(faults, [])
})

test('PO10 PO11 PO12 PO13 keys are set, replaced and deleted and never shown; a virtual key is shown once', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  await s.open('/portal/keys')
  await page.getByText('No key yet').waitFor()
  await looksGood(page, 'keys empty')
  await page.getByRole('button', { name: /^A git host/ }).click()
  const secret = `ghp_${'k'.repeat(30)}Tail`
  await page.getByLabel(/^Token, user/).fill(secret)
  await looksGood(page, 'keys form')
  await page.getByRole('button', { name: 'Seal and save' }).click()
  await page.getByText('ends with').waitFor()
  await page.getByRole('button', { name: 'Add a key' }).click()
  await page.getByLabel('Key', { exact: true }).fill('sk-ant-api03-0123456789abcd')
  await page.getByRole('button', { name: 'Seal and save' }).click()
  await page.getByText('Anthropic · ends with').waitFor()
  const { items } = await s.it.json<{ items: StoredKey[] }>('GET', '/keys')
  assert.deepEqual(
    items.map(({ name, kind, at, ends }) => [name, kind, at, ends]),
    [
      ['anthropic', 'anthropic', null, 'abcd'],
      ['github', 'git', 'github.com', 'Tail'],
    ],
  )
  assert.ok(!(await page.content()).includes(secret.slice(0, 20)))
  await page.getByRole('button', { name: 'Replace anthropic' }).click()
  await page.getByLabel('New value').fill('sk-ant-api03-0123456789wxyz')
  await page.keyboard.press('Enter')
  await page.getByText('wxyz').waitFor()
  await page.getByLabel('Name of the virtual key').fill('nightly report')
  await page.getByLabel('Budget in dollars').fill('10')
  await page.getByRole('button', { name: 'Make a virtual key' }).click()
  await page.getByText('nightly report is made.').waitFor()
  const shown = await page.locator('.once code').first().textContent()
  assert.match(shown!, /^mb_/)
  await looksGood(page, 'keys')
  await page.getByRole('button', { name: 'I have it' }).click()
  assert.ok(!(await page.content()).includes(shown!))
  await page.getByRole('button', { name: 'End nightly report' }).click()
  await page.getByRole('button', { name: 'End it' }).click()
  await eventually('it is ended', async () => {
    return (await s.it.json<{ items: ModelKey[] }>('GET', '/model-keys')).items.length === 0
  })
  await page.getByRole('button', { name: 'Delete github' }).click()
  await page.getByRole('button', { name: 'Delete it' }).click()
  await eventually('it is deleted', async () => {
    return (await s.it.json<{ items: StoredKey[] }>('GET', '/keys')).items.length === 1
  })
  assert.deepEqual(faults, [])
})

test('PO14 PO15 usage is a plot of days that is read by keys, where it went, and tables of both', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  await s.open('/portal/usage')
  await page.getByText('No model was asked in 30 days').waitFor()
  await looksGood(page, 'usage empty')
  const prompts = ['Mend the failing test in the parser', 'Write the docs of the gateway', 'Update the packages']
  const given: string[] = []
  for (const [n, prompt] of prompts.entries())
    given.push((await s.give(prompt, { budget: { microUsd: (n + 1) * 3_000_000 } })).id)
  await withLedger(s, async ledger => {
    for (const [n, id] of given.entries()) for (let day = 0; day < 24; day += n + 1) await spend(ledger, id, day, n)
  })
  await s.open('/portal/usage')
  const plot = page.getByRole('slider', { name: 'Cost by day' })
  await plot.waitFor()
  await plot.focus()
  await page.keyboard.press('End')
  await page.keyboard.press('ArrowLeft')
  assert.match((await plot.getAttribute('aria-valuetext'))!, /: \$\d/)
  await page.keyboard.press('Home')
  assert.match((await plot.getAttribute('aria-valuetext'))!, /: nothing$/)
  await page.getByRole('link', { name: prompts[0]! }).waitFor()
  await looksGood(page, 'usage')
  await page.getByText('Models', { exact: true }).click()
  await page.getByText('claude-sonnet-4-5').first().waitFor()
  await page.getByText('Projects', { exact: true }).click()
  await page.getByText('demo').first().waitFor()
  for (const table of await page.getByText('As a table').all()) await table.click()
  assert.equal(await page.getByRole('table').count(), 2)
  await looksGood(page, 'usage tables')
  await page.getByText('7 days').click()
  await eventually('fewer days', async () => (await plot.getAttribute('aria-valuemax')) === '6')
  assert.deepEqual(
    faults.filter(fault => !fault.includes('ERR_CONNECTION_REFUSED')),
    [],
  )
})

/** As if the gateway had asked a model for the task on that day. */
async function spend({ store, org, user }: Ledger, task: string, daysAgo: number, n: number): Promise<void> {
  const id = newId('modelCall', Date.now(), systemRandom)
  const now = Date.now() - daysAgo * 86_400_000
  const microUsd = 40_000 + ((daysAgo * 7_919 + n * 104_729) % 190_000)
  const model = n === 2 ? 'claude-haiku-4-5' : 'claude-sonnet-4-5'
  const bound = { inputTokens: 20_000, outputTokens: 4_000, microUsd: 900_000 }
  const holder = { task: parseRunId(task), cap: {} }
  const call = { ...bound, org, user, id, holder, model, provider: 'anthropic', price: model, hub: 'x', now }
  await store.call('holdModelCall', call)
  const usage = { inputTokens: 9_000 + daysAgo, outputTokens: 1_200, cacheReadTokens: 30_000, cacheWriteTokens: 0 }
  await store.call('settleModelCall', { org, id, how: 'reported', usage, microUsd, now })
}

interface Ledger {
  store: OpenStore['store']
  org: OrgId
  user: UserId
}

/** The hub's own database, while the hub is away. */
async function withLedger({ it }: PortalScene, use: (ledger: Ledger) => Promise<void>): Promise<void> {
  await it.hub.close()
  const { store } = await openStore(it.config, () => undefined)
  const who = await store.query('findToken', { hash: hashSecret(it.token) })
  assert.ok(who)
  await use({ store, org: who.org, user: who.user })
  await store.close()
  await it.restart()
}

test('PO16 PO17 PO18 a hook is made, its secret shown once, its deliveries seen, turned off, given another secret and deleted', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  await s.open('/portal/hooks')
  await page.getByText('No hook yet').waitFor()
  await looksGood(page, 'hooks empty')
  await page.getByRole('button', { name: 'Make the first hook' }).click()
  await page.getByRole('button', { name: 'Make it' }).click()
  await page.getByText('Name the repository').waitFor()
  await page.getByLabel('Repository', { exact: true }).fill(repo)
  await looksGood(page, 'hooks form')
  await page.getByRole('button', { name: 'Make it' }).click()
  await page.getByText('Copy it now').waitFor()
  const [address, secret] = await page.locator('.once code').allTextContents()
  await looksGood(page, 'hooks made')
  const [hook] = (await s.it.json<{ items: Hook[] }>('GET', '/hooks')).items
  assert.equal(address, `${s.it.hub.url}/hooks/${hook!.id}`)
  assert.deepEqual([hook!.label, hook!.word, hook!.name], ['agent', '/meshbook', 'me/code'])
  const ping = async (by: string) => {
    const body = '{"zen":"x"}'
    const signature = `sha256=${createHmac('sha256', by).update(body).digest('hex')}`
    const headers = { 'content-type': 'application/json', 'x-github-event': 'ping', 'x-hub-signature-256': signature }
    return (await fetch(address!, { method: 'POST', headers, body })).status
  }
  assert.deepEqual([await ping(secret!), await ping('another')], [202, 401])
  await page.getByRole('button', { name: 'I have it' }).click()
  assert.ok(!(await page.content()).includes(secret!))
  await page.getByLabel('Address and deliveries of me/code').click()
  await page.getByText('a ping: the hook works').waitFor()
  await page.getByText('its signature is not by the secret of this hook').waitFor()
  await looksGood(page, 'hooks')
  await page.getByRole('button', { name: 'Turn off me/code' }).click()
  await page.getByRole('button', { name: 'Turn on me/code' }).waitFor()
  assert.equal(await ping(secret!), 202)
  await page.getByRole('button', { name: 'Look again' }).click()
  await page.getByText('the hook is off').first().waitFor()
  await page.getByRole('button', { name: 'New secret for me/code' }).click()
  await page.getByRole('button', { name: 'Make it' }).click()
  await page.getByText('Copy it now').waitFor()
  assert.notEqual((await page.locator('.once code').allTextContents())[1], secret)
  assert.equal(await ping(secret!), 401)
  await page.getByRole('button', { name: 'Delete me/code' }).click()
  await page.getByRole('button', { name: 'Delete it' }).click()
  await page.getByText('No hook yet').waitFor()
  assert.equal(await ping(secret!), 401)
  assert.deepEqual(faults, [])
})
