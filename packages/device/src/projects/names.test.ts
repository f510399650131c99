import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import fc from 'fast-check'
import { foldingDisk } from '../testing/folding-disk.ts'
import { type Place, place } from '../testing/project-place.ts'
import { until } from '../testing/until.ts'
import type { Disk } from './disk.ts'
import { DiskNames, foldedName, nameFiles, otherSpelling } from './disk-names.ts'

async function foldingPlace(t: TestContext): Promise<Place> {
  const p = await place(t)
  p.disk = foldingDisk(() => p.folder)
  return p
}

/** Told of what is done on the disk of a place. */
function watched(p: Place, told: { read: () => void; listed: (names: string[]) => Promise<void> }): Disk {
  const { disk } = p
  const read: Disk['read'] = (file, cap) => {
    told.read()
    return disk.read(file, cap)
  }
  const list: Disk['list'] = async folder => {
    const entries = await disk.list(folder)
    if (folder === p.folder) await told.listed((entries ?? []).map(({ name }) => name))
    return entries
  }
  return new Proxy(disk, {
    get: (target, name: keyof Disk) => (name === 'read' ? read : name === 'list' ? list : target[name].bind(target)),
  })
}

function addDocument(p: Place, path: string, text: string) {
  const id = newId('document', Date.now(), systemRandom)
  p.documents.doc(id).getText('content').insert(0, text)
  p.tree.set(id, { path, kind: 'document' })
  return id
}

const notebooks = async (p: Place) =>
  (await readdir(p.folder, { recursive: true })).filter(name => name.endsWith('.md') && !name.startsWith('.')).sort()

async function filesByText(p: Place): Promise<Record<string, string>> {
  const names = await notebooks(p)
  return Object.fromEntries(
    await Promise.all(names.map(async name => [await readFile(join(p.folder, name), 'utf8').catch(() => ''), name])),
  )
}

test('DV48 paths that one folder takes for the same file are two files there, the same ones after a restart, and the tree stays', async t => {
  const p = await foldingPlace(t)
  const wanted = ['Maße.md', 'MASSE.md', 'maſſe.md', 'Sub/x.md', 'sub/y.md', 'SUB/X.md']
  for (const path of wanted) addDocument(p, path, `text of ${path}\n`)
  const tree = JSON.stringify(p.tree.toJSON())
  await p.start()
  await until('all files', async () => Object.keys(await filesByText(p)).length === wanted.length)
  const files = await filesByText(p)
  assert.deepEqual(Object.keys(files).sort(), wanted.map(path => `text of ${path}\n`).sort())
  await p.folderOf!.rescan()
  await p.stop()
  await p.start()
  await p.folderOf!.rescan()
  assert.deepEqual(await filesByText(p), files)
  assert.equal(JSON.stringify(p.tree.toJSON()), tree)
  assert.deepEqual(await p.trashed(), [])
})

test('DV48 a rename elsewhere that changes only the case renames the file, and loses neither file nor document', async t => {
  const p = await foldingPlace(t)
  await p.write('readme.md', 'text\n')
  await p.start()
  const id = p.live()['readme.md']!
  p.tree.set(id, { path: 'README.md', kind: 'document' })
  await until('the new name', async () => (await notebooks(p)).join() === 'README.md')
  await p.folderOf!.rescan()
  await p.write('README.md', 'text\nmore\n')
  await until('the edit', () => p.documents.doc(id).getText('content').toString() === 'text\nmore\n')
  assert.deepEqual(p.live(), { 'README.md': id })
  assert.deepEqual(await p.trashed(), [])
})

test('DV48 a rename here that changes only the case renames the document', async t => {
  const p = await foldingPlace(t)
  await p.write('readme.md', 'text\n')
  await p.start()
  const id = p.live()['readme.md']!
  await p.folderOf!.rescan()
  await rename(join(p.folder, 'readme.md'), join(p.folder, 'ReadMe.md'))
  await until('the new name', () => p.live()['ReadMe.md'] === id)
  assert.deepEqual(await p.trashed(), [])
})

test('DV48 a rename by case that is seen while something is done to the file is not lost', async t => {
  const p = await foldingPlace(t)
  await p.write('readme.md', 'text\n')
  await p.start()
  const id = p.live()['readme.md']!
  const text = p.documents.doc(id).getText('content')
  await p.folderOf!.rescan()
  let reads = 0
  let seen = false
  const between = async () => {
    seen = true
    const before = reads
    text.insert(0, 'x')
    text.delete(0, 1)
    await until('the document was dealt with', () => reads > before)
  }
  p.disk = watched(p, {
    read: () => reads++,
    listed: async names => void (!seen && names.includes('ReadMe.md') && (await between())),
  })
  await p.stop()
  await p.start()
  await p.folderOf!.rescan()
  await rename(join(p.folder, 'readme.md'), join(p.folder, 'ReadMe.md'))
  await until('the new name', () => p.live()['ReadMe.md'] === id)
  assert.equal(seen, true)
  assert.deepEqual([await notebooks(p), await p.trashed(), text.toString()], [['ReadMe.md'], [], 'text\n'])
})

test('DV48 two documents that swap names of one spelling on such a folder keep their texts', async t => {
  const p = await foldingPlace(t)
  const a = addDocument(p, 'Straße.md', 'a\n')
  const b = addDocument(p, 'other.md', 'b\n')
  await p.start()
  await until('both', async () => (await notebooks(p)).length === 2)
  p.tree.doc!.transact(() => {
    p.tree.set(a, { path: 'OTHER.md', kind: 'document' })
    p.tree.set(b, { path: 'STRASSE.md', kind: 'document' })
  })
  await until('the swap', async () => {
    const files = await filesByText(p)
    return files['a\n'] === 'OTHER.md' && files['b\n'] === 'STRASSE.md'
  })
  assert.deepEqual(await p.trashed(), [])
})

test('DV49 a name in another Unicode form is NFC in the tree and keeps its bytes on the disk, also of folders', async t => {
  const p = await place(t)
  const [folder, file] = ['é', 'ü.md'].map(name => name.normalize('NFD')) as [string, string]
  await mkdir(join(p.folder, folder))
  await writeFile(join(p.folder, folder, file), 'text\n')
  await p.start()
  assert.deepEqual(Object.keys(p.live()), ['é/ü.md'.normalize('NFC')])
  const id = Object.values(p.live())[0]!
  p.text('é/ü.md'.normalize('NFC')).insert(0, 'typed\n')
  addDocument(p, 'é/new.md'.normalize('NFC'), 'new\n')
  await until('the new file', () => existsSync(join(p.folder, folder, 'new.md')))
  await until('the text', async () => (await readFile(join(p.folder, folder, file), 'utf8')) === 'typed\ntext\n')
  await p.stop()
  await writeFile(join(p.folder, folder, file), 'typed\ntext\nmore\n')
  await p.start()
  await until('the edit', () => p.documents.doc(id).getText('content').toString() === 'typed\ntext\nmore\n')
  assert.deepEqual(await notebooks(p), [`${folder}/${file}`, `${folder}/new.md`].sort())
  assert.equal(p.live()['é/ü.md'.normalize('NFC')], id)
})

test('DV49 of two files that differ only in Unicode form one is the document, the same one after a restart, and the other is told', async t => {
  const p = await place(t)
  const [nfc, nfd] = ['é.md'.normalize('NFC'), 'é.md'.normalize('NFD')]
  await p.write(nfd, 'decomposed\n')
  await p.start()
  await p.write(nfc, 'composed\n')
  await p.folderOf!.rescan()
  await p.stop()
  await p.start()
  assert.equal(p.text(nfc).toString(), 'decomposed\n')
  assert.equal(await p.read(nfc), 'composed\n')
  assert.match(p.problems.list().join(), /spelled é\.md in different bytes/)
  await p.rename(nfc, 'another.md')
  await until('its own document', () => p.live()['another.md'] !== undefined)
  await until('no problem', () => p.problems.list().length === 0)
})

test('DV49 names that no device could have are told and left alone, and the others go on', async t => {
  const p = await place(t)
  const names = [`${'x'.repeat(250)}.md`, 'CON.md', 'a:b.md', 'ends .md', '\u202e.md', ' .md']
  for (const name of names) await p.write(name, 'text\n')
  await p.write('fine.md', 'fine\n')
  await p.start()
  const refused = names.filter(name => normalPath(name) === undefined)
  assert.deepEqual(Object.keys(p.live()).sort(), [...names.filter(name => normalPath(name)), 'fine.md'].sort())
  assert.equal(p.problems.list().length, refused.length)
  for (const name of names) assert.equal(await p.read(name), 'text\n')
})

test('DV49 a document whose name no folder can hold is told, and the others come', async t => {
  const p = await place(t)
  addDocument(p, 'a:b.md', 'strange\n')
  addDocument(p, 'fine.md', 'fine\n')
  await p.start()
  await until('the other', () => existsSync(join(p.folder, 'fine.md')))
  assert.match(p.problems.list().join(), /a:b\.md/)
})

const segment = fc
  .array(
    fc.constantFrom('a', 'A', 'é', 'e\u0301', 'É', 'ß', 'SS', 'ſ', 'K', 'k', ' ', '(2)', '.', 'ς', 'Σ', 'İ', 'i'),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map(parts => `${parts.join('')}.md`)
const path = fc.oneof(
  segment,
  fc.tuple(segment, segment).map(parts => parts.join('/')),
)

test('DV48 whatever the names: each document has a path of its own on a folder that folds, the same at each start', async t => {
  const names = new DiskNames()
  const p = await foldingPlace(t)
  await p.start()
  await names.probe(p.disk, p.folder)
  assert.equal(names.folds, true)
  fc.assert(
    fc.property(fc.array(path, { maxLength: 12 }), paths => {
      const wanted = new Map(paths.map((name, i) => [i, name.normalize('NFC')]))
      const distinct = names.distinct(wanted)
      assert.equal(distinct.size, wanted.size)
      assert.equal(new Set([...distinct.values()].map(foldedName)).size, wanted.size)
      assert.deepEqual(names.distinct(wanted), distinct)
    }),
  )
})

test('DV49 whatever stands on the disk: each file has one path or is told, and no path has two files', () => {
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 12 }), fc.array(path, { maxLength: 6 }), (found, known) => {
      const stamp = (n: number) => ({ inode: String(n), size: 1n, modified: 1n, changed: 1n })
      const files = found.map((name, i) => ({ name, stamp: stamp(i) }))
      const before = new Map(known.map((name, i) => [name.normalize('NFC'), String(i)]))
      const named = nameFiles(files, before, new DiskNames())
      const taken = [...named.files.values()].map(file => file.name)
      assert.deepEqual([...taken.map(otherSpelling), ...named.refused.keys()].sort(), found.map(otherSpelling).sort())
      const normal = new Map([...named.files].map(([name, { stamp }]) => [name, stamp.inode]))
      assert.deepEqual(nameFiles(files.toReversed(), normal, new DiskNames()).files, named.files)
    }),
  )
})

const folder = fc.constantFrom('', 'd/', 'D/', 'dß/', 'dSS/', 'dé/', 'de\u0301/', 'd/é/', 'D/É/')
const documents = fc.array(
  fc
    .tuple(folder, segment)
    .map(parts => parts.join('').normalize('NFC'))
    .filter(name => normalPath(name) !== undefined),
  { minLength: 2, maxLength: 8 },
)

for (const [seed, paths] of fc.sample(documents, { numRuns: 12, seed: 48 }).entries()) {
  test(`DV48 set ${seed} of documents with nasty names: each has a file of its own on a folder that folds, also after a restart and an edit`, async t => {
    const p = await foldingPlace(t)
    const ids = paths.map((name, i) => addDocument(p, name, `text ${i}\n`))
    const tree = JSON.stringify(p.tree.toJSON())
    await p.start()
    const all = async () => Object.keys(await filesByText(p)).filter(text => text !== '').length === ids.length
    await until('all files', all).catch(thrown => assert.fail(`${thrown.message}: ${p.problems.list().join('\n')}`))
    const files = await filesByText(p)
    await p.stop()
    await p.start()
    await p.folderOf!.rescan()
    assert.deepEqual(await filesByText(p), files)
    for (const [i, id] of ids.entries()) {
      await writeFile(join(p.folder, files[`text ${i}\n`]!), `text ${i}\nedited\n`)
      await until('the edit', () => p.documents.doc(id).getText('content').toString() === `text ${i}\nedited\n`)
    }
    assert.equal(JSON.stringify(p.tree.toJSON()), tree)
    assert.deepEqual([p.problems.list(), await p.trashed()], [[], []])
  })
}
