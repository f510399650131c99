/** What a restored session is shown, while others are restored beside it (SN23, SN26). */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../testing/temporary-folder.ts'
import { MadePaths } from './made-paths.ts'
import { closureMounts, fromAbove, type Mount } from './restore-mounts.ts'

test('SN26 what is decided of one missing file holds for the next, also where another session makes folders meanwhile', async () => {
  const closureStore = await temporaryFolder()
  await writeFile(join(closureStore, 'a-644'), 'x')
  for (let round = 0; round < 60; round++) {
    const top = await temporaryFolder()
    const folders = ['opt/kernels/bash', 'opt/kernels/r', 'opt/kernels']
    const closure = folders.flatMap(folder =>
      ['one', 'two', 'three'].map(name => ({
        path: join(top, folder, name),
        sha256: 'a',
        mode: 0o644,
        bytes: 1,
        parts: [],
      })),
    )
    const made = new MadePaths(top)
    const other = async () => {
      for (const folder of ['opt', 'opt/kernels', 'opt/kernels/bash']) {
        for (let turn = 0; turn < (folder === 'opt' ? round : 3); turn++) await new Promise(setImmediate)
        await mkdir(join(top, folder), { recursive: true })
      }
    }
    const [mounts] = await Promise.all([closureMounts(closure, { closureStore, work: top, made }), other()])
    assert.deepEqual(
      closure.flatMap(({ path }) => (isShown(path, mounts) ? [] : [path])),
      [],
      `round ${round}`,
    )
    await made.undo()
    await rm(top, { recursive: true })
  }
})

/** Mounted last at its place, with nothing over it; or laid over its folder. */
function isShown(path: string, mounts: readonly Mount[]): boolean {
  const bound = mounts.findIndex(mount => mount.kind === 'bind' && mount.to === path)
  const covers = (mount: Mount) => 'at' in mount && path.startsWith(`${mount.at}/`)
  return bound >= 0 ? !mounts.slice(bound).some(covers) : existsSync(path)
}

test('SN23 what covers a folder is mounted before what covers one below it', () => {
  const layer = (at: string): Mount[] => [{ kind: 'layer', with: '/layer', at }]
  const memory = (at: string): Mount[] => [
    { kind: 'memory', at },
    { kind: 'file', path: `${at}/one` },
  ]
  const covered = [layer('/usr/lib/a/b'), memory('/usr/lib/a/new'), layer('/usr/lib'), memory('/opt/b')]
  assert.deepEqual(fromAbove(covered), [
    ...memory('/opt/b'),
    ...layer('/usr/lib'),
    ...layer('/usr/lib/a/b'),
    ...memory('/usr/lib/a/new'),
  ])
})
