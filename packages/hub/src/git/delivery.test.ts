import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { type GitRemote, git } from '../../../../tests/git-hosts/git-remote.ts'
import { type GitScene, gitScene } from '../../../../tests/git-hosts/git-scene.ts'
import { GithubApi } from '../../../../tests/git-hosts/github-api.ts'
import { GitlabApi } from '../../../../tests/git-hosts/gitlab-api.ts'
import { outgoing, systemResolve } from '../outgoing/guarded-request.ts'
import { Delivery } from './delivery.ts'
import type { HostKind, StoredCredential } from './git-credential.ts'
import { GitHosts } from './git-hosts.ts'

interface Scene extends GitScene {
  delivery: Delivery
  hosts: GitHosts
  /** A commit that the task pushed on `meshbook/task-1/work`. */
  work(text: string): Promise<string>
  branch: string
}

async function scene(
  t: TestContext,
  {
    remote,
    stored,
    named = new Map(),
  }: { remote?: GitRemote; stored?: StoredCredential; named?: Map<string, HostKind> } = {},
): Promise<Scene> {
  const hosts = new GitHosts({
    credentialFor: async () => stored,
    send: outgoing({ resolve: systemResolve, times: limits }),
    named,
    rules: { inside: true, folders: [] },
    now: Date.now,
  })
  const made = await gitScene(t, { ...(remote && { remote }), authFor: (org, repo) => hosts.authFor(org, repo) })
  const task = await made.task('task-1')
  const folder = await made.clone(task.url)
  const branch = 'meshbook/task-1/work'
  return {
    ...made,
    hosts,
    delivery: new Delivery({ git: made.program, mirrors: made.mirrors, repositories: made.repositories, hosts }),
    branch,
    async work(text) {
      await writeFile(join(folder, 'work.txt'), text)
      await git(folder, 'add', '-A')
      await git(folder, 'commit', '-q', '-m', text)
      await git(folder, 'push', '-q', '--force', 'origin', `HEAD:refs/heads/${branch}`)
      return git(folder, 'rev-parse', 'HEAD')
    },
  }
}

const order = ({ org, branch }: Scene, commit: string) => ({ org, task: 'task-1' as never, branch, commit })

test('GT30 the branch is pushed, moved on, and not touched when somebody else moved, made or removed it', async t => {
  const s = await scene(t)
  const ref = `refs/heads/${s.branch}`
  const tip = async () => (await s.remote.refs('a'))[ref]
  const first = await s.work('one')
  assert.deepEqual(await s.delivery.deliver(order(s, first)), { state: 'pushed', commit: first })
  assert.equal(await tip(), first)
  const second = await s.work('two')
  assert.deepEqual(await s.delivery.deliver(order(s, second)), { state: 'pushed', commit: second })
  const theirs = await s.remote.commit('a', s.branch, { 'theirs.txt': 'x' })
  const third = await s.work('three')
  assert.deepEqual(await s.delivery.deliver(order(s, third)), { state: 'moved', at: theirs })
  assert.equal(await tip(), theirs)
  await git(s.remote.bare('a'), 'update-ref', '-d', ref)
  assert.deepEqual(await s.delivery.deliver(order(s, third)), { state: 'moved', at: null })
  assert.equal(await tip(), undefined)
})

test('GT30 a branch that is there before the first delivery is somebody else’s', async t => {
  const s = await scene(t)
  const commit = await s.work('one')
  const theirs = await s.remote.commit('a', s.branch, { 'theirs.txt': 'x' })
  assert.deepEqual(await s.delivery.deliver(order(s, commit)), { state: 'moved', at: theirs })
})

test('GT30 only branches and commits of the task are delivered', async t => {
  const s = await scene(t)
  const commit = await s.work('one')
  for (const branch of [
    'main',
    'meshbook/task-2/x',
    'meshbook/task-1',
    'meshbook/task-1/../x',
    'meshbook/task-1/-x:main',
  ])
    await assert.rejects(s.delivery.deliver({ ...order(s, commit), branch }), { code: 'BAD_REQUEST' }, branch)
  await assert.rejects(s.delivery.deliver(order(s, 'f'.repeat(40))), { code: 'NOT_FOUND' })
  await assert.rejects(s.delivery.deliver({ ...order(s, commit), task: 'task-2' as never }), { code: 'NOT_FOUND' })
})

test('GT31 delivering again is harmless, and a hub that was killed knows its own push again', async t => {
  const s = await scene(t)
  const first = await s.work('one')
  await s.delivery.deliver(order(s, first))
  assert.deepEqual(await s.delivery.deliver(order(s, first)), { state: 'there', commit: first })
  const { gitDir } = s.repositories.find(s.org, 'task-1' as never)!
  // Killed after the push, before the note: the intent is there, the fact is that of before.
  const second = await s.work('two')
  await s.delivery.deliver(order(s, second))
  await git(gitDir, 'update-ref', `refs/meshbook/delivered/${s.branch}`, first)
  const third = await s.work('three')
  assert.deepEqual(await s.delivery.deliver(order(s, third)), { state: 'pushed', commit: third })
  // Killed before the push.
  const fourth = await s.work('four')
  await git(gitDir, 'update-ref', `refs/meshbook/pushing/${s.branch}`, fourth)
  const fifth = await s.work('five')
  assert.deepEqual(await s.delivery.deliver(order(s, fifth)), { state: 'pushed', commit: fifth })
  const pushes = s.remote.seen.filter(({ url }) => url.endsWith('/git-receive-pack')).length
  await s.delivery.deliver(order(s, fifth))
  assert.equal(s.remote.seen.filter(({ url }) => url.endsWith('/git-receive-pack')).length, pushes, 'no push twice')
})

test('GT32 what the remote refuses is told in its words', async t => {
  const s = await scene(t)
  const commit = await s.work('one')
  const hook = join(s.remote.bare('a'), 'hooks', 'pre-receive')
  await writeFile(hook, '#!/bin/sh\necho "Branches need a ticket number" >&2\nexit 1\n', { mode: 0o755 })
  const outcome = await s.delivery.deliver(order(s, commit))
  assert.equal(outcome.state, 'refused')
  assert.match(outcome.state === 'refused' ? outcome.reason : '', /hook declined.*Branches need a ticket number/)
  s.remote.credential = { username: 'x', password: 'y' }
  await assert.rejects(s.delivery.deliver(order(s, commit)), { code: 'REPO_DENIED' })
})

const texts = { title: 'Fix the test', text: 'What was done.' }

test('GT33 GT34 at GitHub one pull request a branch: made, updated, and left alone once somebody closed it', async t => {
  const github = await GithubApi.start(t)
  github.pulls.set('ada/app', [])
  const url = await github.remote.repository('ada/app')
  const s = await scene(t, {
    remote: github.remote,
    stored: { kind: 'git', value: github.token },
    named: new Map([[new URL(url).host, 'github']]),
  })
  const { repo } = s.repositories.find(s.org, 'task-1' as never)!
  assert.equal(repo, url)
  await s.delivery.deliver(order(s, await s.work('one')))
  const ask = (title = texts.title) =>
    s.delivery.pullRequest({ org: s.org, repo: url, branch: s.branch, into: null, ...texts, title })
  const made = await ask()
  assert.deepEqual(made, { url: `${url.slice(0, -4)}/pull/1`, number: 1, state: 'made' })
  assert.deepEqual(await ask('Better'), { ...made, state: 'updated' })
  const [pull] = github.pulls.get('ada/app')!
  assert.deepEqual([pull!.title, pull!.body, pull!.head, pull!.base], ['Better', texts.text, s.branch, 'main'])
  pull!.state = 'closed'
  assert.deepEqual(await ask(), { ...made, state: 'closed' })
  pull!.merged_at = '2024-01-01T00:00:00Z'
  assert.deepEqual(await ask(), { ...made, state: 'merged' })
  assert.equal(github.pulls.get('ada/app')!.length, 1)
  github.pulls.set('ada/app', [])
  // Somebody else makes it just then.
  github.beforeMake = () => void github.add('ada/app', { title: 'x', head: s.branch, base: 'main', body: '' })
  assert.equal((await ask())?.state, 'updated')
  assert.equal(github.pulls.get('ada/app')!.length, 1)
  github.pulls.set('ada/app', [])
  await assert.rejects(
    s.delivery.pullRequest({ org: s.org, repo: url, branch: 'meshbook/task-1/none', into: 'main', ...texts }),
    { code: 'REPO_DENIED', message: /Validation Failed/ },
  )
  github.down = true
  await assert.rejects(ask(), { code: 'UNREACHABLE' })
})

test('GT34 as a GitHub App git and API get a token for the one repository, made once', async t => {
  const github = await GithubApi.start(t)
  github.pulls.set('ada/app', [])
  const url = await github.remote.repository('ada/app')
  const s = await scene(t, { remote: github.remote, stored: { kind: 'github-app', value: github.storedApp } })
  await s.delivery.deliver(order(s, await s.work('one')))
  const made = await s.delivery.pullRequest({ org: s.org, repo: url, branch: s.branch, into: 'main', ...texts })
  assert.equal(made?.state, 'made')
  assert.deepEqual([...github.issued.values()], [['app']])
  const broken = JSON.stringify({
    app: '1',
    key: '-----BEGIN RSA PRIVATE KEY-----\ncanary-broken-key\n-----END RSA PRIVATE KEY-----',
  })
  const wrong = await gitScene(t)
  const hosts = new GitHosts({
    credentialFor: async () => ({ kind: 'github-app', value: broken }),
    send: outgoing({ resolve: systemResolve, times: limits }),
    named: new Map(),
    rules: { inside: true, folders: [] },
    now: Date.now,
  })
  await assert.rejects(hosts.authFor(wrong.org, url), (error: Error) => {
    assert.match(error.message, /private key of the GitHub App/)
    assert.ok(!error.message.includes('canary'))
    return true
  })
  await assert.rejects(hosts.hostFor(wrong.org, 'https://github.com/a/b'), { code: 'REPO_DENIED' })
})

test('GT33 GT34 at GitLab one merge request a branch, in projects within groups too', async t => {
  const gitlab = await GitlabApi.start(t)
  gitlab.merges.set('group/sub/app', [])
  const url = await gitlab.remote.repository('group/sub/app')
  const s = await scene(t, { remote: gitlab.remote, stored: { kind: 'gitlab', value: gitlab.token } })
  await s.delivery.deliver(order(s, await s.work('one')))
  const ask = (title = texts.title) =>
    s.delivery.pullRequest({ org: s.org, repo: url, branch: s.branch, into: null, ...texts, title })
  gitlab.beforeMake = () =>
    void gitlab.add('group/sub/app', { title: 'x', source_branch: s.branch, target_branch: 'main', description: '' })
  const first = await ask()
  assert.deepEqual(first, { url: `${url.slice(0, -4)}/-/merge_requests/1`, number: 1, state: 'updated' })
  const [merge] = gitlab.merges.get('group/sub/app')!
  assert.equal(merge!.title, texts.title)
  merge!.state = 'closed'
  assert.equal((await ask())?.state, 'closed')
  gitlab.merges.set('group/sub/app', [])
  assert.equal((await ask())?.state, 'made')
  assert.equal((await ask())?.state, 'updated')
})

test('GT34 a plain host has no pull requests, and a host inside is not asked where it may not be', async t => {
  const s = await scene(t, { stored: { kind: 'git', value: 'ada:secret' } })
  assert.equal(
    await s.delivery.pullRequest({ org: s.org, repo: s.url, branch: s.branch, into: 'main', ...texts }),
    null,
  )
  const hosts = new GitHosts({
    credentialFor: async () => ({ kind: 'gitlab', value: 'glpat-x' }),
    send: outgoing({ resolve: systemResolve, times: limits }),
    named: new Map(),
    rules: { inside: false, folders: [] },
    now: Date.now,
  })
  const host = await hosts.hostFor(s.org, 'https://localhost/a/b')
  await assert.rejects(host!.pullRequest({ path: 'a/b', branch: 'x', into: 'main', ...texts }), {
    code: 'OUTGOING_REFUSED',
  })
})

test('GT2 a key for ssh is in the agent of one process, and in no file', async t => {
  const s = await gitScene(t)
  const keys = join(s.folder, 'keys')
  execFileSync('mkdir', ['-p', keys])
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'canary', '-f', join(keys, 'key')])
  const key = await readFile(join(keys, 'key'), 'utf8')
  const publicKey = (await readFile(join(keys, 'key.pub'), 'utf8')).trim().split(' ')[1]!
  await rm(keys, { recursive: true })
  // Stands in for ssh: notes its arguments and what the agent has, and speaks with git here as a server would.
  const bin = join(s.folder, 'bin')
  execFileSync('mkdir', ['-p', bin])
  const said = join(s.folder, 'said')
  const script = `#!/bin/sh
echo "$@" >> ${said}
ssh-add -L >> ${said} 2>&1
for last; do :; done
case "$last" in *upload-pack*) exec git upload-pack ${s.remote.bare('a')};; esac
exit 1
`
  await writeFile(join(bin, 'ssh'), script, { mode: 0o755 })
  const { PATH: path, TMPDIR: temporary } = process.env
  // Short, as the name of a socket may not be long.
  const agents = await mkdtemp('/tmp/mb-')
  Object.assign(process.env, { PATH: `${bin}:${path}`, TMPDIR: agents })
  t.after(async () => {
    process.env.PATH = path
    if (temporary === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = temporary
    await rm(agents, { recursive: true, force: true })
  })
  const hosts = new GitHosts({
    credentialFor: async () => ({ kind: 'git', value: key }),
    send: outgoing({ resolve: systemResolve, times: limits }),
    named: new Map(),
    rules: { inside: true, folders: [] },
    now: Date.now,
  })
  const other = await gitScene(t, { authFor: (org, repo) => hosts.authFor(org, repo) })
  const mirror = await other.mirrors.fetch(other.org, 'git@git.example:ada/app.git')
  assert.equal(mirror.head, 'main')
  const text = await readFile(said, 'utf8')
  assert.ok(text.includes(publicKey), 'the agent has it')
  assert.match(text, /StrictHostKeyChecking=accept-new/)
  assert.match(text, /HostKeyAlias=git\.example.*Hostname=127\.0\.0\.1/)
  const middle = key.split('\n')[2]!
  assert.throws(() => execFileSync('grep', ['-rqF', middle, other.folder]))
  assert.equal(
    execFileSync('sh', ['-c', `ps -eo args | grep -c "[s]sh-agent -D -a ${agents}" || true`])
      .toString()
      .trim(),
    '0',
  )
})
