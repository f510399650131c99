/** Tasks on the phone, by touch, against a real hub whose worker is a script (packages/web/src/phone/SPEC.md: PH90–PH93). */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventually } from '../mesh-process.ts'
import { linkOf, looksGood, openPhone, type Phone, webFolder } from './phone-scene.ts'
import { repo, type TaskScene, taskScene } from './task-scene.ts'

interface Scene extends TaskScene {
  phone: Phone
}

async function scene(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<Scene> {
  const s = await taskScene(t, { webFolder, env })
  return { ...s, phone: await openPhone(t, await linkOf(s.it)) }
}

test('PH90 PH93 a task is given on the phone, seen live, told something, and approved there', async t => {
  const s = await scene(t)
  const { page, tap, open, faults } = s.phone
  await open('/m/runs')
  await page.locator('.row', { hasText: 'Work that an agent does' }).tap()
  await page.getByText('No task yet').waitFor()
  await looksGood(page, 'phone tasks empty')
  await tap('Give the first task', 'link')
  await page.getByLabel('What is to be done').fill('Mend the failing test')
  await page.getByLabel('Repository').fill(repo)
  await looksGood(page, 'phone new task')
  await tap('Give it')
  await page.waitForURL(url => /^\/m\/tasks\/run_/.test(url.pathname))
  const id = await eventually('the hub has it', async () => (await s.tasks())[0]?.id)
  const worker = await s.worker(id)
  await worker.write({ type: 'heard', id: 'first', by: 'me', text: 'Mend the failing test' })
  const use = { tool: 'shell', shown: 'npm test', output: 'not ok\n', ok: false }
  await worker.write(...s.turn(1, 'I run **the tests**.', use), s.checkpoint(1))
  await page.locator('.task-said strong').waitFor()
  await page.locator('.task-tool summary').tap()
  await page.getByText('not ok').waitFor()
  await looksGood(page, 'phone task')
  await page.getByRole('tab', { name: /^Changes/ }).tap()
  await page.locator('.task-line.added').first().waitFor()
  await looksGood(page, 'phone task changes')
  await page.getByRole('tab', { name: 'What it does' }).tap()
  await page.getByRole('textbox', { name: 'Tell the agent something' }).fill('mind the docs')
  await tap('Send')
  const told = await worker.hears('message')
  await worker.write({ type: 'heard', id: told.id, by: 'me', text: told.text }, ...s.turn(2, 'I mind them.'))
  await page.getByText('heard at turn 2').waitFor()
  const { gate, event } = s.approval('rm -rf build\n')
  await worker.write(event)
  await page.locator('.row', { hasText: 'Allow shell?' }).tap()
  await page.waitForURL(url => url.pathname === `/m/gates/${gate}`)
  await looksGood(page, 'phone task gate')
  await tap('Approve…')
  await tap('Yes, approve')
  assert.equal((await worker.hears('gate')).decision, 'approved')
  await worker.write({ type: 'gate-decided', at: Date.now(), gate, decision: 'approved', by: 'me' })
  await page.locator('.row', { hasText: 'A task of an agent' }).tap()
  await page.waitForURL(url => url.pathname === `/m/tasks/${id}`)
  await page.getByText('Allow shell? approved by me').waitFor()
  await worker.write(...s.turn(3, 'Done.'), s.completed)
  await page.getByRole('button', { name: 'Do it again' }).waitFor()
  await tap('Back')
  await open('/m/tasks')
  await page.locator('.task-row', { hasText: 'Done' }).waitFor()
  await looksGood(page, 'phone tasks')
  assert.deepEqual(faults, [])
})

test('PH90 PH91 PH92 TP22 a task that is written offline, for one of several agents, waits on the phone, also over a reload, and is sent once', async t => {
  const s = await scene(t, { MESHBOOK_TASK_AGENTS: '{"mine": {"argv": ["its-agent"]}}' })
  const { page, context, tap, open } = s.phone
  await open('/m/tasks/new')
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  const offline = page.getByText('You are offline.')
  const give = async (prompt: string) => {
    await page.getByLabel('What is to be done').fill(prompt)
    await page.getByLabel('Repository').fill(repo)
    await page.getByLabel('Agent').selectOption('mine')
    await tap('Give it')
    await page.getByText('Queued on this phone').first().waitFor()
  }
  await context.setOffline(true)
  await offline.waitFor()
  await give('one')
  await looksGood(page, 'phone task queued')
  await page.reload()
  await page.getByText('Queued on this phone').first().waitFor()
  await open('/m/tasks/new')
  await give('two')
  await tap('Drop it')
  await open('/m/tasks')
  const queued = page.locator('.task-queued .task-row-title')
  await eventually('the first waits alone', async () => (await queued.allTextContents()).join() === 'one')
  assert.deepEqual(await s.tasks(), [])
  await context.setOffline(false)
  await eventually('the hub has it', async () => (await s.tasks()).length === 1)
  await page.locator('.task-row', { hasText: 'one' }).waitFor()
  await eventually('nothing is queued', async () => (await page.locator('.task-queued').count()) === 0)
  await page.reload()
  await page.locator('.task-row', { hasText: 'one' }).waitFor()
  assert.deepEqual(
    (await s.tasks()).map(({ prompt, agent }) => [prompt, agent]),
    [['one', 'acp:mine']],
  )
})
