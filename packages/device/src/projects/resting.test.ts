import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { place } from '../testing/project-place.ts'
import { until } from '../testing/until.ts'

const count = 60
const awake = 8

test('DV44 of many documents few are open, changes of either side reach the other, and a restart opens none', async t => {
  const p = await place(t)
  p.limits = { ...p.limits, documentsAwake: awake, documentIdleMs: 150 }
  for (let i = 0; i < count; i++) await p.write(`${i}.md`, `# ${i}\n`)
  await p.start()
  await until('rest', () => p.documents.opened === 1)
  const ids = p.live()
  assert.equal(Object.keys(ids).length, count)
  for (let i = 0; i < count; i += 7) p.text(`${i}.md`).insert(0, 'from elsewhere\n')
  for (let i = 1; i < count; i += 7) await p.write(`${i}.md`, `# ${i}\nsaved\n`)
  for (let i = 0; i < count; i += 7) await p.settled(`${i}.md`, text => text === `from elsewhere\n# ${i}\n`)
  for (let i = 1; i < count; i += 7) await p.settled(`${i}.md`, text => text === `# ${i}\nsaved\n`)
  await until('rest', () => p.documents.opened === 1)
  await p.folderOf!.rescan()
  await until('rest', () => p.documents.opened === 1)
  await p.stop()

  p.documents.mostOpened = 0
  await p.start()
  await p.folderOf!.rescan()
  assert.equal(p.documents.mostOpened, 1, 'the tree alone')
  await p.stop()

  p.text('3.md').insert(0, 'while away\n')
  await p.write('4.md', 'saved while away\n')
  await p.start()
  await p.settled('3.md', text => text === 'while away\n# 3\n')
  await p.settled('4.md', text => text === 'saved while away\n')
  assert.ok(p.documents.mostOpened <= 3, `${p.documents.mostOpened} were open at a time`)
  assert.deepEqual(p.live(), ids)
})

test('DV44 a resting document keeps its id and its history when its file is renamed or deleted and comes back', async t => {
  const p = await place(t)
  p.limits = { ...p.limits, documentIdleMs: 100 }
  await p.write('a.md', 'one\ntwo\n')
  await p.start()
  const id = p.live()['a.md']!
  await until('rest', () => p.documents.opened === 1)
  await p.rename('a.md', 'sub/b.md')
  await until('the rename', () => p.live()['sub/b.md'] === id)
  await until('rest', () => p.documents.opened === 1)
  await p.unlink('sub/b.md')
  await until('the burial', () => p.tree.get(id)?.deletedAt !== undefined)
  assert.deepEqual(await p.trashed(), ['one\ntwo\n'])
  await p.write('sub/b.md', 'one\ntwo\nthree\n')
  await until('the return', () => p.live()['sub/b.md'] === id)
  await p.settled('sub/b.md', text => text === 'one\ntwo\nthree\n')
})

test('DV44 what comes to a document while it goes to rest is in its file', async t => {
  const p = await place(t)
  p.limits = { ...p.limits, documentIdleMs: 60, replacedFileMs: 50 }
  await p.write('a.md', 'first\n')
  await p.start()
  const fileText = () => readFileSync(join(p.folder, 'a.md'), 'utf8')
  await until('rest', () => p.documents.opened === 1)
  p.storing = async () => {
    // The file has everything: what is being stored now is that the document rests.
    if (fileText() !== p.text('a.md').toString()) return
    p.storing = () => Promise.resolve()
    p.text('a.md').insert(0, 'late\n')
  }
  p.text('a.md').insert(0, 'soon\n')
  await p.settled('a.md', text => text === 'late\nsoon\nfirst\n')
  await until('rest', () => p.documents.opened === 1)

  const close = p.documents.closing
  p.documents.closing = async () => {
    p.documents.closing = close
    p.text('a.md').insert(0, 'last\n')
  }
  p.text('a.md').insert(0, 'later\n')
  await p.settled('a.md', text => text === 'last\nlater\nlate\nsoon\nfirst\n')
})
