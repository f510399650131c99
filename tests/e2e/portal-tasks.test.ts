/** The portal in real Chromium at a real hub whose worker is a script (packages/web/src/tasks/SPEC.md, portal/SPEC.md). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Task, TaskMessage } from '@meshbook/core/tasks-api.ts'
import { openBrowser } from '../browser.ts'
import { eventually } from '../mesh-process.ts'
import { webFolder } from './phone-scene.ts'
import { looksGood, portalScene } from './portal-scene.ts'
import { diffText, repo, taskScene } from './task-scene.ts'

test('PO1 TP10 TP21 an empty portal teaches; a task is given by keys and its page opens', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  await s.open('/portal')
  await page.getByText('No task yet').waitFor()
  await looksGood(page, 'portal empty')
  await page.getByRole('link', { name: 'Give the first task' }).click()
  await page.getByLabel('What is to be done').waitFor()
  await page.getByRole('button', { name: 'Give it' }).click()
  await page.getByText('Say what is to be done.').waitFor()
  await page.getByLabel('What is to be done').fill('Mend the failing test')
  await page.getByLabel('Repository').fill(repo)
  await page.reload()
  assert.equal(await page.getByLabel('What is to be done').inputValue(), 'Mend the failing test')
  assert.equal(await page.getByLabel('Agent').count(), 0, 'there is one alone')
  await page.getByLabel('Budget in dollars').fill('2.50')
  await page.getByLabel('Run commands').selectOption('ask')
  await looksGood(page, 'portal new')
  await page.getByLabel('Begin from branch').focus()
  await page.keyboard.press('Enter')
  await page.waitForURL(url => /^\/portal\/tasks\/run_/.test(url.pathname))
  const [task] = await s.tasks()
  assert.deepEqual([task!.prompt, task!.budget.microUsd], ['Mend the failing test', 2_500_000])
  await page.goBack()
  assert.equal(await page.getByLabel('What is to be done').inputValue(), '')
  assert.deepEqual(faults, [])
})

test('TP22 of several agents one is chosen', async t => {
  const s = await portalScene(t, { MESHBOOK_TASK_AGENTS: '{"mine": {"argv": ["its-agent"]}}' })
  const { page } = s
  await s.open('/portal/tasks/new')
  const choice = page.getByLabel('Agent')
  await choice.waitFor()
  assert.deepEqual(await choice.locator('option').allTextContents(), ['Meshbook, the hub’s own', 'mine'])
  await choice.selectOption('mine')
  await looksGood(page, 'portal new with agents')
  await page.getByLabel('What is to be done').fill('Mend it')
  await page.getByLabel('Repository').fill(repo)
  await page.getByRole('button', { name: 'Give it' }).click()
  await page.waitForURL(url => /^\/portal\/tasks\/run_/.test(url.pathname))
  assert.equal((await s.tasks())[0]?.agent, 'acp:mine')
})

test('TP1 TP2 TP3 TP4 TP13 a task is seen live: what it says, its calls, a decision, its cost and its changes, and the same after a reload', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  const { id } = await s.give('Mend the failing test')
  await s.open(`/portal/tasks/${id}`)
  await page.getByText('It begins as soon as it has a worker').waitFor()
  const worker = await s.worker(id)
  await worker.write(
    { type: 'workspace', repo, branch: `meshbook/${id}/mend`, base: 'a'.repeat(40), agent: 'meshbook' },
    { type: 'heard', id: 'first', by: 'me', text: 'Mend the failing test' },
    { type: 'turn-began', turn: 1, model: 'claude-sonnet-4-5' },
    { type: 'said', turn: 1, as: 'text', text: 'I look at **the' },
  )
  await page.getByText('I look at **the').waitFor()
  const [, , , ended, ...uses] = s.turn(1, 'I look at **the test**.', {
    tool: 'shell',
    shown: 'npm test',
    output: 'not ok 1 - sum\n<script>alert(1)</script>\n',
    ok: false,
  })
  await worker.write(ended!, ...uses)
  await page.locator('.task-said strong', { hasText: 'the test' }).waitFor()
  const call = page.locator('.task-tool', { hasText: 'npm test' })
  assert.equal(await call.getAttribute('data-state'), 'failed')
  await call.locator('summary').click()
  await call.getByText('<script>alert(1)</script>').waitFor()
  await call.locator('summary').click()
  await worker.write(s.checkpoint(1))
  await page.locator('.task-line.added', { hasText: 'return a + b' }).waitFor()
  assert.match(diffText, /return a \+ b/)
  const { gate, event } = s.approval('rm -rf \u202e/build\n')
  await worker.write(event)
  const card = page.locator('.gate-card')
  assert.equal(await card.locator('mark').textContent(), '⟨U+202E⟩')
  await page.getByText('Needs you').first().waitFor()
  await looksGood(page, 'portal task')
  await card.getByRole('button', { name: 'Approve' }).click()
  assert.equal((await worker.hears('gate')).decision, 'approved')
  await worker.write({ type: 'gate-decided', at: Date.now(), gate, decision: 'approved', by: 'me' })
  await page.getByText('Allow shell? approved by me').waitFor()
  await page.getByText('$0.00 of $5.00').first().waitFor()
  await worker.write(...s.turn(2, 'It is mended.'), s.checkpoint(2), s.completed)
  await page.getByText(/^Done after/).waitFor()
  await page.getByRole('link', { name: 'Pull request #1' }).first().waitFor()
  const shown = await page.locator('.task-items').first().innerText()
  await page.reload()
  await page.getByText(/^Done after/).waitFor()
  assert.equal(await page.locator('.task-items').first().innerText(), shown)
  await looksGood(page, 'portal done')
  assert.deepEqual(faults, [])
})

test('TP1 a stream that is cut loses and doubles nothing', async t => {
  const s = await portalScene(t)
  const { page } = s
  const { id } = await s.give('Count')
  await s.open(`/portal/tasks/${id}`)
  const worker = await s.worker(id)
  const say = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => ({
      ...({ type: 'said', turn: 1, as: 'text' } as const),
      text: `word${from + n} `,
    }))
  await worker.write({ type: 'turn-began', turn: 1, model: 'm' }, ...say(0, 50))
  await page.getByText('word49').waitFor()
  await page.context().setOffline(true)
  await worker.write(...say(50, 100))
  await page.context().setOffline(false)
  await page.getByText('word99').waitFor()
  const said = await page.locator('.task-said').innerText()
  assert.deepEqual(
    said.trim().split(/\s+/),
    Array.from({ length: 100 }, (_, n) => `word${n}`),
  )
})

test('TP11 TP12 TP14 it is told something with a receipt, interrupted, let go on, stopped after a question, and forked', async t => {
  const s = await portalScene(t)
  const { page, faults } = s
  const { id } = await s.give('Mend it')
  await s.open(`/portal/tasks/${id}`)
  const worker = await s.worker(id)
  await worker.write({ type: 'heard', id: 'first', by: 'me', text: 'Mend it' }, ...s.turn(1, 'Fine.'))
  const box = page.getByRole('textbox', { name: 'Tell the agent something' })
  await box.fill('mind the docs')
  await page.keyboard.press('Control+Enter')
  await page.getByText('Not heard yet').waitFor()
  const told = await worker.hears('message')
  await page.reload()
  await page.getByText('Not heard yet').waitFor()
  await worker.write({ type: 'heard', id: told.id, by: 'me', text: told.text }, ...s.turn(2, 'I mind them.'))
  await page.getByText('heard at turn 2').waitFor()
  await eventually('the message stands once', async () => (await page.getByText('mind the docs').count()) === 1)
  assert.equal(await page.getByText('Not heard yet').count(), 0)
  await page.getByRole('button', { name: 'Interrupt' }).click()
  assert.equal((await worker.hears('control')).action, 'interrupt')
  await worker.write({ type: 'paused', by: 'me', interrupted: true })
  await page.getByRole('button', { name: 'Continue' }).click()
  await eventually('it is told', () => worker.told.some(one => one.type === 'control' && one.action === 'continue'))
  await worker.write({ type: 'unpaused', by: 'me' })
  await page.getByRole('button', { name: 'From turn 1…' }).click()
  await page.getByLabel(/A new task keeps/).fill('Otherwise')
  await page.getByRole('button', { name: 'Start it' }).click()
  await page.waitForURL(url => !url.pathname.endsWith(id))
  await page.getByText('Otherwise').first().waitFor()
  const fork = (await s.tasks()).find(task => task.from !== null)
  assert.deepEqual(fork?.from, { task: id, turn: 1 })
  await page.goBack()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByRole('button', { name: 'Stop it' }).click()
  await eventually('it is told', () => worker.told.some(one => one.type === 'control' && one.action === 'stop'))
  await worker.write({ type: 'cancelled', at: 1, durationMs: 1, reason: 'stopped by me' })
  await page.getByRole('button', { name: 'Do it again' }).waitFor()
  const { items } = await s.it.json<{ items: TaskMessage[] }>('GET', `/tasks/${id}/messages`)
  assert.equal(items.length, 1)
  assert.deepEqual(faults, [])
})

test('TP5 the list shows states, cost and places in the queue, and follows', async t => {
  const s = await portalScene(t, { MESHBOOK_TASKS_AT_ONCE: '1' })
  const { page, faults } = s
  const given: Task[] = []
  for (const prompt of ['one', 'two', 'three']) given.push(await s.give(prompt))
  const worker = await s.worker(given[0]!.id)
  await worker.write(...s.turn(1, 'I begin.'))
  await s.open('/portal/')
  const row = (text: string) => page.locator('.task-row', { hasText: text })
  await row('one').getByText('Working').waitFor()
  await row('two').getByText('Queued, next').waitFor()
  await row('three').getByText('Queued, 1 before it').waitFor()
  await looksGood(page, 'portal list')
  await worker.write({
    type: 'failed',
    at: 2,
    durationMs: 1,
    error: { name: 'Agent', message: 'no way', traceback: [] },
  })
  await row('one').getByText('Failed').waitFor()
  const next = await s.worker(given[1]!.id)
  await next.write(...s.turn(1, 'I begin.'))
  await row('two').getByText('Working').waitFor()
  await page.getByRole('link', { name: 'Runs' }).click()
  await page.getByRole('link', { name: 'Task of an agent' }).first().waitFor()
  await looksGood(page, 'portal runs')
  await page.getByRole('link', { name: 'Devices' }).click()
  await page.getByText('No device yet').waitFor()
  await page.getByRole('link', { name: 'Notebooks' }).click()
  await page.waitForURL(url => url.pathname === '/')
  assert.deepEqual(faults, [])
})

test('PO3 who is not signed in comes back to the page', async t => {
  const s = await taskScene(t, { webFolder })
  const { page } = await openBrowser(t)
  await page.goto(`${s.it.hub.url}/portal/runs`)
  await page.waitForURL(url => url.pathname === '/signin' && url.searchParams.get('to') === '/portal/runs')
})
