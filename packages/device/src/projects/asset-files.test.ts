import assert from 'node:assert/strict'
import { mkdir, open, readdir, readFile, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TreeEntry } from '@meshbook/core/executions.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as Y from 'yjs'
import { FileHub, newEntryId, type Sharer, sharer } from '../testing/shared-files.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

async function two(t: TestContext, start = true): Promise<{ hub: FileHub; a: Sharer; b: Sharer }> {
  const hub = new FileHub(join(await temporaryFolder(), 'hub'))
  const a = await sharer(t, hub, 'anvil')
  const b = await sharer(t, hub, 'bench', a)
  if (start) await Promise.all([a.start(), b.start()])
  return { hub, a, b }
}

const holds = async (p: Sharer, path: string, text: string) => (await p.read(path).catch(() => undefined)) === text
const arrives = (p: Sharer, path: string, text: string) =>
  until(`${path} holds ${text}`, () => holds(p, path, text)).catch(async thrown =>
    assert.fail(
      `${thrown.message}: ${await names(p)} ${JSON.stringify(p.tree.toJSON())} ${p.problems.list().join('\n')}`,
    ),
  )
const names = async (p: Sharer) =>
  (await readdir(p.folder, { recursive: true })).filter(name => !name.startsWith('.meshbook')).sort()
const entries = (p: Sharer) => [...p.tree.entries()].filter(([, it]) => it.kind === 'asset')
const living = (p: Sharer) => entries(p).filter(([, it]) => it.deletedAt === undefined)
const quiet = (ms = 400) => new Promise(resolve => setTimeout(resolve, ms))

/** A state of the tree of its own for a device that is apart, until it is brought together again. */
function apart(b: Sharer, a: Sharer): () => void {
  const documents = new (Object.getPrototypeOf(a.documents).constructor)()
  Y.applyUpdate(documents.doc(a.project.tree), Y.encodeStateAsUpdate(a.documents.doc(a.project.tree)))
  Object.assign(b, { documents })
  return () => {
    const [ours, theirs] = [documents.doc(a.project.tree) as Y.Doc, a.documents.doc(a.project.tree)]
    Y.applyUpdate(ours, Y.encodeStateAsUpdate(theirs))
    Y.applyUpdate(theirs, Y.encodeStateAsUpdate(ours))
    ours.on('update', (update: Uint8Array) => Y.applyUpdate(theirs, update))
    theirs.on('update', (update: Uint8Array) => Y.applyUpdate(ours, update))
  }
}

test('DV50 a file that is no notebook is an entry of the tree, and stands on the other device', async t => {
  const { a, b, hub } = await two(t)
  await a.write('data/x.csv', '1,2\n')
  await a.write('n.md', '# Notebook\n')
  await arrives(b, 'data/x.csv', '1,2\n')
  await arrives(b, 'n.md', '# Notebook\n')
  const [, entry] = living(a)[0]!
  assert.deepEqual(
    { path: entry.path, bytes: entry.bytes, by: entry.by, past: entry.past },
    { path: 'data/x.csv', bytes: 4, by: 'anvil', past: [] },
  )
  assert.deepEqual(await hub.assets(), [entry.asset])
  await b.write('data/x.csv', '1,2\n3,4\n')
  await arrives(a, 'data/x.csv', '1,2\n3,4\n')
  assert.equal(living(a).length, 1)
  assert.deepEqual(await names(b), ['data', 'data/x.csv', 'n.md'])
})

test('DV50 what rules leave out, hidden files, links and _assets stay local, in both directions (S11)', async t => {
  const { a, b } = await two(t, false)
  await a.write('.gitignore', '*.tmp\nout/\n')
  for (const path of ['x.tmp', 'out/y.csv', '.env', '.hidden/z.csv', '_assets/p.png', 'node_modules/m.js'])
    await a.write(path, path)
  await symlink('/etc/hostname', join(a.folder, 'link.csv'))
  await a.write('real.csv', 'real')
  await Promise.all([a.start(), b.start()])
  await arrives(b, 'real.csv', 'real')
  assert.deepEqual(
    living(a).map(([, it]) => it.path),
    ['real.csv'],
  )
  const [, real] = living(a)[0]!
  const bad = [
    '.bashrc',
    '.git/hooks/post-commit',
    '../up.csv',
    'a/../../up.csv',
    '_assets/q.png',
    'small.md',
    'node_modules/evil.js',
  ]
  for (const path of bad) a.tree.set(newEntryId(), { ...real, path })
  a.tree.set(newEntryId(), { path: 'odd.csv', kind: 'asset', asset: '../../secret', bytes: 4 })
  a.tree.set(newEntryId(), { path: 'nothing.csv', kind: 'asset' })
  a.tree.set(newEntryId(), { ...real, path: 'last.csv' })
  await arrives(b, 'last.csv', 'real')
  await quiet()
  assert.deepEqual(await names(b), ['last.csv', 'real.csv'])
})

test('DV50 a file above the cap and one file too many are told and stay local, and nothing counts as deleted', async t => {
  const { a, b } = await two(t, false)
  for (const p of [a, b]) p.limits = { ...p.limits, assetBytes: 100, projectFiles: 3 }
  await a.write('big.bin', 'x'.repeat(101))
  await a.write('small.bin', 'small')
  await Promise.all([a.start(), b.start()])
  await arrives(b, 'small.bin', 'small')
  await until('it is told', () => a.problems.list().some(it => it.includes('big.bin has 101 bytes')))
  for (let n = 0; n < 4; n++) await a.write(`more-${n}.bin`, `${n}`)
  await a.unlink('small.bin')
  await until('it is told', () => a.problems.list().some(it => it.includes('more than 3 files')))
  await quiet()
  assert.ok(living(a).some(([, it]) => it.path === 'small.bin'))
  for (let n = 0; n < 4; n++) await a.unlink(`more-${n}.bin`)
  await until('it is deleted', async () => !(await names(b)).includes('small.bin'))
})

test('DV50 a notebook above the cap is a file and no document, and is told', async t => {
  const { a, b } = await two(t, false)
  const text = 'x'.repeat(limits.fileBytes + 1)
  await a.write('huge.md', text)
  await a.write('uses.md', 'see [it](huge.md)\n')
  await Promise.all([a.start(), b.start()])
  await until('it is there', async () => (await b.read('huge.md').catch(() => '')).length === text.length)
  assert.deepEqual(
    living(a).map(([, it]) => it.path),
    ['huge.md'],
  )
  assert.ok(a.problems.list().some(it => it.includes('huge.md has')))
})

test('DV51 a restart reads no file that did not change, and sees what changed meanwhile', async t => {
  const { a, b, hub } = await two(t)
  for (let n = 0; n < 20; n++) await a.write(`f${n}.csv`, `${n}`)
  for (let n = 0; n < 20; n++) await arrives(b, `f${n}.csv`, `${n}`)
  await Promise.all([a.stop(), b.stop()])
  const before = [hub.staged, hub.digested]
  assert.equal(hub.staged, 20)
  await a.write('f3.csv', 'three')
  await Promise.all([a.start(), b.start()])
  await arrives(b, 'f3.csv', 'three')
  await quiet()
  assert.deepEqual([hub.staged, hub.digested - before[1]!], [21, 1])
})

test('DV51 a file that is still being written is not taken half', async t => {
  const { a, b, hub } = await two(t)
  const file = await open(join(a.folder, 'slow.bin'), 'w')
  for (let n = 0; n < 30; n++) {
    await file.write('x'.repeat(1_000))
    await quiet(10)
  }
  await file.close()
  await arrives(b, 'slow.bin', 'x'.repeat(30_000))
  assert.equal((await hub.assets()).length, 1)
})

test('DV52 a large file is listed and comes when a notebook names it, and bytes that are not there are asked for again', async t => {
  const { a, b, hub } = await two(t, false)
  for (const p of [a, b]) p.limits = { ...p.limits, fileFetchBytes: 10 }
  hub.isOnline = false
  await Promise.all([a.start(), b.start()])
  await a.write('data/large.bin', 'large enough')
  await a.write('data/small.bin', 'small')
  await until('both are listed', () => living(b).length === 2)
  hub.isOnline = true
  await arrives(b, 'data/small.bin', 'small')
  await quiet()
  assert.equal(await b.read('data/large.bin').catch(() => 'none'), 'none')
  await a.write('notes/n.md', '```python\nopen("../data/large.bin")\n```\n')
  await arrives(b, 'data/large.bin', 'large enough')
  await a.write('data/large.bin', 'larger than that')
  await arrives(b, 'data/large.bin', 'larger than that')
})

test('DV53 two devices change one file: both contents stay, on both devices, and the copy is told once', async t => {
  const { a, b } = await two(t)
  await a.write('x.csv', 'first')
  await arrives(b, 'x.csv', 'first')
  await b.stop()
  const together = apart(b, a)
  await b.start()
  await a.write('x.csv', 'from a')
  await b.write('x.csv', 'from b')
  await until('a', () => living(a).some(([, it]) => it.by === 'anvil' && it.bytes === 6))
  await until('b', () => living(b).some(([, it]) => it.by === 'bench'))
  together()
  await until('both hold both', async () => {
    const [ours, theirs] = [await names(a), await names(b)]
    return ours.length === 2 && ours.join() === theirs.join()
  })
  await quiet()
  const [copy, original] = await names(a)
  assert.match(copy!, /^x \(conflict \d{4}-\d\d-\d\d (anvil|bench)\)\.csv$/)
  assert.equal(original, 'x.csv')
  for (const p of [a, b]) {
    assert.deepEqual([await p.read(copy!), await p.read('x.csv')].sort(), ['from a', 'from b'])
  }
  assert.equal([...a.problems.list(), ...b.problems.list()].filter(it => it.includes('both are kept')).length, 1)
  assert.equal(living(a).length, 2)
})

test('DV53 a device that only fetched an older state, or whose state came before, makes no copy', async t => {
  const { a, b } = await two(t)
  await a.write('x.csv', 'one')
  await arrives(b, 'x.csv', 'one')
  await a.stop()
  for (const text of ['two', 'three']) {
    await b.write('x.csv', text)
    await until(text, () => living(b).some(([, it]) => it.bytes === text.length && it.by === 'bench'))
    await quiet(300)
  }
  await a.start()
  await arrives(a, 'x.csv', 'three')
  assert.deepEqual(await names(a), ['x.csv'])
})

test('DV53 folders that held files before: the same content is one file, other content a copy', async t => {
  const { a, b } = await two(t, false)
  await a.write('same.csv', 'same')
  await b.write('same.csv', 'same')
  await a.write('other.csv', 'a')
  await b.write('other.csv', 'bb')
  await a.start()
  await until('a is shared', () => living(a).length === 2)
  await b.start()
  await arrives(b, 'other.csv', 'a')
  await until('the copy is here', async () => (await names(a)).length === 3)
  assert.deepEqual(await names(a), await names(b))
  assert.match((await names(a)).join(), /other \(conflict \S+ bench\)\.csv/)
})

test('DV53 two entries of one path: the same content becomes one, other content a copy', async t => {
  const { a, b } = await two(t, false)
  const together = apart(b, a)
  await a.write('same.csv', 'same')
  await b.write('same.csv', 'same')
  await a.write('other.csv', 'a')
  await b.write('other.csv', 'bb')
  await Promise.all([a.start(), b.start()])
  await until('both shared', () => living(a).length === 2 && living(b).length === 2)
  together()
  await until('settled', async () => (await names(a)).length === 3 && (await names(b)).length === 3)
  await quiet()
  assert.deepEqual(await names(a), await names(b))
  assert.equal(living(a).length, 3)
  assert.deepEqual([...(await a.trashed()), ...(await b.trashed())], [])
})

test('DV54 a renamed file keeps its entry, a rename elsewhere moves it, and two may swap their names', async t => {
  const { a, b } = await two(t)
  await a.write('x.csv', 'x')
  await a.write('y.csv', 'y')
  await Promise.all([arrives(b, 'x.csv', 'x'), arrives(b, 'y.csv', 'y')])
  const ids = new Set(entries(a).map(([id]) => id))
  await a.rename('x.csv', 'deep/z.csv')
  await arrives(b, 'deep/z.csv', 'x')
  await until('the old name is free', async () => !(await names(b)).includes('x.csv'))
  await rename(join(a.folder, 'y.csv'), join(a.folder, 'swap'))
  await rename(join(a.folder, 'deep/z.csv'), join(a.folder, 'y.csv'))
  await rename(join(a.folder, 'swap'), join(a.folder, 'deep/z.csv'))
  await Promise.all([arrives(b, 'deep/z.csv', 'y'), arrives(b, 'y.csv', 'x')])
  const [one, other] = living(a)
  a.tree.doc!.transact(() => {
    a.tree.set(one![0], { ...one![1], path: other![1].path })
    a.tree.set(other![0], { ...other![1], path: one![1].path })
  })
  for (const p of [a, b]) await Promise.all([arrives(p, 'deep/z.csv', 'x'), arrives(p, 'y.csv', 'y')])
  assert.deepEqual(new Set(living(a).map(([id]) => id)), ids)
  assert.deepEqual(
    (await names(b)).filter(it => it.includes('csv')),
    ['deep/z.csv', 'y.csv'],
  )
})

test('DV55 a deletion elsewhere moves an unchanged file to the trash, and a changed one comes back', async t => {
  const { a, b } = await two(t)
  await a.write('x.csv', 'x')
  await a.write('y.csv', 'y')
  await Promise.all([arrives(b, 'x.csv', 'x'), arrives(b, 'y.csv', 'y')])
  await b.stop()
  await a.unlink('x.csv')
  await a.unlink('y.csv')
  await until('both are buried', () => living(a).length === 0)
  assert.ok(entries(a).every(([, it]) => it.asset === undefined))
  await b.write('y.csv', 'changed')
  await b.start()
  await arrives(a, 'y.csv', 'changed')
  await until('x is in the trash', async () => (await b.trashed()).includes('x'))
  assert.deepEqual(await names(b), ['y.csv'])
})

test('DV55 a file that is ignored from now on stays, here and elsewhere', async t => {
  const { a, b } = await two(t)
  await a.write('x.csv', 'x')
  await arrives(b, 'x.csv', 'x')
  await a.write('.gitignore', '*.csv\n')
  await a.write('y.txt', 'y')
  await arrives(b, 'y.txt', 'y')
  await quiet()
  assert.ok((await names(a)).includes('x.csv') && (await names(b)).includes('x.csv'))
})

test('DV57 a file of 200 MB is shared and fetched in bounded memory', async t => {
  const { a, b } = await two(t)
  const size = 200 * 1024 * 1024
  const file = await open(join(a.folder, 'sparse.bin'), 'w')
  await file.truncate(size)
  await file.write('end', size - 3)
  await file.close()
  await a.write('n.md', 'sparse.bin\n')
  let most = 0
  const base = process.memoryUsage().rss
  await until(
    'it is there',
    async () => {
      most = Math.max(most, process.memoryUsage().rss - base)
      return (await stat(join(b.folder, 'sparse.bin')).catch(() => undefined))?.size === size
    },
    60_000,
  )
  assert.ok(most < 80 * 1024 * 1024, `${most} bytes`)
})

test('DV52 a device with an older reader of the tree sees its documents as before', async t => {
  const { a } = await two(t)
  await a.write('x.csv', 'x')
  await a.write('n.md', 'n\n')
  await until('both', () => a.tree.size === 2)
  const plain = a.documents.doc(a.project.tree).getMap<TreeEntry>(sharedNames.files)
  assert.deepEqual([...plain.values()].map(({ kind }) => kind).sort(), ['asset', 'document'])
  await utimes(join(a.folder, 'x.csv'), 1, 1)
  await mkdir(join(a.folder, 'empty'))
  await writeFile(join(a.folder, 'empty/y.csv'), '')
  await until('an empty file too', () => living(a).length === 2)
  assert.equal(await readFile(join(a.folder, 'x.csv'), 'utf8'), 'x')
})
