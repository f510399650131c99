import assert from 'node:assert/strict'
import { existsSync, linkSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { chmod, lstat, mkdir, readdir, readFile, rename, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { place } from '../testing/project-place.ts'
import { until } from '../testing/until.ts'
import type { Disk } from './disk.ts'
import { newProjection } from './new-projection.ts'
import { NodeDisk } from './node-disk.ts'

test('attaching makes a document of each notebook that is not ignored, and a file of each document', async t => {
  const p = await place(t)
  await p.write('a.md', '# A\n')
  await p.write('sub/b.qmd', '# B\n')
  await p.write('node_modules/x/readme.md', 'no\n')
  await p.write('drafts/secret.md', 'no\n')
  await p.write('.gitignore', 'drafts/\n')
  await p.write('data.csv', '1,2\n')
  const remote = newId('document', Date.now(), systemRandom)
  p.documents.doc(remote).getText(sharedNames.content).insert(0, '# From elsewhere\n')
  p.tree.set(remote, { path: 'deep/er/c.md', kind: 'document' })
  await p.start()
  assert.deepEqual(Object.keys(p.live()).sort(), ['a.md', 'deep/er/c.md', 'sub/b.qmd'])
  assert.equal(p.text('a.md').toString(), '# A\n')
  await until('the file of the remote document', () => existsSync(join(p.folder, 'deep/er/c.md')))
  assert.equal(await p.read('deep/er/c.md'), '# From elsewhere\n')
})

test('edits go both ways, and the mode of the file is kept', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\ntwo\n')
  await chmod(join(p.folder, 'a.md'), 0o640)
  await p.start()
  p.text('a.md').insert(0, 'zero\n')
  await until('the file', async () => (await p.read('a.md')) === 'zero\none\ntwo\n')
  await p.write('a.md', 'zero\none\ntwo\nthree\n')
  await until('the document', () => p.text('a.md').toString() === 'zero\none\ntwo\nthree\n')
  assert.equal((await stat(join(p.folder, 'a.md'))).mode & 0o777, 0o640)
  assert.deepEqual(
    (await readdir(p.folder)).filter(name => name.endsWith('.tmp')),
    [],
  )
})

test('file and document edited in the same moment: both edits are in both (I13)', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\ntwo\nthree\n')
  await p.start()
  for (let i = 0; i < 15; i++) {
    p.text('a.md').insert(0, `typed ${i}\n`)
    p.appendBySave('a.md', `saved ${i}\n`)
    if (i % 3 === 0) await new Promise(resolve => setTimeout(resolve, 30))
  }
  const whole = (text: string) =>
    Array.from({ length: 15 }, (_, i) => [`typed ${i}\n`, `saved ${i}\n`])
      .flat()
      .every(line => text.split(line).length === 2)
  await until(
    'both sides are whole',
    async () => whole(p.text('a.md').toString()) && (await p.read('a.md')) === p.text('a.md').toString(),
  ).catch(async thrown => {
    assert.fail(`${thrown.message}\n${p.text('a.md').toString()}\n--- file\n${await p.read('a.md')}`)
  })
})

test('edits made to file and document while nobody ran are merged at the next start (I2, I13)', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\ntwo\n')
  await p.start()
  await p.stop()
  p.text('a.md').insert(0, 'in the document\n')
  await p.write('a.md', 'one\ntwo\nin the file\n')
  await p.start()
  assert.equal(p.text('a.md').toString(), 'in the document\none\ntwo\nin the file\n')
  assert.equal(await p.read('a.md'), 'in the document\none\ntwo\nin the file\n')
  assert.equal(Object.keys(p.live()).length, 1, 'no second document was made')
})

test('a file at the path of a document that was never here is merged line by line, nothing is lost (I2)', async t => {
  const p = await place(t)
  const id = newId('document', Date.now(), systemRandom)
  p.documents.doc(id).getText(sharedNames.content).insert(0, 'shared\nonly there\n')
  p.tree.set(id, { path: 'a.md', kind: 'document' })
  await p.write('a.md', 'shared\nonly here\n')
  await p.start()
  await until('the merge', async () => (await p.read('a.md')) === 'shared\nonly there\nonly here\n')
  assert.deepEqual(p.live(), { 'a.md': id })
})

test('a renamed file keeps its document', async t => {
  const p = await place(t)
  await p.write('a.md', '# A\n')
  await p.start()
  const id = p.live()['a.md']!
  await mkdir(join(p.folder, 'sub'))
  await rename(join(p.folder, 'a.md'), join(p.folder, 'sub/new.md'))
  await until('the new path', () => p.live()['sub/new.md'] === id)
  p.text('sub/new.md').insert(0, 'still\n')
  await until('the file', async () => (await p.read('sub/new.md')) === 'still\n# A\n')
  assert.ok(!existsSync(join(p.folder, 'a.md')))
})

test('a move that was cut off before it was noted is no deletion (DV26, I9)', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\ntwo\n')
  await p.start()
  const id = p.live()['a.md']!
  await p.stop()
  // The tree was renamed elsewhere, and this device had moved the file when its power failed.
  p.tree.set(id, { path: 'b.md', kind: 'document' })
  await rename(join(p.folder, 'a.md'), join(p.folder, 'b.md'))
  await p.start()
  assert.deepEqual(p.live(), { 'b.md': id })
  assert.equal(await p.read('b.md'), 'one\ntwo\n')
})

test('DV27 a file whose move could not be stored stays the file of its document when it is renamed and edited again', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\ntwo\n')
  await p.start()
  await p.folderOf!.rescan()
  const id = p.live()['a.md']!
  p.storing = () => {
    // Whoever saves it by renaming gives it another inode, and the tree wants it elsewhere by then.
    if (!existsSync(join(p.folder, 'b.md'))) return Promise.resolve()
    p.storing = () => Promise.resolve()
    p.appendBySave('b.md', 'three\n')
    p.tree.set(id, { path: 'c.md', kind: 'document' })
    return Promise.reject(new MeshError('STORAGE_FAILED'))
  }
  p.tree.set(id, { path: 'b.md', kind: 'document' })
  await until('the file', async () => (await p.read('c.md').catch(() => '')) === 'one\ntwo\nthree\n')
  await p.settled('c.md')
  assert.deepEqual(p.live(), { 'c.md': id })
  await until('the row', () => p.rows.get(id)?.path === 'c.md')
})

test('DV27 a file whose move could not be made durable stays the file of its document when another comes to the old path', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\ntwo\n')
  await p.start()
  const id = p.live()['a.md']!
  let isFailing = true
  const { disk } = p
  const syncFolder = (folder: string) =>
    isFailing ? Promise.reject(new MeshError('STORAGE_FAILED')) : NodeDisk.prototype.syncFolder.call(disk, folder)
  Object.assign(disk, { syncFolder })
  p.tree.set(id, { path: 'b.md', kind: 'document' })
  await until('the move', () => existsSync(join(p.folder, 'b.md')))
  await p.write('a.md', 'of another\n')
  isFailing = false
  await until('the new document', () => p.live()['a.md'] !== undefined)
  await p.settled('a.md')
  assert.equal(p.live()['b.md'], id)
  assert.equal(p.text('b.md').toString(), 'one\ntwo\n')
  assert.equal(p.text('a.md').toString(), 'of another\n')
})

test('DV27 a delete from elsewhere that the disk refused is made as soon as it takes it, and nobody else gets the file', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\n')
  await p.start()
  await p.folderOf!.rescan()
  const { disk } = p
  let asked = 0
  const write = (...args: Parameters<Disk['write']>) =>
    args[0].startsWith(join(p.root, 'trash')) && asked++ === 0
      ? Promise.reject(new MeshError('STORAGE_FAILED'))
      : NodeDisk.prototype.write.apply(disk, args)
  Object.assign(disk, { write })
  const next = newId('document', Date.now(), systemRandom)
  p.documents.doc(next).getText(sharedNames.content).insert(0, 'new\n')
  p.tree.set(p.live()['a.md']!, { path: 'a.md', kind: 'document', deletedAt: Date.now() })
  p.tree.set(next, { path: 'a.md', kind: 'document' })
  await until('the refusal', () => asked > 0)
  await until('the new file', async () => (await p.read('a.md').catch(() => '')) === 'new\n')
  assert.deepEqual(p.live(), { 'a.md': next })
  assert.equal(p.text('a.md').toString(), 'new\n')
  await until('no problem', () => p.problems.all().length === 0)
  assert.deepEqual(await p.trashed(), ['one\n'])
})

test('DV26 a file that could not be made before the device was stopped is no deletion', async t => {
  const p = await place(t)
  const id = newId('document', Date.now(), systemRandom)
  p.documents.doc(id).getText(sharedNames.content).insert(0, 'from elsewhere\n')
  p.tree.set(id, { path: 'b.md', kind: 'document' })
  p.rows.set(id, newProjection(id, p.project.id, 'a.md', systemRandom))
  await p.start()
  await until('the file', async () => (await p.read('b.md').catch(() => '')) === 'from elsewhere\n')
  assert.deepEqual(p.live(), { 'b.md': id })
})

test('DV26 a look at the moment in which a file is replaced takes it neither for deleted nor for renamed to a copy', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\n')
  let looks = 0
  let looked: Promise<void> | undefined
  /** Its calls are as far apart as may be: others look and write between them. Nothing else has the folder looked at. */
  const slow = {
    watch: () => undefined,
    exchange: async (temporary: string, file: string, aside: string) => {
      renameSync(file, aside)
      writeFileSync(join(p.folder, 'copy.md'), 'zero\none\n')
      const before = looks
      looked = p.folderOf!.rescan()
      await until('the look', () => looks > before)
      linkSync(temporary, file)
      unlinkSync(temporary)
      return 'done' as const
    },
    look: async (path: string) => {
      const found = await plain.look(path)
      if (path.endsWith('copy.md')) looks++
      return found
    },
  }
  const plain = p.disk
  p.disk = new Proxy(plain, {
    get: (target, name: keyof Disk) =>
      name in slow ? slow[name as keyof typeof slow] : (target[name] as () => unknown).bind(target),
  })
  p.limits = { ...p.limits, fileMaxWaitMs: 60_000 }
  await p.start()
  await new Promise(resolve => setTimeout(resolve, 5 * p.limits.fileDebounceMs))
  const id = p.live()['a.md']!
  p.text('a.md').insert(0, 'zero\n')
  await until('the replacement', () => looked !== undefined)
  await looked
  assert.equal(p.live()['a.md'], id)
  assert.equal(await p.read('a.md'), 'zero\none\n')
  assert.deepEqual(await p.trashed(), [])
})

test('DV26 a file stays deleted where the clock is set back before it has been away for long enough', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\n')
  await p.start()
  await p.unlink('a.md')
  await p.folderOf!.rescan()
  assert.ok(p.live()['a.md'], 'it may still come back')
  p.now = () => Date.now() - 3_600_000
  await until('the deletion', () => p.live()['a.md'] === undefined)
  assert.deepEqual(await p.trashed(), ['one\n'])
})

test('a file deleted and another made with the same inode are two documents', async t => {
  const p = await place(t)
  await p.write('a.md', '# A\nalpha\nbeta\n')
  await p.start()
  const id = p.live()['a.md']!
  await unlink(join(p.folder, 'a.md'))
  await p.write('b.md', 'something else entirely\n')
  await until('the deletion', () => p.tree.get(id)?.deletedAt !== undefined)
  await until('the new document', () => p.live()['b.md'] !== undefined)
  assert.notEqual(p.live()['b.md'], id)
})

test('a rename made elsewhere moves the file, also when two documents swap their names', async t => {
  const p = await place(t)
  await p.write('a.md', 'A\n')
  await p.write('b.md', 'B\n')
  await p.start()
  const { 'a.md': a, 'b.md': b } = p.live()
  p.documents.doc(p.project.tree).transact(() => {
    p.tree.set(a!, { path: 'b.md', kind: 'document' })
    p.tree.set(b!, { path: 'a.md', kind: 'document' })
  })
  await until(
    'the swap',
    async () => (await p.read('a.md').catch(() => '')) === 'B\n' && (await p.read('b.md').catch(() => '')) === 'A\n',
  )
  p.tree.set(a!, { path: 'x/y.md', kind: 'document' })
  await until('the move', async () => (await p.read('x/y.md').catch(() => '')) === 'A\n')
  assert.deepEqual(
    (await readdir(p.folder)).filter(name => name.endsWith('.md')),
    ['a.md'],
  )
  assert.deepEqual(p.live(), { 'x/y.md': a, 'a.md': b })
})

test('a deleted file buries its document and leaves a copy in the trash; the same path brings it back', async t => {
  const p = await place(t)
  await p.write('a.md', 'precious\n')
  await p.start()
  const id = p.live()['a.md']!
  await unlink(join(p.folder, 'a.md'))
  await until('the tombstone', () => p.tree.get(id)?.deletedAt !== undefined)
  const [kept] = await readdir(join(p.root, 'trash'))
  assert.equal(await readFile(join(p.root, 'trash', kept!), 'utf8'), 'precious\n')
  await p.write('a.md', 'precious\nagain\n')
  await until('the return', () => p.live()['a.md'] === id)
  await until('the text', () => p.text('a.md').toString() === 'precious\nagain\n')
})

test('a document deleted elsewhere moves its file to the trash with the last edits', async t => {
  const p = await place(t)
  await p.write('a.md', 'precious\n')
  await p.start()
  const id = p.live()['a.md']!
  p.tree.set(id, { path: 'a.md', kind: 'document', deletedAt: Date.now() })
  await until('the move', () => !existsSync(join(p.folder, 'a.md')))
  await until('the trash', async () => (await readdir(join(p.root, 'trash')).catch(() => [])).length === 1)
})

test('a folder that is not there deletes nothing', async t => {
  const p = await place(t)
  await p.write('a.md', 'A\n')
  await p.start()
  await rename(p.folder, `${p.folder}-away`)
  await mkdir(p.folder)
  await p.folderOf!.rescan()
  await new Promise(resolve => setTimeout(resolve, 200))
  await p.folderOf!.rescan()
  assert.deepEqual(Object.keys(p.live()), ['a.md'])
  assert.match(p.problems.list().join(), /not the folder that was attached; nothing is deleted/)
})

test('200 files that appear at once become 200 documents, and a program that saves by renaming loses nothing', async t => {
  const p = await place(t)
  await p.start()
  await Promise.all(Array.from({ length: 200 }, (_, i) => p.write(`many/${i}.md`, `# ${i}\n`)))
  await until('200 documents', () => Object.keys(p.live()).length === 200)
  const ids = p.live()
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      await p.write(`many/${i}.md.new`, `# ${i}\nsaved\n`)
      await rename(join(p.folder, `many/${i}.md.new`), join(p.folder, `many/${i}.md`))
    }),
  )
  await until('200 saves', () => Object.keys(ids).every(path => p.text(path).toString().endsWith('saved\n')))
  assert.deepEqual(p.live(), ids)
})

test('a link is not followed, neither as a file nor as a folder (S11)', async t => {
  const p = await place(t)
  await writeFile(join(p.root, 'outside.md'), 'outside\n')
  await mkdir(join(p.root, 'elsewhere'))
  await symlink(join(p.root, 'outside.md'), join(p.folder, 'link.md'))
  await symlink(join(p.root, 'elsewhere'), join(p.folder, 'linked'))
  const remote = newId('document', Date.now(), systemRandom)
  p.documents.doc(remote).getText(sharedNames.content).insert(0, 'evil\n')
  p.tree.set(remote, { path: 'linked/evil.md', kind: 'document' })
  await p.start()
  await until('the notice', () =>
    p.problems.list().some(line => line.includes('evil.md') || line.includes('is a link')),
  )
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.deepEqual(Object.keys(p.live()), ['linked/evil.md'])
  assert.equal(await readFile(join(p.root, 'outside.md'), 'utf8'), 'outside\n')
  assert.deepEqual(await readdir(join(p.root, 'elsewhere')), [])
  assert.ok((await lstat(join(p.folder, 'link.md'))).isSymbolicLink())
})

test('a file replaced by a link is neither read nor written through (S11)', async t => {
  const p = await place(t)
  await p.write('a.md', 'A\n')
  await p.start()
  await writeFile(join(p.root, 'outside.md'), 'outside\n')
  await unlink(join(p.folder, 'a.md'))
  await symlink(join(p.root, 'outside.md'), join(p.folder, 'a.md'))
  p.text('a.md').insert(0, 'typed\n')
  await until('the notice', () => p.problems.list().some(line => line.includes('link')))
  assert.equal(await readFile(join(p.root, 'outside.md'), 'utf8'), 'outside\n')
  assert.equal(p.text('a.md').toString(), 'typed\nA\n')
})

test('files that are not text or too large are left alone with a clear notice', async t => {
  const p = await place(t)
  await p.write('fine.md', 'fine\n')
  await writeFile(join(p.folder, 'binary.md'), Buffer.from([0xff, 0xfe, 0x00, 0x01]))
  await writeFile(join(p.folder, 'huge.md'), Buffer.alloc(limits.fileBytes + 1, 'x'))
  await p.start()
  assert.deepEqual(Object.keys(p.live()), ['fine.md'])
  const told = p.problems.list().join('\n')
  assert.match(told, /binary\.md is not UTF-8 text/)
  assert.match(told, /huge\.md has \d+ bytes/)
  await p.write('binary.md', 'text now\n')
  await until('the document', () => Object.keys(p.live()).includes('binary.md'))
  await until('the end of the notice', () => !p.problems.list().join('\n').includes('binary'))
})

test('the line ends and byte order mark of a file stay, the document has plain lines', async t => {
  const p = await place(t)
  await p.write('a.md', '\ufeffone\r\ntwo\r\n')
  await p.start()
  assert.equal(p.text('a.md').toString(), 'one\ntwo\n')
  p.text('a.md').insert(4, 'new\n')
  await until('the file', async () => (await p.read('a.md')) === '\ufeffone\r\nnew\r\ntwo\r\n')
})

test('a file is not written when nothing changed', async t => {
  const p = await place(t)
  await p.write('a.md', 'A\n')
  const before = await stat(join(p.folder, 'a.md'), { bigint: true })
  await p.start()
  p.text('a.md').insert(0, 'x')
  p.text('a.md').delete(0, 1)
  await new Promise(resolve => setTimeout(resolve, 150))
  await p.stop()
  await p.start()
  const after = await stat(join(p.folder, 'a.md'), { bigint: true })
  assert.equal(after.ino, before.ino)
  assert.equal(after.mtimeNs, before.mtimeNs)
})
