import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { link, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { MortalProcess } from '../testing/mortal-disk.ts'
import { type Place, place, quickLimits } from '../testing/project-place.ts'
import { until } from '../testing/until.ts'
import { conflictOf } from './conflict-copies.ts'

const binary = Buffer.from([0xff, 0xfe, 0x41, 0x00, 0x42, 0x00])
const limits = { ...quickLimits, conflictAfterMs: 60, replacedFileMs: 40, fileBytes: 10_000 }

async function conflictPlace(t: TestContext): Promise<Place> {
  const p = await place(t)
  p.limits = limits
  return p
}

const conflicts = async (p: Place) => (await readdir(p.folder)).filter(name => conflictOf(name) !== undefined)
const contentOf = (p: Place, name: string) => readFile(join(p.folder, name))

async function untilConflict(p: Place, count = 1): Promise<string[]> {
  await until('the conflict copy', async () => {
    await p.folderOf!.rescan()
    return (await conflicts(p)).length === count
  })
  return conflicts(p)
}

test('DV64 a file that is no text and takes the place of a document gets a name beside it, is told, and the document stays', async t => {
  const p = await conflictPlace(t)
  await p.write('a.md', 'text\n')
  await p.start()
  const id = p.live()['a.md']
  await writeFile(join(p.folder, 'a.md'), binary)
  const [name = ''] = await untilConflict(p)
  assert.match(name, /^a \(conflict \d{4}-\d\d-\d\d laptop\)\.md$/)
  assert.deepEqual(await contentOf(p, name), binary)
  await p.settled('a.md', text => text === 'text\n')
  await p.folderOf!.rescan()
  assert.match(p.problems.list().join(), /laptop\)\.md stood in the place of a\.md/)
  const [problem] = p.problems.all()
  assert.deepEqual([problem!.file, problem!.copy], [join(p.folder, 'a.md'), join(p.folder, name)])
  assert.deepEqual(p.live(), { 'a.md': id })
  await p.unlink(name)
  await p.folderOf!.rescan()
  assert.deepEqual(p.problems.list(), [])
})

test('DV64 the same content is kept once beside the document, and another content too', async t => {
  const p = await conflictPlace(t)
  await p.write('a.md', 'text\n')
  await p.start()
  for (const content of [binary, binary, Buffer.from([0xc3, 0x28])]) {
    await writeFile(join(p.folder, 'a.md'), content)
    await until('the text again', async () => {
      await p.folderOf!.rescan()
      return (await p.read('a.md')) === 'text\n'
    })
    await until('nothing aside', async () => !(await readdir(p.folder)).some(name => name.startsWith('.meshbook-')))
  }
  assert.equal((await conflicts(p)).length, 2)
  await p.stop()
  await p.start()
  await p.folderOf!.rescan()
  assert.equal((await conflicts(p)).length, 2)
})

test('DV64 a file that is too large, and one that stood there before its document came, get a name too', async t => {
  const p = await conflictPlace(t)
  await p.write('a.md', 'text\n')
  await p.write('b.md', 'x'.repeat(20_000))
  const id = newId('document', Date.now(), systemRandom)
  p.documents.doc(id).getText('content').insert(0, 'from elsewhere\n')
  p.tree.set(id, { path: 'b.md', kind: 'document' })
  await p.start()
  await p.write('a.md', 'y'.repeat(20_000))
  const names = await untilConflict(p, 2)
  assert.deepEqual(
    names.map(name => readFileSync(join(p.folder, name)).length),
    [20_000, 20_000],
  )
  await p.settled('a.md', text => text === 'text\n')
  await p.settled('b.md', text => text === 'from elsewhere\n')
})

test('DV64 what somebody writes into a file that was set aside, and is no text, gets a name beside the document', async t => {
  const p = await conflictPlace(t)
  await p.write('a.md', 'text\n')
  await p.start()
  const open = openSync(join(p.folder, 'a.md'), 'r+')
  p.text('a.md').insert(0, 'typed\n')
  await p.settled('a.md')
  writeSync(open, binary)
  closeSync(open)
  const [name = ''] = await untilConflict(p)
  assert.deepEqual((await contentOf(p, name)).subarray(0, binary.length), binary)
  await p.settled('a.md', text => text === 'typed\ntext\n')
})

test('DV64 a file that has not been there for a while may be half-written: it is left alone, and told', async t => {
  const p = await conflictPlace(t)
  p.limits = { ...limits, conflictAfterMs: 60_000 }
  await p.write('a.md', 'text\n')
  await p.start()
  writeFileSync(join(p.folder, 'a.md'), Buffer.from('half a é').subarray(0, -1))
  await until('the problem', () => p.problems.list().length === 1)
  await p.folderOf!.rescan()
  assert.deepEqual(await conflicts(p), [])
  await p.write('a.md', 'half a é\n')
  await p.settled('a.md', text => text === 'half a é\n')
})

test('DV64 a crash that left the copy two names leaves one of them', async t => {
  const p = await conflictPlace(t)
  await p.write('a.md', 'text\n')
  await p.start()
  const id = p.live()['a.md']
  await writeFile(join(p.folder, 'a.md'), binary)
  const [name = ''] = await untilConflict(p)
  await p.stop()
  await link(join(p.folder, name), join(p.folder, `.meshbook-${id}-1.old`))
  await p.start()
  await p.folderOf!.rescan()
  assert.deepEqual((await readdir(p.folder)).sort(), ['.meshbook', name, 'a.md'])
  assert.deepEqual(await p.trashed(), [])
})

test('DV64 a name that is as long as may be still gets a copy, and one that is taken is left alone', async t => {
  const p = await conflictPlace(t)
  const long = `${'é'.repeat(126)}.md`
  await p.write(long, 'text\n')
  await p.start()
  for (const content of [binary, Buffer.from([0xc3, 0x28])]) {
    await writeFile(join(p.folder, long), content)
    await until('the text again', async () => {
      await p.folderOf!.rescan()
      return (await p.read(long)) === 'text\n'
    })
  }
  const names = await untilConflict(p, 2)
  assert.deepEqual(names.map(name => readFileSync(join(p.folder, name)).length).sort(), [2, binary.length])
})

for (let steps = 1; steps <= 12; steps++) {
  test(`DV64 a crash at step ${steps} of keeping what cannot be merged leaves one copy and the document (I9)`, async t => {
    const p = await conflictPlace(t)
    await p.write('a.md', 'text\n')
    await p.start()
    await p.stop()
    writeFileSync(join(p.folder, 'a.md'), binary)
    await new Promise(resolve => setTimeout(resolve, limits.conflictAfterMs + 20))
    const mortal = new MortalProcess(steps)
    t.after(() => mortal.bury())
    Object.assign(p, { disk: mortal.disk, after: mortal.after, storing: mortal.storing, hasCrashed: true })
    void p.start()
    await until('the death', () => mortal.isDead, 500).catch(() => mortal.bury())

    const whole = new MortalProcess(Number.POSITIVE_INFINITY)
    Object.assign(p, { disk: whole.disk, after: whole.after, storing: () => Promise.resolve() })
    t.after(() => p.folderOf?.close())
    await p.start()
    const [name = ''] = await untilConflict(p)
    assert.deepEqual(await contentOf(p, name), binary)
    await p.settled('a.md', text => text === 'text\n')
    await p.folderOf!.close()
    assert.equal((await conflicts(p)).length, 1)
    assert.deepEqual(await p.trashed(), [])
    assert.equal(
      readdirSync(p.folder).some(it => it.startsWith('.meshbook-')),
      false,
    )
    assert.equal(existsSync(join(p.folder, 'a.md')), true)
  })
}
