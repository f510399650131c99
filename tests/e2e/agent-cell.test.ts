/**
 * A cell that an agent asks for, with a real worker in a sandbox, a scripted model, and a device that does what the test
 * says: a person agrees to its words, the hub is restarted while it waits, and the model is told what it printed, once.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Gate, type Run, runSchema } from '@meshbook/core/api.ts'
import { cellWords } from '@meshbook/core/cell-request.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { type Task, taskSchema } from '@meshbook/core/tasks-api.ts'
import { completed, started, stdout, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import * as v from 'valibot'
import { GithubApi } from '../git-hosts/github-api.ts'
import { eventually } from '../mesh-process.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { answers, type Script } from '../model-server/script.ts'
import { bubblewrap } from '../sandbox/driver-beds.ts'

const key = 'sk-of-a-model'
const waitMs = 120_000
const cell = { notebook: 'data.md', language: 'python', code: 'print(6 * 7)' }

const asksOnce: Script = ask => {
  const [last] = answers(ask)
  return last
    ? { say: `It says: ${last.text}` }
    : { say: 'I ask the data.', calls: [{ tool: 'notebook_cell', input: cell }] }
}

async function hubWithModels(t: TestContext): Promise<{ it: TestHub; repo: string }> {
  const github = await GithubApi.start(t)
  const repo = await github.remote.repository('me/code', { 'README.md': '# Code\n' })
  const models = await startModelServer({ script: asksOnce, key })
  t.after(() => models.close())
  const it = await startTestHub(t, {
    env: {
      MESHBOOK_COMPUTE: 'process',
      MESHBOOK_ANTHROPIC_URL: models.url,
      MESHBOOK_GIT_INSIDE: 'yes',
      MESHBOOK_GIT_HOSTS: `github=${new URL(repo).host}`,
    },
    limits: { workerLookMs: 200 },
  })
  await it.json('PUT', '/keys/model', { kind: 'anthropic', value: key })
  await it.json('PUT', '/keys/code', { kind: 'git', at: new URL(repo).host, value: github.token })
  return { it, repo }
}

async function eventsOf(it: TestHub, id: string): Promise<TaskEvent[]> {
  const text = await (await it.api('GET', `/runs/${id}/events`)).text()
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as RunEvent)
  return events.flatMap(event => (event.type === 'task' ? [event.event] : []))
}

test('TK50, TK51, TK54, AL47 an agent in a sandbox has a cell run on a device, after a person agreed and the hub was restarted', {
  skip: bubblewrap.skip,
}, async t => {
  const { it, repo } = await hubWithModels(t)
  await it.document(cell.notebook, '# Data\n')
  const order = { repo, prompt: 'What does the data say?', model: 'claude-sonnet-4-6', pullRequest: false }
  const { id } = await it.json<Task>('POST', '/tasks', { ...order, project: it.project.id })
  const gate = await eventually(
    'it asks',
    async () => (await it.json<{ items: Gate[] }>('GET', `/gates?run=${id}&state=open`)).items[0],
    waitMs,
  )
  const { shown } = await it.json<{ shown: string }>('GET', `/gates/${gate.id}`)
  assert.equal(shown, cellWords(cell))
  assert.deepEqual(gate.deciders, ['me'])
  const { nonce, digest } = gate
  await it.json('POST', `/gates/${gate.id}/decide`, { decision: 'approved', nonce, digest })
  const cells = async () =>
    (await it.json<{ items: Run[] }>('GET', '/runs')).items.filter(({ kind }) => kind === 'cell')
  const waiting = await eventually('it waits for a device', async () => (await cells())[0], waitMs)
  assert.equal(waiting.status, 'queued')

  await it.restart()
  const desk = new TestDevice('Desk')
  await it.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, it.hub, [it.project.id])
  const { lease } = await desk.next('LEASE')
  assert.deepEqual([lease.run, lease.code, lease.requestedBy], [waiting.id, cell.code, 'me'])
  await desk.emit(lease, 1, [started, stdout('42\n'), completed])

  const task = await eventually(
    'the task has ended',
    async () => {
      const seen = v.parse(taskSchema, await it.json('GET', `/tasks/${id}`))
      return seen.endedAt !== null && seen
    },
    waitMs,
  )
  const events = await eventsOf(it, id)
  assert.equal(task.state, 'completed', JSON.stringify(events.slice(-4)))
  const content = `Run ${waiting.id} on Desk: completed.\n\n42`
  assert.deepEqual(
    events.flatMap(event => (event.type === 'tool-ended' ? [[event.ok, event.content]] : [])),
    [[true, content]],
  )
  assert.deepEqual(
    new Set(events.flatMap(event => (event.type === 'tool-run' ? [event.run] : []))),
    new Set([waiting.id]),
  )
  const finished = events.find(({ type }) => type === 'finished')
  assert.equal(finished?.type === 'finished' && finished.summary, `It says: ${content}`)
  assert.equal((await cells()).length, 1, 'it ran once')
  assert.equal(v.parse(runSchema, await it.json('GET', `/runs/${waiting.id}`)).status, 'completed')
})
