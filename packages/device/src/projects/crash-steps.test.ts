import assert from 'node:assert/strict'
import { appendFileSync, closeSync, existsSync, linkSync, openSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { MortalProcess } from '../testing/mortal-disk.ts'
import { place } from '../testing/project-place.ts'
import { until } from '../testing/until.ts'
import { writeMarker } from './folder-marker.ts'

/** More than the steps of one file's two writes. */
const mostSteps = 26

test('DV25 a recovery that the store refused at the start is done before anything else (I13)', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\n')
  await p.start()
  const id = p.live()['a.md']!
  await p.stop()
  p.text('a.md').insert(0, 'zero\n')
  // As a crash leaves it before the temporary file gets the name.
  const row = p.rows.get(id)!
  const version = row.version + 1
  await p.write(`.meshbook-${id}-${version}.tmp`, 'zero\none\n')
  const { stamp } = (await p.disk.look(join(p.folder, `.meshbook-${id}-${version}.tmp`)))!
  const base = { text: 'zero\none\n', snapshot: null }
  p.rows.set(id, { ...row, version, before: row.base, base, inode: stamp.inode, stamp })
  let refused = 0
  p.storing = () => (refused++ === 0 ? Promise.reject(new MeshError('STORAGE_FAILED')) : Promise.resolve())
  await p.start()
  await p.settled('a.md', text => text === 'zero\none\n')
  assert.deepEqual(
    readdirSync(p.folder).filter(name => name.endsWith('.tmp')),
    [],
  )
})

test('DV25 a file that was renamed after a kill in the middle of its write has the new text (I13)', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\n')
  await p.start()
  const id = p.live()['a.md']!
  p.text('a.md').insert(0, 'zero\n')
  await p.settled('a.md', text => text === 'zero\none\n')
  await p.stop()
  // The text has the file's name, and still the private one.
  const { version } = p.rows.get(id)!
  await p.write(`.meshbook-${id}-${version}.old`, 'one\n')
  linkSync(join(p.folder, 'a.md'), join(p.folder, `.meshbook-${id}-${version}.tmp`))
  await p.rename('a.md', 'moved.md')
  await p.start()
  assert.deepEqual(p.live(), { 'moved.md': id })
  await p.settled('moved.md', text => text === 'zero\none\n')
})

test('DV25 a write that the store refused leaves no private name, also if there is nothing more to write', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\n')
  await p.start()
  await p.settled('a.md')
  let refused = 0
  let isFailing = true
  p.storing = () => {
    if (isFailing) refused++
    return isFailing ? Promise.reject(new MeshError('STORAGE_FAILED')) : Promise.resolve()
  }
  p.text('a.md').insert(0, 'zero\n')
  await until('the refusals', () => refused >= 2)
  p.text('a.md').delete(0, 'zero\n'.length)
  isFailing = false
  const left = () => readdirSync(p.folder).filter(name => name.startsWith('.meshbook-'))
  await until('the private name to go', () => left().length === 0)
  await p.settled('a.md', text => text === 'one\n')
})

test('DV25 what this device left of another write before it forgot everything undoes none (I13)', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\n')
  await p.start()
  const id = p.live()['a.md']!
  p.text('a.md').insert(0, 'zero\n')
  await p.settled('a.md', text => text === 'zero\none\n')
  await p.stop()
  const { version, before } = p.rows.get(id)!
  assert.equal(before?.text, 'one\n')
  await p.write(`elsewhere/.meshbook-${id}-${version}.tmp`, 'one\n')
  await p.start()
  await p.settled('a.md', text => text === 'zero\none\n')
  await until('the leftover to go', () => readdirSync(join(p.folder, 'elsewhere')).length === 0)
  assert.equal(p.text('a.md').toString(), 'zero\none\n')
})

test('DV26 a crash at any step of making a file, and another at any step after that, is no deletion (I9)', async t => {
  for (let first = 2; first <= 6; first++)
    for (let second = 1; second <= 5; second++) {
      const p = await place(t)
      const id = newId('document', Date.now(), systemRandom)
      p.documents.doc(id).getText(sharedNames.content).insert(0, 'from elsewhere\n')
      p.tree.set(id, { path: 'a.md', kind: 'document' })
      await writeMarker(p.disk, p.folder, p.project.id)
      for (const steps of [first, second, Number.POSITIVE_INFINITY]) {
        const mortal = new MortalProcess(steps)
        t.after(() => mortal.bury())
        Object.assign(p, { disk: mortal.disk, after: mortal.after, storing: mortal.storing, hasCrashed: true })
        void p.start()
        if (!Number.isFinite(steps)) continue
        await until('the death', () => mortal.isDead, 150).catch(() => mortal.bury())
      }
      await until('the file', async () => (await p.read('a.md').catch(() => '')) === 'from elsewhere\n')
      assert.deepEqual(p.live(), { 'a.md': id }, `${first} ${second}`)
      assert.deepEqual(await p.trashed(), [])
      await p.folderOf!.close()
    }
})

const deaths = Array.from({ length: mostSteps }, (_, i) => [
  { steps: i + 1, save: 'into the file' },
  { steps: i + 1, save: 'by renaming' },
])
// Most of their time is waiting for a death that may not come.
describe('DV25 a crash while a file is written', { concurrency: 8 }, () => {
  for (const { steps, save } of deaths.flat()) {
    test(`DV25 a crash at step ${steps} of writing a file loses and doubles nothing, also of what others save ${save} (I9, I13)`, async t => {
      const p = await place(t)
      await p.write('a.md', 'first\nlast\n')
      await p.start()
      p.text('a.md').insert(0, 'typed 0\n')
      await p.settled('a.md')
      await p.stop()

      const mortal = new MortalProcess(steps)
      t.after(() => mortal.bury())
      Object.assign(p, { disk: mortal.disk, after: mortal.after, storing: mortal.storing, hasCrashed: true })
      const file = join(p.folder, 'a.md')
      const open = openSync(file, 'a')
      p.text('a.md').insert(0, 'typed 1\n')
      void p.start()
      const hasTaken = () => mortal.isDead || p.text('a.md').toString().includes('mine')
      writeSync(open, 'mine\n')
      await until('the death or the end', hasTaken)
      p.text('a.md').insert(0, 'typed 2\n')
      await until('the death', () => mortal.isDead, 1_500).catch(() => mortal.bury())
      writeSync(open, 'late\n')
      closeSync(open)
      if (existsSync(file)) {
        if (save === 'by renaming') p.appendBySave('a.md', 'after\n')
        else appendFileSync(file, 'after\n')
      }
      const appended = existsSync(file) ? ['after'] : []

      const whole = new MortalProcess(Number.POSITIVE_INFINITY)
      Object.assign(p, { disk: whole.disk, after: whole.after, storing: () => Promise.resolve() })
      t.after(() => p.folderOf?.close())
      await p.start()
      const wanted = ['typed 2', 'typed 1', 'typed 0', 'first', 'last', 'mine', 'late', ...appended]
      await p.settled('a.md', text => {
        const lines = text.split('\n')
        return wanted.every(line => lines.filter(it => it === line).length === 1) && lines.length === wanted.length + 1
      })
      await p.folderOf!.close()
      assert.deepEqual(
        readdirSync(p.folder).filter(name => name.startsWith('.meshbook-')),
        [],
      )
    })
  }
})
