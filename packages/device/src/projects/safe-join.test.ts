import assert from 'node:assert/strict'
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import fc from 'fast-check'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { NodeDisk } from './node-disk.ts'
import { readNotebookFile } from './notebook-file.ts'
import { safeJoin, safeJoinNew } from './safe-join.ts'

const disk = new NodeDisk()
const refused = (thrown: unknown) => thrown instanceof MeshError && thrown.code === 'BAD_PATH'
const nasty = fc
  .array(
    fc.constantFrom(
      '..',
      '.',
      '/',
      'a',
      'B',
      '\0',
      '\\',
      ':',
      'con',
      ' ',
      '\u202e',
      'é',
      'e\u0301',
      '~',
      '%2e',
      'link',
      'sub',
      '\n',
      'ａ',
    ),
    { maxLength: 8 },
  )
  .map(parts => parts.join(''))

test('no name leads out of the root, whatever it is made of (S11)', async () => {
  const root = await realpath(await temporaryFolder())
  await mkdir(join(root, 'sub'))
  await symlink(dirname(root), join(root, 'link'))
  await fc.assert(
    fc.asyncProperty(nasty, async path => {
      const joined = await safeJoin(disk, root, path).catch(thrown => {
        assert.ok(refused(thrown), `${JSON.stringify(path)}: ${thrown}`)
        return undefined
      })
      if (joined !== undefined)
        assert.ok(joined.startsWith(root + sep) && !joined.startsWith(join(root, 'link') + sep), joined)
    }),
    { numRuns: 1_000 },
  )
})

test('a folder on the way that is a link is refused, also for a new file, and a link as the file is not opened (S11)', async () => {
  const root = await realpath(await temporaryFolder())
  const outside = await temporaryFolder()
  await symlink(outside, join(root, 'link'))
  await writeFile(join(outside, 'a.md'), 'secret\n')
  await symlink(join(outside, 'a.md'), join(root, 'a.md'))
  await assert.rejects(safeJoin(disk, root, 'link/a.md'), refused)
  await assert.rejects(safeJoinNew(disk, root, 'link/deeper/a.md'), refused)
  await assert.rejects(readNotebookFile(disk, await safeJoin(disk, root, 'a.md'), 1_000), refused)
})
