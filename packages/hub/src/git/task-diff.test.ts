import assert from 'node:assert/strict'
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { taskDiffSchema } from '@meshbook/core/tasks-api.ts'
import * as v from 'valibot'
import { git } from '../../../../tests/git-hosts/git-remote.ts'
import { gitScene } from '../../../../tests/git-hosts/git-scene.ts'
import { listFolder, parseFacts, readTaskFile, taskDiff } from './task-diff.ts'

const files = {
  'a.txt': 'one\ntwo\nthree\n',
  'gone.txt': 'gone\n',
  'folder/moved.txt': `${'line\n'.repeat(30)}`,
  'ä ö.txt': 'x\n',
}

test('GT50 the difference names added, changed, removed and renamed files with their counts, and runs nothing', async t => {
  const scene = await gitScene(t, { files })
  const task = await scene.task('task-1')
  const folder = await scene.clone(task.url)
  const base = await git(folder, 'rev-parse', 'HEAD')
  await writeFile(join(folder, 'a.txt'), 'one\n2\nthree\nfour\n')
  await writeFile(join(folder, 'ä ö.txt'), 'y\n')
  await rm(join(folder, 'gone.txt'))
  await mkdir(join(folder, 'other'))
  await rename(join(folder, 'folder/moved.txt'), join(folder, 'other/here.txt'))
  await writeFile(join(folder, 'new\nline.bin'), Buffer.from([0, 1, 2]))
  const ran = join(scene.folder, 'ran')
  await writeFile(join(folder, '.gitattributes'), '* diff=evil filter=evil\n')
  await git(folder, 'add', '-A')
  await git(folder, 'commit', '-q', '-m', 'work')
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/work')
  // Even settings in the task's own repository run nothing.
  for (const key of ['diff.evil.textconv', 'diff.evil.command', 'diff.external'])
    await git(task.repository.gitDir, 'config', key, `touch ${ran}; cat`)
  const commit = await git(folder, 'rev-parse', 'HEAD')
  const diff = await taskDiff({ git: scene.program, limits: scene.limits }, { ...task.repository, base, commit })
  v.parse(taskDiffSchema, diff)
  const byPath = Object.fromEntries(diff.files.map(({ path, ...rest }) => [path, rest]))
  assert.deepEqual(byPath['a.txt'], { was: null, state: 'changed', added: 2, removed: 1 })
  assert.deepEqual(byPath['ä ö.txt'], { was: null, state: 'changed', added: 1, removed: 1 })
  assert.deepEqual(byPath['gone.txt'], { was: null, state: 'removed', added: 0, removed: 1 })
  assert.deepEqual(byPath['other/here.txt'], { was: 'folder/moved.txt', state: 'renamed', added: 0, removed: 0 })
  assert.deepEqual(byPath['new\nline.bin'], { was: null, state: 'added', added: null, removed: null })
  assert.match(diff.text, /^diff --git a\/\.gitattributes/)
  assert.match(diff.text, /\+four\n/)
  assert.equal(diff.isCut, false)
  await assert.rejects(
    import('node:fs/promises').then(fs => fs.access(ran)),
    /ENOENT/,
  )
  const none = taskDiff(
    { git: scene.program, limits: scene.limits },
    { ...task.repository, base, commit: 'f'.repeat(40) },
  )
  await assert.rejects(none, { code: 'NOT_FOUND' })
})

test('GT50 it is cut at a whole file where it is too large', async t => {
  const scene = await gitScene(t, { own: { taskDiffBytes: 20_000, diffFilesPerTask: 4 } })
  const task = await scene.task('task-1')
  const folder = await scene.clone(task.url)
  const base = await git(folder, 'rev-parse', 'HEAD')
  for (let i = 0; i < 6; i++) await writeFile(join(folder, `${i}.txt`), `diff --git a/x b/x ${i}\n`.repeat(300))
  await git(folder, 'add', '-A')
  await git(folder, 'commit', '-q', '-m', 'work')
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/work')
  const commit = await git(folder, 'rev-parse', 'HEAD')
  const diff = await taskDiff({ git: scene.program, limits: scene.limits }, { ...task.repository, base, commit })
  assert.equal(diff.isCut, true)
  assert.deepEqual(
    diff.files.map(file => file.path),
    ['0.txt', '1.txt', '2.txt', '3.txt'],
  )
  assert.equal(diff.text.match(/^diff --git/gm)?.length, 2)
  assert.ok(diff.text.endsWith('+diff --git a/x b/x 1\n'))
})

test('GT50 facts that end in their middle are read as far as they are whole', () => {
  assert.deepEqual(parseFacts(''), [])
  assert.deepEqual(parseFacts(':100644 100644 a b M\0a.txt\0:100644 100644 a b R09'), [
    { path: 'a.txt', was: null, state: 'changed', added: null, removed: null },
  ])
})

test('GT51 folders and files of a commit can be read, and no way leads out', async t => {
  const scene = await gitScene(t, { files, own: { taskFileBytes: 10, entriesPerFolder: 3 } })
  const task = await scene.task('task-1')
  const folder = await scene.clone(task.url)
  await symlink('/etc/passwd', join(folder, 'link'))
  await writeFile(join(folder, 'run.sh'), 'x')
  await chmod(join(folder, 'run.sh'), 0o755)
  await git(folder, 'add', '-A')
  await git(folder, 'commit', '-q', '-m', 'work')
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/work')
  const commit = await git(folder, 'rev-parse', 'HEAD')
  const ports = { git: scene.program, limits: scene.limits }
  const at = (path: string) => ({ ...task.repository, commit, path })
  const whole = { ...ports, limits: { ...scene.limits, entriesPerFolder: 100 } }
  const { entries } = await listFolder(whole, at(''))
  assert.deepEqual(
    entries.map(({ name, kind, bytes }) => `${kind} ${name} ${bytes}`),
    ['file a.txt 14', 'folder folder null', 'file gone.txt 5', 'link link 11', 'program run.sh 1', 'file ä ö.txt 2'],
  )
  assert.deepEqual(await listFolder(ports, at('folder')), {
    entries: [{ name: 'moved.txt', kind: 'file', bytes: 150 }],
    isCut: false,
  })
  assert.equal((await listFolder(ports, at(''))).isCut, true)
  assert.deepEqual(await readTaskFile(ports, at('a.txt')), {
    bytes: 14,
    content: Buffer.from('one\ntwo\nth'),
    isCut: true,
  })
  // A link is its text, and leads nowhere.
  assert.equal((await readTaskFile(whole, at('link'))).content.toString(), '/etc/passw')
  for (const path of ['../a', '/etc/passwd', './a.txt', 'a//b', 'a.txt\0', '..'])
    await assert.rejects(readTaskFile(ports, at(path)), { code: 'BAD_REQUEST' }, path)
  for (const path of ['folder', 'nothing']) await assert.rejects(readTaskFile(ports, at(path)), { code: 'NOT_FOUND' })
  await assert.rejects(listFolder(ports, at('a.txt')), { code: 'NOT_FOUND' })
  const elsewhere = await scene.task('task-2')
  await assert.rejects(listFolder(ports, { ...elsewhere.repository, commit, path: '' }), { code: 'NOT_FOUND' })
  assert.equal(await scene.repositories.has(elsewhere.repository, commit), false)
  assert.equal(await scene.repositories.has(task.repository, commit), true)
})
