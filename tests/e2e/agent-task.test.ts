/**
 * An agent task from its order to its pull request, with everything real but the model and the git host's API: a scripted
 * model mends a failing test of a repository of 200 files in a sandbox, and nothing is left of it but the branch.
 */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { runSchema } from '@meshbook/core/api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { noTaskState, stepTask } from '@meshbook/core/task-state.ts'
import { type Task, taskSchema } from '@meshbook/core/tasks-api.ts'
import { makeImage } from '@meshbook/hub/compute/image/make-image.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import { version } from '@meshbook/hub/version.ts'
import * as v from 'valibot'
import { noDocker, TestEngine } from '../contract/docker-engine.ts'
import { GithubApi } from '../git-hosts/github-api.ts'
import { eventually } from '../mesh-process.ts'
import { mending } from '../model-server/mending.ts'
import { type ModelServer, startModelServer } from '../model-server/model-server.ts'
import { bubblewrap } from '../sandbox/driver-beds.ts'

const root = join(import.meta.dirname, '../..')
const canary = 'sk-canary-of-a-model-7f3a'
const endMs = 180_000

/** A small program among many files, with a test that fails. */
const files: Record<string, string> = {
  ...Object.fromEntries(
    Array.from({ length: 220 }, (_, number) => [`lib/part${number}.js`, `export const part = ${number}\n`]),
  ),
  'answer.js': 'export const answer = 41\n',
  'test.js': `import { answer } from './${'answer'}.js'
if (answer === 42) console.log('pass')
else { console.log('expected 42, got ' + answer); process.exit(1) }
`,
  'package.json': '{"type":"module"}\n',
}

interface Scene {
  it: TestHub
  github: GithubApi
  models: ModelServer
  repo: string
}

async function scene(t: TestContext, env: NodeJS.ProcessEnv): Promise<Scene> {
  const github = await GithubApi.start(t)
  github.pulls.set('me/code', [])
  const repo = await github.remote.repository('me/code', files)
  const models = await startModelServer({ script: mending({ path: 'answer.js', test: 'node test.js' }), key: canary })
  t.after(() => models.close())
  const it = await startTestHub(t, {
    env: {
      ...env,
      MESHBOOK_ANTHROPIC_URL: models.url,
      MESHBOOK_GIT_INSIDE: 'yes',
      MESHBOOK_GIT_HOSTS: `github=${new URL(repo).host}`,
    },
    limits: { workerLookMs: 200 },
  })
  await it.json('PUT', '/keys/model', { kind: 'anthropic', value: canary })
  await it.json('PUT', '/keys/code', { kind: 'git', at: new URL(repo).host, value: github.token })
  return { it, github, models, repo }
}

async function ended({ it }: Scene, id: string): Promise<Task> {
  let seen: Task | undefined
  const look = async () => {
    seen = v.parse(taskSchema, await it.json('GET', `/tasks/${id}`))
    return seen.endedAt !== null && seen
  }
  return eventually('the task has ended', look, endMs).catch(thrown => {
    throw new Error(`${(thrown as Error).message}: ${JSON.stringify(seen)} ${it.logged.slice(-20).join('')}`)
  })
}

async function logOf({ it }: Scene, id: string): Promise<RunEvent[]> {
  const { seq } = v.parse(runSchema, await it.json('GET', `/runs/${id}`))
  const text = await (await it.api('GET', `/runs/${id}/events`)).text()
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as RunEvent)
  assert.equal(events.length, seq)
  return events
}

const told = (events: readonly RunEvent[]): TaskEvent[] =>
  events.flatMap(event => (event.type === 'task' ? [event.event] : []))

async function mends(t: TestContext, env: NodeJS.ProcessEnv): Promise<void> {
  const s = await scene(t, env)
  const order = { repo: s.repo, prompt: 'Mend the failing test: node test.js', model: 'claude-sonnet-4-6' }
  const { id, branch } = await s.it.json<Task>('POST', '/tasks', order)
  const task = await ended(s, id)
  const log = await logOf(s, id)
  assert.equal(
    task.state,
    'completed',
    `${JSON.stringify(log.slice(-6))}\n${s.it.logged
      .filter(line => !line.includes('"request"'))
      .slice(-40)
      .join('')}`,
  )

  const refs = await s.github.remote.refs('me/code')
  assert.equal(refs[`refs/heads/${branch}`], task.commit, 'the branch is at the host')
  const pulls = s.github.pulls.get('me/code') ?? []
  assert.equal(pulls.length, 1)
  assert.equal(task.pullRequest?.number, pulls[0]?.number)
  assert.deepEqual(task.changed, { files: 1, added: 1, removed: 1 })

  const state = told(log).reduce(stepTask, noTaskState)
  assert.deepEqual(
    [state.commit, state.turn, state.usage],
    [task.commit, task.turn, task.usage],
    'the log replays to the same',
  )
  assert.ok(task.microUsd > 0 && s.models.billed.length === task.turn, 'what it cost is by the ledger')
  const { files: changed, text } = await s.it.json<{ files: { path: string }[]; text: string }>(
    'GET',
    `/tasks/${id}/diff`,
  )
  assert.deepEqual(
    changed.map(({ path }) => path),
    ['answer.js'],
  )
  assert.match(text, /^-export const answer = 41$/m)

  const all = JSON.stringify(log) + s.it.logged.join('')
  for (const secret of [canary, s.github.token]) assert.ok(!all.includes(secret), 'no secret is in a log')
  const left = await readdir(join(s.it.folder, 'tasks', 's')).catch(() => [])
  assert.deepEqual(left, [], 'no sockets are left')
}

test(
  'TK10, TK30 in bubblewrap: a failing test is mended, pushed and proposed, and nothing is left',
  {
    skip: bubblewrap.skip,
  },
  t => mends(t, { MESHBOOK_COMPUTE: 'process' }),
)

test('TK10, TK30 in a container: a failing test is mended, pushed and proposed, and nothing is left', {
  skip: noDocker,
}, async t => {
  const { api, socket } = await TestEngine.start(t)
  const program = { root, node: process.execPath }
  await makeImage(api, { name: 'meshbook-worker:latest', version, packages: [], from: 'installed', program })
  await mends(t, { MESHBOOK_COMPUTE: 'docker', MESHBOOK_COMPUTE_ENGINE: socket })
  const { body } = await api.ask('GET', '/containers/json?all=1')
  assert.deepEqual(JSON.parse(body.toString('utf8')), [], 'no container is left')
})
