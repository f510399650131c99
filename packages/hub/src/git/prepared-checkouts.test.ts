import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { git } from '../../../../tests/git-hosts/git-remote.ts'
import { type GitScene, gitScene } from '../../../../tests/git-hosts/git-scene.ts'
import { newLog } from '../log.ts'
import { atEnd } from '../testing/at-end.ts'
import { canOverlay, mountsBelow } from './overlay.ts'
import { type CheckoutOrder, PreparedCheckouts } from './prepared-checkouts.ts'

const origin = 'http://git/repo.git'
const kinds = (await canOverlay(tmpdir())) ? (['mount', 'copy'] as const) : (['copy'] as const)

async function openFor(t: TestContext, scene: GitScene, kind: 'mount' | 'copy'): Promise<PreparedCheckouts> {
  const checkouts = await PreparedCheckouts.open({
    folder: scene.folder,
    git: scene.program,
    mirrors: scene.mirrors,
    repositories: scene.repositories,
    log: newLog('silent'),
    limits: scene.limits,
    mounts: kind === 'mount',
  })
  atEnd(t, async () => {
    await checkouts.close()
    await checkouts.settle(() => false)
  })
  return checkouts
}

function orderOf(scene: GitScene, id: string, base: string): CheckoutOrder {
  return { org: scene.org, repo: scene.url, task: id as never, base, branch: `meshbook/${id}/work`, origin }
}

const files = { 'README.md': '# Hello\n', 'src/a.ts': 'a\n', 'src/b.ts': 'b\n' }

for (const kind of kinds) {
  test(`GT40 as a ${kind}: the base is checked out on the task's branch, in a repository of its own`, async t => {
    const scene = await gitScene(t, { files })
    const checkouts = await openFor(t, scene, kind)
    const task = await scene.task('task-1')
    const first = (await scene.remote.refs('a'))['refs/heads/main']!
    const made = await checkouts.prepare(orderOf(scene, task.id, first))
    assert.equal(made.kind, kind)
    assert.equal(await readFile(join(made.folder, 'src/a.ts'), 'utf8'), 'a\n')
    assert.equal(await git(made.folder, 'status', '--porcelain=v1', '--branch'), '## meshbook/task-1/work')
    assert.equal(await git(made.folder, 'rev-parse', 'HEAD'), first)
    assert.equal(await git(made.folder, 'rev-parse', 'origin/main'), first)
    assert.equal(await git(made.folder, 'config', 'remote.origin.url'), origin)
    // What is there of the hub: nothing.
    assert.throws(() => execFileSync('grep', ['-rqF', scene.folder, join(made.folder, '.git')]))
    assert.throws(() => execFileSync('grep', ['-rqF', scene.remote.url, join(made.folder, '.git')]))
    await assert.rejects(stat(join(made.folder, '.git/hooks')), /ENOENT/)
    await assert.rejects(stat(join(made.folder, '.git/objects/info/alternates')), /ENOENT/)
    await git(made.folder, 'fsck', '--connectivity-only')
    // What is written there is nowhere else.
    await writeFile(join(made.folder, 'src/a.ts'), 'changed\n')
    for (const name of await readdir(join(made.folder, '.git/objects/pack')))
      execFileSync('sh', ['-c', 'chmod u+w "$1"; : > "$1"', 'sh', join(made.folder, '.git/objects/pack', name)])
    await git(scene.mirrors.gitDirOf(scene.org, scene.url), 'fsck')
    const other = await checkouts.prepare(orderOf(scene, 'task-2', first))
    assert.equal(await readFile(join(other.folder, 'src/a.ts'), 'utf8'), 'a\n')
    await git(other.folder, 'fsck', '--connectivity-only')
  })

  test(`GT40 as a ${kind}: a base that is newer, older, or pushed by the task itself`, async t => {
    const scene = await gitScene(t, { files })
    const checkouts = await openFor(t, scene, kind)
    const task = await scene.task('task-1')
    const first = (await scene.remote.refs('a'))['refs/heads/main']!
    await (await checkouts.prepare(orderOf(scene, task.id, first))).release()
    const second = await scene.remote.commit('a', 'main', {
      'src/a.ts': 'newer\n',
      'src/b.ts': null,
      'src/c.ts': 'c\n',
    })
    await scene.mirrors.fetch(scene.org, scene.url)
    const newer = await checkouts.prepare(orderOf(scene, task.id, second))
    assert.deepEqual((await readdir(join(newer.folder, 'src'))).sort(), ['a.ts', 'c.ts'])
    assert.equal(await readFile(join(newer.folder, 'src/a.ts'), 'utf8'), 'newer\n')
    assert.equal(await git(newer.folder, 'status', '--porcelain'), '')
    await checkouts.close()
    const older = await checkouts.prepare(orderOf(scene, task.id, first))
    assert.deepEqual((await readdir(join(older.folder, 'src'))).sort(), ['a.ts', 'b.ts'])
    assert.equal(await git(older.folder, 'status', '--porcelain'), '')
    // A worker that replaces another begins from the last checkpoint.
    const clone = await scene.clone(task.url)
    await writeFile(join(clone, 'work.txt'), 'half done\n')
    await git(clone, 'add', '-A')
    await git(clone, 'commit', '-q', '-m', 'checkpoint')
    await git(clone, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/work')
    const checkpoint = await git(clone, 'rev-parse', 'HEAD')
    const again = await checkouts.prepare(orderOf(scene, task.id, checkpoint))
    assert.equal(await readFile(join(again.folder, 'work.txt'), 'utf8'), 'half done\n')
    assert.equal(await git(again.folder, 'status', '--porcelain'), '')
    await assert.rejects(checkouts.prepare(orderOf(scene, 'task-1', 'f'.repeat(40))), { code: 'INTERNAL' })
  })

  test(`GT40 as a ${kind}: files belong to the worker's user, who can work there`, async t => {
    const isRoot = process.geteuid?.() === 0
    const scene = await gitScene(t, { files })
    const checkouts = await openFor(t, scene, kind)
    const first = (await scene.remote.refs('a'))['refs/heads/main']!
    await scene.mirrors.fetch(scene.org, scene.url)
    const second = await scene.remote.commit('a', 'main', { 'src/a.ts': 'newer\n' })
    const owner = isRoot ? { uid: 10_002, gid: 10_002 } : { uid: process.getuid!(), gid: process.getgid!() }
    await checkouts.prepare({ ...orderOf(scene, 'task-0', first), owner })
    await scene.mirrors.fetch(scene.org, scene.url)
    const made = await checkouts.prepare({ ...orderOf(scene, 'task-1', second), owner })
    for (const path of ['.', 'src', 'src/a.ts', '.git', '.git/index', '.git/objects', '.git/objects/pack', '.git/HEAD'])
      assert.equal((await stat(join(made.folder, path))).uid, owner.uid, path)
    // Only root gives files to somebody else.
    if (!isRoot) return
    // As that user, where the folder is seen without what is around it.
    const script =
      'cd /mnt && echo x > src/new.ts && git add -A && git -c user.name=a -c user.email=b commit -qm x && git status --porcelain && git rev-list --count HEAD'
    const command = [
      '--mount',
      'sh',
      '-c',
      `mount --bind "${made.folder}" /mnt && exec setpriv --reuid=10002 --regid=10002 --clear-groups sh -c '${script}'`,
    ]
    assert.equal(
      execFileSync('unshare', command, { env: { PATH: process.env.PATH, HOME: '/nonexistent' } }).toString(),
      '3\n',
    )
    // The mirror's packs are as they were.
    const packs = join(scene.mirrors.gitDirOf(scene.org, scene.url), 'objects/pack')
    for (const name of await readdir(packs)) assert.equal((await stat(join(packs, name))).uid, 0)
  })

  test(`GT42 as a ${kind}: release takes all away, may be asked for again, and a new hub finds what is over`, async t => {
    const scene = await gitScene(t, { files })
    const checkouts = await openFor(t, scene, kind)
    await scene.mirrors.fetch(scene.org, scene.url)
    const first = (await scene.remote.refs('a'))['refs/heads/main']!
    const room = await mkdtemp(join(tmpdir(), 'meshbook-room-'))
    t.after(() => rm(room, { recursive: true, force: true }))
    const one = await checkouts.prepare({ ...orderOf(scene, 'task-1', first), room })
    await writeFile(join(one.folder, 'written'), 'x')
    assert.equal((await readdir(room)).length, 1)
    await one.release()
    await one.release()
    assert.deepEqual(await readdir(room), [])
    const tasks = join(scene.folder, 'checkouts/tasks')
    assert.deepEqual(await readdir(tasks), [])
    assert.deepEqual(await mountsBelow(tasks), [])
    for (const id of ['task-2', 'task-3']) await checkouts.prepare(orderOf(scene, id, first))
    // The hub ends without a word.
    const next = await openFor(t, scene, kind)
    await next.settle((_, task) => task === 'task-3')
    assert.equal((await readdir(tasks)).length, 1)
    assert.equal((await mountsBelow(tasks)).length, kind === 'mount' ? 1 : 0)
  })
}
