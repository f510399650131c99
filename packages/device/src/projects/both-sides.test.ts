import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Place, place } from '../testing/project-place.ts'
import { until } from '../testing/until.ts'
import { NodeDisk } from './node-disk.ts'
import { TrashFolder } from './trash.ts'

/** Two devices with a folder each, on one hub. */
async function twoPlaces(t: TestContext, path: string, text: string): Promise<[Place, Place]> {
  const [here, there] = [await place(t), await place(t)]
  Object.assign(there, { documents: here.documents, project: here.project, isAlone: false })
  here.isAlone = false
  await here.write(path, text)
  await here.start()
  await there.start()
  await until('the file there', async () => (await there.read(path).catch(() => '')) === text)
  return [here, there]
}

const filesOf = async (p: Place) =>
  (await readdir(p.folder, { recursive: true })).filter(name => name.endsWith('.md')).sort()

test('DV26 a file that is renamed and edited at once keeps its document, here and there', async t => {
  const [here, there] = await twoPlaces(t, 'a.md', 'one\ntwo\nthree\n')
  const id = here.live()['a.md']
  await here.rename('a.md', 'deep/b.md')
  await here.write('deep/b.md', 'one\ntwo\nthree\nfour\n')
  await until(
    'the move there',
    async () => (await there.read('deep/b.md').catch(() => '')) === 'one\ntwo\nthree\nfour\n',
  )
  assert.deepEqual(here.live(), { 'deep/b.md': id })
  assert.deepEqual(await filesOf(there), ['deep/b.md'])
})

test('DV26 a folder that is moved moves its files everywhere, with their ids', async t => {
  const [here, there] = await twoPlaces(t, 'old/a.md', 'text of a\n')
  await here.write('old/b.md', 'text of b\n')
  await until('b there', () => existsSync(join(there.folder, 'old/b.md')))
  const ids = here.live()
  await here.rename('old', 'new')
  await until(
    'the move there',
    () => existsSync(join(there.folder, 'new/a.md')) && existsSync(join(there.folder, 'new/b.md')),
  )
  assert.deepEqual(here.live(), { 'new/a.md': ids['old/a.md'], 'new/b.md': ids['old/b.md'] })
  await until('no old file', async () => (await filesOf(there)).join() === 'new/a.md,new/b.md')
})

test('DV26 two devices rename a file to different names: one name wins on both, and there is one document', async t => {
  const [here, there] = await twoPlaces(t, 'a.md', 'one\ntwo\n')
  const id = here.live()['a.md']
  await Promise.all([here.rename('a.md', 'mine.md'), there.rename('a.md', 'yours.md')])
  await until('one name', async () => {
    const [live] = Object.keys(here.live())
    const files = [await filesOf(here), await filesOf(there)]
    return files.every(names => names.join() === live) && live !== 'a.md'
  })
  assert.deepEqual(Object.values(here.live()), [id])
})

test('DV27 deleted here while it is edited there: the edit is in the trash there, and the file stays deleted after a restart', async t => {
  const [here, there] = await twoPlaces(t, 'a.md', 'one\n')
  await there.stop()
  await there.write('a.md', 'one\nedited while away\n')
  await here.unlink('a.md')
  await until('the burial', () => Object.keys(here.live()).length === 0)
  await there.start()
  await until('the move to the trash', async () => (await filesOf(there)).length === 0)
  assert.deepEqual(await there.trashed(), ['one\nedited while away\n'])
  await there.stop()
  await there.start()
  await there.folderOf!.rescan()
  assert.deepEqual([...(await filesOf(there)), ...Object.keys(here.live())], [])
})

test('DV27 an old device returns with an edit of what was deleted elsewhere: it is told where the edit is, and a restore brings it to both', async t => {
  const [here, there] = await twoPlaces(t, 'a.md', 'one\n')
  const id = here.live()['a.md']
  await there.stop()
  await there.write('a.md', 'one\nedited while away\n')
  await here.unlink('a.md')
  await until('the burial', () => Object.keys(here.live()).length === 0)
  await there.start()
  await until('the move to the trash', async () => (await filesOf(there)).length === 0)
  const trash = new TrashFolder(new NodeDisk(), join(there.root, 'trash'), Date.now, there.limits)
  const [entry] = await trash.list()
  assert.match(there.problems.list().join(), new RegExp(`while it was edited here.*${entry!.name}`))
  await there.folderOf!.restore(entry!, await trash.read(entry!.name))
  assert.deepEqual(here.live(), { 'a.md': id })
  const text = 'one\nedited while away\n'
  await until('the file here', async () => (await here.read('a.md').catch(() => '')) === text)
  assert.equal(await there.read('a.md'), text)
})

test('DV27 an old device returns with an edit it had merged after the delete: the edit is told too', async t => {
  const [here, there] = await twoPlaces(t, 'a.md', 'one\n')
  const id = here.live()['a.md']!
  await there.folderOf!.rescan()
  await there.write('a.md', 'one\nmore\n')
  await until('the edit', () => here.documents.doc(id).getText('content').toString() === 'one\nmore\n')
  here.tree.set(id, { path: 'a.md', kind: 'document', deletedAt: Date.now() - 5_000 })
  await until('no file', async () => (await filesOf(there)).length === 0)
  await until('the problem', () => /while it was edited here/.test(there.problems.list().join()))
  assert.deepEqual(await there.trashed(), ['one\nmore\n'])
})

test('DV27 an old device returns without edits: what was deleted elsewhere stays deleted, and nothing is told', async t => {
  const [here, there] = await twoPlaces(t, 'a.md', 'one\n')
  await there.folderOf!.rescan()
  await there.stop()
  await here.unlink('a.md')
  await until('the burial', () => Object.keys(here.live()).length === 0)
  await there.start()
  await until('the move to the trash', async () => (await filesOf(there)).length === 0)
  await there.folderOf!.rescan()
  assert.deepEqual([there.problems.list(), here.live()], [[], {}])
  assert.deepEqual(await there.trashed(), ['one\n'])
})
