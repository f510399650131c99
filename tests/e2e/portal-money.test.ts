/** Budgets, statements and the overview in the portal: real Chromium at a real hub (portal/SPEC.md). */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { newId, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import type { MonthBudget, Statement } from '@meshbook/core/models-api.ts'
import { monthOf } from '@meshbook/core/months.ts'
import { openStore } from '@meshbook/hub/store/open-store.ts'
import { hashSecret } from '@meshbook/relay/serve/secrets.ts'
import { eventually } from '../mesh-process.ts'
import { looksGood, type PortalScene, portalScene } from './portal-scene.ts'

/** As if models had been asked now, for a task and with a token; while the hub is away. */
async function spend({ it }: PortalScene, task: string, amounts: readonly number[]): Promise<void> {
  await it.hub.close()
  const { store } = await openStore(it.config, () => undefined)
  const { org, user } = (await store.query('findToken', { hash: hashSecret(it.token) }))!
  const now = Date.now()
  for (const [n, microUsd] of amounts.entries()) {
    const id = newId('modelCall', now, systemRandom)
    const holder = n % 2 === 0 ? { task: parseRunId(task), cap: {} } : { token: 'tok_x' }
    const model = n % 2 === 0 ? 'claude-sonnet-4-5' : 'claude-haiku-4-5'
    const bound = { inputTokens: 1_000, outputTokens: 1_000, microUsd }
    const call = { ...bound, org, user, id, holder, model, provider: 'anthropic', price: model, hub: 'x', now }
    assert.equal((await store.call('holdModelCall', call)).held, true)
    const usage = { inputTokens: 900, outputTokens: 100, cacheReadTokens: 0, cacheWriteTokens: 0 }
    await store.call('settleModelCall', { org, id, how: 'reported', usage, microUsd, now })
  }
  await store.close()
  await it.restart()
}

test('PO40 PO41 PO50 a budget is set, fills and is taken away; the statement is saved to the millionth; the overview shows it all', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  await s.open('/portal/overview')
  await page.getByRole('slider', { name: 'Runs by day' }).waitFor()
  await page.getByText('Budgets of this month').waitFor()
  await looksGood(page, 'overview empty')
  await s.open('/portal/usage')
  await page.getByText('There is no budget').waitFor()
  await page.getByRole('button', { name: 'Set it' }).click()
  await page.getByText('The budget is an amount of dollars').waitFor()
  await page.getByLabel('Dollars a month').fill('4')
  await page.keyboard.press('Enter')
  await page.getByText('$0.00 of $4.00').waitFor()
  await page.getByLabel('Budget for').selectOption('demo')
  await page.getByLabel('Dollars a month').fill('10')
  await page.getByRole('button', { name: 'Set it' }).click()
  await page.getByText('$0.00 of $10.00').waitFor()
  await page.getByText('Not final: the month is not over.').waitFor()
  const task = await s.give('Mend the failing test')
  await spend(s, task.id, [1_234_567, 1_000_001, 1_111_111, 7])
  await s.open('/portal/usage')
  await page.getByText('Over 80 %').waitFor()
  await looksGood(page, 'usage budgets')
  await page.locator('.statement').scrollIntoViewIfNeeded()
  await page.locator('.statement-parts').getByText('For no project').waitFor()
  const month = monthOf(Date.now())
  const saved = async (as: string) => {
    const coming = page.waitForEvent('download')
    await page.getByRole('button', { name: `Save as ${as}: the statement` }).click()
    const download = await coming
    assert.equal(download.suggestedFilename(), `statement-${month}.${as.toLowerCase()}`)
    return readFile(await download.path(), 'utf8')
  }
  const statement = JSON.parse(await saved('JSON')) as Statement
  assert.deepEqual(
    statement.rows.map(({ projectName, userName, model, microUsd }) => [projectName, userName, model, microUsd]),
    [
      [null, 'me', 'claude-haiku-4-5', 1_000_008],
      ['demo', 'me', 'claude-sonnet-4-5', 2_345_678],
    ],
  )
  assert.equal(statement.total.microUsd, 3_345_686)
  const csv = (await saved('CSV')).split('\r\n').slice(1, -1)
  assert.deepEqual(
    csv.map(line => line.split(',').slice(-2)),
    [
      ['1000008', '1.000008'],
      ['2345678', '2.345678'],
    ],
  )
  await s.open('/portal/overview')
  await page.getByText('83 %').waitFor()
  const cost = page.getByRole('slider', { name: 'Cost by day' })
  assert.match((await cost.getAttribute('aria-valuetext'))!, /\$3\.35, 4 questions, 4,000 tokens/)
  const runs = page.getByRole('slider', { name: 'Runs by day' })
  assert.match((await runs.getAttribute('aria-valuetext'))!, /: 1 run$/)
  await runs.focus()
  await page.keyboard.press('Home')
  assert.match((await runs.getAttribute('aria-valuetext'))!, /: nothing$/)
  await looksGood(page, 'overview')
  await page.getByText('7 days').click()
  await eventually('fewer days', async () => (await cost.getAttribute('aria-valuemax')) === '6')
  await page.getByRole('link', { name: 'Tasks at work' }).click()
  await page.waitForURL(url => url.pathname === '/portal/tasks')
  await s.open('/portal/usage')
  await page.getByRole('button', { name: 'Take away the budget of Everything' }).click()
  await page.getByRole('button', { name: 'Take it away' }).click()
  await eventually('one is left', async () => {
    return (await s.it.json<{ items: MonthBudget[] }>('GET', '/budgets')).items.length === 1
  })
  assert.deepEqual(
    faults.filter(fault => !fault.includes('ERR_CONNECTION_REFUSED')),
    [],
  )
})
