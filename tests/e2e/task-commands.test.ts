/** `meshbook task` against a real hub whose worker is a script: given, watched, spoken to, stopped, repeated. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Gate } from '@meshbook/core/api.ts'
import type { Task, TaskMessage } from '@meshbook/core/tasks-api.ts'
import { command, eventually } from '../mesh-process.ts'
import { type TaskScene, taskScene } from './task-scene.ts'

const repo = 'https://git.example/me/code.git'

interface Scene extends TaskScene {
  cli(...args: string[]): ReturnType<typeof command>
}

async function scene(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<Scene> {
  const s = await taskScene(t, { env })
  return { ...s, cli: (...args) => command([...args, '--hub', s.it.hub.url], { MESHBOOK_TOKEN: s.it.token }) }
}

test('a task is given, followed with folded calls until its end, and its diff is printed', async t => {
  const s = await scene(t)
  assert.match((await s.cli('task', 'list')).stderr, /No agent has had a task yet/)
  const wish = ['--budget', '2.50', '--ask', 'shell', '--no-pull-request', '--branch', 'mended', '--base', 'main']
  const watching = s.cli('task', 'Mend the failing test', '--repo', repo, ...wish, '--watch')
  const id = await eventually('the task', async () => (await s.tasks())[0]?.id)
  const task = await s.it.json<Task>('GET', `/tasks/${id}`)
  assert.deepEqual([task.budget.microUsd, task.base, task.branch], [2_500_000, 'main', `meshbook/${id}/mended`])
  const worker = await s.worker(id)
  await worker.write(...s.turn(1, 'I run the tests.', { tool: 'shell', shown: 'npm test', output: 'one\ntwo\n' }))
  await worker.write(s.checkpoint(1), s.completed)
  const { code, stdout } = await watching
  assert.equal(code, 0)
  assert.match(stdout, /I run the tests\.\n✔ shell {2}npm test {2}\(2 lines\)\n● checkpoint/)
  assert.match(stdout, /✔ pushed meshbook\//)
  assert.doesNotMatch(stdout, /pull request/)
  assert.match((await s.cli('task', 'list')).stdout, /Done +me\/code/)
  assert.match((await s.cli('task', 'show', id, '--full')).stdout, / {4}two\n/)
  assert.match((await s.cli('task', 'diff', id)).stdout, /^diff --git/)
  const events = (await s.cli('task', 'show', id, '--json')).stdout.trim().split('\n')
  assert.deepEqual(JSON.parse(events.at(-1)!).type, 'completed')
  assert.match((await s.cli('task', 'list', '--find', 'failing me/code', '--state', 'completed')).stdout, /Done/)
  assert.match((await s.cli('task', 'list', '--state', 'failed')).stderr, /No task is like that/)
  assert.match((await s.cli('task', 'export', id)).stdout, /^# Mend the failing test\n/)
  assert.equal(JSON.parse((await s.cli('task', 'export', id, '--as', 'json')).stdout).task.id, id)
  assert.notEqual((await s.cli('task', 'delete', id)).code, 0)
  assert.equal((await s.cli('task', 'delete', id, '--yes')).code, 0)
  assert.match((await s.cli('task', 'list')).stderr, /No agent has had a task yet/)
})

test('TC2 the agents of the hub are listed, and one of them is named', async t => {
  const s = await scene(t, { MESHBOOK_TASK_AGENTS: '{"mine": {"argv": ["its-agent"]}}' })
  assert.match((await s.cli('task', 'agents')).stdout, /^meshbook +tasks that name none\nacp:mine /m)
  const given = await s.cli('task', 'Mend it', '--repo', repo, '--agent', 'acp:mine', '--json')
  assert.equal((JSON.parse(given.stdout) as Task).agent, 'acp:mine')
  assert.match(
    (await s.cli('task', 'x', '--repo', repo, '--agent', 'acp:other')).stderr,
    /there are: meshbook, acp:mine/,
  )
})

test('an agent is told something, paused, let go on and stopped; a task is repeated from one of its turns', async t => {
  const s = await scene(t)
  const given = JSON.parse((await s.cli('task', 'Mend it', '--repo', repo, '--json')).stdout) as Task
  const worker = await s.worker(given.id)
  assert.equal((await s.cli('task', 'say', given.id, 'mind the docs')).code, 0)
  assert.equal((await worker.hears('message')).text, 'mind the docs')
  await worker.write(...s.turn(1, 'Fine.'))
  for (const action of ['pause', 'continue', 'interrupt'] as const) {
    assert.equal((await s.cli('task', action, given.id)).code, 0)
    assert.equal((await worker.hears('control')).action, action)
  }
  const shown = await s.cli('task', 'show', given.id, '--no-follow')
  assert.deepEqual([shown.code, /Fine\./.test(shown.stdout)], [0, true])
  await s.cli('task', 'stop', given.id)
  await worker.write({ type: 'cancelled', at: 1, durationMs: 1, reason: 'stopped by me' })
  await eventually('the end', async () => (await s.it.json<Task>('GET', `/tasks/${given.id}`)).endedAt !== null)
  assert.equal((await s.cli('task', 'show', given.id)).code, 130)
  assert.equal((await s.cli('task', 'stop', given.id)).code, 5)
  const again = await s.cli('task', 'retry', given.id, '--turn', '1', '--prompt', 'Otherwise', '--json')
  assert.deepEqual((JSON.parse(again.stdout) as Task).from, { task: given.id, turn: 1 })
  const { items } = await s.it.json<{ items: TaskMessage[] }>('GET', `/tasks/${given.id}/messages`)
  assert.equal(items.length, 1)
})

test('an approval is decided by the digest of what is shown, and a failed task ends the command with 10', async t => {
  const s = await scene(t)
  const watching = s.cli('task', 'Mend it', '--repo', repo, '--watch')
  const id = await eventually('the task', async () => (await s.tasks())[0]?.id)
  const worker = await s.worker(id)
  const { gate, event } = s.approval('rm -rf build\n')
  await worker.write(event)
  const { digest } = JSON.parse((await s.cli('gate', 'list', '--json')).stdout) as Gate
  assert.equal((await s.cli('gate', 'approve', gate, '--digest', digest)).code, 0)
  assert.equal((await worker.hears('gate')).decision, 'approved')
  await worker.write({ type: 'gate-decided', at: Date.now(), gate, decision: 'approved', by: 'me' })
  await worker.write({
    type: 'failed',
    at: 2,
    durationMs: 1,
    error: { name: 'Agent', message: 'no way', traceback: [] },
  })
  const { code, stdout } = await watching
  assert.equal(code, 10)
  assert.match(stdout, /\? Allow shell\? .*meshbook gate approve/)
  assert.match(stdout, /approved by me/)
})

test('what is asked wrongly says what is missing', async t => {
  const s = await scene(t)
  assert.equal((await s.cli('task', '--repo', repo)).code, 2)
  assert.equal((await s.cli('task', 'Mend it')).code, 2)
  assert.equal((await s.cli('task', 'Mend it', '--repo', repo, '--budget', 'much')).code, 2)
  assert.notEqual((await s.cli('task', 'show', 'run_none')).code, 0)
})
