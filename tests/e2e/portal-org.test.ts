/** Decisions, members, tokens and the audit log in the portal: real Chromium at a real hub (portal/SPEC.md). */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { ApiToken, AuditEntry, Gate, Member } from '@meshbook/core/api.ts'
import { addTestUser } from '@meshbook/hub/testing/test-user.ts'
import type { Page } from 'playwright-core'
import { besides } from '../browser.ts'
import { eventually } from '../mesh-process.ts'
import { assertNoSidewaysScrolling, shot } from '../page-checks.ts'
import { looksGood, portalScene } from './portal-scene.ts'

/** Hides what can be folded, and shows where the links are then. */
async function folded(page: Page, name: string): Promise<void> {
  await page.setViewportSize({ width: 320, height: 640 })
  const menu = page.getByRole('button', { name: 'Menu' })
  const links = page.getByRole('navigation', { name: 'Main' })
  assert.equal(await menu.getAttribute('aria-expanded'), 'false')
  assert.equal(await links.isVisible(), false)
  await menu.click()
  assert.equal(await menu.getAttribute('aria-expanded'), 'true')
  await assertNoSidewaysScrolling(page)
  await shot(page, name)
  for (const link of await links.getByRole('link').all()) {
    const { height, width } = (await link.boundingBox())!
    assert.ok(height >= 44 && width >= 100, `${await link.innerText()}: ${width} x ${height}`)
  }
}

test('PO20 PO21 PO22 PO60 a decision shows its exact bytes, takes a second press, shows the receipt and is found afterwards', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  await s.open('/portal/gates')
  await page.getByText('Nothing waits').waitFor()
  await page.getByText('Nothing has been decided yet').waitFor()
  await looksGood(page, 'gates empty')
  const { id } = await s.give('Clean the build folder')
  const worker = await s.worker(id)
  await worker.write({ type: 'heard', id: 'first', by: 'me', text: 'Clean the build folder' })
  const first = s.approval('rm -rf \u202e/build\n')
  await worker.write(first.event)
  const card = page.locator('.gate-card')
  await card.getByText('exactly 17 bytes').waitFor()
  assert.equal(await card.locator('mark').textContent(), '⟨U+202E⟩')
  assert.match(await page.getByRole('link', { name: /^Decisions/ }).innerText(), /1/)
  await looksGood(page, 'gates waiting')
  await folded(page, 'portal menu 320')
  await page.getByRole('link', { name: /^Runs/ }).click()
  await page.getByRole('heading', { name: 'Runs', exact: true }).waitFor()
  assert.equal(await page.getByRole('navigation', { name: 'Main' }).isVisible(), false, 'folded again')
  assert.match(await page.getByRole('button', { name: 'Menu' }).innerText(), /1/)
  await page.goBack()
  await page.setViewportSize({ width: 1440, height: 900 })
  await card.getByRole('textbox', { name: 'Comment' }).fill('not the folder itself')
  await card.getByRole('button', { name: 'Reject…' }).press('Enter')
  await card.getByText('Reject exactly this?').waitFor()
  await card.getByRole('button', { name: 'Not yet' }).click()
  await card.getByRole('button', { name: 'Reject…' }).press('Enter')
  await looksGood(page, 'gates sure')
  await page.keyboard.press('Enter')
  const heard = await worker.hears('gate')
  assert.deepEqual([heard.decision, heard.comment], ['rejected', 'not the folder itself'])
  await card.getByText('Whoever asked has not confirmed it yet.').waitFor()
  await worker.write({ type: 'gate-decided', at: Date.now(), gate: first.gate, decision: 'rejected', by: 'me' })
  await card.getByText(/Whoever asked has it since/).waitFor()
  const second = s.approval('make clean\n')
  await worker.write(second.event)
  await card.getByText('make clean').waitFor()
  // Somebody else is faster: the page takes their word.
  const gate = await s.it.json<Gate>('GET', `/gates/${second.gate}`)
  await card.getByRole('button', { name: 'Reject…' }).click()
  const { digest, nonce } = gate
  await s.it.json('POST', `/gates/${second.gate}/decide`, { decision: 'approved', digest, nonce })
  await card.getByText('Approved by me').first().waitFor()
  await page.reload()
  const rows = page.locator('.part-row')
  await eventually('both are history', async () => (await rows.count()) === 2)
  await rows.nth(1).getByText('What was asked').click()
  await rows.getByText('rm -rf').waitFor()
  assert.equal(await rows.locator('mark').textContent(), '⟨U+202E⟩')
  await looksGood(page, 'gates history')
  await page.getByLabel('How it was decided').selectOption('Approved')
  await eventually('one', async () => (await rows.count()) === 1)
  await page.getByLabel('How it was decided').selectOption('Expired')
  await page.getByText('Nothing has been decided like that').waitFor()
  assert.deepEqual(faults, [])
})

test('PO30 PO31 members are added, invited, given roles after a question, withdrawn and removed; others only look and leave', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  const kim = await addTestUser(s.it, 'kim')
  const members = async () =>
    (await s.it.json<{ items: Member[] }>('GET', `/projects/${s.it.project.id}/members`)).items.map(
      ({ name, email, roles }) => [name ?? email, roles.join()],
    )
  await s.open('/portal/members')
  await page.getByText('a project always has an owner').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Remove me' }).count(), 0)
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByText('Say who').waitFor()
  const who = page.getByLabel('User or e-mail address')
  await who.fill('nobody')
  await page.keyboard.press('Enter')
  await page.getByText('nobody here is called nobody').waitFor()
  await who.fill('kim')
  await page.getByRole('group', { name: 'Roles of the new member' }).getByRole('button', { name: 'editor' }).click()
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByRole('button', { name: 'Remove kim' }).waitFor()
  await who.fill('Lee@a.example')
  await page.getByRole('button', { name: 'Invite', exact: true }).click()
  await page.getByText('Invited', { exact: true }).waitFor()
  assert.deepEqual(await members(), [
    ['me', 'owner'],
    ['kim', 'viewer,editor'],
    ['lee@a.example', 'viewer,editor'],
  ])
  await looksGood(page, 'members')
  const kimsRoles = page.getByRole('group', { name: 'Roles of kim' })
  await kimsRoles.getByRole('button', { name: 'editor' }).click()
  await page.getByRole('heading', { name: 'Take rights from kim?' }).waitFor()
  await looksGood(page, 'members question')
  await page.getByRole('button', { name: 'Cancel' }).click()
  assert.equal((await members())[1]![1], 'viewer,editor')
  await kimsRoles.getByRole('button', { name: 'editor' }).click()
  await page.getByRole('button', { name: 'Change the roles' }).click()
  await eventually('kim only reads', async () => (await members())[1]![1] === 'viewer')
  await kimsRoles.getByRole('button', { name: 'runner' }).click()
  await eventually('kim runs, without a question', async () => (await members())[1]![1] === 'viewer,runner')

  const other = await besides(page, { viewport: { width: 1440, height: 900 } })
  await other
    .context()
    .addCookies([
      { name: kim.cookie.split('=', 1)[0]!, value: kim.cookie.slice(kim.cookie.indexOf('=') + 1), url: s.it.hub.url },
    ])
  await other.goto(`${s.it.hub.url}/portal/members`)
  await other.getByText('Its owners decide who is in').waitFor()
  assert.equal(await other.getByRole('group', { name: /^Roles of/ }).count(), 0)
  assert.equal(await other.getByText('lee@a.example').count(), 0, 'invitations are for owners')
  await other.getByRole('button', { name: 'Leave the project' }).click()
  await other.getByRole('button', { name: 'Leave', exact: true }).click()
  await eventually('kim has left', async () => (await members()).length === 2)

  await page.getByRole('button', { name: 'Withdraw lee@a.example' }).click()
  await page.getByRole('button', { name: 'Withdraw it' }).click()
  await eventually('it is withdrawn', async () => (await members()).length === 1)
  await s.it.json('POST', `/projects/${s.it.project.id}/members`, { user: 'kim', roles: ['owner'] })
  await page.reload()
  await page.getByRole('button', { name: 'Remove kim' }).click()
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  await eventually('kim is removed', async () => (await members()).length === 1)

  await page.getByRole('button', { name: 'Invite somebody' }).click()
  await page.getByLabel('For whom').fill('Robin')
  await page.getByRole('button', { name: 'Make a link' }).click()
  const link = await page.locator('.invitation code').textContent()
  assert.match(link!, /^http/)
  await looksGood(page, 'members link')
  await page.reload()
  await page.getByRole('button', { name: 'Withdraw the invitation for Robin' }).click()
  await eventually('the link is void', async () => {
    return (await s.it.json<{ items: unknown[] }>('GET', '/invitations')).items.length === 0
  })
  assert.deepEqual(
    faults.filter(fault => !fault.includes('404')),
    [],
  )
})

test('PO32 PO13 a token is made with few rights, shown once, works, and is revoked after a question', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  await s.it.json('POST', '/model-keys', { name: 'virtual' })
  await s.open('/portal/tokens')
  await page.getByRole('button', { name: 'Make a token' }).click()
  await page.getByText('Give it a name').waitFor()
  await page.getByLabel('Name of the token').fill('nightly')
  await looksGood(page, 'tokens form')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Make a token' }).click()
  await page.getByText('nightly is made.').waitFor()
  const token = (await page.locator('.once code').textContent())!
  assert.match(token, /^mb_/)
  await looksGood(page, 'tokens made')
  const ask = (method: string) =>
    s.it.api(method, '/projects', method === 'POST' ? { name: 'x' } : undefined, { authorization: `Bearer ${token}` })
  assert.deepEqual([(await ask('GET')).status, (await ask('POST')).status], [200, 403])
  assert.equal(await page.getByText('virtual', { exact: true }).count(), 0)
  await page.reload()
  await page.getByRole('button', { name: 'Revoke nightly' }).waitFor()
  assert.ok(!(await page.content()).includes(token))
  await page.getByRole('button', { name: 'Revoke nightly' }).click()
  await page.getByRole('button', { name: 'Revoke it' }).click()
  await eventually('it is revoked', async () => {
    const { items } = await s.it.json<{ items: ApiToken[] }>('GET', '/tokens')
    return items.every(({ name }) => name !== 'nightly')
  })
  assert.equal((await ask('GET')).status, 401)
  assert.deepEqual(faults, [])
})

test('PO33 the audit log is filtered, read page by page, opened, and saved whole', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  for (let n = 0; n < 230; n++)
    await s.it.json('POST', '/tokens', { name: n === 7 ? '=cmd|calc' : `t${n}`, scopes: ['read'] })
  await s.open('/portal/audit')
  const rows = page.locator('.audit-entry')
  await eventually('a page', async () => (await rows.count()) === 200)
  await page.getByRole('button', { name: 'Show older entries' }).click()
  await eventually('all', async () => (await rows.count()) > 230)
  await page.getByRole('combobox', { name: 'What' }).selectOption('sign-in')
  await eventually('the sign-in', async () => (await rows.count()) === 1)
  await rows.first().getByText('sign-in', { exact: true }).click()
  await page.getByText('Came with').waitFor()
  await looksGood(page, 'audit')
  await page.getByLabel('Who').fill('nobody')
  await page.getByText('No entry is like that').waitFor()
  await looksGood(page, 'audit none')
  assert.equal(await page.getByRole('button', { name: 'Save as CSV' }).isDisabled(), true)
  await page.getByLabel('Who').fill('me')
  await page.getByRole('combobox', { name: 'What' }).selectOption('token-made')
  const today = new Date().toISOString().slice(0, 10)
  await page.getByLabel('From day').fill(today)
  await page.getByLabel('To day').fill(today)
  await eventually('the tokens', async () => (await rows.count()) === 200)
  const saved = async (as: string) => {
    const coming = page.waitForEvent('download')
    await page.getByRole('button', { name: `Save as ${as}` }).click()
    return readFile(await (await coming).path(), 'utf8')
  }
  const entries = JSON.parse(await saved('JSON')) as AuditEntry[]
  assert.equal(entries.filter(({ action }) => action === 'token-made').length, 230)
  assert.equal(entries.length, 230)
  const csv = (await saved('CSV')).split('\r\n')
  assert.equal(csv.length, 232)
  assert.match(csv[0]!, /^at,action,name/)
  assert.ok(csv.slice(1, -1).every(line => /^\d{4}-\d\d-\d\dT.*,token-made,me,/.test(line)))
  await page.getByLabel('To day').fill('2001-01-01')
  await page.getByText('No entry is like that').waitFor()
  assert.deepEqual(faults, [])
})
