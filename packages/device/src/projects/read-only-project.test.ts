import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { type Place, place } from '../testing/project-place.ts'
import { FileHub, sharer } from '../testing/shared-files.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

/** A document that somebody else wrote. */
function given(at: Place, path: string, text: string): void {
  const id = newId('document', Date.now(), systemRandom)
  at.documents.doc(id).getText('content').insert(0, text)
  at.tree.set(id, { path, kind: 'document' })
}

const has = (at: Place, path: string, text: string) =>
  until(`${path} in the folder`, async () => (await at.read(path).catch(() => '')) === text)
const conflicts = async (at: Place) => (await readdir(at.folder)).filter(name => name.includes('(conflict '))

test('DV107 in a project that is only read, an edit of the file is kept beside it and told, and the text comes back', async t => {
  const at = await place(t)
  at.isReadOnly = true
  given(at, 'a.md', 'theirs\n')
  await at.start()
  await has(at, 'a.md', 'theirs\n')
  await at.write('a.md', 'mine\n')
  await has(at, 'a.md', 'theirs\n')
  await until('the copy', async () => (await conflicts(at)).length === 1)
  const [copy] = await conflicts(at)
  assert.equal(await at.read(copy!), 'mine\n')
  assert.equal(at.text('a.md').toString(), 'theirs\n')
  await until('it is told', () => at.problems.list().some(text => text.includes('what was changed here in a.md')))
  // What they write goes on coming, and makes no further copy.
  at.text('a.md').insert(0, 'more of ')
  await has(at, 'a.md', 'more of theirs\n')
  assert.equal((await conflicts(at)).length, 1)
  assert.deepEqual(Object.keys(at.live()), ['a.md'])
})

test('DV107 deleted and renamed files come back, new ones stay here and are told; the tree is never written', async t => {
  const at = await place(t)
  at.isReadOnly = true
  given(at, 'a.md', 'A\n')
  given(at, 'b.md', 'B\n')
  await at.start()
  await has(at, 'b.md', 'B\n')
  await has(at, 'a.md', 'A\n')
  const before = JSON.stringify([...at.tree.entries()])
  await at.unlink('a.md')
  await at.rename('b.md', 'moved.md')
  await at.write('new.md', 'N\n')
  await has(at, 'a.md', 'A\n')
  await has(at, 'b.md', 'B\n')
  await until('both are told', () =>
    ['moved.md', 'new.md'].every(name =>
      at.problems.list().some(text => text.includes(`${name} is shared with nobody`)),
    ),
  )
  assert.equal(await at.read('moved.md'), 'B\n')
  assert.equal(await at.read('new.md'), 'N\n')
  assert.equal(JSON.stringify([...at.tree.entries()]), before)
  await at.unlink('new.md')
  await until('it passed', () => !at.problems.list().some(text => text.includes('new.md')))
})

test('DV107 a file that stands there before the first text comes is kept beside it', async t => {
  const at = await place(t)
  at.isReadOnly = true
  await at.write('a.md', 'was here\n')
  given(at, 'a.md', 'theirs\n')
  await at.start()
  await has(at, 'a.md', 'theirs\n')
  await until('the copy', async () => (await conflicts(at)).length === 1)
  assert.equal(at.text('a.md').toString(), 'theirs\n')
})

test('DV107 who may write again goes on from what the folder has: what was removed elsewhere stays removed', async t => {
  const at = await place(t)
  at.isReadOnly = true
  given(at, 'a.md', 'one\ntwo\nthree\n')
  await at.start()
  await has(at, 'a.md', 'one\ntwo\nthree\n')
  await at.stop()
  at.isReadOnly = false
  at.text('a.md').delete(0, 4)
  await at.write('a.md', 'one\ntwo\nthree\nmine\n')
  await at.start()
  await at.settled('a.md', text => text === 'two\nthree\nmine\n')
  assert.deepEqual(await conflicts(at), [])
})

test('DV107 other files: a change here is kept beside what comes back, a new one stays, nothing is put into the tree', async t => {
  const hub = new FileHub(join(await temporaryFolder(), 'hub'))
  const writer = await sharer(t, hub, 'Desk')
  const reader = await sharer(t, hub, 'Laptop', writer)
  reader.isReadOnly = true
  await writer.start()
  await reader.start()
  await writer.write('data.csv', 'theirs\n')
  await has(reader, 'data.csv', 'theirs\n')
  const before = JSON.stringify([...writer.tree.entries()])
  await reader.write('data.csv', 'changed by a reader\n')
  await reader.write('own.csv', 'a reader’s own\n')
  await has(reader, 'data.csv', 'theirs\n')
  await until('the copy', async () => (await conflicts(reader)).length === 1)
  assert.equal(await reader.read((await conflicts(reader))[0]!), 'changed by a reader\n')
  await until('it is told', () => reader.problems.list().some(text => text.includes('own.csv is shared with nobody')))
  await reader.unlink('data.csv')
  await has(reader, 'data.csv', 'theirs\n')
  assert.equal(JSON.stringify([...writer.tree.entries()]), before)
  assert.equal(await writer.read('data.csv'), 'theirs\n')
})
