/** What restores that go on beside each other make on the disk, and take away again (SN26). */
import assert from 'node:assert/strict'
import { existsSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../testing/temporary-folder.ts'
import { MadePaths } from './made-paths.ts'

test('SN26 restores beside each other make the same folders, and one that fails leaves them to the others', async () => {
  const top = await temporaryFolder()
  const path = join(top, 'usr/local/lib/meshbook')
  const all = Array.from({ length: 8 }, () => new MadePaths(top))
  await Promise.all(all.map(made => made.folder(path, 0o755)))
  assert.ok(existsSync(path))
  const [kept, ...failed] = all
  kept!.keep()
  for (const made of failed) await made.undo()
  assert.ok(existsSync(path), 'one that was kept needs it')
  rmdirSync(path)
  await new MadePaths(top).folder(path, 0o755)
  assert.ok(existsSync(path), 'it is made again where somebody has removed it')
})

test('SN26 the last restore that fails takes away what was made, and nothing that was there', async () => {
  const top = await temporaryFolder()
  const [first, second] = [new MadePaths(top), new MadePaths(top)]
  const [one, other] = [join(top, 'a/b/one'), join(top, 'a/b/other')]
  await Promise.all([first.folder(one, 0o755), second.folder(other, 0o755)])
  await first.undo()
  assert.deepEqual([existsSync(one), existsSync(other)], [false, true])
  await second.undo()
  assert.deepEqual([existsSync(join(top, 'a')), existsSync(top)], [false, true])
})
