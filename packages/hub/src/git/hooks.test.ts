import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Hook, HookAnswer, HookDelivery, MadeHook } from '@meshbook/core/hooks-api.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Task } from '@meshbook/core/tasks-api.ts'
import { parseHubConfig } from '../config.ts'
import { startHub } from '../hub.ts'
import { newLog } from '../log.ts'
import { webhookSignature } from '../notify/way-requests.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'
import { plainAddress } from './hook-events.ts'

const repo = 'https://github.com/ada/app.git'
const json = { 'content-type': 'application/json' }

async function hookOf(hub: TestHub, more: object = {}): Promise<MadeHook> {
  const wish = {
    name: 'Issues',
    kind: 'github',
    project: hub.project.id,
    repo,
    label: 'agent',
    word: '/meshbook',
    ...more,
  }
  return hub.json<MadeHook>('POST', '/hooks', wish)
}

interface Said {
  status: number
  body: HookAnswer & { code?: string; detail?: string }
}

async function send(hub: TestHub, id: string, text: string, headers: Record<string, string>): Promise<Said> {
  const answer = await rawRequest(`${hub.hub.url}/hooks/${id}`, {
    method: 'POST',
    headers: { ...json, ...headers },
    body: text,
  })
  return { status: answer.status, body: JSON.parse(answer.text) as Said['body'] }
}

const tasksOf = async (hub: TestHub): Promise<Task[]> => (await hub.json<{ items: Task[] }>('GET', '/tasks')).items

const repository = {
  full_name: 'ada/app',
  clone_url: repo,
  ssh_url: 'git@github.com:ada/app.git',
  html_url: 'https://github.com/ada/app',
}
const issueOf = (now: number) => ({
  number: 7,
  title: 'The test fails',
  body: 'Since yesterday.',
  html_url: 'https://github.com/ada/app/issues/7',
  updated_at: new Date(now).toISOString(),
})

let guid = 0
function github(
  hub: TestHub,
  hook: MadeHook,
  event: string,
  body: object | string,
  headers: Record<string, string> = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return send(hub, hook.id, text, {
    'x-github-event': event,
    'x-github-delivery': `guid-${guid++}`,
    'x-hub-signature-256': `sha256=${createHmac('sha256', hook.secret).update(text).digest('hex')}`,
    ...headers,
  })
}

const labeled = (label = 'agent', now = Date.now()) => ({
  action: 'labeled',
  issue: issueOf(now),
  label: { name: label },
  repository,
  sender: { login: 'ada' },
})
const comment = (body: string, association = 'MEMBER', more: object = {}) => ({
  action: 'created',
  issue: issueOf(Date.now()),
  comment: {
    body,
    created_at: new Date().toISOString(),
    author_association: association,
    user: { login: 'kim', type: 'User' },
    ...more,
  },
  repository,
  sender: { login: 'kim' },
})

test('GT65 a hook is made, listed, given another secret and removed, and its secret is shown once and kept sealed', async t => {
  const hub = await startTestHub(t)
  const made = await hookOf(hub, { people: ['kim'], budget: { microUsd: 5 } })
  assert.match(made.secret, /^mbh_/)
  const { items } = await hub.json<{ items: Hook[] }>('GET', '/hooks')
  const { secret: _, ...shown } = made
  assert.deepEqual(items, [shown])
  const database = await readFile(join(hub.folder, 'hub.db')).then(async bytes =>
    Buffer.concat([bytes, await readFile(join(hub.folder, 'hub.db-wal')).catch(() => Buffer.alloc(0))]),
  )
  assert.ok(!database.includes(made.secret) && !hub.logged.join('').includes(made.secret))
  assert.equal((await github(hub, made, 'ping', {})).status, 202)
  const again = await hub.json<MadeHook>('POST', `/hooks/${made.id}/secret`)
  assert.notEqual(again.secret, made.secret)
  assert.equal((await github(hub, made, 'ping', {})).status, 401)
  assert.equal((await github(hub, again, 'ping', {})).status, 202)
  await hub.api('DELETE', `/hooks/${made.id}`)
  assert.equal((await github(hub, again, 'ping', {})).status, 401)
  assert.equal((await hub.api('DELETE', `/hooks/${made.id}`)).status, 404)
  const log = await hub.json<{ items: { action: string }[] }>('GET', '/audit')
  const actions = log.items.map(({ action }) => action).filter(action => action.startsWith('hook-'))
  assert.deepEqual(actions.sort(), ['hook-added', 'hook-removed', 'hook-rotated'])
})

test('GT65 others see nothing of a hook, and it is for a project of one’s own', async t => {
  const hub = await startTestHub(t)
  const made = await hookOf(hub)
  const link = await hub.hub.addUser('eve')
  assert.ok(link)
  const read = await hub.json<{ token: string }>('POST', '/tokens', { name: 'r', scopes: ['read'] })
  const asReader = { authorization: `Bearer ${read.token}` }
  assert.equal((await hub.api('DELETE', `/hooks/${made.id}`, undefined, asReader)).status, 403)
  assert.equal((await hub.api('POST', `/hooks/${made.id}/secret`, undefined, asReader)).status, 403)
  const foreign = { name: 'x', kind: 'github', project: 'prj_01h00000000000000000000000', repo }
  assert.equal((await hub.api('POST', '/hooks', foreign)).status, 404)
})

test('GT60 GT61 without a good signature the answer is the same whether there is such a hook or not', async t => {
  const hub = await startTestHub(t)
  const hook = await hookOf(hub)
  const body = JSON.stringify(labeled())
  const good = `sha256=${createHmac('sha256', hook.secret).update(body).digest('hex')}`
  const other = `hok_${'0'.repeat(26)}`
  const answers = []
  for (const [id, headers] of [
    [hook.id, {}],
    [hook.id, { 'x-hub-signature-256': good.replace(/.$/, c => (c === '0' ? '1' : '0')) }],
    [hook.id, { 'x-hub-signature-256': good.slice(7) }],
    [hook.id, { 'x-hub-signature-256': '' }],
    [hook.id, { 'x-gitlab-token': hook.secret }],
    [hook.id, { 'x-hub-signature': `sha1=${createHmac('sha1', hook.secret).update(body).digest('hex')}` }],
    [other, { 'x-hub-signature-256': good }],
    ['nothing', { 'x-hub-signature-256': good }],
  ] as [string, Record<string, string>][])
    answers.push(await send(hub, id, body, { 'x-github-event': 'issues', ...headers }))
  for (const { status, body: said } of answers) {
    assert.equal(status, 401)
    assert.deepEqual([said.code, said.detail], ['UNAUTHENTICATED', answers[0]!.body.detail])
  }
  // Over the bytes as they came: another space is another body.
  assert.equal(
    (await send(hub, hook.id, `${body} `, { 'x-github-event': 'issues', 'x-hub-signature-256': good })).status,
    401,
  )
  assert.deepEqual(await tasksOf(hub), [])
  const large = 'x'.repeat(limits.hookBodyBytes + 1)
  assert.equal((await github(hub, hook, 'issues', large)).status, 413)
  assert.equal((await github(hub, hook, 'issues', 'no json')).status, 400)
  assert.equal((await github(hub, hook, 'issues', { action: 'labeled' })).status, 400)
})

test('GT60 tries are limited for each address', async t => {
  const hub = await startTestHub(t)
  const tries = await Promise.all(
    Array.from({ length: limits.hookTriesPerMinute + 20 }, () => send(hub, 'nothing', '{}', {})),
  )
  assert.ok(tries.some(({ status }) => status === 429))
})

test('GT63 GT64 an issue that gets the label starts a task, and other events start nothing', async t => {
  const hub = await startTestHub(t)
  const hook = await hookOf(hub, { model: 'large', budget: { microUsd: 1_000_000 } })
  const started = await github(hub, hook, 'issues', labeled())
  assert.equal(started.status, 202)
  assert.equal(started.body.outcome, 'started')
  const [task, ...more] = await tasksOf(hub)
  assert.deepEqual(more, [])
  assert.equal(task!.id, started.body.task)
  assert.deepEqual([task!.repo, task!.model, task!.project], [repo, 'large', hub.project.id])
  assert.equal(task!.prompt, '# The test fails\n\nSince yesterday.\n\nIssue: https://github.com/ada/app/issues/7')
  assert.equal(task!.requestedBy, 'Issues (ada)')
  for (const [event, body, why] of [
    ['issues', labeled('bug'), /did not get the label/],
    ['issues', { ...labeled(), action: 'opened' }, /did not get the label/],
    [
      'issues',
      {
        ...labeled(),
        repository: { ...repository, clone_url: 'https://github.com/eve/app.git', ssh_url: '', html_url: '' },
      },
      /another repository/,
    ],
    ['push', { ref: 'refs/heads/main' }, /events of kind push/],
    ['ping', { zen: 'x' }, /ping/],
    ['issue_comment', comment('nice work'), /does not begin with/],
    ['issue_comment', comment('/meshbooks fix it'), /does not begin with/],
    ['issue_comment', comment('/meshbook fix it', 'NONE'), /kim may not/],
    ['issue_comment', comment('/meshbook fix it', 'CONTRIBUTOR'), /kim may not/],
    ['issue_comment', { ...comment('/meshbook fix it'), action: 'edited' }, /only a new comment/],
    ['issue_comment', comment('/meshbook go', 'MEMBER', { user: { login: 'x[bot]', type: 'Bot' } }), /program/],
  ] as const) {
    const said = await github(hub, hook, event, body)
    assert.equal(said.status, 202)
    assert.equal(said.body.outcome, 'ignored')
    assert.match(said.body.reason ?? '', why)
  }
  assert.equal((await tasksOf(hub)).length, 1)
  const [shown] = (await hub.json<{ items: Hook[] }>('GET', '/hooks')).items
  assert.match(shown!.lastOutcome ?? '', /^ignored: a comment of a program/)
})

test('GT66 what became of the last deliveries is known, also of those that another secret signed; a hook that is off starts nothing', async t => {
  const hub = await startTestHub(t)
  const hook = await hookOf(hub)
  const deliveries = async () =>
    (await hub.json<{ items: HookDelivery[] }>('GET', `/hooks/${hook.id}/deliveries`)).items.map(
      ({ outcome, reason }) => `${outcome} ${reason ?? ''}`.trim(),
    )
  await github(hub, hook, 'ping', { zen: 'x' })
  for (let n = 0; n < 3; n++) await github(hub, { ...hook, secret: 'another' }, 'ping', {})
  await until(async () => (await deliveries()).length === 2)
  const [refused, ping] = await deliveries()
  assert.match(refused!, /^refused its signature/)
  assert.match(ping!, /^ignored .*ping/)
  const off = await hub.json<Hook>('PATCH', `/hooks/${hook.id}`, { isOff: true })
  assert.ok(off.offAt !== null)
  const said = await github(hub, hook, 'issues', { action: 'labeled' })
  assert.deepEqual([said.status, said.body.outcome, said.body.reason], [202, 'ignored', 'the hook is off'])
  assert.equal((await hub.json<Hook>('PATCH', `/hooks/${hook.id}`, { isOff: false })).offAt, null)
  for (let n = 0; n < limits.deliveriesPerHook; n++) await github(hub, hook, 'ping', { n })
  const last = await deliveries()
  assert.equal(last.length, limits.deliveriesPerHook)
  assert.ok(last.every(one => one.startsWith('ignored')))
})

test('GT64 a comment that begins with the word starts a task where its author may', async t => {
  const hub = await startTestHub(t)
  const hook = await hookOf(hub, { people: ['kim'] })
  const first = await github(hub, hook, 'issue_comment', comment('/meshbook please fix\nthe test', 'COLLABORATOR'))
  assert.equal(first.body.outcome, 'started')
  const [task] = await tasksOf(hub)
  assert.match(task!.prompt, /^please fix\nthe test\n\nThis was said of:\n\n# The test fails/)
  assert.equal((await github(hub, hook, 'issue_comment', comment('/meshbook', 'NONE'))).body.outcome, 'started')
  const huge = comment(`/meshbook ${'ä'.repeat(limits.taskPromptBytes)}`)
  assert.equal((await github(hub, hook, 'issue_comment', huge)).body.outcome, 'started')
})

test('GT62 the same delivery twice starts one task, also under another number and after a restart', async t => {
  const hub = await startTestHub(t)
  const hook = await hookOf(hub)
  const body = labeled()
  const all = await Promise.all(Array.from({ length: 5 }, () => github(hub, hook, 'issues', body)))
  assert.deepEqual([...new Set(all.map(said => said.body.task))].length, 1)
  await hub.restart()
  const again = await github(hub, hook, 'issues', body)
  assert.deepEqual(again.body, { outcome: 'repeated', task: all[0]!.body.task! })
  assert.equal((await tasksOf(hub)).length, 1)
  // The same number with other bytes: the host sends one again that it had changed.
  const number = { 'x-github-delivery': 'the-same' }
  const one = await github(hub, hook, 'issues', { ...labeled(), n: 1 }, number)
  const two = await github(hub, hook, 'issues', { ...labeled(), n: 2 }, number)
  assert.deepEqual([one.body.outcome, two.body.outcome, two.body.task], ['started', 'repeated', one.body.task])
  // Once nothing is known of it any more, its own time tells.
  const old = labeled('agent', Date.now() - limits.hookKeptMs - 60_000)
  assert.match((await github(hub, hook, 'issues', old)).body.reason ?? '', /may be a replay/)
  hub.clock.offsetMs = limits.hookKeptMs + 60_000
  await github(hub, hook, 'ping', {})
  assert.match((await github(hub, hook, 'issues', body)).body.reason ?? '', /may be a replay/)
  assert.equal((await tasksOf(hub)).length, 2)
})

test('GT61 GT62 a program of one’s own signs time and body, within the window', async t => {
  const hub = await startTestHub(t)
  const hook = await hookOf(hub, { kind: 'meshbook', base: 'main' })
  const body = JSON.stringify({ prompt: 'Update the dependencies', branch: 'deps' })
  const at = (ms: number) => ({ 'x-meshbook-signature': webhookSignature(hook.secret, body, Math.floor(ms / 1_000)) })
  const started = await send(hub, hook.id, body, at(Date.now()))
  assert.equal(started.body.outcome, 'started')
  const [task] = await tasksOf(hub)
  assert.deepEqual(
    [task!.prompt, task!.base, task!.branch],
    ['Update the dependencies', 'main', `meshbook/${task!.id}/deps`],
  )
  assert.equal((await send(hub, hook.id, body, at(Date.now()))).body.outcome, 'repeated')
  for (const late of [-1, 1]) {
    const said = await send(hub, hook.id, body.replace('deps', 'more'), {
      'x-meshbook-signature': webhookSignature(
        hook.secret,
        body.replace('deps', 'more'),
        Math.floor((Date.now() + late * (limits.hookWindowMs + 5_000)) / 1_000),
      ),
    })
    assert.match(said.body.reason ?? '', /replay/)
  }
  const moved = at(Date.now())['x-meshbook-signature'].replace(/t=\d+/, `t=${Math.floor(Date.now() / 1_000) + 60}`)
  assert.equal((await send(hub, hook.id, body, { 'x-meshbook-signature': moved })).status, 401)
  const wrong = JSON.stringify({ prompt: '' })
  const signed = { 'x-meshbook-signature': webhookSignature(hook.secret, wrong, Math.floor(Date.now() / 1_000)) }
  assert.equal((await send(hub, hook.id, wrong, signed)).status, 400)
})

test('GT61 GT64 GitLab comes with its token; a label that is new starts a task, and comments of named people do', async t => {
  const hub = await startTestHub(t)
  const hook = await hookOf(hub, { kind: 'gitlab', repo: 'https://gitlab.com/group/app.git', people: ['kim'] })
  const project = { git_http_url: 'https://gitlab.com/group/app.git', git_ssh_url: 'git@gitlab.com:group/app.git' }
  const issue = { title: 'The test fails', description: null, url: 'https://gitlab.com/group/app/-/issues/7' }
  const gitlab = (body: object, token = hook.secret) =>
    send(hub, hook.id, JSON.stringify(body), { 'x-gitlab-token': token, 'x-gitlab-event-uuid': `uuid-${guid++}` })
  const event = (previous: string[], current: string[]) => ({
    object_kind: 'issue',
    user: { username: 'kim' },
    project,
    object_attributes: { ...issue, updated_at: '2024-01-31 12:00:00 UTC' },
    changes: { labels: { previous: previous.map(title => ({ title })), current: current.map(title => ({ title })) } },
  })
  hub.clock.offsetMs = Date.parse('2024-01-31T12:00:01Z') - Date.now()
  assert.equal((await gitlab(event([], ['agent']), `${hook.secret}x`)).status, 401)
  assert.equal((await gitlab(event(['agent'], ['agent', 'bug']))).body.outcome, 'ignored')
  assert.equal((await gitlab(event(['bug'], ['agent', 'bug']))).body.outcome, 'started')
  const note = (username: string) => ({
    object_kind: 'note',
    user: { username },
    project,
    object_attributes: { note: '/meshbook fix it', noteable_type: 'Issue', created_at: '2024-01-31T12:00:00Z' },
    issue,
  })
  assert.match((await gitlab(note('eve'))).body.reason ?? '', /eve may not/)
  assert.equal((await gitlab(note('kim'))).body.outcome, 'started')
  assert.equal(
    (await gitlab({ ...note('kim'), object_attributes: { note: '/meshbook', noteable_type: 'Commit' } })).body.outcome,
    'ignored',
  )
  assert.equal((await gitlab({ object_kind: 'push' })).body.outcome, 'ignored')
  assert.equal((await tasksOf(hub)).length, 2)
})

test('GT64 one repository has one address, however it is written', (_: TestContext) => {
  const same = [
    'https://git.example/A/b.git',
    'ssh://git@git.example/a/b',
    'git@git.example:a/b.git',
    'https://git.example/a/b/',
  ]
  assert.deepEqual([...new Set(same.map(plainAddress))], ['git.example/a/b'])
  assert.notEqual(plainAddress('https://git.example:8443/a/b'), 'git.example/a/b')
})

test('GT65 VA20 a hook goes on under another master key', async t => {
  const first = Buffer.alloc(32, 1).toString('hex')
  const second = Buffer.alloc(32, 2).toString('hex')
  const hub = await startTestHub(t, { env: { MESHBOOK_MASTER_KEY: first } })
  const hook = await hookOf(hub)
  await hub.hub.close()
  const env = { MESHBOOK_MASTER_KEY: second, MESHBOOK_MASTER_KEY_OLD: first }
  const ports = { now: Date.now, random: systemRandom, log: newLog('silent') }
  hub.hub = await startHub(parseHubConfig(env, { port: 0, data: hub.folder }), ports)
  assert.equal((await github(hub, hook, 'ping', {})).status, 202)
})
