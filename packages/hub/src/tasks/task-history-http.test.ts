/** What is kept of tasks, how it is taken away, and how it goes (TK44–TK47). */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { newId, parseId, parseRunId, type RunId, systemRandom } from '@meshbook/core/ids.ts'
import type { Retention, Task } from '@meshbook/core/tasks-api.ts'
import { completed, ScriptedSandboxes, turnBegan } from '../testing/scripted-tasks.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '../testing/test-hub.ts'
import { addTestUser, makeMember } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'
import { clearLeftTasks } from './left-tasks.ts'

const repo = 'https://git.example/me/code.git'
const secret = `ghp_${'A'.repeat(36)}`

interface World {
  it: TestHub
  sandboxes: ScriptedSandboxes
  give(prompt: string): Promise<Task>
  ended(prompt: string): Promise<Task>
}

async function world(t: TestContext, options: TestHubOptions = {}): Promise<World> {
  const sandboxes = new ScriptedSandboxes()
  const it = await startTestHub(t, {
    ...options,
    limits: { workerLookMs: 20, ...options.limits },
    taskWork: sandboxes.work,
  })
  const give = (prompt: string) => it.json<Task>('POST', '/tasks', { repo, prompt })
  return {
    it,
    sandboxes,
    give,
    ended: async prompt => {
      const { id } = await give(prompt)
      const worker = await (await sandboxes.workerOf(id)).join()
      await worker.write(
        { type: 'heard', id: 'first', by: 'me', text: prompt },
        turnBegan,
        { type: 'said', turn: 1, as: 'text', text: `my key is ${secret.slice(0, 9)}` },
        { type: 'said', turn: 1, as: 'text', text: `${secret.slice(9)}, so` },
        completed,
      )
      await until(async () => (await it.json<Task>('GET', `/tasks/${id}`)).endedAt !== null)
      await until(() => ![...sandboxes.open.values()].some(({ task }) => task === id))
      return it.json<Task>('GET', `/tasks/${id}`)
    },
  }
}

test('TK44 tasks are found by words of their prompt and repository, and by their state', async t => {
  const { it, give, ended } = await world(t)
  const done = await ended('Mend the test')
  const open = await give('Write the docs')
  const found = async (query: string) =>
    (await it.json<{ items: Task[] }>('GET', `/tasks?${query}`)).items.map(({ id }) => id)
  assert.deepEqual(await found('find=mend%20me/code'), [done.id])
  assert.deepEqual(await found('find=docs'), [open.id])
  assert.deepEqual(await found('find=nothing'), [])
  assert.deepEqual(await found('state=completed'), [done.id])
  assert.equal((await it.api('GET', '/tasks?state=odd')).status, 400)
  assert.equal((await it.api('GET', `/tasks?find=${'x'.repeat(200)}`)).status, 400)
})

test('TK45 a task is taken away as Markdown or JSON, and what looks like a credential is in neither', async t => {
  const { it, ended } = await world(t)
  const { id } = await ended('Mend the test')
  const take = async (as: string) => {
    const answer = await it.api('GET', `/tasks/${id}/export?as=${as}`)
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-disposition')!, /^attachment/)
    return answer.text()
  }
  const [markdown, json] = [await take('markdown'), await take('json')]
  for (const text of [markdown, json]) {
    assert.ok(!text.includes(secret.slice(12)), text)
    assert.match(text, /my key is ⟨secret⟩, so/)
  }
  assert.match(markdown, /^# Mend the test\n/)
  assert.match(markdown, /\*\*Done\*\*/)
  const whole = JSON.parse(json) as { format: string; task: Task; events: { seq: number; type: string }[] }
  assert.deepEqual([whole.format, whole.task.id, whole.events.at(-1)!.type], ['meshbook-task/1', id, 'completed'])
  assert.equal((await it.api('GET', `/tasks/${id}/export?as=exe`)).status, 400)
})

test('TK46 a task that has ended is deleted by its owner alone, with its log; one that goes on is not', async t => {
  const { it, sandboxes, give, ended } = await world(t)
  const runner = await addTestUser(it, 'runner')
  await makeMember(it, runner, ['runner'])
  const { id } = await ended('Mend the test')
  const open = await give('Go on')
  const refused = await it.api('DELETE', `/tasks/${open.id}`)
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [409, 'CONFLICT'])
  const headers = { authorization: `Bearer ${runner.token}` }
  assert.equal((await it.api('GET', `/tasks/${id}`, undefined, headers)).status, 200)
  assert.equal((await it.api('DELETE', `/tasks/${id}`, undefined, headers)).status, 403)
  assert.equal((await it.api('DELETE', `/tasks/${id}`)).status, 204)
  assert.deepEqual(sandboxes.dropped, [id])
  for (const path of ['', '/messages', '/export', '/folder'])
    assert.equal((await it.api('GET', `/tasks/${id}${path}`)).status, 404, path)
  assert.equal((await it.api('GET', `/runs/${id}/events`)).status, 404)
  assert.equal((await it.api('DELETE', `/tasks/${id}`)).status, 404)
  const { items } = await it.json<{ items: { action: string; target: string }[] }>('GET', '/audit?action=task-deleted')
  assert.deepEqual(
    items.map(({ target }) => target),
    [id],
  )
})

test('TK33 TK46 what is kept of a task that another hub deleted or ended goes; one that was just made, or is in work, stays', async () => {
  const org = parseId('org', newId('org', 1, systemRandom))
  const tasks = ['deleted', 'new', 'busy', 'ended', 'over', 'open'].map(name => parseRunId(`task-${name}`))
  const [deleted, fresh, busy, ended, over, open] = tasks as [RunId, RunId, RunId, RunId, RunId, RunId]
  const rows = new Map([ended, over, open].map(id => [id, { org, id, isOver: id !== open }]))
  const done: string[] = []
  await clearLeftTasks({
    store: {
      // Made after what is kept was listed, before the rows are.
      query: (async (_name: string, { ids }: { ids: RunId[] }) => {
        rows.set(fresh, { org, id: fresh, isOver: false })
        return ids.flatMap(id => rows.get(id) ?? [])
      }) as never,
    },
    delivery: {
      kept: () => tasks.map(id => ({ org, id, isOver: id === over })),
      drop: async ({ id }) => void done.push(`drop ${id}`),
      forget: async ({ id }) => void done.push(`forget ${id}`),
    },
    isBusy: id => id === busy,
  })
  assert.deepEqual(done, [`drop ${deleted}`, `forget ${ended}`])
})

test('TK46 a hub looks by itself for what it keeps of tasks that are gone', async t => {
  const { sandboxes, ended } = await world(t, { limits: { taskFoldersLookMs: 24 } })
  const { id } = await ended('Mend the test')
  const gone = parseRunId(newId('run', 1, systemRandom))
  const { org } = sandboxes.kept.get(id)!
  sandboxes.kept.set(gone, { org, id: gone, isOver: true })
  await until(() => !sandboxes.kept.has(gone))
  assert.deepEqual([[...sandboxes.kept.keys()], sandboxes.dropped], [[id], [gone]])
})

test('TK47 RU43 a project keeps its logs for as long as it says, else as the hub does; what the task was stays', async t => {
  const { it, ended } = await world(t, { limits: { runRetentionMs: 200 } })
  const path = `/projects/${it.project.id}/retention`
  assert.deepEqual(await it.json<Retention>('GET', path), { days: null, hubDays: 30 })
  assert.equal((await it.json<Retention>('PUT', path, { days: 90 })).days, 90)
  for (const days of [0, 1.5, 4_000, '7']) assert.equal((await it.api('PUT', path, { days })).status, 400)
  const { id } = await ended('Mend the test')
  const isKept = async () =>
    (await it.api('GET', `/tasks/${id}/export?as=json`)).text().then(text => text.includes('"isLogKept":true'))
  it.clock.offsetMs += 40 * 86_400_000
  await new Promise(resolve => setTimeout(resolve, 600))
  assert.equal(await isKept(), true)
  await it.json('PUT', path, { days: 7 })
  await until(async () => !(await isKept()))
  it.clock.offsetMs += 500 * 86_400_000
  await new Promise(resolve => setTimeout(resolve, 600))
  assert.equal((await it.json<Task>('GET', `/tasks/${id}`)).prompt, 'Mend the test')
  assert.match(await (await it.api('GET', `/tasks/${id}/export`)).text(), /not kept any more/)
})
