/**
 * A task whose agent is somebody else's program, from its order to the branch: the operator names the program, it speaks the
 * Agent Client Protocol and asks a scripted model by the hub's gateway, in a real sandbox, with real git.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Gate } from '@meshbook/core/api.ts'
import { type Task, taskSchema } from '@meshbook/core/tasks-api.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import * as v from 'valibot'
import { acpTaskArgv, acpTaskFiles } from '../agents/acp-task-repository.ts'
import { GithubApi } from '../git-hosts/github-api.ts'
import { eventually } from '../mesh-process.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { bubblewrap } from '../sandbox/driver-beds.ts'

const canary = 'sk-canary-of-a-model-91ce'
const agents = { small: { argv: acpTaskArgv } }

test('TK40, TW40–TW43 an agent of somebody else asks its model, edits, is approved, and its branch is pushed', {
  skip: bubblewrap.skip,
}, async t => {
  const github = await GithubApi.start(t)
  github.pulls.set('me/code', [])
  const repo = await github.remote.repository('me/code', acpTaskFiles)
  const models = await startModelServer({ script: () => ({ say: '42' }), key: canary })
  t.after(() => models.close())
  const it = await startTestHub(t, {
    env: {
      MESHBOOK_COMPUTE: 'process',
      MESHBOOK_ANTHROPIC_URL: models.url,
      MESHBOOK_GIT_INSIDE: 'yes',
      MESHBOOK_GIT_HOSTS: `github=${new URL(repo).host}`,
      MESHBOOK_TASK_AGENTS: JSON.stringify(agents),
    },
    limits: { workerLookMs: 200 },
  })
  await it.json('PUT', '/keys/model', { kind: 'anthropic', value: canary })
  await it.json('PUT', '/keys/code', { kind: 'git', at: new URL(repo).host, value: github.token })

  const order = { repo, prompt: 'What is the answer?', agent: 'acp:small', model: 'claude-sonnet-4-6' }
  const { id, branch } = await it.json<Task>('POST', '/tasks', { ...order, tools: { write: 'ask' } })
  const { id: asked } = await eventually(
    'a person is asked',
    async () => (await it.json<{ items: Gate[] }>('GET', `/gates?run=${id}`)).items[0],
    120_000,
  )
  const gate = await it.json<Gate>('GET', `/gates/${asked}`)
  assert.match(gate.shown!, /export const answer = 42/)
  await it.json('POST', `/gates/${gate.id}/decide`, { decision: 'approved', digest: gate.digest, nonce: gate.nonce })

  const look = async () => {
    const seen = v.parse(taskSchema, await it.json('GET', `/tasks/${id}`))
    return seen.endedAt !== null && seen
  }
  const task = await eventually('the task has ended', look, 120_000)
  const log = await (await it.api('GET', `/runs/${id}/events`)).text()
  assert.equal(task.state, 'completed', `${log.slice(-3_000)}${it.logged.slice(-20).join('')}`)
  assert.deepEqual(task.changed, { files: 1, added: 1, removed: 1 })
  const refs = await github.remote.refs('me/code')
  assert.equal(refs[`refs/heads/${branch}`], task.commit, 'the branch is at the host')
  assert.equal(github.pulls.get('me/code')?.length, 1)
  assert.equal(models.billed.length, 1)
  assert.ok(task.microUsd > 0, 'what it cost is by the ledger')
  for (const secret of [canary, github.token]) assert.ok(!(log + it.logged.join('')).includes(secret))
})
