import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ErrorCode } from '@meshbook/core/errors.ts'
import type { OrgId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { GitRemote, git } from '../../../../tests/git-hosts/git-remote.ts'
import { newLog } from '../log.ts'
import { temporaryFolder } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'
import type { GitAuth } from './git-auth.ts'
import { GitProgram } from './git-program.ts'
import { Mirrors, type MirrorsPorts } from './mirrors.ts'

const org = 'org_00000000000000000000000000' as OrgId
const canary = 'canary-git-password-7Q'

interface Scene {
  folder: string
  mirrors: Mirrors
  logged: string[]
  clock: { now: number }
  again(): Promise<Mirrors>
}

async function scene(
  t: TestContext,
  {
    auth,
    limits: own = {},
    ...ports
  }: Partial<Omit<MirrorsPorts, 'limits'>> & { auth?: GitAuth; limits?: object } = {},
): Promise<Scene> {
  const folder = await temporaryFolder(t)
  const logged: string[] = []
  const clock = { now: 1_000_000 }
  const used = { ...limits, ...own }
  const open = async (): Promise<Mirrors> =>
    Mirrors.open({
      folder,
      git: await GitProgram.open(folder, used),
      authFor: async () => auth,
      rules: { inside: true, folders: [] },
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      now: () => clock.now,
      log: newLog('debug', { write: line => void logged.push(line) }),
      limits: used,
      ...ports,
    })
  return { folder, mirrors: await open(), logged, clock, again: open }
}

const fails =
  (code: ErrorCode, message = /./) =>
  (error: Error & { code?: string }) => {
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.ok(!error.message.includes(canary))
    return true
  }

test('GT10 a mirror has all branches and tags, and knows the default branch', async t => {
  const remote = await GitRemote.start(t)
  const url = await remote.repository('a/b')
  const other = await remote.commit('a/b', 'feature/x', { 'x.txt': 'x' })
  await git(remote.bare('a/b'), 'tag', 'v1', 'main')
  const { mirrors } = await scene(t)
  const mirror = await mirrors.fetch(org, url)
  assert.equal(mirror.head, 'main')
  assert.deepEqual((await mirrors.refs(mirror)).map(ref => ref.name).sort(), [
    'refs/heads/feature/x',
    'refs/heads/main',
    'refs/tags/v1',
  ])
  assert.equal(await mirrors.commitOf(mirror, 'feature/x'), other)
  assert.equal(await mirrors.commitOf(mirror, null), (await remote.refs('a/b'))['refs/heads/main'])
  assert.equal(await mirrors.commitOf(mirror, 'nothing'), null)
  // What is removed or rewritten there is so here.
  await git(remote.bare('a/b'), 'update-ref', '-d', 'refs/heads/feature/x')
  const next = await remote.commit('a/b', 'main', { 'y.txt': 'y' })
  await mirrors.fetch(org, url)
  assert.equal(await mirrors.commitOf(mirror, 'feature/x'), null)
  assert.equal(await mirrors.commitOf(mirror, null), next)
})

test('GT11 who asks during a fetch waits for the same one; who is content with a recent one waits for none', async t => {
  const remote = await GitRemote.start(t)
  const url = await remote.repository('a')
  const { mirrors, clock } = await scene(t)
  await Promise.all(Array.from({ length: 10 }, () => mirrors.fetch(org, url)))
  const once = remote.seen.length
  assert.ok(once <= 5, `${once} requests`)
  await mirrors.fetch(org, url, { freshMs: 1_000 })
  assert.equal(remote.seen.length, once)
  clock.now += 2_000
  await mirrors.fetch(org, url, { freshMs: 1_000 })
  assert.ok(remote.seen.length > once)
  const gone = AbortSignal.abort(new Error('gone'))
  await assert.rejects(mirrors.fetch(org, url, { signal: gone }), /gone/)
})

test('GT2 a credential goes to its host alone, and is in no file, argument, log or error', async t => {
  const remote = await GitRemote.start(t, { username: 'ada', password: canary })
  const url = await remote.repository('a')
  const { mirrors, folder, logged } = await scene(t, { auth: { kind: 'basic', username: 'ada', password: canary } })
  await mirrors.fetch(org, url)
  assert.ok(remote.seen.some(({ authorization }) => authorization !== undefined))
  const elsewhere = await GitRemote.start(t)
  await elsewhere.repository('a')
  remote.movedTo = elsewhere.url
  await assert.rejects(mirrors.fetch(org, url), fails('REPO_DENIED', /another address/))
  assert.equal(elsewhere.seen.length, 0)
  const encoded = Buffer.from(`ada:${canary}`).toString('base64')
  for (const word of [canary, encoded])
    assert.throws(() => execFileSync('grep', ['-rqF', word, folder]), 'nothing on disk')
  assert.ok(!logged.join('').includes(canary))
  // While git runs, what any process of this machine may see of it has no secret.
  remote.movedTo = null
  remote.delayMs = 400
  const fetching = mirrors.fetch(org, url)
  let seen = ''
  await until(() => {
    seen = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    return seen.split('\n').some(line => /^\S*git\S* .*(?:fetch|remote-http)/.test(line) && line.includes(remote.url))
  })
  assert.ok(!seen.includes(canary) && !seen.includes(encoded))
  await fetching
})

test('GT16 refused, unreachable, too slow and not allowed are told apart', async t => {
  const remote = await GitRemote.start(t, { username: 'ada', password: canary })
  const url = await remote.repository('a')
  const wrong = await scene(t, { auth: { kind: 'basic', username: 'ada', password: `${canary}-wrong` } })
  await assert.rejects(wrong.mirrors.fetch(org, url), fails('REPO_DENIED'))
  const none = await scene(t)
  await assert.rejects(none.mirrors.fetch(org, url), fails('REPO_DENIED'))
  const good = await scene(t, {
    auth: { kind: 'basic', username: 'ada', password: canary },
    limits: { gitRequestMs: 800 },
  })
  await assert.rejects(good.mirrors.fetch(org, `${remote.url}/nothing.git`), fails('REPO_DENIED'))
  await assert.rejects(good.mirrors.fetch(org, 'http://127.0.0.1:9/a.git'), fails('UNREACHABLE'))
  remote.delayMs = Number.POSITIVE_INFINITY
  await assert.rejects(good.mirrors.fetch(org, url), fails('TIMEOUT'))
  // What failed left nothing that looks like a mirror.
  assert.deepEqual(await readdir(join(wrong.folder, 'mirrors')), [])
})

test('GT5 addresses inside, plain http and folders are refused unless the owner of the hub allowed them', async t => {
  const remote = await GitRemote.start(t)
  const url = await remote.repository('a')
  const outside = await scene(t, { rules: { inside: false, folders: [] } })
  await assert.rejects(outside.mirrors.fetch(org, url), fails('OUTGOING_REFUSED', /TLS/))
  await assert.rejects(outside.mirrors.fetch(org, 'https://localhost/a.git'), fails('OUTGOING_REFUSED', /network/))
  await assert.rejects(outside.mirrors.fetch(org, 'git@git.example:a/b.git'), fails('OUTGOING_REFUSED', /network/))
  await assert.rejects(outside.mirrors.fetch(org, `file://${remote.bare('a')}`), fails('OUTGOING_REFUSED', /folder/))
  assert.equal(remote.seen.length, 0)
  const folders = await scene(t, { rules: { inside: false, folders: [remote.folder] } })
  assert.equal((await folders.mirrors.fetch(org, `file://${remote.bare('a')}`)).head, 'main')
  await assert.rejects(folders.mirrors.fetch(org, `file://${remote.folder}/../`), fails('OUTGOING_REFUSED'))
  // The name leads where it was checked to, whatever it says later.
  const pinned = await scene(t, { resolve: async () => [{ address: '127.0.0.1', family: 4 }] })
  const named = url.replace('127.0.0.1', 'git.example')
  assert.equal((await pinned.mirrors.fetch(org, named)).head, 'main')
})

test('GT12 a repository that is too large is ended, and the least used mirror goes when all are too large', async t => {
  const remote = await GitRemote.start(t)
  const noise = (seed: number): string =>
    Array.from({ length: 40_000 }, (_, i) => ((i + seed) * 2_654_435_761).toString(36)).join('')
  const url = await remote.repository('large', { 'noise.txt': noise(1) })
  const small = await scene(t, { limits: { gitPackBytes: 10_000, gitLookMs: 5 } })
  await assert.rejects(small.mirrors.fetch(org, url), fails('TOO_LARGE'))
  const few = await scene(t, { limits: { mirrorsBytes: 600_000 } })
  const names = ['a', 'b', 'c']
  for (const [i, name] of names.entries()) {
    await remote.repository(name, { 'noise.txt': noise(i) })
    few.clock.now += 60_000
    if (name === 'a') few.mirrors.hold(org, `${remote.url}/a.git`)
    await few.mirrors.fetch(org, `${remote.url}/${name}.git`)
  }
  const kept = await Promise.all(
    names.map(name =>
      readFile(join(few.mirrors.gitDirOf(org, `${remote.url}/${name}.git`), 'HEAD')).then(
        () => name,
        () => '',
      ),
    ),
  )
  assert.deepEqual(kept, ['a', '', 'c'])
})

test('GT13 a fetch that is killed at any moment leaves a mirror that answers, and the next fetch works', async t => {
  const remote = await GitRemote.start(t)
  const url = await remote.repository('a', { 'a.txt': 'a\n'.repeat(50_000) })
  const { folder, again } = await scene(t)
  const first = await (await again()).fetch(org, url)
  const program = `
    import { Mirrors } from ${JSON.stringify(new URL('./mirrors.ts', import.meta.url).href)}
    import { GitProgram } from ${JSON.stringify(new URL('./git-program.ts', import.meta.url).href)}
    import { newLog } from ${JSON.stringify(new URL('../log.ts', import.meta.url).href)}
    import { limits } from '@meshbook/core/limits.ts'
    const mirrors = await Mirrors.open({ folder: ${JSON.stringify(folder)}, git: await GitProgram.open(${JSON.stringify(folder)}, limits),
      authFor: async () => undefined, rules: { inside: true, folders: [] }, resolve: async () => [], now: Date.now,
      log: newLog('silent'), limits })
    console.log('open')
    await mirrors.fetch('${org}', '${url}')`
  for (let round = 0; round < 6; round++) {
    await remote.commit('a', `b${round}`, { [`f${round}.txt`]: `${round}\n`.repeat(20_000) })
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        cwd: import.meta.dirname,
      },
    )
    await once(child.stdout, 'data')
    await new Promise(resolve => setTimeout(resolve, 15 + round * 12))
    child.kill('SIGKILL')
    await once(child, 'close')
    // What it started goes on by itself until the next hub ends it.
    const mirrors = await again()
    assert.ok(await mirrors.commitOf(first, 'main'), 'answers as before')
    const mirror = await mirrors.fetch(org, url)
    assert.equal(await mirrors.commitOf(mirror, `b${round}`), (await remote.refs('a'))[`refs/heads/b${round}`])
    await git(mirror.gitDir, 'fsck', '--connectivity-only')
  }
  // Locks that nobody holds do not stop it.
  await remote.commit('a', 'main', { 'last.txt': 'x' })
  for (const name of ['packed-refs.lock', 'refs/heads/main.lock', 'objects/pack/tmp_pack_abc', 'config.lock'])
    await writeFile(join(first.gitDir, name), '')
  const last = await (await again()).fetch(org, url)
  assert.equal(await (await again()).commitOf(last, null), (await remote.refs('a'))['refs/heads/main'])
  assert.ok(!(await readdir(join(first.gitDir, 'objects/pack'))).some(name => name.startsWith('tmp_')))
})

test('GT14 what the remote drops stays in the mirror, and a damaged mirror is made anew', async t => {
  const remote = await GitRemote.start(t)
  const url = await remote.repository('a')
  const dropped = await remote.commit('a', 'main', { 'x.txt': 'x' })
  const { mirrors } = await scene(t, { limits: { packsPerMirror: 1 } })
  await mirrors.fetch(org, url)
  await git(remote.bare('a'), 'update-ref', 'refs/heads/main', `${dropped}~1`)
  for (let i = 0; i < 3; i++) {
    await remote.commit('a', 'main', { [`${i}.txt`]: 'x' })
    await mirrors.fetch(org, url)
  }
  const gitDir = mirrors.gitDirOf(org, url)
  assert.equal(await git(gitDir, 'cat-file', '-t', dropped), 'commit')
  const packs = (await readdir(join(gitDir, 'objects/pack'))).filter(name => name.endsWith('.pack'))
  assert.ok(packs.length <= 2, packs.join())
  await writeFile(join(gitDir, 'HEAD'), 'nonsense')
  assert.equal((await mirrors.fetch(org, url)).head, 'main')
  await git(gitDir, 'fsck')
})

test('GT15 objects that are malformed are refused, and old harmless flaws are not', async t => {
  const remote = await GitRemote.start(t)
  const url = await remote.repository('a')
  const bare = remote.bare('a')
  const tree = await git(bare, 'rev-parse', 'main^{tree}')
  const write = (text: string): string =>
    execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], { cwd: bare, input: text })
      .toString()
      .trim()
  const old = write(`tree ${tree}\nauthor A <a@b> 1 +051800\ncommitter A <a@b> 1 +051800\n\nold\n`)
  await git(bare, 'update-ref', 'refs/heads/old', old)
  const { mirrors } = await scene(t)
  const mirror = await mirrors.fetch(org, url)
  assert.equal(await mirrors.commitOf(mirror, 'old'), old)
  const evil = execFileSync('git', ['mktree'], {
    cwd: bare,
    input: `100644 blob ${await git(bare, 'rev-parse', 'main:README.md')}\t.GIT\n`,
  })
  const bad = await git(
    bare,
    '-c',
    'user.name=a',
    '-c',
    'user.email=b',
    'commit-tree',
    '-m',
    'x',
    evil.toString().trim(),
  )
  await git(bare, 'update-ref', 'refs/heads/bad', bad)
  await assert.rejects(mirrors.fetch(org, url), /hasDotgit|fsck/i)
  assert.equal(await mirrors.commitOf(mirror, 'bad'), null)
})

test('GT1 nothing of the hub, its user or its system reaches git', async t => {
  const remote = await GitRemote.start(t)
  const url = await remote.repository('a')
  const home = await temporaryFolder(t)
  await writeFile(
    join(home, '.gitconfig'),
    '[core]\n\thooksPath = /tmp/evil\n[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://\n',
  )
  const before = { ...process.env }
  t.after(() => {
    process.env = before
  })
  Object.assign(process.env, {
    HOME: home,
    GIT_CONFIG_PARAMETERS: "'core.bare=nonsense'",
    GIT_TRACE: '1',
    GIT_DIR: '/x',
  })
  const { mirrors } = await scene(t)
  const mirror = await mirrors.fetch(org, url)
  await mkdir(join(mirror.gitDir, 'hooks'), { recursive: true })
  const hook = join(mirror.gitDir, 'hooks', 'reference-transaction')
  await writeFile(hook, `#!/bin/sh\necho ran > ${join(home, 'ran')}\n`, { mode: 0o755 })
  await remote.commit('a', 'main', { b: 'b' })
  await mirrors.fetch(org, url)
  await assert.rejects(readFile(join(home, 'ran')), /ENOENT/)
})
