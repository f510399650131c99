/** What is mounted for workers is never removed with the place where it is mounted (CP68). */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { HostMounts } from './host-mounts.ts'
import { canMount, tool, unmountBelow } from './mounting.ts'

const skip = canMount ? false : 'needs root, for mounts'

test('CP68 a mount that comes while a worker is taken away keeps what is in it, and the next time it goes', {
  skip,
}, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'mb-mounts-'))
  t.after(async () => {
    await unmountBelow(folder)
    await rm(folder, { recursive: true, force: true })
  })
  const source = join(folder, 'program')
  await mkdir(join(source, 'packages'), { recursive: true })
  await writeFile(join(source, 'packages/kept.txt'), 'kept')
  const mounts = new HostMounts(join(folder, 'meshbook-a'))
  const id = newId('worker', Date.now(), systemRandom)
  const at = await mounts.make(id, { program: source }, { passwd: 'x' })
  const place = at('program')
  // As `mount` of a hub that was killed: again and again, while it is taken away.
  const coming = (async () => {
    for (let turn = 0; turn < 20; turn++) await tool('mount', ['--bind', source, place]).catch(() => undefined)
  })()
  for (let turn = 0; turn < 20; turn++) await mounts.remove(id).catch(() => undefined)
  await coming
  await mounts.remove(id)
  assert.equal(await readFile(join(source, 'packages/kept.txt'), 'utf8'), 'kept')
  assert.deepEqual(await mounts.list(), [])
  await mkdir(join(folder, 'meshbook-gone'))
  await mounts.sweep()
  assert.deepEqual((await readdir(folder)).sort(), ['program'])
  await mkdir(join(folder, 'meshbook-a'))
  await mounts.close()
  assert.deepEqual(await readdir(folder), ['program'])
})
