import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { MortalProcess } from '../testing/mortal-disk.ts'
import { type Place, place } from '../testing/project-place.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'
import { NodeDisk } from './node-disk.ts'
import { Trash, TrashFolder } from './trash.ts'

const trashOf = (p: Place) => new TrashFolder(new NodeDisk(), join(p.root, 'trash'), Date.now, p.limits)

/** As a device does it. */
async function restore(p: Place): Promise<string> {
  const trash = trashOf(p)
  const [entry] = await trash.list()
  assert.ok(entry)
  const path = await p.folderOf!.restore(entry, await trash.read(entry.name))
  await trash.remove(entry.name)
  return path
}

async function placeWith(p: Place, path: string, text: string): Promise<string> {
  await p.write(path, text)
  await p.start()
  return p.live()[path]!
}

test('DV65 a file that was deleted here comes back with its document', async t => {
  const p = await place(t)
  const id = await placeWith(p, 'sub/a.md', 'text\n')
  await p.unlink('sub/a.md')
  await until('the burial', () => Object.keys(p.live()).length === 0)
  const [entry] = await trashOf(p).list()
  assert.deepEqual([entry?.path, entry?.document, entry?.project, entry?.bytes], ['sub/a.md', id, p.project.id, 5])
  assert.equal(await restore(p), 'sub/a.md')
  assert.deepEqual(p.live(), { 'sub/a.md': id })
  await p.settled('sub/a.md', text => text === 'text\n')
  assert.deepEqual(await trashOf(p).list(), [])
})

test('DV65 a file whose document was deleted elsewhere comes back with it, also after a restart', async t => {
  const p = await place(t)
  const id = await placeWith(p, 'a.md', 'text\n')
  p.tree.set(id, { path: 'a.md', kind: 'document', deletedAt: Date.now() })
  await until('the trash', async () => (await trashOf(p).list()).length === 1)
  await p.stop()
  await p.start()
  assert.equal(await restore(p), 'a.md')
  assert.deepEqual(p.live(), { 'a.md': id })
  await p.settled('a.md', text => text === 'text\n')
})

test('DV65 what has the name now stays: the restored file gets the next name', async t => {
  const p = await place(t)
  const id = await placeWith(p, 'a.md', 'old\n')
  p.tree.set(id, { path: 'a.md', kind: 'document', deletedAt: Date.now() })
  await until('the trash', async () => (await trashOf(p).list()).length === 1)
  await p.write('a.md', 'new\n')
  await until('the new document', () => p.live()['a.md'] !== undefined)
  assert.equal(await restore(p), 'a (2).md')
  assert.equal(await p.read('a.md'), 'new\n')
  assert.equal(await p.read('a (2).md'), 'old\n')
  assert.equal(p.live()['a (2).md'], id)
})

test('DV65 a document that the tree does not know any more comes back as a new one', async t => {
  const p = await place(t)
  const id = await placeWith(p, 'a.md', 'text\n')
  p.tree.set(id, { path: 'a.md', kind: 'document', deletedAt: Date.now() })
  await until('the trash', async () => (await trashOf(p).list()).length === 1)
  p.tree.delete(id)
  assert.equal(await restore(p), 'a.md')
  assert.notEqual(p.live()['a.md'], id)
  assert.equal(p.text('a.md').toString(), 'text\n')
})

for (let steps = 1; steps <= 10; steps++) {
  test(`DV65 a crash at step ${steps} of a restore loses nothing and leaves no half of a file (I9)`, async t => {
    const p = await place(t)
    const id = await placeWith(p, 'a.md', 'text\n')
    p.tree.set(id, { path: 'a.md', kind: 'document', deletedAt: Date.now() })
    await until('the trash', async () => (await trashOf(p).list()).length === 1)
    const mortal = new MortalProcess(Number.POSITIVE_INFINITY)
    await p.stop()
    Object.assign(p, { disk: mortal.disk, after: mortal.after, hasCrashed: true })
    await p.start()
    mortal.dieAfter(steps)
    t.after(() => mortal.bury())
    void restore(p)
    await until('the death', () => mortal.isDead, 300).catch(() => mortal.bury())
    const whole = new MortalProcess(Number.POSITIVE_INFINITY)
    Object.assign(p, { disk: whole.disk, after: whole.after })
    await p.start()
    t.after(() => p.folderOf?.close())
    if (!existsSync(join(p.folder, 'a.md'))) await restore(p)
    await p.settled('a.md', text => text === 'text\n')
    assert.equal((await readdir(p.folder)).filter(name => name.endsWith('.md')).length, 1)
  })
}

test('DV65 what is old goes, and the oldest of what is too much', async () => {
  const folder = join(await temporaryFolder(), 'trash')
  let now = 1_000
  const kept = () => new TrashFolder(new NodeDisk(), folder, () => now, { ...limits, trashMs: 100_000, trashBytes: 10 })
  const project = newId('project', 1, systemRandom)
  const trash = new Trash(new NodeDisk(), kept(), project)
  for (const path of ['a.md', 'b.md', 'c.md']) {
    await trash.keep('1234', { path })
    now += 10
  }
  await kept().prune()
  assert.deepEqual(
    (await kept().list()).map(({ path }) => path),
    ['c.md', 'b.md'],
  )
  now += 100_000
  await kept().prune()
  assert.deepEqual(await readdir(folder), [])
  assert.deepEqual(await readdir(`${folder}-notes`), [])
})

test('DV65 a damaged note hides its file and no other; a note without a file goes with the next look', async () => {
  const folder = join(await temporaryFolder(), 'trash')
  const disk = new NodeDisk()
  const kept = new TrashFolder(disk, folder, () => 5, limits)
  const trash = new Trash(disk, kept, newId('project', 1, systemRandom))
  await trash.keep('one', { path: 'one.md' })
  await trash.keep('two', { path: 'two.md' })
  const [, first] = await kept.list()
  await disk.remove(join(`${folder}-notes`, `${first!.name}.json`))
  await disk.write(join(`${folder}-notes`, `${first!.name}.json`), Buffer.from('{'))
  await kept.place(newId('project', 1, systemRandom), { path: 'never.md' })
  await kept.tidy()
  assert.deepEqual(
    (await kept.list()).map(({ path }) => path),
    ['two.md'],
  )
  assert.equal((await readdir(folder)).length, 2)
  assert.equal((await readdir(`${folder}-notes`)).length, 2)
  await assert.rejects(kept.find('../x'), { code: 'NOT_FOUND' })
})
