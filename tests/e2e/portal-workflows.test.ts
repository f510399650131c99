/** Runs of workflows in the portal: real Chromium at a real hub that carries them on (portal/SPEC.md). One hub for all tests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Gate } from '@meshbook/core/api.ts'
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { openBrowser, signIn } from '../browser.ts'
import { eventually } from '../mesh-process.ts'
import { shot } from '../page-checks.ts'
import { linkOf, webFolder } from './phone-scene.ts'
import { looksGood } from './portal-scene.ts'

const flow = `meshbook: workflow/v1
name: weekly-report
inputs:
  region: { type: string, default: eu }
  rows: { type: integer }
budget: { usd: 2 }
steps:
  fetch: { transform: 'inputs.rows' }
  clean: { needs: fetch, transform: 'steps.fetch.output + 1' }
  each:
    needs: fetch
    map: { over: [1, 2, 3], steps: { double: { transform: 'item * 2' } }, output: '\${{ steps.double.output }}' }
  fails:
    needs: fetch
    on_error: mend
    transform: '1 / 0'
  mend: { transform: '"mended"' }
  ready: { needs: [clean, each], wait: { signal: ready } }
  publish: { needs: ready, transform: 'steps.ready.output' }
output: '\${{ steps.publish.output }}'
`

test('runs of workflows in the portal', async t => {
  const it = await startTestHub(t, { webFolder, limits: { workflowDueMs: 100 } })
  const { page, faults } = await openBrowser(t, { width: 1440 })
  await signIn(page, await linkOf(it))
  const open = (path: string) => page.goto(it.hub.url + path)
  const runs = async () => (await it.json<{ items: WorkflowRun[] }>('GET', '/workflow-runs')).items
  const noFaults = () => {
    assert.deepEqual(
      faults.filter(fault => !/40[04]|409/.test(fault)),
      [],
    )
    faults.length = 0
  }
  const box = (id: string) => page.locator(`.flow-box[data-step="${id}"]`)
  const stands = (id: string, standing: string) =>
    eventually(`${id} is ${standing}`, async () => (await box(id).getAttribute('data-standing')) === standing)

  await t.test(
    'PO70 PO75 without a run the list teaches; a file is checked while it is typed, problems lead to their place, inputs are fields',
    async () => {
      await open('/portal/workflows')
      await page.getByText('No workflow has run yet').waitFor()
      await page.locator('.empty').getByRole('link', { name: 'Run a workflow' }).click()
      const text = page.getByLabel('The workflow, as YAML')
      await text.waitFor()
      await page.getByRole('button', { name: 'Start it' }).click()
      await page.getByText('Paste a workflow, or choose its file').waitFor()
      await text.fill(flow.replace('needs: fetch, transform', 'nedds: fetch, transform'))
      const fault = page.getByRole('button', { name: /line 9, column 12/ })
      await fault.waitFor()
      await fault.click()
      const at = await text.evaluate(area => (area as HTMLTextAreaElement).selectionStart)
      assert.equal((await text.inputValue()).slice(at, at + 5), 'nedds')
      await text.fill(flow)
      await page.getByText('weekly-report has 7 steps').waitFor()
      await page.getByRole('button', { name: 'Start it' }).click()
      await page.getByText('Give a number, such as 3').waitFor()
      assert.equal((await runs()).length, 0)
      await page.getByLabel('rows').fill('4')
      await looksGood(page, 'flows inputs')
      await page.getByRole('button', { name: 'Start it' }).click()
      await page.getByRole('heading', { name: 'weekly-report' }).waitFor()
      assert.equal((await runs()).length, 1)
      noFaults()
    },
  )

  await t.test(
    'PO71 PO72 the graph lights up, goes by arrow keys, and a step tells what it did; the list says the same',
    async () => {
      for (const id of ['fetch', 'clean', 'each', 'mend']) await stands(id, 'succeeded')
      await stands('fails', 'failed')
      await stands('ready', 'waiting')
      await stands('publish', 'pending')
      await looksGood(page, 'flows run')
      await box('fetch').focus()
      await page.keyboard.press('ArrowRight')
      assert.notEqual(await page.evaluate(() => document.activeElement?.getAttribute('data-step')), 'fetch')
      assert.equal(await page.locator('.flow-box[tabindex="0"]').count(), 1)
      await box('each').press('Enter')
      const details = page.locator('.flow-details')
      await details.getByText('3 of 3').waitFor()
      await details.getByRole('button', { name: '[1].double' }).click()
      await details.getByRole('heading', { name: 'each[1].double' }).waitFor()
      await details.getByRole('button', { name: 'Back to each' }).click()
      await looksGood(page, 'flows step')
      await page.getByText('List', { exact: true }).click()
      const rows = page.locator('.flow-steps li')
      await eventually('a row for each', async () => (await rows.count()) === 7)
      await rows.filter({ hasText: 'Failed' }).getByRole('button').click()
      await details.getByText('EXPRESSION').first().waitFor()
      noFaults()
    },
  )

  await t.test(
    'PO74 a signal and a larger budget reach the run, live in the page; what is wrong is said at its form',
    async () => {
      await page.getByText('Graph', { exact: true }).click()
      await page.getByRole('button', { name: 'Change the budget…' }).click()
      await page.getByRole('button', { name: 'Set the budget' }).click()
      await page.getByText('Give what it may cost in all').waitFor()
      const dollars = page.getByLabel('Dollars that it may cost in all')
      await dollars.fill('1')
      await page.getByRole('button', { name: 'Set the budget' }).click()
      await page.getByText('It may cost $2.00 already').waitFor()
      await dollars.fill('5')
      await page.getByRole('button', { name: 'Set the budget' }).click()
      await page.getByText('$0.00 of $5.00').waitFor()
      await page.getByRole('button', { name: 'Send a signal…' }).click()
      assert.equal(await page.getByLabel('Signal', { exact: true }).inputValue(), 'ready')
      await page.getByLabel('Value').fill('{"n": 7}')
      await page.getByRole('button', { name: 'Send it' }).click()
      await stands('publish', 'succeeded')
      await page.getByText('What it came to').waitFor()
      await page.getByText('"n": 7').first().waitFor()
      noFaults()
    },
  )

  await t.test('PO73 a page that was cut off shows the same as one that was there all the time', async () => {
    const words = async () => (await page.locator('.flow-box').allTextContents()).sort()
    const live = await words()
    await page.reload()
    await stands('publish', 'succeeded')
    assert.deepEqual(await words(), live)
  })

  await t.test(
    'PO74 a run is forked from a step with other inputs, run again, and cancelled after a question',
    async () => {
      await box('clean').click()
      await page.getByRole('button', { name: 'Fork from here…' }).click()
      await page.getByLabel('region').fill('us')
      await shot(page, 'flows fork')
      const [first] = await runs()
      await page.getByRole('button', { name: 'Fork it' }).click()
      await page.waitForURL(url => !url.pathname.endsWith(first!.id))
      await stands('fetch', 'kept')
      await page.getByRole('link', { name: 'from clean' }).waitFor()
      await stands('ready', 'waiting')
      await page.getByRole('button', { name: 'Cancel…' }).click()
      await page.getByRole('button', { name: 'Cancel the run' }).click()
      await page.locator('.flow-facts').getByText('Cancelled').waitFor()
      await stands('ready', 'stopped')
      await page.getByRole('button', { name: 'Run again' }).click()
      await eventually('a third run', async () => (await runs()).length === 3)
      await stands('fetch', 'succeeded')
      await page.getByRole('button', { name: 'Run with changes…' }).click()
      await page.getByLabel('region').waitFor()
      assert.equal(await page.getByLabel('region').inputValue(), 'us')
      noFaults()
    },
  )

  await t.test(
    'PO23 a gate with choices and a form sends them with exactly what was shown; the list finds runs by state and name',
    async () => {
      const asks = `meshbook: workflow/v1
name: refund
steps:
  review: { gate: { ask: Refund the order?, choices: [all of it, half of it] } }
  sum:
    needs: review
    gate:
      ask: How much?
      form: { type: object, required: [amount], properties: { amount: { type: integer, title: Amount }, note: { type: string } } }
output: { how: '\${{ steps.review.output }}', much: '\${{ steps.sum.output }}' }
`
      const { id } = await it.json<WorkflowRun>('POST', '/workflow-runs', { file: 'a.yaml', files: { 'a.yaml': asks } })
      await open('/portal/gates')
      const first = page.locator('.gate-card').filter({ hasText: 'Refund the order?' })
      await first.getByText('Choose one to approve').waitFor()
      await first.getByRole('button', { name: 'Approve…' }).click()
      await first.getByText('Choose one.').waitFor()
      await first.getByText('half of it').click()
      await first.getByRole('button', { name: 'Approve…' }).click()
      await first.getByRole('button', { name: 'Yes, approve' }).click()
      const card = page.locator('.gate-card').filter({ hasText: 'How much?' })
      await card.getByRole('button', { name: 'Approve…' }).click()
      await card.getByText('Give a number, such as 3').waitFor()
      await looksGood(page, 'flows gate')
      await card.getByLabel('Amount').fill('12')
      await card.getByRole('button', { name: 'Approve…' }).click()
      await card.getByRole('button', { name: 'Yes, approve' }).click()
      await eventually(
        'it ends',
        async () => (await it.json<WorkflowRun>('GET', `/workflow-runs/${id}`)).endedAt !== null,
      )
      const { items } = await it.json<{ items: Gate[] }>('GET', `/gates?run=${id}`)
      assert.deepEqual(
        items.map(({ state }) => state),
        ['approved', 'approved'],
      )
      await card.getByRole('link', { name: 'A run of a workflow' }).click()
      await page.getByText('half of it').first().waitFor()
      await page.getByText('"amount": 12').first().waitFor()
      await open('/portal/workflows')
      const rows = page.locator('.flow-row')
      await eventually('all four', async () => (await rows.count()) === 4)
      await looksGood(page, 'flows runs')
      await it.json('POST', '/workflow-runs', { file: 'a.yaml', files: { 'a.yaml': asks.replace('refund', 'later') } })
      await rows.getByText('later').waitFor()
      await eventually('it says that it asks', async () => /Asks you/.test((await rows.first().textContent()) ?? ''))
      await page.getByLabel('Find workflows by name').fill('REF')
      await eventually('one', async () => (await rows.count()) === 1)
      await page.getByLabel('State').selectOption('Failed')
      await page.getByText('No run is like that').waitFor()
      await page.getByRole('button', { name: 'Show all runs' }).click()
      await eventually('all', async () => (await rows.count()) === 5)
      await open('/portal/workflows/run_none')
      await page.getByText('No such run').waitFor()
      noFaults()
    },
  )

  await t.test(
    'PO80 PO81 PO82 a trigger is pinned from a file, shows its times, is turned off and on, and removed after a question',
    async () => {
      await open('/portal/triggers')
      await page.getByText('Nothing starts a workflow by itself yet').waitFor()
      await page.getByRole('button', { name: 'Add the first trigger' }).click()
      await page.getByRole('button', { name: 'By time' }).click()
      await page.getByText('nightly-report has 1 step').waitFor()
      await shot(page, 'triggers add')
      await page.getByRole('button', { name: 'Pin it' }).click()
      await page.locator('.once').getByText('0 6 * * MON in Europe/Paris').waitFor()
      await page.getByText('Next times and last runs').click()
      const times = page.getByRole('list', { name: 'Next times' }).getByRole('listitem')
      await eventually('five times', async () => (await times.count()) === 5)
      await page.getByText('Nothing has happened yet').waitFor()
      await looksGood(page, 'triggers')
      await page.getByRole('button', { name: 'Turn off nightly-report' }).click()
      await page.getByRole('button', { name: 'Turn on nightly-report' }).click()
      await page.getByRole('button', { name: 'Turn off nightly-report' }).waitFor()
      await page.getByRole('button', { name: 'Remove nightly-report' }).click()
      await page.getByRole('button', { name: 'Remove it' }).click()
      await page.getByText('Nothing starts a workflow by itself yet').waitFor()
      noFaults()
    },
  )
})
