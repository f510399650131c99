import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type OrgId, parseRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { noTaskState } from '@meshbook/core/task-state.ts'
import { git } from '../../../../tests/git-hosts/git-remote.ts'
import { GithubApi } from '../../../../tests/git-hosts/github-api.ts'
import { parseHubConfig } from '../config.ts'
import { newLog } from '../log.ts'
import type { TaskRow } from '../store/tasks.ts'
import { atEnd } from '../testing/at-end.ts'
import { temporaryFolder } from '../testing/test-hub.ts'
import { Secret } from '../vault/secret.ts'
import type { OpenedKey, Vault } from '../vault/vault.ts'
import { gatewayPath } from './git-gateway.ts'
import { fromVault, type Git, openGit } from './open-git.ts'

const org = 'org_00000000000000000000000000' as OrgId

interface Stored extends Pick<OpenedKey, 'kind' | 'at'> {
  value: string
}

function vaultWith(...stored: Stored[]): Pick<Vault, 'find'> {
  return {
    find: async (_, { kinds, at }) => {
      const found = stored.find(key => kinds.includes(key.kind) && (at === undefined || key.at === at))
      return found && { name: 'x', kind: found.kind, at: found.at, inside: false, secret: new Secret(found.value) }
    },
  }
}

function taskOf(id: string, repo: string, more: Partial<TaskRow> = {}): TaskRow {
  const words = { prompt: '# Fix the test\n\nIt fails.', branch: `meshbook/${id}/fix-the-test`, requestedBy: 'ada' }
  const row = { org, id: parseRunId(id), repo, base: null, baseCommit: null, state: noTaskState, ...words, ...more }
  return row as TaskRow
}

async function cloneOf(t: TestContext, made: Git, task: TaskRow, folder: string): Promise<string> {
  const server = createServer(made.gateway.handlerFor({ org, repo: task.repo, task: task.id }))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  atEnd(t, () => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${gatewayPath}`
  await git(folder, 'clone', '-q', url, task.id)
  return join(folder, task.id)
}

async function work(folder: string, task: TaskRow, text: string): Promise<string> {
  await writeFile(join(folder, 'work.txt'), text)
  await git(folder, 'add', '-A')
  await git(folder, 'commit', '-q', '-m', text)
  await git(folder, 'push', '-q', '--force', 'origin', `HEAD:refs/heads/${task.branch}`)
  return git(folder, 'rev-parse', 'HEAD')
}

test('GT10–GT50 a task from its beginning to its pull request, and what is kept of it afterwards', async t => {
  const github = await GithubApi.start(t)
  github.pulls.set('ada/app', [])
  const url = await github.remote.repository('ada/app')
  const { host } = new URL(url)
  const folder = await temporaryFolder(t)
  const clock = { now: Date.now() }
  const env = { MESHBOOK_GIT_INSIDE: 'yes', MESHBOOK_GIT_HOSTS: `github=${host}` }
  const open = (): Promise<Git> =>
    openGit({
      dataFolder: folder,
      settings: parseHubConfig(env).git,
      credentialFor: fromVault(vaultWith({ kind: 'git', at: host, value: github.token })),
      times: limits,
      now: () => clock.now,
      log: newLog('silent'),
    })
  const made = await open()
  let task = taskOf('task-1', url)
  const { base, repository } = await made.begin(task)
  assert.equal(base, (await github.remote.refs('ada/app'))['refs/heads/main'])
  assert.equal(await made.repositories.has(repository, base), true)
  task = { ...task, baseCommit: base }
  assert.equal(await made.delivery.push(task), null)
  await assert.rejects(made.delivery.diff(task), { code: 'NOT_FOUND' })
  const place = await cloneOf(t, made, task, folder)
  const first = await work(place, task, 'half')
  const commit = await work(place, task, 'whole')
  const finished = { outcome: 'done' as const, summary: 'The test passes again.', code: null }
  task = { ...task, state: { ...noTaskState, commit, finished } }
  // The branch may go on meanwhile; the task stays where it began.
  await github.remote.commit('ada/app', 'main', { 'other.txt': 'x' })
  assert.equal((await made.begin(task)).base, base)
  assert.deepEqual(await made.delivery.push(task), { branch: task.branch, commit })
  assert.deepEqual(await made.delivery.push(task), { branch: task.branch, commit })
  const pull = await made.delivery.pullRequest(task)
  assert.deepEqual(pull, { url: `${url.slice(0, -4)}/pull/1`, number: 1 })
  assert.deepEqual(await made.delivery.pullRequest(task), pull)
  const [shown] = github.pulls.get('ada/app')!
  assert.equal(shown!.title, 'Fix the test')
  assert.equal(shown!.body, 'The test passes again.\n\nada asked for this:\n\n> # Fix the test\n> \n> It fails.')
  const diff = await made.delivery.diff(task)
  assert.deepEqual(
    diff.files.map(file => file.path),
    ['work.txt'],
  )
  const root = await made.delivery.folder(task, '')
  assert.deepEqual([root.commit, root.isBase], [commit, false])
  assert.ok(root.entries.some(({ name, kind }) => name === 'work.txt' && kind === 'file'))
  assert.deepEqual(await made.delivery.file(task, 'work.txt'), {
    ...{ commit, path: 'work.txt', bytes: 5 },
    ...{ text: 'whole', isCut: false },
  })
  assert.equal((await made.delivery.folder({ ...task, state: noTaskState }, '')).commit, base)
  await assert.rejects(made.delivery.file(task, '../x'), { code: 'BAD_REQUEST' })
  assert.deepEqual(made.delivery.kept(), [{ org, id: task.id, isOver: false }])
  await made.delivery.forget(task)
  await made.delivery.forget(task)
  assert.deepEqual(made.delivery.kept(), [{ org, id: task.id, isOver: true }])
  assert.deepEqual(await made.delivery.diff(task), diff)
  // Another one goes on from a turn of it, also after a restart.
  const next = await open()
  const fork = taskOf('task-2', url)
  const begun = await next.begin(fork, { task: task.id, commit: first })
  assert.equal(begun.base, first)
  const forked = await cloneOf(t, next, { ...fork, baseCommit: first }, folder)
  await git(forked, 'fetch', '-q', 'origin', first)
  assert.equal(await git(forked, 'show', `${first}:work.txt`), 'half')
  const gone = next.begin(taskOf('task-3', url), { task: parseRunId('task-x'), commit: first })
  await assert.rejects(gone, { code: 'NOT_FOUND' })
  await next.delivery.drop(taskOf('task-x', url))
  const kept = next.delivery.kept().map(({ id, isOver }) => `${id} ${isOver}`)
  assert.deepEqual(kept.toSorted(), [`${task.id} true`, `${fork.id} false`, 'task-3 false'])
  clock.now += limits.taskRepositoryMs + 1_000
  const later = await open()
  assert.equal(later.repositories.find(org, task.id), undefined)
  assert.ok(later.repositories.find(org, fork.id))
  assert.equal(await git(begun.repository.gitDir, 'show', `${first}:work.txt`), 'half', 'it stands by itself')
})

test('GT30 GT32 a branch that was moved, or that the repository refuses, ends the delivery with words', async t => {
  const github = await GithubApi.start(t)
  github.pulls.set('ada/app', [])
  const url = await github.remote.repository('ada/app')
  const folder = await temporaryFolder(t)
  const made = await openGit({
    dataFolder: folder,
    settings: { rules: { inside: true, folders: [] }, hosts: new Map() },
    credentialFor: fromVault(vaultWith({ kind: 'git', at: new URL(url).host, value: `x:${github.token}` })),
    times: limits,
    now: Date.now,
    log: newLog('silent'),
  })
  let task = taskOf('task-1', url)
  const { base } = await made.begin(task)
  const commit = await work(await cloneOf(t, made, task, folder), task, 'one')
  task = { ...task, baseCommit: base, state: { ...noTaskState, commit } }
  await github.remote.commit('ada/app', task.branch, { 'x.txt': 'x' })
  await assert.rejects(made.delivery.push(task), { code: 'CONFLICT', message: /is at [0-9a-f]{12} at the repository/ })
  await assert.rejects(made.begin(taskOf('task-2', url, { base: 'nothing' })), {
    code: 'NOT_FOUND',
    message: /no branch nothing/,
  })
  const empty = await github.remote.repository('ada/empty', {})
  await assert.rejects(made.begin(taskOf('task-3', empty)), { code: 'NOT_FOUND', message: /no commit to begin from/ })
})

test('GT34 a key is given to the host that it names and to no other', async () => {
  const vault = vaultWith(
    { kind: 'git', at: 'git.example', value: 'one' },
    { kind: 'git', at: null, value: 'nowhere' },
    { kind: 'gitlab', at: null, value: 'lab' },
    { kind: 'github-app', at: 'git.corp.example:8443', value: '{}' },
  )
  const find = fromVault(vault)
  assert.deepEqual(await find(org, 'https://git.example/a/b'), { kind: 'git', value: 'one' })
  assert.deepEqual(await find(org, 'git@git.example:a/b.git'), { kind: 'git', value: 'one' })
  assert.deepEqual(await find(org, 'https://gitlab.com/a/b'), { kind: 'gitlab', value: 'lab' })
  assert.deepEqual(await find(org, 'https://git.corp.example:8443/a/b'), { kind: 'github-app', value: '{}' })
  for (const repo of ['https://git.example.evil/a/b', 'https://other.example/a', 'https://github.com/a/b'])
    assert.equal(await find(org, repo), undefined, repo)
})

test('GT5 settings say where git may go', () => {
  const { git: usual } = parseHubConfig({})
  assert.deepEqual(usual, { rules: { inside: false, folders: [] }, hosts: new Map() })
  const { git: own } = parseHubConfig({
    MESHBOOK_GIT_FOLDERS: '/srv/git, /home',
    MESHBOOK_GIT_HOSTS: 'gitlab=Code.example:8443',
  })
  assert.deepEqual(own.rules.folders, ['/srv/git', '/home'])
  assert.equal(own.hosts.get('code.example:8443'), 'gitlab')
  for (const env of [
    { MESHBOOK_GIT_INSIDE: 'maybe' },
    { MESHBOOK_GIT_FOLDERS: 'relative' },
    { MESHBOOK_GIT_HOSTS: 'bitbucket=x' },
  ])
    assert.throws(() => parseHubConfig(env), { code: 'BAD_CONFIG' })
})
